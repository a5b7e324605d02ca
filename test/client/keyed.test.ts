/**
 * POSTs whose operation an `Idempotency-Key` names: there is no link that could be asked, and what
 * is at their URL is everybody's.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.6
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { expect } from 'chai'
import { classify, type FetchLike } from 'post-once-exactly/client'
import { LINK, lost, SPENT, type Step, scene } from './scripted.js'

const URL = 'https://api.example/payments'
const OTHER_PLACE = { status: 302, headers: { location: '/payments/latest' } }

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

  it('[FALSE-4253] what is at the URL by GET says nothing of a POST that is given up', async () => {
    const get: Step = { status: 200, headers: { allow: 'GET, HEAD' }, body: 'a page' }
    const one = scene({ post: [lost()], get: [get] })
    const told = await one.finish(one.client.post(URL, 'ten', { idempotencyKey: 'a' }))
    expect(told).to.include({ outcome: 'unknown', reason: 'gave-up' })
    expect(one.seen.filter(({ method }) => method === 'GET')).to.deep.equal([])
  })

  it('[FALSE-4253] nor of one whose time is over', async () => {
    for (const status of [200, 404]) {
      const get: Step = { status, headers: { allow: 'GET, HEAD' } }
      const one = scene({ post: [lost()], get: [get] })
      const send = async (expiresAtMs: number) => {
        const options = { idempotencyKey: 'a', tries: 1, expiresAtMs }
        return await one.finish(one.client.post(URL, 'ten', options))
      }
      const endMs = one.clock.now() + 2_000
      expect(await send(endMs)).to.include({ outcome: 'unknown', reason: 'gave-up' })
      await one.clock.advance(2_000)
      expect(await send(endMs)).to.include({ outcome: 'unknown', reason: 'forgotten' })
    }
  })

  it('[FALSE-3207] content that is made anew: that it is other content is no refusal', async () => {
    for (const status of [400, 413, 422]) {
      const one = scene({ post: [lost(), { status }] })
      const form = () => {
        const fields = new FormData()
        fields.set('amount', '7')
        return fields
      }
      const told = await one.finish(one.client.post(URL, form, { idempotencyKey: 'a' }))
      expect(told, String(status)).to.include({ outcome: 'unknown', reason: 'unproven' })
      expect(new Set(one.posts.map(({ body }) => body)), 'other bytes').to.have.lengthOf(2)
      const fixed = scene({ post: [lost(), { status }] })
      const same = await fixed.finish(fixed.client.post(URL, form(), { idempotencyKey: 'a' }))
      expect(same, String(status)).to.include({ outcome: 'refused' })
    }
    const door = 'idempotency-key'
    const past = { mayHaveArrived: true }
    const refusal = new Response(null, { status: 422 })
    expect(classify(refusal, past, { door })).to.include({ outcome: 'refused' })
    expect(classify(refusal, past, { door, isMadeAnew: true })).to.include({ outcome: 'unknown' })
  })

  it('[FALSE-3207] the same at a link that says that it is unspent', async () => {
    const unspent = { status: 405, headers: { allow: 'POST' } }
    const table = { post: [lost(), { status: 422 }], get: [unspent] }
    const one = scene(table)
    const anew = await one.finish(one.client.post(LINK, () => 'tea'))
    expect(anew, 'the first one may still be on its way').to.include({ outcome: 'unknown' })
    const other = scene(table)
    const fixed = await other.finish(other.client.post(LINK, 'tea'))
    expect(fixed).to.include({ outcome: 'refused' })
  })

  it('[FALSE-3208] two people have one key each, whatever it says', async () => {
    const names = ['authorization', 'cookie', 'x-api-key']
    for (const name of names) {
      const one = scene({
        post: [
          { status: 201, body: 'a' },
          { status: 201, body: 'b' },
        ],
      })
      const pay = (who: string) => {
        return one.client.post(URL, 'ten', { idempotencyKey: '1', headers: { [name]: who } })
      }
      const told = await one.finish(Promise.all([pay('ada'), pay('ada'), pay('bob')]))
      expect(
        one.posts.map(({ headers }) => headers.get(name)),
        name,
      ).to.deep.equal(['ada', 'bob'])
      const texts = await Promise.all(told.map(each => each.text()))
      expect(texts, name).to.deep.equal(['a', 'a', 'b'])
    }
  })

  it('[IK-2.2-3] two keys of client.fetch are two POSTs, and one is one', async () => {
    const one = scene({ post: [{ status: 201 }] })
    const send = (key: string, body: string) =>
      one.client.fetch(URL, { method: 'POST', headers: { 'Idempotency-Key': key }, body })
    const sends = [send('"a"', 'ten'), send('"b"', 'ten'), send('"c"', 'two'), send('"a"', 'ten')]
    await one.finish(Promise.all(sends))
    const sent = one.posts.map(({ headers, body }) => `${headers.get('idempotency-key')} ${body}`)
    expect(sent.sort()).to.deep.equal(['"a" ten', '"b" ten', '"c" two'])
  })

  it('[FALSE-3208] nor does the content of one of them hold up the other one', async () => {
    const one = scene({ post: [{ status: 201 }] })
    const pay = (authorization: string, amount: string) => {
      return one.client.post(URL, amount, { idempotencyKey: '1', headers: { authorization } })
    }
    await one.finish(Promise.all([pay('ada', 'ten'), pay('bob', 'twelve')]))
    expect(one.posts.map(({ body }) => body)).to.deep.equal(['ten', 'twelve'])
  })

  it('[FALSE-3208] at a link one content is one POST, as before', async () => {
    const one = scene({ post: [{ status: 201, headers: SPENT }] })
    const order = (who: string) => one.client.post(LINK, 'tea', { headers: { 'x-trace': who } })
    await one.finish(Promise.all([order('1'), order('2')]))
    expect(one.posts).to.have.lengthOf(1)
  })

  it('[FALSE-4102] at a link too, a login is told the answer to its own POST only', async () => {
    for (const name of ['authorization', 'cookie']) {
      const one = scene({ post: [{ status: 201, headers: SPENT, body: 'Ada’s' }, { status: 404 }] })
      const order = (who: string) => one.client.post(LINK, 'tea', { headers: { [name]: who } })
      const told = await one.finish(Promise.all([order('ada'), order('ada'), order('bob')]))
      expect(
        one.posts.map(({ headers }) => headers.get(name)),
        name,
      ).to.deep.equal(['ada', 'bob'])
      expect(told.map(({ outcome }) => outcome)).to.deep.equal(['accepted', 'accepted', 'unknown'])
    }
  })

  it('[FALSE-4112] a function of the client may give each call another login', async () => {
    const who = new AsyncLocalStorage<string>()
    const headers = () => ({ authorization: who.getStore() ?? '' })
    for (const more of [{ idempotencyKey: 'a' }, {}]) {
      const first = { status: 201, headers: SPENT, body: 'Ada’s' }
      const one = scene({ post: [first, { status: 403 }] }, { headers })
      const order = (name: string) => who.run(name, () => one.client.post(LINK, 'tea', more))
      const told = await one.finish(Promise.all([order('ada'), order('bob')]))
      const logins = one.posts.map(post => post.headers.get('authorization'))
      expect(logins).to.deep.equal(['ada', 'bob'])
      expect(told.map(({ outcome }) => outcome)).to.deep.equal(['accepted', 'unknown'])
    }
  })

  it('[FALSE-4107] 303 to where everybody is led, as to a login, is no success', async () => {
    const login = (next: string) => ({ status: 303, headers: { location: `/login?next=${next}` } })
    const one = scene({ post: [login('a')], get: [{ ...login('b'), status: 302 }] })
    const told = await one.finish(one.client.post(URL, 'ten', { idempotencyKey: 'a' }))
    expect(told).to.include({ outcome: 'unknown', reason: 'unproven', isFinal: false, status: 303 })
    expect(told.location).to.equal('https://api.example/login?next=a')
  })

  it('[FALSE-4313] nor is it where nobody can be asked whether all are led there', async () => {
    for (const get of [lost(), { status: 503 }] as const) {
      const post = [{ status: 303, headers: { location: '/login' } }]
      const one = scene({ post, get: [get] })
      const told = await one.finish(one.client.post(URL, 'ten', { idempotencyKey: 'a' }))
      expect(told).to.include({ outcome: 'unknown', reason: 'unproven', isFinal: false })
    }
    const seldom = scene({
      post: [{ status: 303, headers: { location: '/done' } }],
      get: [lost(), { status: 405 }],
    })
    const told = await seldom.finish(seldom.client.post(URL, 'ten', { idempotencyKey: 'a' }))
    expect(told).to.include({ outcome: 'accepted' })
  })

  it('[FALSE-4107] it is one where an adapter says so', async () => {
    const led = { status: 303, headers: { location: '/cart' } }
    const adapter = { isSuccess: (answer: { status: number }) => answer.status === 303 }
    const one = scene({ post: [led], get: [{ ...led, status: 302 }] }, { adapter })
    const told = await one.finish(one.client.post(URL, 'ten', { idempotencyKey: 'a' }))
    expect(told).to.include({ outcome: 'accepted', location: 'https://api.example/cart' })
  })

  it('[FALSE-4107] it is one where the POST alone is led there', async () => {
    const done = { status: 303, headers: { location: '/payments/7' } }
    const others: readonly Step[] = [{ status: 405 }, { status: 200 }, lost(), OTHER_PLACE]
    for (const first of others) {
      const one = scene({ post: [done], get: [first, { status: 200, body: 'payment 7' }] })
      const told = await one.finish(one.client.post(URL, 'ten', { idempotencyKey: 'a' }))
      expect(told).to.include({ outcome: 'accepted', location: 'https://api.example/payments/7' })
      expect(await told.text()).to.equal('payment 7')
    }
  })
})
