/**
 * A POE server whose every habit is drawn by lot, each of them right: what the draft and HTTP leave
 * open, independently of one another. Written from draft-nottingham-http-poe-00 and RFC 9110, 9111.
 */
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { type StallWords, stallWords } from './stall-words.js'

/** What is drawn of. */
export const HABITS = {
  /** What the first POST is answered. */
  success: [200, 201, 202, 204, 303, 302, 301],
  body: ['json', 'html', 'text', 'none'],
  /** Pages have a token in them, another one each time. */
  isDynamic: [false, false, true],
  /** Where the result is: at the link, or where a GET of it leads. */
  result: ['stored', 'redirect', 'elsewhere'],
  contentLocation: ['none', 'order', 'self'],
  freshness: ['no-store', 'private, max-age=60', '', 'no-cache', 'Expires: now', 'max-age=0'],
  page: ['form', 'json', 'escaped', 'text', 'script', 'words', 'mint'],
  pageCache: ['no-store', 'private', 'no-cache', 'Vary: *', 'public, max-age=0, must-revalidate'],
  /** Links are told to those who say POE, by this field. */
  hailedBy: ['', '', 'POE', '*'],
  validator: ['none', 'none', 'auto', 'now'],
  token: ['hex', '64 bits', '128 bits', 'uuid', 'signed', 'query', 'middle', '60 bits'],
  /** What becomes of a POST whose client has left. */
  gone: ['counts', 'rolled back'],
  /** Its clock, against ours, in milliseconds. */
  clockMs: [0, 0, 3_600_000, -3_600_000],
  /** What a second POST is told while the first one runs; `late`: claims are seen at the commit. */
  meanwhile: ['held', '409', '503', '425', 'late'],
  unknown: [404, 410, 403, 400],
  unspent: ['405', '404', 'form', '303', '409'],
  casing: ['lower', 'as it is', 'upper'],
  framing: ['length', 'chunked', 'HTTP/1.0', 'close'],
  hints: [false, true],
  /** Whether the content is judged before the link. */
  isContentFirst: [false, true],
  invalid: [400, 422, 409, 403],
  options: ['state', '405', '501', 'cors', 'kind', '404'],
  head: ['like GET', 'like GET', '405', '501', 'less'],
  allow: ['GET, HEAD', 'GET', '', 'HEAD,GET,OPTIONS', 'two lines'],
  refusal: ['none', 'html', 'text', 'json'],
  coding: ['none', 'none', 'gzip', 'br'],
  reference: ['path', 'absolute', 'relative', 'dots', 'authority'],
  isForUsers: [false, true],
  delete: ['405', 'calls off', '404', 'acknowledges'],
  hasCookies: [false, true],
} as const

/** One habit of each kind. */
export type Habits = { readonly [K in keyof typeof HABITS]: (typeof HABITS)[K][number] }

/** An answer. */
export interface Told {
  readonly status: number
  readonly fields?: Readonly<Record<string, string | readonly string[]>>
  readonly content?: string
  readonly type?: string
}

/** A link. */
export interface Once {
  readonly token: string
  readonly path: string
  number: number
  isRunning: boolean
  isOff: boolean
  turn: Promise<unknown>
  first: Told
}

const NO_STORE = { 'Cache-Control': 'no-store' }
/** So long an order takes where it can be taken back meanwhile, in milliseconds. */
const WORK_MS = 60

/** Makes the server; it does not listen yet. The page is `/shop`. */
export function stallServer(habits: Habits): Server {
  const stall = new Stall(habits)
  return createServer((request, response) => {
    stall.serve(request, response).catch(() => response.destroy())
  })
}

class Stall {
  readonly #habits: Habits
  readonly #words: StallWords
  readonly #links = new Map<string, Once>()
  readonly #orders: string[] = []
  readonly #secret = randomBytes(16)

