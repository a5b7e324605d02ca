/**
 * POSTs whose operation an `Idempotency-Key` names: there is no link that could be asked, and what
 * is at their URL is everybody's.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.6
 */
import { expect } from 'chai'
import type { FetchLike } from 'post-once-exactly/client'
import { lost, scene } from './scripted.js'

const URL = 'https://api.example/payments'

describe('a POST with a key', () => {
  it('[FALSE-3206] an answer that breaks off is had again by the key, and not by GET', async () => {
    const asked: string[] = []
    const fetch: FetchLike = async (_input, { method = 'GET', headers } = {}) => {
      const key = new Headers(headers).get('idempotency-key')
      asked.push(`${method} ${key}`)
      if (method === 'GET') return new Response('the payments of everybody')
      const broken = new ReadableStream({
        pull: controller => controller.error(new TypeError('terminated')),
      })
      const isFirst = asked.filter(one => one.endsWith(`${key}`)).length === 1
      return new Response(isFirst ? broken : 'payment 7', { status: 201 })
    }
    const { client } = scene({ post: [] }, { fetch })
    const told = await client.post(URL, 'ten', { idempotencyKey: 'a' })
    expect(await told.text()).to.equal('payment 7')
    expect(asked).to.deep.equal(['POST "a"', 'POST "a"'])
  })

  it('[FALSE-3206] where it is refused then, the answer stays lost', async () => {
    const broken = new ReadableStream({
      pull: controller => controller.error(new TypeError('terminated')),
    })
    const answers = [new Response(broken, { status: 201 }), new Response('used', { status: 422 })]
    const { client } = scene({ post: [] }, { fetch: async () => answers.shift() as Response })
    const told = await client.post(URL, 'ten', { idempotencyKey: 'a' })
    expect(told).to.include({ outcome: 'accepted' })
    expect(await told.text().catch((error: Error) => error.message)).to.equal('terminated')
  })
})
