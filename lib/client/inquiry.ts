/**
 * Asking a link by GET what became of it. Safe: it changes nothing.
 *
 * @see POE draft 2, 5, 6
 */
import { OTHER_RELATION, problemType } from '../protocols/poe/names.js'
import { allowsPost, discard, locationOf, saysSpent } from './answer.js'
import { delayFor } from './delay.js'
import { isPassing } from './judge.js'
import { randomHex } from './random.js'
import type { Sending } from './sending.js'

/**
 * What a link says of itself.
 *
 * - `spent`: it gives a result. `isProven`: it also says that it is spent, which a page that waits
 *   for its POST would not say.
 * - `unspent`: GET is not allowed and POST is.
 * - `busy`: a POST is under way, or undecided.
 * - `gone`: the link is not known.
 * - `unreachable`: no answer, or one about the server or the caller's login.
 * - `everywhere`: an address that was never issued is answered the same way; a front speaks, and
 *   not the link.
 * - `unclear`: anything else.
 */
export type InquiryFinding =
  | {
      readonly kind: 'spent'
      readonly isProven: boolean
      /** Whether the server says that it was another POST than this one. */
      readonly isOther: boolean
      readonly result: Response | null
      readonly location: string | null
    }
  | { readonly kind: 'unspent' | 'busy' | 'gone' | 'unreachable' | 'everywhere' | 'unclear' }

/** What one answer to a GET seems to say. */
type Look = InquiryFinding['kind']

const TRIES = 3
/** About the caller's login, not about the link. */
const ABOUT_LOGIN = new Set([401, 403, 407])
/** How much of an address is changed so that it was never issued. */
const CHANGED_CHARS = 16

/**
 * Asks the link, again where that may help, within the time of its POST. That it is spent or
 * unspent is believed where the server does not say the same of an address that was never issued.
 *
 * @param sending - the POST
 * @param isSure - that it is spent is proven already, and only its result is wanted
 * @returns what the link says
 * @throws the caller's reason, where its signal aborts
 */
export async function inquire(sending: Sending, isSure = false): Promise<InquiryFinding> {
  const { link } = sending
  const response = await askAgain(sending, link)
  if (response === null) return { kind: 'unreachable' }
  const result = sending.linked(response)
  const look = lookOf(response)
  if (response.status === 410) return await judgeGone(sending, response)
  const isOurs = look === 'spent' && result !== null
  const isDoubted = (look === 'spent' && !isOurs && !isSure) || look === 'unspent'
  const doubt = isDoubted ? await control(sending, look) : null
  if (look !== 'spent' || doubt !== null) {
    discard(response)
    return doubt ?? { kind: look as 'unclear' }
  }
  const isProven = isOurs || saysSpent(response)
  const isOther = saysOther(response)
  const target = locationOf(response, link)
  const location = result ?? target?.href ?? null
  if (response.ok) return { kind: look, isProven, isOther, result: response, location }
  discard(response)
  const at = await followResult(sending, response.status === 0 ? link : target)
  return { kind: look, isProven, isOther, result: at, location }
}

/**
 * Asks an address beside the link that was never issued.
 *
 * @returns what is to be thought of the link; `null` where its answer is its own
 */
async function control(sending: Sending, look: Look): Promise<InquiryFinding | null> {
  const response = await askAgain(sending, siblingOf(sending.link))
  discard(response)
  if (response === null || response.status >= 500) return { kind: 'unreachable' }
  const isSame = look === 'spent' ? response.status < 400 : lookOf(response) === look
  return isSame ? { kind: 'everywhere' } : null
}