  constructor(habits: Habits) {
    this.#habits = habits
    this.#words = stallWords(habits)
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let hasLeft = false
    response.once('close', () => {
      hasLeft = !response.writableEnded
    })
    const said = await text(request).catch(() => null)
    // What was cut off is not whole, and not run.
    if (said === null) return
    const told = await this.#answer(request, said, () => hasLeft)
    if (this.#habits.hints && request.method === 'POST') {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    }
    this.#send(request, response, told)
  }

  #send({ method, headers }: IncomingMessage, response: ServerResponse, told: Told): void {
    const { framing, casing, coding, validator, clockMs, hasCookies } = this.#habits
    const { content = '', type = '' } = told
    let { status } = told
    const lines: Record<string, string | readonly string[]> = {
      Date: new Date(Date.now() + clockMs).toUTCString(),
      ...told.fields,
      ...(content === '' ? {} : { 'Content-Type': type }),
      ...(hasCookies ? { 'Set-Cookie': `sid=${this.#words.nonce()}; Path=/` } : {}),
    }
    const isRead = (method === 'GET' || method === 'HEAD') && status === 200 && content !== ''
    if (isRead && validator === 'auto') {
      lines.ETag = `W/"${createHash('sha1').update(content).digest('hex')}"`
      if (headers['if-none-match'] === lines.ETag) status = 304
    }
    if (isRead && validator === 'now') {
      lines['Last-Modified'] = new Date(Date.now() - Math.random() * 1e6).toUTCString()
    }
    const isEmpty = method === 'HEAD' || status === 304 || status === 204
    const isCoded = coding !== 'none' && content !== ''
    if (isCoded) lines['Content-Encoding'] = coding
    const whole = Buffer.from(content)
    const coded = coding === 'br' ? brotliCompressSync(whole) : gzipSync(whole)
    const bytes = isCoded ? coded : whole
    const cased = Object.entries(lines).map(([name, value]) => {
      const spelt = casing === 'lower' ? name.toLowerCase() : name
      return [casing === 'upper' ? name.toUpperCase() : spelt, value] as const
    })
    response.sendDate = false
    if (framing === 'HTTP/1.0' || framing === 'close') {
      const version = framing === 'close' ? 'HTTP/1.1' : framing
      const all = cased.flatMap(([name, value]) => [value].flat().map(one => `${name}: ${one}`))
      const head = [`${version} ${status} So`, ...all, 'Connection: close', '', ''].join('\r\n')
      response.socket?.end(Buffer.concat([Buffer.from(head), isEmpty ? Buffer.alloc(0) : bytes]))
      return
    }
    const isSized = framing === 'length' && status !== 204 && status !== 304
    for (const [name, value] of cased) {
      response.setHeader(name, typeof value === 'string' ? value : [...value])
    }
    if (isSized) response.setHeader('Content-Length', bytes.length)
    response.writeHead(status)
    response.end(isEmpty ? undefined : bytes)
  }

  async #answer(request: IncomingMessage, said: string, hasLeft: () => boolean): Promise<Told> {
    const { method = 'GET', url = '/', headers } = request
    const { isForUsers, meanwhile, unknown } = this.#habits
    const [path = ''] = url.split('?')
    if (path === '/count') return json({ orders: this.#orders.length })
    if (path === '/shop') return this.#words.page(this.#mint(), request)
    const [, number] = /^\/orders\/(\d+)$/.exec(path) ?? []
    if (number !== undefined) return this.#result(Number(number), 200)
    const once = this.#find(url)
    if (once === null) {
      return { status: unknown, fields: NO_STORE, content: 'Not here.\n', type: 'text/plain' }
    }
    if (isForUsers && headers.authorization !== 'Basic ann') {
      return { status: 401, fields: { ...NO_STORE, 'WWW-Authenticate': 'Basic realm=x' } }
    }
    if (method !== 'POST') return this.#other(method, once)
    if (meanwhile !== 'held') return await this.#post(request, once, said, hasLeft)
    const told = once.turn.then(() => this.#post(request, once, said, hasLeft))
    once.turn = told.catch(() => {})
    return await told
  }

  #mint(): Once {
    const token = this.#token()
    const { token: kind } = this.#habits
    const middle = kind === 'middle' ? `/o/${token}/confirm` : `/o/${token}`
    const path = kind === 'query' ? `/order?t=${token}` : middle
    const state = { number: 0, isRunning: false, isOff: false, turn: Promise.resolve() }
    const once: Once = { ...state, token, path, first: { status: 0 } }
    this.#links.set(token, once)
    return once
  }

  #token(): string {
    const random = (bytes: number) => randomBytes(bytes).toString('base64url')
    switch (this.#habits.token) {
      case 'hex':
        return randomBytes(16).toString('hex')
      case '64 bits':
        return random(8)
      case '60 bits':
        return random(8).slice(0, 10)
      case 'uuid':
        return randomUUID()
      case 'signed': {
        const id = random(6)
        return `${id}.${this.#tagOf(id).toString('base64url')}`
      }
      default:
        return random(16)
    }
  }

  #tagOf(id: string): Buffer {
    return createHmac('sha1', this.#secret).update(id).digest()
  }

