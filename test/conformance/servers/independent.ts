/**
 * A POE server written from draft-nottingham-http-poe-00 alone, on node:http, in three styles. What
 * it decides is in `behaviour.ts`, what it knows in `link-book.ts`; here is how it answers.
 */
import { setMaxListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, jsonAnswer, refusal, send, withFields, wrongMethod } from './answers.js'
import { atLink } from './at-link.js'
import { type Behaviour, RIGHT, type Seen } from './behaviour.js'
import { type Exchange, type Site, STYLES, type Style } from './exchange.js'
import { openBook } from './link-book.js'
import { listen } from './listening.js'
import { handOut } from './pages.js'

/** How the independent server is started. */
export interface IndependentOptions {
  /**
   * `draft`: the draft's own example URIs, links in a form; `mint`: links by an empty POST;
   * `header`: links in the field, answers without content.
   *
   * @defaultValue `draft`
   */
  readonly style?: Style
  /** How long a POST is held while another one runs. @defaultValue 300 */
  readonly waitMs?: number
  /** How long a link may be used. @defaultValue 3,600,000 */
  readonly lifetimeMs?: number
  /**
   * `POE-Links` is sent to those only who send `POE`.
   *
   * @defaultValue false
   */
  readonly fieldDecides?: boolean
  /** Decisions other than the right ones. */
  readonly behaviour?: Partial<Behaviour>
}

/** A server to be judged. */
export interface JudgedServer {
  readonly origin: string
  /** Where links are had: by GET, or by an empty POST. */
  readonly page: string
  /** A JSON document whose member `orders` counts the effects. */
  readonly effectsUrl: string
  /** Stops listening, forgets what is in memory, reads the journal, listens at the same port. */
  restart(): Promise<void>
  /** Ends every connection and timer. */
  close(): Promise<void>
}

/** Starts an independent server on a free port of 127.0.0.1. */
export async function startIndependent(options: IndependentOptions = {}): Promise<JudgedServer> {
  const { style = 'draft' } = options
  const folder = mkdtempSync(join(tmpdir(), 'poe-independent-'))
  const file = join(folder, 'journal')
  let current = await open(options, file, 0)
  const { port } = current
  const origin = `http://127.0.0.1:${port}`
  return {
    origin,
    page: origin + STYLES[style].page,
    effectsUrl: `${origin}/ledger`,
    restart: async () => {
      await current.close()
      current = await open(options, file, port)
    },
    close: async () => {
      await current.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function open(options: IndependentOptions, file: string, port: number) {
  const { style = 'draft', waitMs = 300, lifetimeMs = 3_600_000, fieldDecides = false } = options
  const behaviour = { ...RIGHT, ...options.behaviour }
  const stopped = new AbortController()
  // Every request that waits listens to it.
  setMaxListeners(0, stopped.signal)
  const site: Site = {
    ...{ style, waitMs, lifetimeMs, fieldDecides, behaviour },
    book: openBook(file, behaviour.recalls),
    stopped: stopped.signal,
  }
  const server = createServer()
  server.on('request', (request, response) => void serve(site, request, response, false))
  // Node would say 100 (Continue) by itself, also where nothing more is wanted.
  server.on('checkContinue', (request, response) => void serve(site, request, response, true))
  return listen(server, port, () => stopped.abort())
}

async function serve(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  waitsForContinue: boolean,
): Promise<void> {
  const { behaviour } = site
  const { method = 'GET', url: target = '/' } = request
  const principal = String(request.headers['x-user'] ?? 'guest')
  const exchange: Exchange = {
    ...{ site, request, response, method, target, principal },
    waitsForContinue: waitsForContinue && method !== 'GET',
    asHtml: behaviour.wantsHtml(request),
    seen: { request, place: 'elsewhere', state: 'absent', link: null, waited: false },
  }
  const refused = behaviour.refusesUnseen(request)
  const answered = refused === null ? await route(exchange) : { answer: refused, ...exchange }
  if (answered !== null && behaviour.ordersToo(answered.answer, answered.seen)) {
    const { book } = site
    book.write({ kind: 'ordered', number: book.nextOrder(), order: { sku: 'untold', qty: 1 } })
  }
  if (answered === null || response.destroyed) return
  const asked = waitsForContinue && !request.complete && request.readableFlowing === null
  send(request, response, behaviour.amends(answered.answer, answered.seen), asked)
}

/** `null` where there is nobody left to answer. */
async function route(
  exchange: Exchange,
): Promise<{ readonly answer: Answer; readonly seen: Seen } | null> {
  const { site, target, seen } = exchange
  const { path } = site.behaviour.resolve(target)
  if (path === STYLES[site.style].page) return handOut(exchange)
  if (path.startsWith(STYLES[site.style].links)) return atLink(exchange)
  return { answer: elsewhere(exchange, path), seen }
}

function elsewhere({ site, method, asHtml }: Exchange, path: string): Answer {
  const number = /^\/receipts\/([1-9]\d{0,8})$/.exec(path)?.[1]
  const order = number === undefined ? undefined : site.book.orders.get(Number(number))
  if (path !== '/ledger' && order === undefined) {
    return refusal({ status: 404, type: 'not-found', title: 'There is nothing here' }, asHtml)
  }
  if (method !== 'GET' && method !== 'HEAD') return wrongMethod('GET, HEAD', asHtml)
  const told = order ? { order: Number(number), ...order } : { orders: site.book.orders.size }
  return withFields(jsonAnswer(200, told), { 'Cache-Control': 'no-store' })
}
