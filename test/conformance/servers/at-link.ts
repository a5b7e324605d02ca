/**
 * What the independent server answers at a POE resource, by its state (POE draft, 2).
 */
import {
  type Answer,
  emptyAnswer,
  jsonAnswer,
  prefersHtml,
  refusal,
  withFields,
  wrongMethod,
} from './answers.js'
import type { Posted, Seen } from './behaviour.js'
import { type Exchange, faultOf } from './exchange.js'
import { type Link, spentEntry } from './link-book.js'
import { sleep } from './listening.js'
import { type Order, readOrder } from './orders.js'

/** An answer and what it tells of. */
interface Answered {
  readonly answer: Answer
  readonly seen: Seen
}

/** What is allowed in each state. */
const ALLOW = {
  unspent: 'POST, OPTIONS',
  running: 'OPTIONS',
  spent: 'GET, HEAD, OPTIONS',
  expired: 'OPTIONS',
} as const

const UNKNOWN = { status: 404, type: 'unverifiable', title: 'There is no such link' }
const EXPIRED = { status: 410, type: 'expired', title: 'This link was not used in time' }
const RUNNING = { status: 409, type: 'running', title: 'This order is being placed just now' }

/** Answers a request at a link; `null` where there is nobody left to answer. */
export async function atLink(exchange: Exchange): Promise<Answered | null> {
  const { site, request, method, principal, asHtml, seen } = exchange
  const { behaviour, book } = site
  const link = find(exchange)
  if (link === null || !behaviour.mayUse(link, principal, method)) {
    return told({ ...seen, place: 'link' }, refusal(UNKNOWN, asHtml))
  }
  if (behaviour.runs(method)) return post(exchange, link)
  if (behaviour.reopens(method) && link.state === 'spent') book.settle(link, 'unspent')
  const answer = tell(exchange, link)
  const answered = told(at(exchange, link), answer)
  if (link.state === 'unspent' && behaviour.spends(request)) {
    book.write(spentEntry(link, emptyAnswer(204)))
  }
  return answered
}

function find({ site, target, principal }: Exchange): Link | null {
  const { behaviour, book, lifetimeMs } = site
  const { path, record } = behaviour.resolve(target)
  const link = book.links.get(path)
  if (link !== undefined && record === path) return link
  if (link?.state === 'spent' && behaviour.knowsSpent) return link
  if (link === undefined && !behaviour.adoptsUnknown(path)) return null
  const known = book.links.get(record)
  if (known !== undefined) return known
  const expiresAtMs = link?.expiresAtMs ?? Date.now() + lifetimeMs
  const owner = link?.principal ?? principal
  book.write({ kind: 'minted', path: record, principal: owner, expiresAtMs })
  return book.links.get(record) ?? null
}

/** The state that is told now: a link that ran in time is not expired. */
function at({ site, seen }: Exchange, link: Link, waited = false): Seen {
  const isLate = link.state === 'unspent' && site.behaviour.isExpired(link, Date.now())
  return { ...seen, place: 'link', state: isLate ? 'expired' : link.state, link, waited }
}

