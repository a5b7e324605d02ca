/**
 * The server of one scenario: hands out links, does to each POST what the script says, and notes
 * everything that it is asked.
 *
 * @see POE draft 2, 3
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { serveFile } from './client-files.js'
import type { AnswerSpec, Place, Reaction, Script } from './scenario.js'

/** A request as it came. */
export interface Seen {
  readonly place: Place
  /** Whether an empty POST there makes a link. */
  readonly isMint: boolean
  readonly method: string
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** In milliseconds of the monotonic clock. */
  readonly atMs: number
  /** What was answered: a line, and the fields and the content in further ones. */
  answered: string
}

/** A server that plays a script. */
export interface ScriptedServer {
  /** The page, or the endpoint that makes links; where files are served, the one to open. */
  readonly page: string
  /** A link that is handed out for clients that take one. */
  readonly link: string
  readonly seen: readonly Seen[]
  /** POSTs that took effect. */
  readonly effects: number
  /** What a page in a browser said about its end: kept once it did. */
  readonly told: Promise<string>
  /** Comes true where there were so many requests that no further one is looked at. */
  readonly flooded: Promise<void>
  close(): Promise<void>
}

const BODY_LIMIT_BYTES = 1024 * 1024
/** Far above what any scenario asks for. */
const MOST_REQUESTS = 500
const RESULT = { order: 1 }
/** The methods of a link that was used. */
const USED = 'GET, HEAD, OPTIONS'
/** Where a page in a browser tells how it ended. */
export const TOLD_PATH = '/poe-check-client/ended'
const CLIENT_PATH = '/poe-check-client/page/'
const MOVED_PAGE = '/old-page'

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @param script - what it plays
 * @param folder - files for a page in a browser, served below one path; `null` for none
 */
export async function startScripted(
  script: Script,
  folder: string | null,
): Promise<ScriptedServer> {
  const foreign = createServer()
  const server = createServer()
  const play = new Play(script, folder, () => hostOf(foreign))
  // Whatever a client asks for, it must not end the run.
  foreign.on('request', (request, response) => {
    play.foreign(request, response).catch(() => response.destroy())
  })
  server.on('request', (request, response) => {
    play.serve(request, response).catch(() => response.destroy())
  })
  for (const each of [foreign, server]) each.listen(0, '127.0.0.1')
  await Promise.all([once(foreign, 'listening'), once(server, 'listening')])
  play.host = hostOf(server)
  const origin = `http://${play.host}`
  const link = play.newLink()
  const query = new URLSearchParams({ page: play.entryPath, link })
  return {
    page: folder === null ? origin + play.entryPath : `${origin}${CLIENT_PATH}?${query}`,
    link: origin + link,
    seen: play.seen,
    get effects() {
      return play.effects
    },
    told: play.told,
    flooded: play.flooded,
    close: async () => {
      for (const each of [foreign, server]) {
        each.closeAllConnections()
        each.close()
      }
    },
  }
}

function hostOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The state of a play. */
class Play {
  readonly seen: Seen[] = []
  readonly told: Promise<string>
  readonly flooded: Promise<void>
  effects = 0
  host = ''
  readonly #script: Script
  readonly #folder: string | null
  readonly #foreignHost: () => string
  readonly #links = new Set<string>()
  /** Where a POST took effect. */
  readonly #used = new Set<string>()
  /** Where 307 has led: elsewhere each time. */
  readonly #moved = new Set<string>()
  readonly #turns = new Map<string, number>()
  #first: string | null = null
  #tell: (ending: string) => void = () => {}
  #flood: () => void = () => {}

  constructor(script: Script, folder: string | null, foreignHost: () => string) {
    this.#script = script
    this.#folder = folder
    this.#foreignHost = foreignHost
    this.told = new Promise(resolve => {
      this.#tell = resolve
    })
    this.flooded = new Promise(resolve => {
      this.#flood = resolve
    })
  }

  /** Beside the links where those are relative. */
  get pagePath(): string {
    return this.#script.page?.path?.startsWith('/shop/') === true ? '/shop/page' : '/page'
  }

  /** What is given to the client as the page. */
  get entryPath(): string {
    return this.#script.page?.isMoved === true ? MOVED_PAGE : this.pagePath
  }

