/**
 * Asking a link by GET what became of it. Safe: it changes nothing.
 *
 * @see POE draft 2, 5, 6
 */
import { allowsPost, discard, locationOf } from './answer.js'
import { delayFor } from './delay.js'
import type { Sending } from './sending.js'

/**
 * What a link says of itself.
 *
 * - `spent`: it gives a result. `isProven`: it also says that POST is not allowed any more, which
 *   a page that waits for its POST would not say.
 * - `unspent`: GET is not allowed and POST is.
 * - `busy`: a POST is under way, or undecided.
 * - `gone`: the link is not known.
 * - `unreachable`: no answer, or one about the server or the caller's login.
 * - `unclear`: anything else.
 */
export type Finding =
  | {
      readonly kind: 'spent'
      readonly isProven: boolean
      readonly result: Response | null
      readonly location: string | null
    }
  | { readonly kind: 'unspent' | 'busy' | 'gone' | 'unreachable' | 'unclear' }

const TRIES = 3
const PASSING = new Set([408, 425, 429, 502, 503, 504])
/** About the caller's login, not about the link. */
const ABOUT_LOGIN = new Set([401, 403, 407])

/**
 * Asks the link, again where that may help, within the time of its POST.
 *
 * @param sending - the POST
 * @returns what the link says
 * @throws the caller's reason, where its signal aborts
 */
export async function inquire(sending: Sending): Promise<Finding> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await ask(sending, sending.link, 'manual')
    if (response !== null && !PASSING.has(response.status)) return await judge(sending, response)
    discard(response)
    const delayMs = delayFor(attempt, response, sending.options)
    const isOver = attempt === TRIES || sending.now() + delayMs >= sending.endMs
    if (isOver) return { kind: 'unreachable' }
    await sending.sleep(delayMs)
  }
}

/**
 * Gets the result again: from the link, or where it leads on the same origin.
 *
 * @param sending - the POST
 * @returns the answer, `null` where it cannot be had
 * @throws the caller's reason, where its signal aborts
 */
export async function fetchResult(sending: Sending): Promise<Response | null> {
  const finding = await inquire(sending)
  return finding.kind === 'spent' ? finding.result : null
}

/**
 * Follows a redirect that tells where the result is.
 *
 * @returns the answer there; `null` on another origin, or where there is none
 * @see RFC 9110 15.4.4
 */
export async function follow(sending: Sending, target: URL | null): Promise<Response | null> {
  if (target === null || target.origin !== sending.link.origin) return null
  const response = await ask(sending, target, 'follow')
  if (response?.ok === true) return response
  discard(response)
  return null
}

/** A failure to ask tells nothing, unless it is the caller's own doing. */
async function ask(
  sending: Sending,
  url: URL,
  redirect: 'manual' | 'follow',
): Promise<Response | null> {
  try {
    return await sending.get(url, redirect)
  } catch (error) {
    if (sending.order.signal?.aborted === true) throw error
    return null
  }
}

async function judge(sending: Sending, response: Response): Promise<Finding> {
  const { status } = response
  const allows = allowsPost(response)
  const location = locationOf(response, sending.link)
  if (response.ok && allows !== true) return spent(allows, response, location)
  if (status === 410) return await judgeGone(sending, response)
  discard(response)
  // A browser hides where a redirect leads, and follows it.
  const isHidden = status === 0
  const target = isHidden ? sending.link : location
  if ((isHidden || (status >= 300 && status < 400)) && allows !== true && target !== null) {
    return spent(allows, await follow(sending, target), location)
  }
  if (status === 404) return { kind: 'gone' }
  if (status === 405 && allows === true) return { kind: 'unspent' }
  if (status === 409) return { kind: 'busy' }
  return { kind: ABOUT_LOGIN.has(status) || status >= 500 ? 'unreachable' : 'unclear' }
}

/** Our own server says by 410 also that it is done and that the answer is not kept. */
async function judgeGone(sending: Sending, response: Response): Promise<Finding> {
  const { type } = await sending.read(response)
  const isDone = type === `${sending.options.uriBase}problem:body-not-kept`
  return isDone ? spent(false, null, null) : { kind: 'gone' }
}

function spent(allows: boolean | null, result: Response | null, location: URL | null): Finding {
  return { kind: 'spent', isProven: allows === false, result, location: location?.href ?? null }
}