  #find(target: string): Once | null {
    const { token: kind } = this.#habits
    const where = kind === 'middle' ? /^\/o\/([^/]+)\/confirm$/ : /^\/o\/([^/]+)$/
    try {
      const { pathname, searchParams } = new URL(target, 'http://x')
      const isQuery = kind === 'query' && pathname === '/order'
      const given = isQuery ? searchParams.get('t') : where.exec(pathname)?.[1]
      const token = decodeURIComponent(given ?? '')
      return this.#links.get(kind === 'signed' ? this.#verified(token) : token) ?? null
    } catch {
      return null
    }
  }

  /** The token as it was made: its tag is compared by its bytes, as libraries do. */
  #verified(token: string): string {
    const [id = '', tag = '', ...more] = token.split('.')
    const known = this.#tagOf(id)
    const isOurs = Buffer.from(tag, 'base64url').equals(known) && more.length === 0
    return isOurs ? `${id}.${known.toString('base64url')}` : ''
  }

  #other(method: string, once: Once): Told {
    const { head, delete: kind } = this.#habits
    const isSpent = once.number > 0
    const refused = { status: 405, fields: { ...NO_STORE, Allow: isSpent ? 'GET, HEAD' : 'POST' } }
    switch (method) {
      case 'OPTIONS':
        return this.#words.options(isSpent)
      case 'DELETE': {
        const isIdle = kind === 'calls off' && !isSpent && !once.isRunning
        if (isIdle || (kind === 'acknowledges' && isSpent)) {
          once.isOff = true
          return { status: 204 }
        }
        return kind === '404' ? { status: 404, fields: NO_STORE } : refused
      }
      case 'HEAD':
        if (head === '405') return refused
        if (head === '501') return { status: 501, fields: NO_STORE }
        return head === 'less' ? { status: this.#look(once).status } : this.#look(once)
      case 'GET':
        return this.#look(once)
      default:
        return refused
    }
  }

  #look({ isOff, isRunning, number, first }: Once): Told {
    const { body, result } = this.#habits
    if (isOff) return { status: 410, fields: NO_STORE }
    if (isRunning) return this.#words.notNow('409')
    if (number === 0) return this.#words.unspent()
    if (first.status === 204) return { status: 204, fields: NO_STORE }
    const isEmpty = body === 'none' && first.status === 201
    const isThere = result === 'stored' && !isEmpty && !isRedirect(first.status)
    if (!isThere) return { status: 303, fields: { ...NO_STORE, Location: this.#placeOf(number) } }
    return { ...first, status: 200, fields: NO_STORE }
  }

  #placeOf(number: number): string {
    const path = `/orders/${number}`
    return this.#habits.result === 'elsewhere' ? `http://elsewhere.example${path}` : path
  }

  async #post(
    { headers }: IncomingMessage,
    once: Once,
    said: string,
    hasLeft: () => boolean,
  ): Promise<Told> {
    const { isContentFirst, invalid, meanwhile, gone } = this.#habits
    const bad = { status: invalid, content: 'What is it to be?\n', type: 'text/plain' }
    const what = whatIn(said)
    if (once.isOff) return { status: 410 }
    if (isContentFirst && what === '') return bad
    if (once.number > 0) return this.#words.spent()
    if (once.isRunning && meanwhile !== 'late') return this.#words.notNow(meanwhile)
    if (what === '') return bad
    once.isRunning = meanwhile !== 'late'
    await sleep(Number(headers['x-slow'] ?? (gone === 'counts' ? 0 : WORK_MS)))
    once.isRunning = false
    if (headers['x-fail'] !== undefined) return { ...bad, status: 402 }
    if (gone === 'rolled back' && hasLeft()) return { status: 408 }
    if (once.number > 0) return this.#words.spent()
    this.#orders.push(what)
    once.number = this.#orders.length
    once.first = this.#accepted(once)
    return once.first
  }

  #accepted({ number, path }: Once): Told {
    const { success, result, contentLocation } = this.#habits
    const hasContent = !isRedirect(success) && success !== 204
    const told = hasContent ? this.#result(number, success) : { status: success }
    const isOwn = contentLocation === 'self' && result === 'stored'
    const place = contentLocation === 'order' ? `/orders/${number}` : path
    const isNamed = hasContent && (contentLocation === 'order' || isOwn)
    const fields = {
      ...this.#words.freshness(),
      ...(success === 200 || success === 204 ? {} : { Location: this.#placeOf(number) }),
      ...(isNamed ? { 'Content-Location': place } : {}),
    }
    return { ...told, fields }
  }

  #result(number: number, status: number): Told {
    const what = this.#orders[number - 1]
    return what === undefined ? { status: 404 } : this.#words.order(number, what, status)
  }
}

/** Whether a status is a redirect to a result. */
export function isRedirect(status: number): boolean {
  return [301, 302, 303].includes(status)
}

function json(value: unknown): Told {
  return { status: 200, type: 'application/json', content: JSON.stringify(value) }
}

function whatIn(said: string): string {
  try {
    return String((JSON.parse(said) as { what?: unknown }).what ?? '')
  } catch {
    return new URLSearchParams(said).get('what') ?? ''
  }
}
