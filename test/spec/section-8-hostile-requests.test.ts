/**
 * Whatever comes to a resource's path: no 5xx, and nothing that was not minted reaches the store.
 *
 * @see POE draft 8
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { rawRequest } from 'post-once-exactly/testing'
import { aroundStore } from '../support/around-store.js'
import { startWorld, type World } from '../support/world.js'

const KIND = { store: 'memory', koa: 3, at: 'root' } as const
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']

describe('hostile requests', () => {
  let world: World
  const keys: string[] = []

  before(async () => {
    world = await startWorld(KIND, {
      wrapStore: store =>
        aroundStore(store, (_method, key, call) => {
          if (key !== null) keys.push(key)
          return call()
        }),
    })
  })
  after(() => world.close())

  const field = fc.tuple(
    fc.constantFrom(
      'POE',
      'Accept',
      'Content-Type',
      'Content-Encoding',
      'Origin',
      'X-User',
      'Host',
    ),
    fc.stringMatching(/^[ -~]{0,40}$/),
  )
  const send = (method: string, path: string, headers: [string, string][], body: string) => {
    const named = headers.filter(([name]) => name !== 'Host')
    const closing = [...named, ['Connection', 'close']] as [string, string][]
    return rawRequest({ port: world.port, method, path, headers: closing, body, timeoutMs: 4_000 })
  }

  it('[POE-8-5, HTTP-05] random segments: never 5xx, never a store call', async () => {
    const segment = fc.oneof(
      fc.stringMatching(/^[!-~]{0,90}$/),
      fc.stringMatching(/^1[A-Za-z0-9_.-]{68}$/),
      fc.stringMatching(/^(%[0-9a-fA-F]{2}){0,40}$/),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...METHODS),
        segment,
        fc.array(field, { maxLength: 4 }),
        fc.string({ maxLength: 30 }),
        async (method, token, headers, body) => {
          const { response } = await send(method, `/orders/once/${token}`, headers, body)
          // What has not the shape of a token goes on to the router, which knows no TRACE.
          const seen = response?.status ?? 400
          expect(seen < 500 || (seen === 501 && method === 'TRACE'), `${seen} ${token}`).to.equal(
            true,
          )
          expect(keys).to.deep.equal([])
        },
      ),
      { numRuns: 400 },
    )
    expect(world.runs).to.equal(0)
  })

  it('[POE-8-5] a genuine link with any one character changed is 404', async () => {
    const link = await world.link()
    const at = link.lastIndexOf('/') + 1
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: at + 1, max: link.length - 1 }),
        fc.constantFrom(...'abcXYZ059-_'),
        fc.constantFrom('GET', 'POST', 'OPTIONS', 'DELETE'),
        async (index, letter, method) => {
          if (link[index] === letter) return
          const forged = link.slice(0, index) + letter + link.slice(index + 1)
          const { response } = await send(method, forged, [], '{}')
          expect(response?.status, forged).to.equal(404)
          expect(keys).to.deep.equal([])
        },
      ),
      { numRuns: 200 },
    )
    expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
  })

  it('a flood of fields is refused, and the next request is served', async () => {
    const link = await world.link()
    const headers = Array.from({ length: 3_000 }, (_, n): [string, string] => [
      `X-${n}`,
      'x'.repeat(9),
    ])
    const { response } = await send('POST', link, headers, '{}')
    expect(response?.status ?? 431).to.be.oneOf([400, 413, 431])
    expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
  })
})
