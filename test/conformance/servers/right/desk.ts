/**
 * A POE server of many habits, each of them right: one base, and a table of traits. Written from
 * draft-nottingham-http-poe-00.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** What this server may do in its own way. */
export interface Traits {
  /** A pause before each answer, in milliseconds; from and to. */
  readonly latencyMs?: readonly [number, number]
  /** So many requests a second; more of them are told 429. */
  readonly perSecond?: number
  readonly page?: 'json' | 'html' | 'text' | 'field-only' | 'several' | 'session' | 'mint'
  /** Links have the scheme and the host. */
  readonly absolute?: true
  readonly result?: 'content' | 'redirect' | 'created-then-303' | 'empty'
  /** What a second POST is told while the first one runs; `late`: claims are seen at the commit. */
  readonly meanwhile?: 'held' | '409' | '503' | 'late'
  /** What GET says while the POST runs. */
  readonly look?: 'progress' | 'form' | '503'
  /** A private cache may keep the result, which never changes. */
  readonly keeps?: true
  /** DELETE calls a link off. */
  readonly callsOff?: true
  /** 103 before each answer to a POST. */
  readonly hints?: true
  /** The page shows one link until that is used. */
  readonly oneLink?: true
  /** OPTIONS is answered for the kind of resource, and HEAD is not known. */
  readonly bare?: true
}

interface Once {
  state: 'fresh' | 'running' | 'done' | 'off'
  number: number
  turn: Promise<unknown>
  readonly token: string
}

type Told = readonly [status: number, fields?: Readonly<Record<string, string>>, content?: string]

/** Makes the server; it does not listen yet. */
export function deskServer(traits: Traits): Server {
  return new Desk(traits).server
}

class Desk {
  readonly server: Server
  readonly #traits: Traits
  readonly #links = new Map<string, Once>()
  readonly #orders: string[] = []
  #window = { atMs: 0, count: 0 }