/** The same address with another name in it: of its query, or else of its path. */
export function siblingOf(link: URL): URL {
  const random = [...randomHex()]
  const change = (name: string) => {
    const at = name.length - CHANGED_CHARS
    // What is short may be counted, and the next one may have been issued.
    if (at < 0) return name + random.join('')
    return name.slice(0, at) + name.slice(at).replace(/[a-z\d]/gi, old => random.pop() ?? old)
  }
  const sibling = new URL(link)
  if (link.search === '') sibling.pathname = link.pathname.replace(/[^/]*(?=\/*$)/, change)
  else sibling.search = link.search.replace(/[^=&]*$/, change)
  return sibling
}

/** Asks up to three times, where the answer is about the moment only. */
async function askAgain(sending: Sending, url: URL): Promise<Response | null> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await ask(sending, url)
    if (response !== null && !isPassing(response.status)) return response
    discard(response)
    const delayMs = delayFor(attempt, response, sending.options)
    if (attempt === TRIES || sending.now() + delayMs >= sending.endMs) return null
    await sending.sleep(delayMs)
  }
}

/**
 * Gets the result again: from the link, or where it leads on the same origin. With a key the same
 * is sent again, for a GET would tell of whatever is at that URL.
 *
 * @param sending - the POST
 * @returns the answer, `null` where it cannot be had
 * @throws the caller's reason, where its signal aborts
 */
export async function fetchResult(sending: Sending): Promise<Response | null> {
  if (sending.door !== 'poe') {
    const again = await sending.post()
    if (again.ok) return again
    discard(again)
    return null
  }
  const finding = await inquire(sending, true)
  return finding.kind === 'spent' ? finding.result : null
}

/**
 * Follows a redirect that tells where the result is.
 *
 * @returns the answer there; `null` on another origin, or where there is none
 * @see RFC 9110 15.4.4
 */
export async function followResult(sending: Sending, target: URL | null): Promise<Response | null> {
  if (target === null || target.origin !== sending.link.origin) return null
  const response = await ask(sending, target, true)
  if (response?.ok === true) return response
  discard(response)
  return null
}

/**
 * Whether a GET of the same URL is led to the same place, or may be, as a login leads everybody:
 * then that a POST was led there tells nothing. For POSTs with a key, which have no link to be
 * asked.
 */
export async function leadsAll(sending: Sending, target: URL | null): Promise<boolean> {
  // Somebody who knows the server may have said what is a success.
  const isSaid = sending.options.adapter?.isSuccess !== undefined
  if (target === null || sending.door === 'poe' || isSaid) return false
  const response = await askAgain(sending, sending.link)
  discard(response)
  // Who cannot be asked says nothing against it.
  if (response === null) return true
  if (response.status < 300 || response.status >= 400) return false
  const place = locationOf(response, sending.link)
  return place?.origin === target.origin && place.pathname === target.pathname
}

/** A failure to ask tells nothing, unless it is the caller's own doing. */
async function ask(sending: Sending, url: URL, follows = false): Promise<Response | null> {
  try {
    return await sending.get(url, follows)
  } catch (error) {
    if (sending.order.signal?.aborted === true) throw error
    return null
  }
}

function lookOf(response: Response): Look {
  const { status } = response
  const allows = allowsPost(response)
  // Zero is the status of a redirect that a browser hides.
  const isResult = response.ok || status === 0 || (status >= 300 && status < 400)
  if (isResult && (allows === null || saysSpent(response))) return 'spent'
  if (status === 404 || status === 410) return 'gone'
  if (status === 405 && allows === true) return 'unspent'
  if (status === 409) return 'busy'
  return ABOUT_LOGIN.has(status) || status >= 500 ? 'unreachable' : 'unclear'
}

/** Our own server says by 410 also that it is done and that the answer is not kept. */
async function judgeGone(sending: Sending, response: Response): Promise<InquiryFinding> {
  const { type } = await sending.read(response)
  if (type !== problemType('body-not-kept')) return { kind: 'gone' }
  const isOther = saysOther(response)
  return { kind: 'spent', isProven: true, isOther, result: null, location: null }
}

function saysOther(response: Response): boolean {
  return response.headers.get('link')?.includes(OTHER_RELATION) === true
}
