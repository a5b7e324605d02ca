/**
 * A POE-like server in the manner of an issue tracker: links come as a member of a JSON answer, a
 * repeat is 400, and there is nothing of POE-Links. A suite can judge it by an adapter alone.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Answer, emptyAnswer, jsonAnswer, send, withFields } from './answers.js'
import { faultOf } from './exchange.js'
import type { JudgedServer } from './independent.js'
import { listen, sleep } from './listening.js'

/** A server without a journal: it cannot be restarted. */
export type ForeignServer = Omit<JudgedServer, 'restart'>

/** Who may come in, by HTTP Basic authentication. */
export const FOREIGN_USERS: Readonly<Record<string, string>> = { admin: 'secret', demo: 'demo' }

const ISSUES = '/rest/data/issue'
const MINT = `${ISSUES}/@poe`
/** How long a link lives that asks for nothing else, in seconds. */
const LIFETIME_SECONDS = 1800
const BODY_LIMIT_BYTES = 65_536

interface Tracker {
  readonly origin: () => string
  readonly stopped: AbortSignal
  readonly titles: string[]
  /** Links that may still be used, by token. One that is in use is not among them. */
  readonly links: Map<string, { readonly user: string; readonly expiresAtMs: number }>
}

/** Starts the foreign server on a free port of 127.0.0.1. */
export async function startForeign(): Promise<ForeignServer> {
  const stopped = new AbortController()
  let origin = ''
  const tracker: Tracker = {
    origin: () => origin,
    stopped: stopped.signal,
    titles: [],
    links: new Map(),
  }
  const server = createServer((request, response) => void serve(tracker, request, response))
  const { port, close } = await listen(server, 0, () => stopped.abort())
  origin = `http://127.0.0.1:${port}`
  return { origin, page: origin + MINT, effectsUrl: origin + ISSUES, close }
}

async function serve(
  tracker: Tracker,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await answerTo(tracker, request)
  if (answer !== null && !response.destroyed) send(request, response, answer, false)
}

async function answerTo(tracker: Tracker, request: IncomingMessage): Promise<Answer | null> {
  const { method = 'GET', url = '/' } = request
  const path = url.split('?')[0] ?? ''
  const user = userOf(request)
  if (user === null) {
    const challenge = { 'WWW-Authenticate': 'Basic realm="tracker"' }
    return withFields(error(401, 'Who are you?'), challenge)
  }
  const { origin, 'x-requested-with': requestedWith } = request.headers
  if (origin !== tracker.origin() || requestedWith === undefined) {
    return error(400, 'Send Origin and X-Requested-With')
  }
  if (path === ISSUES) return method === 'GET' ? list(tracker) : notAllowed('GET')
  if (path === MINT) return method === 'POST' ? mint(tracker, request, user) : atPost(method)
  const [, token] = /^\/rest\/data\/issue\/@poe\/([\w-]+)$/.exec(path) ?? []
  if (token !== undefined) {
    return method === 'POST' ? use(tracker, request, user, token) : atPost(method)
  }
  const title = tracker.titles[Number(/^\/rest\/data\/issue\/(\d{1,9})$/.exec(path)?.[1]) - 1]
  return title === undefined
    ? error(404, 'There is no such issue')
    : jsonAnswer(200, { data: { attributes: { title } } })
}

function userOf(request: IncomingMessage): string | null {
  const [, code = ''] = /^Basic ([\w+/=]+)$/i.exec(request.headers.authorization ?? '') ?? []
  const [name = '', ...rest] = Buffer.from(code, 'base64').toString().split(':')
  const isKnown = Object.hasOwn(FOREIGN_USERS, name) && FOREIGN_USERS[name] === rest.join(':')
  return isKnown ? name : null
}

function list({ titles }: Tracker): Answer {
  const collection = titles.map((_, index) => ({ id: index + 1, link: `${ISSUES}/${index + 1}` }))
  return jsonAnswer(200, { data: { '@total_size': titles.length, collection } })
}

/** Where there is nothing but POST, whatever has become of the link. */
function atPost(method: string): Answer {
  return method === 'OPTIONS' ? emptyAnswer(204, { Allow: 'OPTIONS, POST' }) : notAllowed('POST')
}

async function mint(
  tracker: Tracker,
  request: IncomingMessage,
  user: string,
): Promise<Answer | null> {
  const members = await membersOf(request)
  if (members === null) return null
  const { lifetime = LIFETIME_SECONDS } = members
  const isLifetime = typeof lifetime === 'number' && lifetime > 0 && lifetime <= LIFETIME_SECONDS
  if (!isLifetime) return error(400, `A lifetime is a number of up to ${LIFETIME_SECONDS} seconds`)
  const token = randomBytes(24).toString('base64url')
  const expiresAtMs = Date.now() + lifetime * 1000
  tracker.links.set(token, { user, expiresAtMs })
  const link = `${tracker.origin()}${MINT}/${token}`
  return jsonAnswer(200, {
    data: { attributes: { link, expires: Math.floor(expiresAtMs / 1000) } },
  })
}

async function use(
  tracker: Tracker,
  request: IncomingMessage,
  user: string,
  token: string,
): Promise<Answer | null> {
  const { links, titles, stopped } = tracker
  const members = await membersOf(request)
  if (members === null) return null
  const link = links.get(token)
  if (link === undefined || link.user !== user || Date.now() >= link.expiresAtMs) {
    return error(400, 'This link does not work, or not any more')
  }
  // Taken before anything is waited for, so that of several POSTs one has it.
  links.delete(token)
  const slowMs = faultOf(request, 'slow')
  if (slowMs !== null && !(await sleep(slowMs, stopped))) return null
  const failure = faultOf(request, 'fail')
  const { title } = members
  if (failure !== null || typeof title !== 'string' || title === '') {
    links.set(token, link)
    if (failure === null) return error(409, 'An issue needs a title')
    const busy = failure === 429 || failure === 503 ? { 'Retry-After': '1' } : {}
    return withFields(error(failure, 'Not now'), busy)
  }
  const id = titles.push(title)
  const at = `${tracker.origin()}${ISSUES}/${id}`
  return jsonAnswer(201, { data: { id, link: at } }, { Location: at })
}

function error(status: number, msg: string): Answer {
  return jsonAnswer(status, { error: { status, msg } })
}

function notAllowed(allow: string): Answer {
  return withFields(error(405, 'This method is not allowed here'), { Allow: allow })
}

/** The members of a JSON object or a form; none of what is neither; `null` if it was cut off. */
async function membersOf(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | null> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size <= BODY_LIMIT_BYTES) chunks.push(chunk)
    }
  } catch {
    return null
  }
  const text = size > BODY_LIMIT_BYTES ? '' : Buffer.concat(chunks).toString()
  const type = request.headers['content-type'] ?? ''
  if (type.startsWith('application/x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(text))
  }
  try {
    const value: unknown = type.startsWith('application/json') ? JSON.parse(text) : {}
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
