/**
 * What is sent: content that is the same on every try, fields, keys, and who may have which link.
 */
import { Readable } from 'node:stream'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { ClientError, type ClientOptions, type PostBody } from 'post-once-exactly/client'
import { LINK, lost, type Scene, scene } from './scripted.js'

const FORM = 'application/x-www-form-urlencoded;charset=UTF-8'
const THREE_TRIES = { post: [lost(), lost(), { status: 201 }] }

describe('content', () => {
  const table: readonly (readonly [
    name: string,
    make: () => PostBody,
    text: RegExp,
    type: string,
  ])[] = [
    ['text', () => 'tea', /^tea$/, 'text/plain;charset=UTF-8'],
    ['bytes', () => Buffer.from('tea'), /^tea$/, ''],
    ['a view of a larger buffer', () => Buffer.from('xxteaxx').subarray(2, 5), /^tea$/, ''],
    ['an ArrayBuffer', () => Uint8Array.from(Buffer.from('tea')).buffer, /^tea$/, ''],
    ['a Blob', () => new Blob(['tea'], { type: 'text/tea' }), /^tea$/, 'text/tea'],
    ['a form', () => new URLSearchParams({ a: 'b c' }), /^a=b\+c$/, FORM],
    ['an object', () => ({ sku: 'tea' }), /^\{"sku":"tea"\}$/, 'application/json'],
    ['an array', () => [1, 2], /^\[1,2\]$/, 'application/json'],
    ['a multipart form', () => multipart(), /name="a"[\s\S]*tea/, 'multipart/form-data; boundary='],
    ['a Node stream', () => Readable.from([Buffer.from('te'), Buffer.from('a')]), /^tea$/, ''],
    ['a web stream', () => new Blob(['tea']).stream(), /^tea$/, ''],
    ['a generator', () => letters(), /^tea$/, ''],
    ['a Request', () => request(), /^tea$/, 'text/tea'],
    ['a function', () => () => 'tea', /^tea$/, 'text/plain;charset=UTF-8'],
    ['nothing', () => null, /^$/, ''],
    ['[FALSE-4621] an ArrayBuffer of another realm', () => elsewhere('bytes.buffer'), /^tea$/, ''],
    ['[FALSE-4621] a stream of such bytes', () => Readable.from([elsewhere('bytes')]), /^tea$/, ''],
  ]
  for (const [name, make, text, type] of table) {
    it(`[CL-01] [POE-5-8] ${name} is the same on every try`, async () => {
      const one = scene(THREE_TRIES)
      const outcome = await one.finish(one.client.post(LINK, make()))
      expect(outcome).to.include({ outcome: 'accepted', attempts: 3 })
      const [first, ...more] = one.posts.map(({ body, headers }) => ({
        body,
        type: headers.get('content-type') ?? '',
      }))
      expect(first?.body).to.match(text)
      expect(first?.type.slice(0, type.length || undefined)).to.equal(type)
      for (const again of more) expect(again).to.deep.equal(first)
    })
  }

  it('[CL-01] a function is called once for each try', async () => {
    let calls = 0
    const one = scene(THREE_TRIES)
    const make = () => {
      calls += 1
      return new Blob(['tea']).stream()
    }
    await one.finish(one.client.post(LINK, make))
    expect(calls).to.equal(3)
    expect(one.posts.map(({ body }) => body)).to.deep.equal(['tea', 'tea', 'tea'])
  })

  it('[CL-01] a stream that was read already is refused before anything is sent', async () => {
    const stream = new Blob(['tea']).stream()
    await stream.getReader().read()
    const used = request()
    await used.text()
    for (const body of [stream, used]) {
      const one = scene(THREE_TRIES)
      expect(await codeOf(one.client.post(LINK, body))).to.equal('ERR_POE_BODY_ONCE')
      expect(one.seen).to.have.length(0)
    }
  })

  it('[CL-01] what is longer than the limit is refused before anything is sent', async () => {
    const options = { bodyLimitBytes: 2 }
    for (const body of [Readable.from([Buffer.from('tea')]), new Blob(['tea']), request()]) {
      const one = scene(THREE_TRIES, options)
      expect(await codeOf(one.client.post(LINK, body))).to.equal('ERR_POE_BODY_TOO_LARGE')
      expect(one.seen).to.have.length(0)
    }
  })

  it('content that changes after the call does not change a try', async () => {
    const bytes = Buffer.from('tea')
    const one = scene(THREE_TRIES)
    const work = one.client.post(LINK, bytes, { onRetry: () => void bytes.fill(0) })
    await one.finish(work)
    expect(new Set(one.posts.map(({ body }) => body))).to.deep.equal(new Set(['tea']))
  })

  it('what cannot be sent is a TypeError', async () => {
    for (const body of [5, true, Symbol('x'), new Map()]) {
      const one = scene(THREE_TRIES)
      const error = await one.client.post(LINK, body as unknown as PostBody).catch(e => e)
      expect(error).to.be.instanceOf(TypeError)
      expect(one.seen).to.have.length(0)
    }
  })
})

