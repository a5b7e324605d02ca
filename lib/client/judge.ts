/**
 * The client's judgement: what one answer, or the lack of one, says about a POST. Pure.
 *
 * @see POE draft 2, 5
 */
import { allowsPost, isAnswer, saysSpent } from './answer.js'
import type { WithFields } from './delay.js'

/** What is known of the tries before this answer. */
export interface Past {
  /** A try may have taken effect. Default: `false`. */
  readonly mayHaveArrived?: boolean
  /** Another POST was seen under way. Default: `false`. */
  readonly wasBusy?: boolean
}

/** How {@link classify} judges. */
export interface JudgeRules {
  /**
   * Statuses besides 405 by which the server says that a link was used; they prove nothing. For
   * servers that are like POE and not the draft.
   *
   * @defaultValue none
   */
  readonly usedStatuses?: readonly number[]
  /**
   * Whether a 2xx means that it happened; what it says is believed.
   *
   * @defaultValue one does whose `Allow` says that the link is spent, and 201, 202 and 204 do whose
   *   `Allow` does not offer POST; the link is asked about any other
   */
  readonly isSuccess?: (response: JudgedAnswer) => boolean
  /**
   * Whether an error proves that no server saw the request.
   *
   * @defaultValue in Node: refused connections and HTTP/2 streams do; in browsers nothing does
   */
  readonly provesNotSent?: (error: unknown) => boolean
}

/** What is judged of an answer: a `Response`, or what has its status and fields. */
export interface JudgedAnswer extends WithFields {
  readonly status: number
}

/**
 * What to do now.
 *
 * - `stop`: it is over, with this outcome.
 * - `retry`: send the same again, after {@link delayFor}; where no try is left, it is `unknown`
 *   if `mayHaveArrived`, else it did not happen.
 * - `prove`: a 405; ask the link by GET whether it is spent before that is believed.
 * - `ask`: nothing is proven, also where it looks like a success; ask the link by GET what became
 *   of it.
 * - `follow`: a 307 or 308; send the same to its `Location`, on the same origin only.
 */
export type Judgement = (Ending | NextStep) & Knowledge

/** It is over. */
export interface Ending {
  readonly action: 'stop'
  readonly outcome: 'accepted' | 'refused' | 'gone' | 'unknown'
}

/** It is not over. */
export interface NextStep {
  readonly action: 'retry' | 'prove' | 'ask' | 'follow'
}

/** What is known of the tries by now. */
export interface Knowledge {
  /** Whether a try may have taken effect by now. */
  readonly mayHaveArrived: boolean
  /** Whether a try may still be on its way, so that what the link says now can change. */
  readonly isAdrift: boolean
  /** Whether another POST is under way at the link. */
  readonly isBusy: boolean
}

/** The server judged the content, which is the same on every try. */
const ABOUT_CONTENT = new Set([400, 406, 411, 413, 414, 415, 416, 417, 422, 431])
/** Successes that a page in between, such as a login, does not answer with. */
const PLAIN_SUCCESS = new Set([201, 202, 204])
/** Told before anything is run. */
const NOT_RUN = new Set([425, 429])
/** Those, and from a server in between, or one that is overwhelmed: a try may have passed. */
const PASSING = new Set([408, 425, 429, 502, 503, 504])

/**
 * Judges one answer to a POST at a POE link. For retry helpers of your own; `createClient` does all
 * of it.
 *
 * @param answer - the `Response`, or what `fetch` threw
 * @param past - what is known of the tries before; pass `mayHaveArrived` on from judgement to
 *   judgement
 * @param rules - see {@link JudgeRules}
 * @returns what to do
 * @see POE draft 2, 5
 */
export function classify(answer: unknown, past: Past = {}, rules: JudgeRules = {}): Judgement {
  if (!isAnswer(answer)) {
    return rules.provesNotSent?.(answer) === true ? next('retry', past) : adrift(past)
  }
  const { status } = answer
  if (isSuccess(status)) return success(answer, past, rules)
  if (status === 307 || status === 308) return next('follow', past)
  // Zero is the status of a redirect that a browser hides.
  if (status < 400) return next('ask', past, { mayHaveArrived: true })
  if (rules.usedStatuses?.includes(status)) return doubtful(past)
  if (NOT_RUN.has(status)) return next('retry', past)
  if (isPassing(status)) return adrift(past)
  if (status >= 500) return next('ask', past, { mayHaveArrived: true })
  // Another POST is under way, unless the link still offers POST: then its application refuses.
  if (status === 409) {
    if (answer.headers.get('retry-after') !== null) return busy(past)
    return allowsPost(answer) === true ? next('ask', past) : next('ask', past, { isBusy: true })
  }
  if (status === 405) return next('prove', past)
  if (status === 404 || status === 410) return end(isOpen(past) ? 'unknown' : 'gone')
  return refused(past)
}

/**
 * Whether refusals with this status tell the same about every try of the same content.
 *
 * @param status - of a 4xx
 * @returns `false` where the state of somebody's login, or of the resource, decides
 */
export function isAboutContent(status: number): boolean {
  return ABOUT_CONTENT.has(status)
}

/** Whether a status is about the moment: from 520 on only gateways speak, of what they wait for. */
export function isPassing(status: number): boolean {
  return PASSING.has(status) || status > 519
}

/** Whether a status is said where a POST took effect: 2xx, and 303, which leads to the result. */
export function isSuccess(status: number): boolean {
  return (status >= 200 && status < 300) || status === 303
}

/** Another POST is under way: wait for it. */
export function busy(past: Past): Judgement {
  return next('retry', past, { isBusy: true })
}

/** A try may have taken effect, and may still be on its way. */
export function adrift(past: Past): Judgement {
  return next('retry', past, { mayHaveArrived: true, isAdrift: true })
}

/** A refusal that proves nothing about the tries before. */
export function doubtful(past: Past): Judgement {
  return end(isOpen(past) ? 'unknown' : 'refused')
}

/** It is over. */
export function end(outcome: Ending['outcome']): Judgement {
  const mayHaveArrived = outcome === 'accepted' || outcome === 'unknown'
  return { action: 'stop', outcome, mayHaveArrived, isAdrift: false, isBusy: false }
}

function next(action: NextStep['action'], past: Past, more: Partial<Knowledge> = {}): Judgement {
  const { mayHaveArrived = false, wasBusy = false } = past
  return { action, mayHaveArrived, isBusy: wasBusy, isAdrift: false, ...more }
}

/**
 * A login page, a portal, or what turns every error into 200 looks like a success: the link has to
 * have said so. A result's link is for those that come later, and so is an answer with it.
 */
function success(answer: JudgedAnswer, past: Past, rules: JudgeRules): Judgement {
  const { status, headers } = answer
  const told = status === 303 ? undefined : rules.isSuccess?.(answer)
  if (told === false) return refused(past)
  const isLate = /:rel:result\b/.test(headers.get('link') ?? '')
  const isSaid = PLAIN_SUCCESS.has(status)
    ? allowsPost(answer) !== true
    : saysSpent(answer) && !isLate
  if (told === true || isSaid) return end('accepted')
  return next('ask', past, { mayHaveArrived: true })
}

function refused(past: Past): Judgement {
  return isOpen(past) ? next('ask', past) : end('refused')
}

/** Whether the tries before leave open what happened. */
function isOpen({ mayHaveArrived = false, wasBusy = false }: Past): boolean {
  return mayHaveArrived || wasBusy
}
