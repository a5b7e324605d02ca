/**
 * Answers that are not as a client would like them: of another `fetch`, cut off, dripping, not
 * read, with fields of unusual form. Each ends in an outcome or a clear error, in time.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { type ClientError, createClient, delayFor, type FetchLike } from 'post-once-exactly/client'
import { createClient as createBrowserClient } from 'post-once-exactly/client/browser/journal'
import { fetch as undiciFetch } from 'undici'
import { BOUNDED_MS, until } from '../support/meeting.js'
import { LINK, lost, SPENT, type Step, scene } from './scripted.js'

const RESULT: Step = { status: 200, headers: { allow: SPENT.allow }, body: 'order 7' }

/** A `fetch` whose answers are no `Response`, and whose content is a stream of Node. */
const nodeLike: FetchLike = async (input, init) => {
  const answer = await fetch(input, init)
  const bytes = Buffer.from(await answer.arrayBuffer())
  const foreign = {
    status: answer.status,
    statusText: answer.statusText,
    ok: answer.ok,
    url: answer.url,
    headers: answer.headers,
    bodyUsed: false,
    body: Readable.from([bytes]),
    text: async () => bytes.toString(),
    arrayBuffer: async () => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  }
  return foreign as unknown as Response
}

describe('answers of another kind', () => {
  const servers: Server[] = []
  const open = new Set<unknown>()
  let origin = ''
  let posts = 0
  let serve: RequestListener = (_asked, answer) => answer.end()

  before(async () => {
    const server = createServer((asked, answer) => serve(asked, answer)).listen(0, '127.0.0.1')
    servers.push(server)
    server.on('connection', socket => {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    })
    await once(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  beforeEach(() => {
    posts = 0
  })
  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  const kinds: Readonly<Record<string, FetchLike>> = {
    'undici’s': undiciFetch as unknown as FetchLike,
    'one of Node’s streams': nodeLike,
  }
  for (const [name, foreign] of Object.entries(kinds)) {
    it(`[FALSE-2001] a fetch like ${name} finds links, mints, posts and fetches`, async () => {
      serve = (asked, answer) => {
        asked.resume()
        if (asked.method === 'POST' && asked.url === '/once/1') {
          posts += 1
          if (posts === 1) {
            asked.socket.destroy()
            return
          }
          answer.writeHead(405, {
            Allow: 'GET',
            Link: `</order>; rel="urn:post-once-exactly:rel:result"; anchor="/once/1"`,
          })
          answer.end()
          return
        }
        const isPage = asked.url === '/page'
        if (isPage) answer.setHeader('POE-Links', '"/once/1"')
        answer.setHeader('Content-Type', 'application/json')
        answer.end(isPage ? '{"link":"/once/1"}' : '"order 1"')
      }
      const client = createClient({ fetch: foreign, baseMs: 1 })
      expect((await client.links(`${origin}/page`)).map(({ link }) => link)).to.deep.equal([
        `${origin}/once/1`,
      ])
      expect(await client.mint(`${origin}/page`)).to.have.property('link', `${origin}/once/1`)
      expect(await (await client.fetch(`${origin}/page`)).text()).to.equal('{"link":"/once/1"}')
      const told = await client.post(`${origin}/once/1`, { sku: 'tea' })
      expect(told).to.include({ outcome: 'accepted-earlier', attempts: 2 })
      expect(await told.json()).to.equal('order 1')
      serve = (_asked, answer) => answer.writeHead(403).end()
      const thrown = await client.links(`${origin}/page`).catch((error: ClientError) => error)
      expect(thrown).to.be.instanceOf(Error).with.property('code', 'ERR_POE_NO_LINK_FOUND')
    })
  }

  it('[FALSE-2002] members of Link without a relation are passed over', async () => {
    const link = `</help>; title="Help", ${SPENT.link}`
    const one = scene({ post: [lost(), { status: 405, headers: { link } }], get: [RESULT] })
    const told = await one.finish(one.client.post(LINK, 'tea'))
    expect(told).to.include({ outcome: 'accepted-earlier' })
    const other = scene({ post: [{ status: 405, headers: { link: '</help>' } }] })
    expect(await other.finish(other.client.post(LINK))).to.include({ outcome: 'refused' })
    const adapter = { linkRelation: 'urn:x' }
    const headers = { link: '</help>, </once/2>; rel="urn:x"' }
    const page = scene({ post: [], get: [{ status: 200, headers }] }, { adapter })
    expect(await page.finish(page.client.links(LINK))).to.have.length(1)
  })

  it('[FALSE-4252] what a front server puts into Link hides nothing behind it', async () => {
    const style = '</a.css>; rel=preload; as=style; crossorigin'
    const headers = { link: `${style}, , ${SPENT.link}` }
    const get: Step = { status: 200, body: 'order 7' }
    const one = scene({ post: [lost(), { status: 405, headers }], get: [get] })
    const told = await one.finish(one.client.post(LINK, 'tea'))
    expect(told).to.include({
      outcome: 'accepted-earlier',
      location: 'https://shop.example/orders/7',
    })
    const links = { link: `${style}, </once/2>; rel="urn:x"` }
    const adapter = { linkRelation: 'urn:x' }
    const page = scene({ post: [], get: [{ status: 200, headers: links }] }, { adapter })
    expect(await page.finish(page.client.links(LINK))).to.have.length(1)
  })

  it('[FALSE-2003] client.fetch gets an answer again that was cut off', async () => {
    serve = (asked, answer) => {
      asked.resume()
      if (asked.method === 'GET') {
        answer.writeHead(200, { Allow: 'GET', 'POE-Links': '"/once/1"' }).end('order 1')
        return
      }
      answer.writeHead(201, { 'Content-Length': '100' })
      answer.write('ord', () => asked.socket.destroy())
    }
    const client = createClient({ baseMs: 1 })
    await client.links(`${origin}/page`)
    const answer = await client.fetch(`${origin}/once/1`, { method: 'POST', body: 'tea' })
    expect(answer.status).to.equal(201)
    expect(await answer.text()).to.equal('order 1')
  })

  it('[FALSE-2003] a stream that is cut off says that it took effect', async () => {
    serve = (asked, answer) => {
      asked.resume()
      if (asked.method === 'GET') answer.writeHead(200, { 'POE-Links': '"/once/1"' }).end()
      else answer.writeHead(201).write('ord', () => asked.socket.destroy())
    }
    const client = createClient({ baseMs: 1 })
    await client.links(`${origin}/page`)
    const answer = await client.fetch(`${origin}/once/1`, { method: 'POST', body: 'tea' })
    const thrown = await answer.text().catch((error: ClientError) => error)
    expect(thrown).to.have.property('code', 'ERR_POE_RESULT_LOST')
  })

  it('[FALSE-3214] calls of client.fetch that share a send each have an answer', async () => {
    const chunked = { status: 201, write: ['ord', 'er 1'] }
    const refusal = { status: 422, write: ['no ', 'such order'] }
    for (const { status, write } of [chunked, refusal]) {
      serve = (asked, answer) => {
        asked.resume()
        const isPost = asked.method === 'POST'
        answer.writeHead(isPost ? status : 200, { Allow: 'GET', 'POE-Links': '"/once/1"' })
        for (const piece of write) answer.write(piece)
        answer.end()
        if (isPost) posts += 1
      }
      const client = createClient({ baseMs: 1 })
      await client.links(`${origin}/page`)
      const post = () => client.fetch(`${origin}/once/1`, { method: 'POST', body: 'tea' })
      const answers = await Promise.all([post(), post()])
      const told = await Promise.all(
        answers.map(async each => `${each.status} ${await each.text()}`),
      )
      const whole = `${status} ${write.join('')}`
      expect(told).to.deep.equal([whole, whole])
    }
    expect(posts).to.equal(2)
  })

  it('[FALSE-2004] a page that drips or stalls ends in time', async () => {
    serve = (_asked, answer) => {
      answer.setHeader('POE-Links', '"/once/1"')
      answer.setHeader('Content-Type', 'application/json')
      answer.write('{"link":')
      const timer = setInterval(() => answer.write(' '), 20)
      answer.on('close', () => clearInterval(timer))
    }
    const client = createClient({ baseMs: 1, timeoutMs: 100, tries: 2 })
    const thrown = await client.links(`${origin}/page`).catch((error: Error) => error)
    expect(thrown).to.have.property('name', 'TimeoutError')
  })

  it('[FALSE-2641] answers that nobody reads hold no connection', async () => {
    const bytes = Buffer.alloc(300_000, 97)
    serve = (asked, answer) => {
      asked.resume().on('end', () => answer.writeHead(201).end(bytes))
    }
    const before = open.size
    const client = createClient()
    for (let post = 0; post < 40; post += 1) await client.post(`${origin}/once/${post}`, 'x')
    expect(open.size - before).to.be.below(10)
  })

  it('[FALSE-2641] content longer than what is read ahead can be read in full', async () => {
    const bytes = Buffer.alloc(5_000_000, 97)
    serve = (asked, answer) => {
      asked.resume().on('end', () => answer.writeHead(201).end(bytes))
    }
    const told = await createClient().post(`${origin}/once/long`, 'x')
    expect((await told.bytes()).length).to.equal(bytes.length)
  })

  it('[FALSE-4104] a result that comes for longer than a try may last is read', async () => {
    const bytes = 'a result that is long on its way'
    serve = (asked, answer) => {
      asked.resume()
      const isPage = asked.url === '/page'
      const headers = { Allow: 'GET, HEAD, OPTIONS', 'Content-Length': isPage ? 0 : bytes.length }
      answer.writeHead(asked.method === 'POST' ? 201 : 200, headers)
      if (isPage) return void answer.end()
      const left = [...bytes]
      const timer = setInterval(() => {
        answer.write(left.shift())
        if (left.length === 0) answer.end()
      }, 10)
      answer.on('close', () => clearInterval(timer))
    }
    const client = createClient({ timeoutMs: 200 })
    for (const one of [client, createBrowserClient({ timeoutMs: 200 })]) {
      const told = await one.post(`${origin}/once/slow`, 'tea')
      expect(await told.text()).to.equal(bytes)
    }
    const init = { method: 'POST', body: 'tea', headers: { 'Idempotency-Key': '"k"' } }
    const answer = await client.fetch(`${origin}/pay`, init)
    expect([answer.status, await answer.text()]).to.deep.equal([201, bytes])
  })

  it('[FALSE-4104] one that stops coming is an error in time', async () => {
    serve = (asked, answer) => {
      asked.resume()
      answer.writeHead(201, { Allow: 'GET, HEAD, OPTIONS' }).write('half')
    }
    const told = await createClient({ totalMs: 300 }).post(`${origin}/once/stalls`, 'tea')
    const thrown = await told.text().catch((error: Error) => error)
    expect(thrown).to.have.property('name', 'TimeoutError')
  })

  it('[FALSE-4312] what drips is let go of when its time is up', async () => {
    let held = 0
    serve = (asked, answer) => {
      asked.resume()
      held += 1
      const isPage = asked.url === '/page'
      const isUsed = asked.url === '/once/used'
      answer.writeHead(isPage ? 200 : isUsed ? 405 : 201, { Allow: 'GET', 'POE-Links': '"/1"' })
      const timer = setInterval(() => answer.write(' '), 5)
      answer.on('close', () => {
        held -= 1
        clearInterval(timer)
      })
    }
    const limits = { baseMs: 1, tries: 1, timeoutMs: 50, totalMs: 100 }
    for (const client of [createClient(limits), createBrowserClient(limits)]) {
      const told = await client.post(`${origin}/once/drips`, 'tea')
      expect(await told.text().catch((error: Error) => error.name)).to.equal('TimeoutError')
      await client.post(`${origin}/once/used`, 'tea')
      const page = client.links(`${origin}/page`)
      expect(await page.catch((error: Error) => error.name)).to.equal('TimeoutError')
    }
    await until(() => held === 0, 'no connection is held', BOUNDED_MS)
  })

  it('[FALSE-4316] nor does an abort leave an answer that had not come whole', async () => {
    let held = 0
    let asked = 0
    serve = (request, answer) => {
      asked += 1
      if (request.method === 'POST') return void request.socket.destroy()
      held += 1
      answer.on('close', () => {
        held -= 1
      })
      if (request.url === '/once/half') answer.writeHead(405, { Allow: 'POST' }).write('half')
    }
    // What is collected is closed at some time.
    const kept: Response[] = []
    const keeping: FetchLike = async (input, init) => {
      const answer = await fetch(input, init)
      kept.push(answer)
      return answer
    }
    const options = { tries: 1, fetch: keeping }
    for (const client of [createClient(options), createBrowserClient(options)]) {
      const controller = new AbortController()
      asked = 0
      const { signal } = controller
      const told = client.post(`${origin}/once/half`, 'tea', { signal }).catch(error => error)
      await until(() => asked === 3, 'an address beside the link is asked', BOUNDED_MS)
      controller.abort()
      expect(await told).to.include({ name: 'AbortError', outcome: 'unknown' })
    }
    await until(() => held === 0, 'no connection is held', BOUNDED_MS)
    expect(kept).to.have.length(2)
  })

  it('[FALSE-4317] a 405 whose words broke off says nothing of whose POST it was', async () => {
    const problem = JSON.stringify({ payloadMatches: false })
    serve = (asked, answer) => {
      asked.resume()
      if (asked.method === 'POST') posts += 1
      if (asked.method === 'GET' || posts === 1) return void asked.socket.destroy()
      answer.writeHead(405, {
        'Content-Type': 'application/problem+json',
        'Content-Length': problem.length,
        Link: '</o>; rel="urn:post-once-exactly:rel:result"; anchor="/once/1"',
      })
      if (posts > 2) answer.end(problem)
      else answer.write(problem.slice(0, 9), () => asked.socket.destroy())
    }
    const told = await createClient({ baseMs: 1 }).post(`${origin}/once/1`, 'tea')
    expect(told).to.include({ outcome: 'used-before', attempts: 3 })
  })

  it('[FALSE-4322] a refusal of a used link can be let go of by client.fetch', async () => {
    const problem = JSON.stringify({ payloadMatches: false })
    const headers = { ...SPENT, 'content-type': 'application/problem+json' }
    const one = scene({ post: [{ status: 405, headers, body: problem }], get: [RESULT] })
    one.client.known.add(new URL(LINK), null)
    const answer = await one.finish(one.client.fetch(LINK, { method: 'POST', body: 'tea' }))
    await answer.body?.cancel()
    expect(answer.status).to.equal(405)
  })

  it('[FALSE-4639] a hidden redirect in place of the link is told by client.fetch', async () => {
    const fetch: FetchLike = async (input, init) => {
      const { method, url } = new Request(input, init)
      // As a browser gives what would lead to a login.
      if (method === 'POST') return Response.error()
      const allow: HeadersInit = url === LINK ? { allow: 'POST' } : {}
      return new Response(null, { status: url === LINK ? 405 : 404, headers: allow })
    }
    for (const isSuccess of [undefined, () => false]) {
      const adapter = isSuccess && { isSuccess }
      const client = createClient({ fetch, baseMs: 1, ...(adapter && { adapter }) })
      client.known.add(new URL(LINK), null)
      const told = client.fetch(LINK, { method: 'POST', body: 'tea' })
      const error = await told.catch((thrown: ClientError) => thrown)
      expect(error).to.have.property('code', 'ERR_POE_NOT_TAKEN')
      expect(error).to.have.nested.property('cause.outcome', 'refused')
    }
  })

  it('[FALSE-4640] a reason phrase in other letters is no error, whatever it is of', async () => {
    let phrase = ''
    serve = (asked, answer) => {
      const isPost = asked.method === 'POST'
      const status = isPost ? phrase : asked.url === '/once/1' ? '200 好' : '404 没有'
      const fields = 'Allow: GET\r\nContent-Length: 2\r\nConnection: close'
      answer.socket?.end(Buffer.from(`HTTP/1.1 ${status}\r\n${fields}\r\n\r\nok`))
    }
    const own = { method: 'POST', body: 'tea', headers: { 'Idempotency-Key': '"k"' } }
    for (const [answered, outcome, given] of [
      ['201 已创建', 'accepted', 201],
      ['405 方法不允许', 'unknown', 'ERR_POE_UNKNOWN_OUTCOME'],
      ['422 Параметр', 'refused', 422],
    ] as const) {
      phrase = answered
      const client = createClient({ baseMs: 1, tries: 2 })
      for (const one of [client, createBrowserClient({ baseMs: 1, tries: 2 })]) {
        expect(await one.post(`${origin}/once/1`, 'tea')).to.include({ outcome })
      }
      const known = createClient({ baseMs: 1, tries: 2 })
      known.known.add(new URL(`${origin}/once/1`), null)
      const told = known.fetch(`${origin}/once/1`, { method: 'POST', body: 'tea' })
      const seen = await told.then(
        ({ status }) => status,
        ({ code }: ClientError) => code,
      )
      expect(seen).to.equal(given)
      const { status: keyed } = await known.fetch(`${origin}/pay`, own)
      expect(keyed).to.equal(Number.parseInt(answered, 10))
    }
  })

  it('[FALSE-4585] a refusal without an end is given by client.fetch as it comes', async () => {
    const piece = Buffer.alloc(65_536, ' ')
    let sent = 0
    let isGone = false
    serve = (asked, answer) => {
      asked.resume()
      answer.on('close', () => {
        isGone = true
      })
      answer.writeHead(422, { Allow: 'POST' })
      const go = () => {
        while (!isGone && answer.write(piece)) sent += piece.length
        sent += piece.length
        answer.once('drain', go)
      }
      go()
    }
    const client = createClient({ bodyLimitBytes: 1_000_000, totalMs: 5_000 })
    client.known.add(new URL(`${origin}/once/1`), null)
    const answer = await client.fetch(`${origin}/once/1`, { method: 'POST', body: 'tea' })
    expect(answer.status).to.equal(422)
    const reader = answer.body?.getReader()
    expect((await reader?.read())?.value?.[0]).to.equal(32)
    await reader?.cancel()
    await until(() => isGone, 'the connection is let go of')
    // What the two sockets hold comes on top.
    expect(sent).to.be.below(50_000_000)
  })

  it('[FALSE-4319] the signal of client.fetch ends the reading of its answer', async () => {
    const half = async (status: number, length: number | null) => {
      serve = (asked, answer) => {
        asked.resume()
        if (asked.method === 'GET') return void answer.writeHead(404).end()
        const fields = length === null ? {} : { 'Content-Length': length }
        answer.writeHead(status, { Allow: 'GET', ...fields }).write('half')
      }
      const client = createClient({ baseMs: 1 })
      client.known.add(new URL(`${origin}/once/1`), null)
      const init = { method: 'POST', body: 'tea', signal: AbortSignal.timeout(200) }
      const text = async () => await (await client.fetch(`${origin}/once/1`, init)).text()
      return await text().catch((error: Error) => error.name)
    }
    expect(await half(201, 100)).to.equal('TimeoutError')
    expect(await half(201, null)).to.equal('TimeoutError')
    expect(await half(422, 100)).to.equal('TimeoutError')
  })

  it('[FALSE-2642] of two Retry-After lines the longer one counts', () => {
    const pause = (value: string) =>
      delayFor(
        1,
        new Response(null, {
          headers: { 'retry-after': value, date: 'Wed, 21 Oct 2026 07:28:00 GMT' },
        }),
      )
    expect(pause('1, 5')).to.equal(5_000)
    expect(pause('Wed, 21 Oct 2026 07:28:09 GMT, 5')).to.equal(9_000)
    expect(pause('5, Wed, 21 Oct 2026 07:28:09 GMT')).to.equal(9_000)
    expect(pause('soon, 5')).to.equal(5_000)
    expect(pause('soon')).to.be.below(301)
  })

  it('[FALSE-2623] client.fetch with the application’s own key retries as post does', async () => {
    const one = scene({ post: [lost(), { status: 503 }, { status: 201, body: 'paid' }] })
    const headers = { 'Idempotency-Key': '"mine"' }
    const init = { method: 'POST', body: 'x', headers }
    const answer = await one.finish(one.client.fetch('https://shop.example/pay', init))
    expect(await answer.text()).to.equal('paid')
    expect(one.posts.map(each => each.headers.get('idempotency-key'))).to.deep.equal([
      '"mine"',
      '"mine"',
      '"mine"',
    ])
    const plain = scene({ post: [lost()] })
    const sent = plain.client.fetch('https://shop.example/pay', { method: 'POST', body: 'x' })
    await plain.finish(sent.catch(() => null))
    expect(plain.posts).to.have.length(1)
  })

  it('[FALSE-2604] in browsers the problem document says where the result is', async () => {
    const headers = { allow: SPENT.allow, 'content-type': 'application/problem+json' }
    const body = JSON.stringify({ result: '/orders/7', payloadMatches: true })
    const steps = [lost(), new Response(body, { status: 405, headers })]
    const fetch: FetchLike = async (input, init) => {
      const { method, url } = new Request(input, init)
      const step = method === 'POST' ? steps.shift() : undefined
      if (step instanceof Error) throw step
      if (step !== undefined) return step
      return new Response('order 7', url === LINK ? { headers: SPENT } : { status: 404 })
    }
    const told = await createBrowserClient({ fetch, baseMs: 1 }).post(LINK, 'tea')
    expect(told).to.include({
      outcome: 'accepted-earlier',
      location: 'https://shop.example/orders/7',
    })
  })
})