describe('fields', () => {
  it('[POE-4-1] every request says POE: 1', async () => {
    const one = scene({ post: [lost(), { status: 405, headers: { allow: 'GET' } }] })
    await one.finish(one.client.post(LINK))
    await one.finish(one.client.links('https://shop.example/').catch(() => []))
    await one.finish(one.client.mint('https://shop.example/mint').catch(() => null))
    await one.finish(one.client.fetch('https://shop.example/x'))
    expect(one.seen.length).to.be.at.least(6)
    expect(one.seen.every(({ headers }) => headers.get('poe') === '1')).to.equal(true)
  })

  it('[POE-5-8] the caller’s go with every try, and with the question after it', async () => {
    const one = scene({ post: [lost(), { status: 405, headers: { allow: 'GET' } }] })
    const headers = { authorization: 'Bearer b', 'content-type': 'text/tea', 'x-a': '1' }
    await one.finish(one.client.post(LINK, 'tea', { headers }))
    for (const { headers: sent, method } of one.seen) {
      expect(sent.get('authorization')).to.equal('Bearer b')
      expect(sent.get('x-a')).to.equal('1')
      expect(sent.get('content-type')).to.equal(method === 'POST' ? 'text/tea' : null)
    }
  })

  it('[POE-5-6] a 401 is answered once, by the same attempt', async () => {
    const authenticate = () => ({ authorization: 'Bearer fresh' })
    const one = scene({ post: [{ status: 401 }, { status: 201 }] }, { authenticate })
    const outcome = await one.finish(one.client.post(LINK, 'x'))
    expect(outcome).to.include({ outcome: 'accepted', attempts: 1 })
    expect(one.posts.map(({ headers }) => headers.get('authorization'))).to.deep.equal([
      null,
      'Bearer fresh',
    ])
    const still = scene({ post: [{ status: 401 }] }, { authenticate })
    expect(await still.finish(still.client.post(LINK))).to.include({ outcome: 'refused' })
    expect(still.posts).to.have.length(2)
  })
})