  newLink(): string {
    const link = (this.#script.page?.path ?? '/once/{token}').replaceAll('{token}', token())
    this.#links.add(link)
    return link
  }

  async foreign(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await this.#note(request, 'foreign')
    // It welcomes everybody, so that nothing but the client itself keeps an order from it.
    const asked = request.headers['access-control-request-headers']
    response.setHeader('Access-Control-Allow-Origin', '*')
    if (asked !== undefined) response.setHeader('Access-Control-Allow-Headers', asked)
    this.#answer(response, seen, { status: 201, content: { order: 'elsewhere' } })
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request
    // A browser sends a POST again by itself where a connection that was in use is cut: then the
    // browser would be judged, and not the client.
    response.setHeader('Connection', 'close')
    if (url === '/favicon.ico') {
      response.writeHead(404).end()
      return
    }
    if (url.startsWith('/poe-check-client/')) {
      await this.#serveClient(request, response, url)
      return
    }
    if (this.seen.length >= MOST_REQUESTS) {
      this.#flood()
      response.destroy()
      return
    }
    const place = this.#placeOf(url)
    const seen = await this.#note(request, place)
    if (method === 'OPTIONS') {
      response.setHeader('Allow', this.#used.has(url) ? USED : 'POST, OPTIONS')
      return this.#answer(response, seen, { status: 204 })
    }
    switch (place) {
      case 'page':
        return this.#page(response, seen, url)
      case 'link':
        return method === 'POST' ? this.#post(response, seen, url) : this.#get(response, seen, url)
      case 'moved':
        return method === 'POST' ? this.#post(response, seen, url) : this.#get(response, seen, url)
      case 'result':
        return this.#answer(response, seen, { status: 200, content: RESULT })
      case 'login':
        return this.#answer(response, seen, { status: 200, content: { login: 'please' } })
      default:
        return this.#answer(response, seen, { status: 404 })
    }
  }

  #placeOf(url: string): Place {
    if (this.#links.has(url)) return 'link'
    if (this.#moved.has(url)) return 'moved'
    if (url === this.pagePath || url === this.entryPath) return 'page'
    if (url === '/orders/1') return 'result'
    return url === '/login' ? 'login' : 'elsewhere'
  }

  #page(response: ServerResponse, seen: Seen, url: string): void {
    const { isMint = false, lines, fields, post } = this.#script.page ?? {}
    if (url !== this.pagePath) {
      this.#answer(response, seen, { status: 302, fields: { Location: this.pagePath } })
      return
    }
    // An empty one asks for a link where links are made so; elsewhere it is an order like others.
    if (seen.method === 'POST' && (seen.body.length > 0 || !isMint)) {
      this.#react(response, seen, url, post ?? { answer: { status: 405, fields: { Allow: USED } } })
      return
    }
    if (isMint && seen.method !== 'POST') {
      this.#answer(response, seen, { status: 405, fields: { Allow: 'POST, OPTIONS' } })
      return
    }
    if (isMint) {
      const made = this.newLink()
      const answer = { status: 201, fields: { Location: made, 'POE-Links': `"${made}"` } }
      this.#answer(response, seen, { ...answer, content: { link: made } })
      return
    }
    const link = this.newLink()
    const values = lines ?? ['"{link}"']
    for (const line of values) response.appendHeader('POE-Links', this.#filled(line, link))
    response.setHeader('Vary', 'POE')
    response.setHeader('Cache-Control', 'private, no-cache')
    // Where the field is the question, the content does not help.
    const content = lines === undefined ? { link } : { page: 'of a shop' }
    this.#answer(response, seen, {
      status: 200,
      ...(fields === undefined ? {} : { fields }),
      content,
    })
  }

  #post(response: ServerResponse, seen: Seen, url: string): void {
    const isMoved = seen.place === 'moved'
    if (!isMoved) this.#first ??= url
    const isFirst = isMoved || url === this.#first
    const reactions = (isMoved ? this.#script.moved : this.#script.link) ?? []
    const turn = this.#turns.get(url) ?? 0
    this.#turns.set(url, turn + 1)
    const reaction = isFirst ? reactions[Math.min(turn, reactions.length - 1)] : this.#right(url)
    this.#react(response, seen, url, reaction ?? this.#right(url))
  }

  /** What a server without a script does: another link is an order of its own. */
  #right(url: string): Reaction {
    if (this.#used.has(url)) return { answer: 'proven' }
    return { executes: true, answer: { status: 201, content: RESULT } }
  }

  #react(response: ServerResponse, seen: Seen, url: string, { executes, answer }: Reaction): void {
    if (executes === true) {
      this.effects += 1
      this.#used.add(url)
    }
    if (answer === 'cut') {
      seen.answered = 'the connection is cut'
      response.socket?.destroy()
    } else if (answer === 'broken') {
      seen.answered = '201, and the connection is cut in the middle of the answer'
      response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': '100' })
      response.write('{"order":', () => response.socket?.destroy())
    } else if (answer === 'proven') {
      const relation = 'related urn:post-once-exactly:rel:result'
      const link = `<${this.#filled('{link}', url)}>; rel="${relation}"; anchor="${url}"`
      const fields = { Allow: USED, Link: link }
      this.#answer(response, seen, { status: 405, fields, content: { status: 405 } })
    } else this.#answer(response, seen, answer)
  }