function told(seen: Seen, answer: Answer): Answered {
  const allow = seen.state === 'absent' ? {} : { Allow: ALLOW[seen.state] }
  const fields = { 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer', ...allow }
  return { answer: withFields(answer, fields), seen }
}

/** Answers every method but POST. */
function tell(exchange: Exchange, link: Link): Answer {
  const { method, asHtml } = exchange
  const { state } = at(exchange, link)
  if (state === 'absent') return refusal(UNKNOWN, asHtml)
  if (method === 'OPTIONS') return emptyAnswer(204)
  if (method !== 'GET' && method !== 'HEAD') return wrongMethod(ALLOW[state], asHtml)
  if (state === 'running') return refusal({ ...RUNNING, fields: { 'Retry-After': '1' } }, asHtml)
  if (state === 'expired') return refusal(EXPIRED, asHtml)
  if (state === 'spent' && link.outcome !== null) return shown(link.outcome)
  return wrongMethod(ALLOW[state], asHtml)
}

/** The answer of the POST, as GET shows it. */
function shown({ status, fields, body }: Answer): Answer {
  const { Location, ...representation } = fields
  if (status === 303 || (status === 201 && body === null)) {
    return emptyAnswer(303, Location === undefined ? {} : { Location })
  }
  return { status: body === null ? 204 : 200, fields: representation, body }
}

async function post(exchange: Exchange, link: Link): Promise<Answered | null> {
  const { site, request, response, waitsForContinue, asHtml } = exchange
  const { behaviour, book, stopped } = site
  const early = at(exchange, link)
  if (early.state === 'expired') return told(early, refusal(EXPIRED, asHtml))
  if (early.state === 'spent' && behaviour.refusesAtHead) return spent(exchange, link, false)
  const read = await readOrder(request, response, waitsForContinue)
  if (stopped.aborted) return null
  if (read.kind === 'refused') {
    const answer = refusal(read.problem, asHtml)
    const answered = told(at(exchange, link), answer)
    if (link.state === 'unspent' && behaviour.burns(read.why, link))
      book.write(spentEntry(link, answer))
    return answered
  }
  const posted = { request, link, text: read.text, type: read.type }
  const refused = await claim(exchange, posted)
  if (refused !== 'claimed') return refused
  return run(exchange, posted, read.order)
}

/** Nothing waits between the last look at the link and its claim, so one of many wins. */
async function claim(exchange: Exchange, posted: Posted): Promise<Answered | null | 'claimed'> {
  const { site, asHtml } = exchange
  const { behaviour, stopped, waitMs } = site
  const { link } = posted
  const giveUpAtMs = Date.now() + waitMs
  for (let waited = false; ; waited = true) {
    if (link.state === 'spent' && behaviour.whenSpent(posted) === 'refuse') {
      return spent(exchange, link, waited)
    }
    const seen = at(exchange, link, waited)
    if (seen.state === 'expired') return told(seen, refusal(EXPIRED, asHtml))
    const isFreed = waited && link.state === 'unspent'
    if (isFreed && behaviour.whenFreed === 'refuse') return spent(exchange, link, true)
    if (waited && behaviour.whenFreed === 'run') break
    if (link.state !== 'running' || behaviour.whenRunning(posted) === 'run') break
    const patienceMs = giveUpAtMs - Date.now()
    if (patienceMs <= 0) {
      const busy = refusal({ ...RUNNING, fields: { 'Retry-After': '1' } }, asHtml)
      return told(seen, busy)
    }
    await settled(exchange, link, patienceMs)
    if (stopped.aborted) return null
  }
  if (behaviour.claimPauseMs > 0) await sleep(behaviour.claimPauseMs, stopped)
  if (stopped.aborted) return null
  link.state = 'running'
  return 'claimed'
}

async function settled({ site }: Exchange, link: Link, patienceMs: number): Promise<void> {
  const woken = new AbortController()
  const wake = () => woken.abort()
  site.stopped.addEventListener('abort', wake)
  const stopWaiting = site.book.whenSettled(link, wake)
  await sleep(patienceMs, woken.signal)
  stopWaiting()
  site.stopped.removeEventListener('abort', wake)
}

async function run(exchange: Exchange, posted: Posted, order: Order): Promise<Answered | null> {
  const { site, request, asHtml } = exchange
  const { behaviour, book, stopped } = site
  const { link } = posted
  const early = behaviour.ordersEarly(request) ? book.nextOrder() : null
  if (early !== null) book.write({ kind: 'ordered', number: early, order })
  const pauseMs = Math.max(faultOf(request, 'slow') ?? 0, behaviour.handlerPauseMs)
  if (pauseMs > 0 && !(await sleep(pauseMs, stopped))) return null
  const failure = faultOf(request, 'fail')
  if (failure !== null && failure >= 300 && failure <= 599 && failure !== 303) {
    const answer = failed(failure, asHtml)
    if (behaviour.burns(failure, link)) book.write(spentEntry(link, answer))
    else book.settle(link, 'unspent')
    return told(at(exchange, link), answer)
  }
  const number = early ?? book.nextOrder()
  const outcome = outcomeOf(exchange, number, order)
  const ordered = { kind: 'ordered', number, order } as const
  const ending = request.socket.destroyed ? behaviour.whenClientIsGone : 'counts'
  if (ending === 'counts' && behaviour.isSuccess(outcome)) {
    // One write: the order and the mark stand or fall together (appendix A).
    book.write(ordered, spentEntry(link, outcome))
    link.spentBy = { text: posted.text, type: posted.type }
  } else {
    if (ending !== 'undone') book.write(ordered)
    book.settle(link, 'unspent')
  }
  return told({ ...at(exchange, link), place: 'handler' }, outcome)
}

/** A failure that the handler reports. */
function failed(status: number, asHtml: boolean): Answer {
  const title = 'The order was not placed'
  const fields: Record<string, string> = {}
  if (status === 401) fields['WWW-Authenticate'] = 'Basic realm="orders"'
  if (status === 429 || status === 503) fields['Retry-After'] = '1'
  if (status < 400 && status !== 304) fields.Location = '/elsewhere'
  if (status === 304) return emptyAnswer(status, fields)
  return refusal({ status, type: 'not-placed', title, fields }, asHtml)
}

function outcomeOf({ site, request }: Exchange, number: number, order: Order): Answer {
  const location = { Location: `/receipts/${number}` }
  if (site.style !== 'mint' && prefersHtml(request)) return emptyAnswer(303, location)
  if (site.style === 'header') return emptyAnswer(204)
  const isMinimal = /\breturn=minimal\b/.test(String(request.headers.prefer ?? ''))
  if (isMinimal) return emptyAnswer(201, { ...location, 'Preference-Applied': 'return=minimal' })
  return jsonAnswer(201, site.behaviour.receipt(number, order), location)
}

/** A POST to a spent link: 405, never a success again, and the way to the result. */
function spent(exchange: Exchange, link: Link, waited: boolean): Answered {
  const result = link.outcome?.fields.Location ?? link.path
  const Link = `<${result}>; rel="related urn:post-once-exactly:rel:result"; anchor="${link.path}"`
  const title = 'This order has been placed already'
  const fields = { Link, Allow: ALLOW.spent }
  const problem = { status: 405, type: 'used', title, fields, result }
  return told(at(exchange, link, waited), refusal(problem, exchange.asHtml))
}
