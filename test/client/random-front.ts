/**
 * A network and a front of which chance decides: what becomes of each request, of its answer and of
 * its connection. It speaks for nobody but itself: a success, and a refusal of what went through,
 * are the server's alone.
 */
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import * as fc from 'fast-check'

/** How a connection ends. */
const ENDS = ['FIN', 'RST'] as const
/** Said in the place of the server, which has not seen the request. */
const BEFORE = [502, 503, 504, 429, 425, 408, 500, 520, 413, 407, 401, 403, 400, 405, 409] as const
/** Said while the server is at work, or has been. */
const BESIDE = [502, 503, 504, 408, 500, 524] as const
const WAITS = ['', '', '0', '1', '60', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT', '1, 2'] as const

type End = (typeof ENDS)[number]

/** What becomes of one request. */
export type Fate =
  | { readonly kind: 'pass'; readonly slowMs: number }
  | { readonly kind: 'lost'; readonly what: 'request' | 'answer'; readonly end: End }
  /** It goes on when nobody waits for it any more. */
  | { readonly kind: 'late'; readonly lateMs: number }
  | { readonly kind: 'silent' }
  | {
      readonly kind: 'says'
      readonly status: number
      readonly when: 'before' | 'meanwhile' | 'after'
      readonly wait: string
    }
  /** A part of its answer comes, in a length that was told or in chunks. */
  | {
      readonly kind: 'part'
      readonly share: number
      readonly end: End | 'none'
      readonly isChunked: boolean
    }
  | { readonly kind: 'twice'; readonly tells: 'first' | 'second' | 'at once' }
  | { readonly kind: 'leads'; readonly status: number; readonly to: 'alias' | 'login' | 'itself' }
  | { readonly kind: 'informs'; readonly status: 100 | 102 | 103 }
  /** Answered before its content has come. */
  | { readonly kind: 'early'; readonly status: number; readonly isCut: boolean }
  /** Its connection is said to be kept, and is not. */
  | { readonly kind: 'unkept' }

const ends = fc.constantFrom(...ENDS)
const passed = fc.record({ kind: fc.constant('pass' as const), slowMs: fc.constantFrom(0, 0, 5) })
const lost = fc.record({
  kind: fc.constant('lost' as const),
  what: fc.constantFrom('request' as const, 'answer' as const),
  end: ends,
})
const silent = fc.constant<Fate>({ kind: 'silent' })
const before = (statuses: readonly number[]) =>
  fc.record({
    kind: fc.constant('says' as const),
    status: fc.constantFrom(...statuses),
    when: fc.constant('before' as const),
    wait: fc.constantFrom(...WAITS),
  })
const beside = fc.record({
  kind: fc.constant('says' as const),
  status: fc.constantFrom(...BESIDE),
  when: fc.constantFrom('meanwhile' as const, 'after' as const),
  wait: fc.constantFrom(...WAITS),
})
const part = fc.record({
  kind: fc.constant('part' as const),
  share: fc.constantFrom(0.1, 0.5, 0.8, 0.95),
  end: fc.constantFrom<End | 'none'>(...ENDS, 'none'),
  isChunked: fc.boolean(),
})
const unkept = fc.constant<Fate>({ kind: 'unkept' })
const informs = fc.record({
  kind: fc.constant('informs' as const),
  status: fc.constantFrom(100 as const, 102 as const, 103 as const),
})

/** Fates of POSTs. */
export const postFates: fc.Arbitrary<Fate> = fc.oneof(
  passed,
  { arbitrary: lost, weight: 2 },
  fc.record({ kind: fc.constant('late' as const), lateMs: fc.constantFrom(30, 80, 10_000) }),
  silent,
  before([...BEFORE, 200, 302]),
  beside,
  part,
  fc.record({
    kind: fc.constant('twice' as const),
    tells: fc.constantFrom('first' as const, 'second' as const, 'at once' as const),
  }),
  fc.record({
    kind: fc.constant('leads' as const),
    status: fc.constantFrom(307, 308, 301, 302, 303),
    to: fc.constantFrom('alias' as const, 'login' as const, 'itself' as const),
  }),
  informs,
  fc.record({
    kind: fc.constant('early' as const),
    status: fc.constantFrom(413, 401, 503),
    isCut: fc.boolean(),
  }),
  unkept,
)

/** Fates of GETs. */
export const getFates: fc.Arbitrary<Fate> = fc.oneof(
  { arbitrary: passed, weight: 4 },
  lost,
  silent,
  before([502, 503, 504, 429, 500, 403, 401, 404]),
  part,
  informs,
  unkept,
)

/** An answer as it goes on. */
interface Passed {
  readonly status: number
  readonly fields: IncomingHttpHeaders
  readonly body: Buffer
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly fields: IncomingHttpHeaders
  readonly content: Buffer
}

const HOP = /^(?:connection|keep-alive|transfer-encoding|content-length|date)$/
const PASS: Fate = { kind: 'pass', slowMs: 0 }
const OF_CONTENT = new Set([400, 413])
const OF_MOMENT = new Set([100, 102, 103, 429, 502, 503, 504])
const ALIAS = '/alias'
const LOGIN: Passed = { status: 200, fields: {}, body: Buffer.from('a page of the front: log in') }

/** A front; each request has the next fate of its method, and passes where there is none. */
export class RandomFront {
  readonly #server = createServer({ keepAliveTimeout: 60_000 })
  readonly #target: number
  readonly #fates: { readonly POST: Fate[]; readonly GET: Fate[] }
  readonly #sockets = new Set<Socket>()
  readonly #late: (() => void)[] = []
  #onward = 0
  #hasPosted = false
  /** Where everybody who asks a path is led, once a POST with a key was: such a front leads all. */
  readonly #led = new Map<string, Passed>()

  constructor(target: number, posts: readonly Fate[], gets: readonly Fate[]) {
    this.#target = target
    this.#fates = { POST: [...posts], GET: [...gets] }
    this.#server.on('request', (asked, answer) => {
      asked.on('error', () => {})
      this.#meet(asked, answer).catch(() => asked.socket.destroy())
    })
    this.#server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    })
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections of clients. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Requests that the server has not answered yet. */
  get onward(): number {
    return this.#onward
  }

  /** Lets go on what was held, and passes everything from now on. */
  calm(): void {
    this.#fates.POST.length = 0
    this.#fates.GET.length = 0
    for (const go of this.#late.splice(0)) go()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #meet(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers: fields, socket } = asked
    const fate = this.#next(method, path.endsWith('/pay'))
    if (fate.kind === 'early') {
      answer.writeHead(fate.status, { connection: 'close' }).end('early')
      if (fate.isCut) setTimeout(() => socket.destroy(), 3)
      return
    }
    if (method === 'POST') this.#hasPosted = true
    const content = await buffer(asked)
    await this.#decide(fate, { method, path, fields, content }, answer, socket)
  }

  #next(method: string, isKeyed: boolean): Fate {
    const fate = this.#fates[method as 'POST']?.shift() ?? PASS
    // What is said of a content is said of it always; a POST with a key believes what it is told.
    if (!('status' in fate)) return fate
    if (OF_CONTENT.has(fate.status) && this.#hasPosted) return PASS
    // Who leads everybody leads those that ask by GET, where it answers at all.
    const isOther = fate.status === 200 || (method === 'GET' && !OF_MOMENT.has(fate.status))
    return isKeyed && isOther ? PASS : fate
  }

  async #decide(fate: Fate, asked: Asked, answer: ServerResponse, socket: Socket): Promise<void> {
    switch (fate.kind) {
      case 'lost':
        if (fate.what === 'answer') await this.#forward(asked)
        return hangUp(socket, fate.end)
      case 'late':
        await Promise.race([
          pause(fate.lateMs, null, { ref: false }),
          new Promise<void>(go => this.#late.push(go)),
        ])
        return say(answer, await this.#forward(asked))
      case 'silent':
        await this.#forward(asked)
        return
      case 'says':
        await this.#besides(asked, fate)
        return say(answer, spoken(fate.status, fate.wait))
      case 'part':
        return sayPart(socket, await this.#forward(asked), fate)
      case 'twice':
        return say(answer, await this.#twice(asked, fate.tells))
      case 'leads': {
        // What a redirected POST with a key is answered is believed.
        const isKeyed = asked.path.endsWith('/pay') && fate.status > 303
        const to = { alias: ALIAS + asked.path, login: '/login', itself: asked.path }[
          isKeyed ? 'alias' : fate.to
        ]
        const led = { status: fate.status, fields: { location: to }, body: Buffer.alloc(0) }
        if (asked.path.endsWith('/pay')) this.#led.set(asked.path, led)
        return say(answer, led)
      }
      case 'informs':
        socket.write(`HTTP/1.1 ${fate.status} Meanwhile\r\n\r\n`)
        return say(answer, await this.#forward(asked))
      case 'unkept':
        say(answer, await this.#forward(asked))
        setTimeout(() => socket.destroy(), 1)
        return
      case 'pass':
        if (fate.slowMs > 0) await pause(fate.slowMs)
        return say(answer, await this.#forward(asked))
    }
  }

  async #besides(asked: Asked, { status, when }: Extract<Fate, { kind: 'says' }>): Promise<void> {
    // A 500 is not said before the work is over: it is the server's own word as far as can be seen.
    if (when === 'after' || status === 500) await this.#forward(asked)
    else if (when === 'meanwhile') this.#forward(asked).catch(() => {})
  }

  async #twice(asked: Asked, tells: 'first' | 'second' | 'at once'): Promise<Passed> {
    const first = this.#forward(asked)
    if (tells === 'first') {
      await first
      await this.#forward(asked)
      return await first
    }
    if (tells === 'second') await first
    const second = this.#forward(asked)
    if (tells === 'second') return await second
    return await Promise.race([first, second])
  }

  async #forward({ method, path, fields, content }: Asked): Promise<Passed> {
    if (path === '/login') return LOGIN
    const led = method === 'GET' ? this.#led.get(path) : undefined
    if (led !== undefined) return led
    const kept = Object.entries(fields).filter(([name]) => !HOP.test(name))
    const headers = { ...Object.fromEntries(kept), 'content-length': content.length }
    const onward = path.startsWith(ALIAS) ? path.slice(ALIAS.length) : path
    this.#onward += 1
    try {
      const port = this.#target
      const sent = request({ port, host: '127.0.0.1', path: onward, method, headers, agent: false })
      sent.end(content)
      const [reply] = (await once(sent, 'response')) as [IncomingMessage]
      const body = await buffer(reply)
      return { status: reply.statusCode ?? 502, fields: reply.headers, body }
    } finally {
      this.#onward -= 1
    }
  }
}

function spoken(status: number, wait: string): Passed {
  const fields: IncomingHttpHeaders = { 'content-type': 'text/html' }
  if (wait !== '') fields['retry-after'] = wait
  if (status === 405) fields.allow = 'GET, HEAD'
  if (status === 302) fields.location = '/login'
  if (status === 401) fields['www-authenticate'] = 'Basic'
  return { status, fields, body: Buffer.from('a page of the front') }
}

function say(answer: ServerResponse, { status, fields, body }: Passed): void {
  for (const [name, value] of Object.entries(fields)) {
    if (!HOP.test(name) && value !== undefined) answer.setHeader(name, value)
  }
  answer.writeHead(status).end(status === 204 ? '' : body)
}

/** By hand, since Node completes what it has begun. */
function sayPart(
  socket: Socket,
  { status, fields, body }: Passed,
  { share, end, isChunked }: Extract<Fate, { kind: 'part' }>,
): void {
  const kept = Object.entries(fields).filter(([name]) => !HOP.test(name))
  const length = isChunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`
  const lines = [...kept.map(([name, value]) => `${name}: ${value}`), length]
  const hex = body.length.toString(16)
  const text = isChunked ? `${hex}\r\n${body}\r\n0\r\n\r\n` : String(body)
  const whole = Buffer.from(`HTTP/1.1 ${status} So\r\n${lines.join('\r\n')}\r\n\r\n${text}`)
  const cut = Math.min(Math.ceil(whole.length * share), whole.length - 1)
  socket.write(whole.subarray(0, cut))
  // A receiver that meets both at once may take no notice of what came before.
  if (end !== 'none') setTimeout(() => hangUp(socket, end), 2)
}

function hangUp(socket: Socket, end: End): void {
  if (end === 'FIN') socket.destroy()
  else socket.resetAndDestroy()
}