  constructor(traits: Traits) {
    this.#traits = traits
    this.server = createServer((request, response) => void this.#serve(request, response))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { latencyMs: [from, to] = [0, 0], hints } = this.#traits
    if (to > 0) await sleep(from + Math.random() * (to - from))
    // What was cut off is not whole, and not run.
    const said = await text(request).catch(() => null)
    const told = this.#tooMany(request) ?? (await this.#answer(request, said))
    if (hints && request.method === 'POST')
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    const [status, fields = {}, content = ''] = told
    const type = content === '' ? {} : { 'Content-Type': typeOf(content) }
    const length = { 'Content-Length': Buffer.byteLength(content) }
    response.writeHead(status, { 'Cache-Control': 'no-store', ...type, ...length, ...fields })
    response.end(request.method === 'HEAD' ? '' : content)
  }

  #tooMany({ url }: IncomingMessage): Told | null {
    const { perSecond = 0 } = this.#traits
    if (perSecond === 0 || url === '/count') return null
    const now = Date.now()
    if (now - this.#window.atMs > 1_000) this.#window = { atMs: now, count: 0 }
    this.#window.count += 1
    return this.#window.count > perSecond ? [429, { 'Retry-After': '1' }, 'Too often.\n'] : null
  }

  async #answer(request: IncomingMessage, said: string | null): Promise<Told> {
    const { method = '', url = '/' } = request
    const { page } = this.#traits
    if (url === '/count') return [200, {}, JSON.stringify({ orders: this.#orders.length })]
    if (url === '/desk') {
      if (page === 'mint' && method !== 'POST') return [405, { Allow: 'POST' }, 'POST here.\n']
      return this.#page(request)
    }
    const [, number] = /^\/orders\/(\d+)$/.exec(url) ?? []
    const order = this.#orders[Number(number) - 1]
    if (number !== undefined && order !== undefined) return this.#shown(order)
    const once = this.#links.get(/^\/once\/([\w-]+)$/.exec(url)?.[1] ?? '')
    if (once === undefined || !this.#isTheirs(request, once)) return [404, {}, 'Not here.\n']
    if (method === 'POST') return await this.#post(request, once, said)
    return this.#look(method, once)
  }

  #look(method: string, once: Once): Told {
    const { result, callsOff, look, bare } = this.#traits
    if (bare && method === 'OPTIONS') return [204, { Allow: 'GET, POST' }]
    const Allow = once.state === 'fresh' ? 'POST' : 'GET, HEAD'
    if (callsOff && method === 'DELETE' && once.state === 'fresh') {
      once.state = 'off'
      return [204]
    }
    if (once.state === 'off') return [410, {}, 'This was called off.\n']
    if (method !== 'GET' && (method !== 'HEAD' || bare)) return [405, { Allow }, 'Not so.\n']
    if (once.state === 'running' && look === 'progress') return [200, {}, 'In progress.\n']
    if (once.state === 'running' && look === '503') return [503, { 'Retry-After': '1' }, 'Wait.\n']
    if (once.state !== 'done') return [405, { Allow: 'POST' }, 'Send it by POST.\n']
    if (result === 'empty') return [204]
    const isFar = result === 'redirect' || result === 'created-then-303'
    return isFar
      ? [303, { Location: `/orders/${once.number}` }, 'It is there.\n']
      : this.#shown(this.#orders[once.number - 1] ?? '')
  }

  #shown(order: string): Told {
    const kept = { 'Cache-Control': 'private, max-age=31536000, immutable' }
    return [200, this.#traits.keeps ? kept : {}, order]
  }

  async #post(request: IncomingMessage, once: Once, said: string | null): Promise<Told> {
    const { meanwhile = 'held' } = this.#traits
    if (meanwhile === 'held') {
      const told = once.turn.then(() => this.#run(request, once, said))
      once.turn = told
      return await told
    }
    if (once.state === 'running' && meanwhile === '409') return [409, {}, '']
    if (once.state === 'running' && meanwhile === '503') return [503, {}, 'Busy.\n']
    return await this.#run(request, once, said)
  }

  async #run(request: IncomingMessage, once: Once, said: string | null): Promise<Told> {
    if (once.state === 'done') return spent(once)
    if (once.state === 'off') return [410, {}, 'This was called off.\n']
    const what = said === null ? '' : whatIn(said)
    if (what === '') return [422, {}, 'What is it to be?\n']
    const isSeen = this.#traits.meanwhile !== 'late'
    if (isSeen) once.state = 'running'
    await sleep(Number(request.headers['x-slow'] ?? 0))
    if (request.headers['x-fail'] !== undefined) {
      if (isSeen) once.state = 'fresh'
      return [402, {}, 'The card was declined.\n']
    }
    // Where claims are seen at the commit only, somebody else may have been quicker.
    if ((once.state as string) === 'done') return spent(once)
    this.#orders.push(`Order ${this.#orders.length + 1}: ${what}.\n`)
    once.state = 'done'
    once.number = this.#orders.length
    return this.#done(once)
  }

  #done({ number }: Once): Told {
    const Location = `/orders/${number}`
    switch (this.#traits.result) {
      case 'redirect':
        return [303, { Location }]
      case 'created-then-303':
        return [201, { Location }, 'Placed.\n']
      case 'empty':
        return [204]
      default:
        return this.#shown(this.#orders[number - 1] ?? '')
    }
  }

  #isTheirs({ headers }: IncomingMessage, once: Once): boolean {
    if (this.#traits.page !== 'session') return true
    return (headers.cookie ?? '').includes(`sid=${once.token.slice(0, 8)}`)
  }

  #page(request: IncomingMessage): Told {
    const { page = 'json', absolute, oneLink } = this.#traits
    const known = [...this.#links.values()].find(({ state }) => oneLink && state === 'fresh')
    const link = known === undefined ? this.#mint(request) : `/once/${known.token}`
    const host = absolute ? `http://${request.headers.host}` : ''
    const fields = { 'Cache-Control': 'private, no-cache', 'POE-Links': `"${host}${link}"` }
    switch (page) {
      case 'json':
        return [200, fields, JSON.stringify({ link: host + link })]
      case 'mint':
        return [201, { ...fields, Location: host + link }, JSON.stringify({ link })]
      case 'text':
        return [200, fields, `Send it once to ${host}${link}.\n`]
      case 'field-only':
        return [200, fields]
      case 'several': {
        const more = [this.#mint(request), this.#mint(request)]
        const all = [link, ...more].map(one => `"${one}"`).join(', ')
        return [200, { ...fields, 'POE-Links': all }, JSON.stringify({ links: [link, ...more] })]
      }
      default: {
        const input = '<input name="what" required>'
        const form = `<form method="post" action="${host}${link}">${input}</form>`
        const sid = page === 'session' ? { 'Set-Cookie': `sid=${link.slice(6, 14)}; Path=/` } : {}
        return [200, { 'Cache-Control': 'private, no-cache', ...sid }, `<!doctype html>${form}\n`]
      }
    }
  }

  #mint({ headers }: IncomingMessage): string {
    const [, sid = ''] = /sid=(\w{8})/.exec(headers.cookie ?? '') ?? []
    const start =
      this.#traits.page === 'session' && sid !== '' ? sid : randomBytes(4).toString('hex')
    const token = start + randomBytes(12).toString('hex')
    this.#links.set(token, { state: 'fresh', number: 0, turn: Promise.resolve(), token })
    return `/once/${token}`
  }
}

function spent({ number, token }: Once): Told {
  const Link = `</orders/${number}>; rel="related"; anchor="/once/${token}"`
  return [405, { Allow: 'GET, HEAD', Link }, 'This was placed before.\n']
}

function whatIn(said: string): string {
  try {
    return String((JSON.parse(said) as { what?: unknown }).what ?? '')
  } catch {
    return new URLSearchParams(said).get('what') ?? ''
  }
}

function typeOf(content: string): string {
  if (content.startsWith('{')) return 'application/json'
  return content.startsWith('<') ? 'text/html; charset=utf-8' : 'text/plain'
}