describe('identity', () => {
  it('[CL-03] one link on all tries', async () => {
    const { posts, outcome } = await sent(scene(THREE_TRIES))
    expect(new Set(posts.map(({ url }) => url))).to.deep.equal(new Set([LINK]))
    expect(outcome.link).to.equal(LINK)
  })

  it('[CL-03, IK-2.2-2, IK-2.2-3, IK-2.5.1-3] one key on all tries, made before', async () => {
    const one = scene(THREE_TRIES)
    let told: string | null = null
    const outcome = await one.finish(
      one.client.post('https://api.example/payments', 'x', {
        idempotencyKey: true,
        onStart: ({ idempotencyKey }) => {
          expect(one.seen).to.have.length(0)
          told = idempotencyKey
        },
      }),
    )
    const keys = new Set(one.posts.map(({ headers }) => headers.get('idempotency-key')))
    expect(keys).to.deep.equal(new Set([`"${told}"`]))
    expect(outcome.idempotencyKey).to.equal(told)
    expect(told).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('[CL-03, IK-2.1-1] a key of the caller stays, written as the server wants', async () => {
    const table: readonly (readonly [ClientOptions, string, string])[] = [
      [{}, 'mine', '"mine"'],
      [{}, 'a"b\\c', '"a\\"b\\\\c"'],
      [{ keyFormat: 'plain' }, 'mine', 'mine'],
    ]
    for (const [options, idempotencyKey, written] of table) {
      const one = scene(THREE_TRIES, options)
      await one.finish(one.client.post('https://api.example/p', 'x', { idempotencyKey }))
      const keys = new Set(one.posts.map(({ headers }) => headers.get('idempotency-key')))
      expect(keys).to.deep.equal(new Set([written]))
    }
  })

  it('[CL-05] other content is refused while the first is under way or left open', async () => {
    const one = scene({ post: [lost()] }, { tries: 2 })
    const first = one.client.post(LINK, 'ten')
    await one.clock.untilSleeping(1)
    expect(await codeOf(one.client.post(LINK, 'twelve'))).to.equal('ERR_POE_LINK_BUSY')
    expect(await one.finish(first)).to.include({ outcome: 'unknown' })
    expect(await codeOf(one.client.post(LINK, 'twelve'))).to.equal('ERR_POE_LINK_BUSY')
    expect(new Set(one.posts.map(({ body }) => body))).to.deep.equal(new Set(['ten']))
  })

  it('[CL-05] the same content goes on where the first call was left open', async () => {
    const used = { status: 405, headers: { allow: 'GET' } }
    const result = { status: 200, body: 'order 7' }
    const one = scene({ post: [lost(), used], get: [{ status: 404 }, result] }, { tries: 1 })
    expect(await one.finish(one.client.post(LINK, 'ten'))).to.include({ outcome: 'unknown' })
    const again = await one.finish(one.client.post(LINK, 'ten'))
    expect(again).to.include({ outcome: 'accepted-earlier', attempts: 1 })
  })

  it('[FALSE-4310] the same as text and as bytes is the same content', async () => {
    const body = '{"a":1}'
    const headers = { 'content-type': 'application/json' }
    const one = scene({ post: [lost(), { status: 201 }] }, { tries: 1 })
    one.client.known.add(new URL(LINK), null)
    const first = one.client.fetch(LINK, { method: 'POST', body, headers })
    expect(await codeOf(one.finish(first))).to.equal('ERR_POE_UNKNOWN_OUTCOME')
    const other = one.client.post(LINK, '{"a":2}', { headers })
    expect(await codeOf(other)).to.equal('ERR_POE_LINK_BUSY')
    const again = await one.finish(one.client.post(LINK, { a: 1 }))
    expect(again).to.include({ outcome: 'accepted' })
  })

  it('[FALSE-4205] of what was left open no more than 64 MiB are kept', async () => {
    const piece = 'x'.repeat(1_048_576)
    const posts = [...Array.from({ length: 70 }, lost), { status: 404 }]
    const one = scene({ post: posts }, { tries: 1 })
    const post = (at: number, body: string) => one.finish(one.client.post(LINK + at, body))
    for (let at = 0; at < 70; at += 1) expect(await post(at, piece)).to.include({ isFinal: false })
    expect(await codeOf(post(69, 'other'))).to.equal('ERR_POE_LINK_BUSY')
    expect(await codeOf(post(10, 'other'))).to.equal('ERR_POE_LINK_BUSY')
    // Its content is forgotten; that it may have arrived is not.
    expect(await post(0, piece)).to.include({ outcome: 'unknown', attempts: 1 })
    expect(await post(1, 'other')).to.include({ outcome: 'unknown', attempts: 1 })
    expect(await post(70, 'new')).to.include({ outcome: 'gone' })
  })

  it('[FALSE-3209] what is unknown for good stays unknown to whoever sends it again', async () => {
    for (const status of [404, 410, 405]) {
      const one = scene({ post: [lost(), { status }] })
      const first = await one.finish(one.client.post(LINK, 'ten'))
      expect(first, String(status)).to.include({ outcome: 'unknown', isFinal: true })
      const again = await one.finish(one.client.post(LINK, 'ten'))
      expect(again, String(status)).to.include({ outcome: 'unknown', attempts: 1 })
      expect(await codeOf(one.client.post(LINK, 'twelve'))).to.equal('ERR_POE_LINK_BUSY')
    }
  })

  it('[FALSE-3209] nor is it called done, where nobody can say whose it was', async () => {
    const used = { status: 405, headers: { allow: 'GET' } }
    const one = scene({ post: [used], get: [{ status: 200, body: 'order 7' }] })
    for (let call = 0; call < 3; call += 1) {
      const told = await one.finish(one.client.post(LINK, 'ten'))
      expect(told).to.include({ outcome: 'unknown', isFinal: true, attempts: 1 })
    }
  })

  it('[FALSE-3219] what met another POST each time is not called done by the next', async () => {
    const running = { status: 409, headers: { 'retry-after': '1' } }
    const used = { status: 405, headers: { allow: 'GET' } }
    const result = { status: 200, body: 'order 7' }
    const post = [running, running, used]
    const one = scene({ post, get: [{ status: 409 }, result] }, { tries: 2 })
    const first = await one.finish(one.client.post(LINK, 'ten'))
    expect(first).to.include({ outcome: 'unknown', reason: 'gave-up', isFinal: false })
    const again = await one.finish(one.client.post(LINK, 'ten'))
    expect(again).to.include({ outcome: 'unknown', isFinal: true, attempts: 1 })
  })

  it('[CL-05, IK-2.2-1, IK-2.2-2] a key is tied to its content too', async () => {
    const one = scene({ post: [lost()] }, { tries: 1 })
    const url = 'https://api.example/payments'
    await one.finish(one.client.post(url, 'ten', { idempotencyKey: 'k' }))
    const again = one.client.post(url, 'twelve', { idempotencyKey: 'k' })
    expect(await codeOf(again)).to.equal('ERR_POE_LINK_BUSY')
  })

  it('[CL-03] one key at two URLs names two operations', async () => {
    const one = scene({ post: [{ status: 201 }] })
    const urls = ['https://api.example/payments', 'https://api.example/refunds']
    const sends = urls.map(url => one.client.post(url, 'ten', { idempotencyKey: 'k' }))
    const told = await one.finish(Promise.all(sends))
    expect(told.map(({ outcome }) => outcome)).to.deep.equal(['accepted', 'accepted'])
    expect(one.posts.map(({ url }) => url).toSorted()).to.deep.equal(urls)
  })

  it('[CL-05] after the first is settled, the link itself has the last word', async () => {
    const body = JSON.stringify({ payloadMatches: false })
    const headers = { allow: 'GET', 'content-type': 'application/problem+json' }
    const post = [{ status: 201 }, { status: 405, headers, body }]
    const one = scene({ post, get: [{ status: 200, body: 'order 7' }] })
    await one.finish(one.client.post(LINK, 'ten'))
    const second = await one.finish(one.client.post(LINK, 'twelve'))
    expect(second).to.include({ outcome: 'used-before', payloadMatches: false })
  })
})

function multipart(): FormData {
  const form = new FormData()
  form.set('a', new Blob(['tea']), 'tea.txt')
  return form
}

function request(): Request {
  return new Request(LINK, { method: 'POST', body: 'tea', headers: { 'content-type': 'text/tea' } })
}

/** As a frame, a window of jsdom or a test of Jest makes it. */
function elsewhere(code: string): ArrayBuffer {
  return runInNewContext(`const bytes = new Uint8Array([116, 101, 97]); ${code}`)
}

async function* letters(): AsyncGenerator<string> {
  yield* 'tea'
}

async function sent(one: Scene) {
  const outcome = await one.finish(one.client.post(LINK, 'content'))
  return { posts: one.posts, outcome }
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => expect.fail('nothing was thrown'),
    (thrown: unknown) => thrown,
  )
  expect(error).to.be.instanceOf(ClientError)
  return (error as ClientError).code
}
