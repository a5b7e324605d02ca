/**
 * Asking a link by GET what became of it. Safe: it changes nothing.
 *
 * @see POE draft 2, 5, 6
 */
import { allowsPost, discard, locationOf, readProblem } from './answer.js'
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

/**
 * Asks the link, again where that may help, within the time of its POST.
 *
 * @param sending - the POST
 * @returns what the link says
 * @throws the caller's reason, where its signal aborts
 */
export async function inquire(sending: Sending): Promise<Finding> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await askOnce(sending)
    if (response !== null && !PASSING.has(response.status)) return await judge(sending, response)
    discard(response)
    const delayMs = delayFor(attempt, response, sending.options)
    if (attempt === TRIES || sending.now() + delayMs >= sending.endMs)
      return { kind: 'unreachable' }
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
  const response = await attempt(sending, () => sending.get(target, 'follow'))
  if (response?.ok === true) return response
  discard(response)
  return null
}

async function askOnce(sending: Sending): Promise<Response | null> {
  return await attempt(sending, () => sending.get(sending.link, 'manual'))
}

/** A failure to ask tells nothing, unless it is the caller's own doing. */
async function attempt(
  { order: { signal } }: Sending,
  work: () => Promise<Response>,
): Promise<Response | null> {
  try {
    return await work()
  } catch (error) {
    if (signal?.aborted === true) throw error
    return null
  }
}

async function judge(sending: Sending, response: Response): Promise<Finding> {
  const { status } = response
  const allows = allowsPost(response)
  if (response.ok) {
    if (allows === true) return unclear(response)
    return spent(allows, response, locationOf(response, sending.link))
  }
  if (response.type === 'opaqueredirect') {
    const result = await attempt(sending, () => sending.get(sending.link, 'follow'))
    return spent(null, result?.ok === true ? result : null, null)
  }
  if (status >= 300 && status < 400) {
    const location = locationOf(response, sending.link)
    discard(response)
    if (allows === true || location === null) return { kind: 'unclear' }
    return spent(allows, await follow(sending, location), location)
  }
  if (status === 410) return await judgeGone(sending, response)
  discard(response)
  if (status === 404) return { kind: 'gone' }
  if (status === 405) return { kind: allows === true ? 'unspent' : 'unclear' }
  if (status === 409) return { kind: 'busy' }
  return { kind: isNoWord(status) ? 'unreachable' : 'unclear' }
}

/** Our own server says by 410 also that it is done and that the answer is not kept. */
async function judgeGone(sending: Sending, response: Response): Promise<Finding> {
  const { type } = await readProblem(response)
  const isDone = type === `${sending.options.uriBase}problem:body-not-kept`
  return isDone ? spent(false, null, null) : { kind: 'gone' }
}

function spent(allows: boolean | null, result: Response | null, location: URL | null): Finding {
  return { kind: 'spent', isProven: allows === false, result, location: location?.href ?? null }
}

function unclear(response: Response): Finding {
  discard(response)
  return { kind: 'unclear' }
}

function isNoWord(status: number): boolean {
  return status === 401 || status === 403 || status === 407 || status >= 500
}