  #get(response: ServerResponse, seen: Seen, url: string): void {
    const { get } = this.#script
    const isUsed = this.#used.has(url)
    const open = { status: 405, fields: { Allow: 'POST, OPTIONS' } }
    const result = { status: 200, fields: { Allow: USED }, content: RESULT }
    this.#answer(response, seen, get ?? (isUsed ? result : open))
  }

  #answer(
    response: ServerResponse,
    seen: Seen,
    { status, fields = {}, content }: AnswerSpec,
  ): void {
    if (!response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', 'no-store')
    const moved = `/moved/${token()}`
    for (const [name, value] of Object.entries(fields)) {
      if (value.includes('{moved}')) this.#moved.add(moved)
      response.setHeader(name, this.#filled(value, '').replaceAll('{moved}', moved))
    }
    const bytes = content === undefined ? '' : JSON.stringify(content)
    if (bytes !== '') response.setHeader('Content-Type', 'application/json')
    response.statusCode = status
    seen.answered = [status, ...headLines(response), bytes].join('\n').trimEnd()
    response.end(bytes)
  }

  #filled(value: string, link: string): string {
    const [, last = ''] = /([^/=]*)$/.exec(link) ?? []
    return value
      .replaceAll('{link}', link)
      .replaceAll('{token}', last)
      .replaceAll('{host}', this.host)
      .replaceAll('{foreign}', this.#foreignHost())
      .replaceAll('{soon}', () => new Date(Date.now() + 2_000).toUTCString())
  }

  async #note(request: IncomingMessage, place: Place): Promise<Seen> {
    const { method = 'GET', url = '/', rawHeaders } = request
    const atMs = performance.now()
    const seen: Seen = {
      place,
      isMint: place === 'page' && this.#script.page?.isMint === true,
      method,
      target: url,
      fields: pairs(rawHeaders),
      body: await contentOf(request),
      atMs,
      answered: 'nothing',
    }
    this.seen.push(seen)
    return seen
  }

  /** The files of a page in a browser, and the place where it tells how it ended. */
  async #serveClient(
    request: IncomingMessage,
    response: ServerResponse,
    url: string,
  ): Promise<void> {
    if (url === TOLD_PATH && request.method === 'POST') {
      this.#tell((await contentOf(request)).toString('utf8'))
      response.writeHead(204).end()
      return
    }
    const { pathname } = new URL(url, 'http://x')
    const name = decoded(pathname.slice(CLIENT_PATH.length))
    if (name === null) response.writeHead(400).end()
    else await serveFile(response, this.#folder, name || 'index.html')
  }
}

/** The fields that an answer was given, as they stand in a report. */
function headLines(response: ServerResponse): string[] {
  const fields = Object.entries(response.getHeaders()).filter(([name]) => name !== 'connection')
  return fields.flatMap(([name, value]) => [value].flat().map(each => `${name}: ${each}`))
}

/** `null` for a percent sign that begins nothing, and for bytes that are no UTF-8. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function token(): string {
  return randomBytes(16).toString('hex')
}

/** Node gives names and values in turn. */
function pairs(raw: readonly string[]): [string, string][] {
  const fields: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) fields.push([raw[at] ?? '', raw[at + 1] ?? ''])
  return fields
}

async function contentOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size <= BODY_LIMIT_BYTES) chunks.push(chunk)
    }
  } catch {
    // It left in the middle; what came is what there is.
  }
  return Buffer.concat(chunks)
}
