/**
 * The browser's core, in Node: what it sends, and what it leaves to the whole client.
 */
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import {
  classify,
  createClient,
  delayFor,
  PostAborted,
  type PostBody,
} from 'post-once-exactly/client/browser'
import { fakeClock } from 'post-once-exactly/testing'
import { LINK, lost } from './scripted.js'

/** Answers one after the other, and what was asked. */
function answering(...answers: (Response | Error)[]) {
  const seen: { readonly body: string; readonly headers: Headers; readonly url: string }[] = []
  const fetch = async (input: string | URL | Request, init: RequestInit = {}) => {
    const request = new Request(input, init)
    seen.push({ body: await request.text(), headers: request.headers, url: request.url })
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    return answer ?? new Response(null, { status: 404 })
  }
  return { fetch, seen }
}

describe('the browser’s core', () => {
  const table: readonly (readonly [name: string, body: PostBody, text: RegExp, type: RegExp])[] = [
    ['nothing', null, /^$/, /^$/],
    ['text', 'tea', /^tea$/, /^text\/plain/],
    ['an object', { sku: 'tea' }, /^\{"sku":"tea"\}$/, /^application\/json$/],
    ['an array', [1], /^\[1\]$/, /^application\/json$/],
    ['a form', new URLSearchParams({ a: 'b' }), /^a=b$/, /urlencoded/],
    ['bytes', Uint8Array.from([116]), /^t$/, /^$/],
    ['a function', () => 'tea', /^tea$/, /^text\/plain/],
    ['a Request', new Request(LINK, { method: 'POST', body: 'tea' }), /^tea$/, /^text\/plain/],
  ]
  for (const [name, body, text, type] of table) {
    it(`[POE-5-8] sends ${name} alike on both tries`, async () => {
      const { fetch, seen } = answering(lost(), new Response('done', { status: 201 }))
      const outcome = await createClient({ fetch, baseMs: 1 }).post(LINK, body)
      expect(outcome).to.include({ outcome: 'accepted', attempts: 2 })
      expect(await outcome.text()).to.equal('done')
      const [first, second] = seen.map(({ body, headers }) => [body, headers.get('content-type')])
      expect(first).to.deep.equal(second)
      expect(first?.[0]).to.match(text)
      expect(first?.[1] ?? '').to.match(type)
    })
  }

  it('[FALSE-4103] what fetch would send by its name is not sent', async () => {
    class Order {
      sku = 'tea'
    }
    const bodies = [new Order(), new Map(), new Date(0), runInNewContext('({})'), 5, true]
    for (const body of bodies as unknown[]) {
      const { fetch, seen } = answering(new Response(null, { status: 201 }))
      const client = createClient({ fetch, tries: 1 })
      const error = await client.post(LINK, body as PostBody).catch((thrown: unknown) => thrown)
      expect(error, String(body)).to.be.instanceOf(TypeError)
      const told = await client.post(LINK, (() => body) as PostBody)
      expect(told, String(body)).to.include({ outcome: 'refused', reason: 'not-sent' })
      expect(seen).to.deep.equal([])
    }
  })

  it('[FALSE-4103] what fetch knows is sent', async () => {
    const form = new FormData()
    form.set('sku', 'tea')
    const bytes = Uint8Array.from([116]).buffer
    const text = new Blob(['t'], { type: 'text/plain;charset=UTF-8' })
    const fields = new URLSearchParams({ sku: 'tea' })
    for (const body of ['t', text, bytes, new DataView(bytes), text.stream(), form, fields]) {
      const { fetch, seen } = answering(new Response(null, { status: 201 }))
      await createClient({ fetch }).post(LINK, body as PostBody)
      expect(seen[0]?.body).to.match(/^t$|tea/)
    }
  })

  for (const [payloadMatches, outcome] of [
    [undefined, 'unknown'],
    [true, 'accepted-earlier'],
    [false, 'used-before'],
  ] as const) {
    it(`[POE-5-4] 405 to the first try, payloadMatches ${payloadMatches}: ${outcome}`, async () => {
      const headers = { allow: 'GET, HEAD, OPTIONS', 'content-type': 'application/problem+json' }
      const problem = JSON.stringify({ status: 405, payloadMatches })
      const { fetch } = answering(
        new Response(problem, { status: 405, headers }),
        new Response('order 1', { headers: { allow: headers.allow } }),
      )
      expect(await createClient({ fetch }).post(LINK, 'tea')).to.include({ outcome, attempts: 1 })
    })
  }

  it('learns links from POE-Links, and knows when they are used', async () => {
    const link = 'https://shop.example/orders/once/next'
    const headers = { 'poe-links': '"/orders/once/next", "https://other.example/x"' }
    const { fetch } = answering(new Response(null, { status: 201, headers }))
    const client = createClient({ fetch })
    await client.post(LINK, 'tea')
    expect(client.isPoe(link)).to.equal(true)
    expect(client.isPoe('https://other.example/x')).to.equal(false)
    expect(client.isPoe('nonsense')).to.equal(false)
    const page = new Response(null, { headers })
    expect(client.announced(page, LINK)).to.deep.equal([{ link, expiresAtMs: null }])
    await client.post(link, 'tea')
    expect(client.isPoe(link)).to.equal(false)
  })

  it('aborts in a wait, and says what is known', async () => {
    const clock = fakeClock()
    const controller = new AbortController()
    const { fetch } = answering(lost())
    const work = createClient({ fetch, clock }).post(LINK, 'tea', { signal: controller.signal })
    const thrown = work.catch((error: unknown) => error)
    await clock.untilSleeping(1)
    controller.abort()
    expect(await thrown).to.be.instanceOf(PostAborted)
    expect(await thrown).to.include({ outcome: 'unknown', attempts: 1 })
  })

  it('does not follow a redirect that it should never see', async () => {
    const moved = new Response(null, { status: 307, headers: { location: '/x' } })
    const { fetch, seen } = answering(moved)
    const outcome = await createClient({ fetch }).post(LINK, 'tea')
    expect(outcome).to.include({ outcome: 'refused', reason: 'redirected' })
    expect(seen).to.have.length(1)
    const error = await createClient({ fetch })
      .post('/relative')
      .catch((e: unknown) => e)
    expect(error).to.be.instanceOf(TypeError)
  })

  it('has the judgement and the pauses by themselves', () => {
    expect(classify(new TypeError('Failed to fetch'))).to.include({ action: 'retry' })
    expect(delayFor(1, null, { random: () => 0 })).to.equal(150)
  })
})
