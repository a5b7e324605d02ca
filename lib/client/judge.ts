/**
 * The client's judgement: what one answer, or the lack of one, says about a POST. Pure.
 *
 * @see POE draft 2, 5; draft-ietf-httpapi-idempotency-key-header-07 2.6
 */
import type { WithFields } from './delay.js'

/** What names the operation: a POE link, or an `Idempotency-Key`. */
export type Door = 'poe' | 'idempotency-key'

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
   * What names the operation.
   *
   * @defaultValue 'poe'
   */
  readonly door?: Door
  /**
   * Statuses besides 405 by which the server says that a link was used; they prove nothing. For
   * servers that are like POE and not the draft.
   *
   * @defaultValue none
   */
  readonly usedStatuses?: readonly number[]
  /**
   * Whether a 2xx means that it happened.
   *
   * @defaultValue every 2xx does
   */
  readonly isSuccess?: (response: Answer) => boolean
  /**
   * Whether an error proves that no server saw the request.
   *
   * @defaultValue in Node: refused connections and HTTP/2 streams do; in browsers nothing does
   */
  readonly provesNotSent?: (error: unknown) => boolean
}

/** What is judged of an answer: a `Response`, or what has its status, type and fields. */
export interface Answer extends WithFields {
  readonly status: number
  readonly type?: string
}

/**
 * What to do now.
 *
 * - `stop`: it is over, with this outcome.
 * - `retry`: send the same again, after {@link delayFor}; where no try is left, it is `unknown`
 *   if `mayHaveArrived`, else it did not happen.
 * - `prove`: a 405; ask the link by GET whether it is spent before that is believed.
 * - `ask`: nothing is proven; ask the link by GET what became of it.
 * - `follow`: a 307 or 308; send the same to its `Location`, on the same origin only.
 */
export type Judgement = (
  | { readonly action: 'stop'; readonly outcome: 'accepted' | 'refused' | 'gone' | 'unknown' }
  | { readonly action: 'retry' | 'prove' | 'ask' | 'follow' }
) & {
  /** Whether a try may have taken effect by now. */
  readonly mayHaveArrived: boolean
  /** Whether a try may still be on its way, so that what the link says now can change. */
  readonly isAdrift: boolean
  /** Whether another POST is under way at the link. */
  readonly isBusy: boolean
}

/** The server judged the content, which is the same on every try. */
const ABOUT_CONTENT = new Set([400, 406, 411, 413, 414, 415, 416, 417, 422, 431])
/** Told before anything is run. */
const NOT_RUN = new Set([425, 429])
/** From a server in between, or one that is overwhelmed: a try may have passed. */
const LOST_BEYOND = new Set([408, 502, 503, 504])

/**
 * Judges one answer to a POST that can be sent again: to a POE link, or with an
 * `Idempotency-Key`. For retry helpers of your own; `createClient` does all of it.
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
    return rules.provesNotSent?.(answer) === true ? again(past) : adrift(past)
  }
  return judge(answer, past, rules)
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

function judge(answer: Answer, past: Past, rules: JudgeRules): Judgement {
  const { status } = answer
  if (answer.type === 'opaqueredirect') return ask(past, true)
  if (status >= 200 && status < 300) {
    const isSuccess = rules.isSuccess?.(answer) ?? true
    return isSuccess ? stop('accepted', true) : refused(status, past, rules)
  }
  if (status === 303) return stop('accepted', true)
  if (status === 307 || status === 308) return { action: 'follow', ...known(past) }
  if (status < 400) return rules.door === 'idempotency-key' ? unproven(past) : ask(past, true)
  if (rules.usedStatuses?.includes(status)) return doubtful(past)
  if (NOT_RUN.has(status)) return again(past)
  if (LOST_BEYOND.has(status)) return adrift(past)
  if (status >= 500) return rules.door === 'idempotency-key' ? adrift(past) : ask(past, true)
  if (status === 409 && isWaiting(answer, rules)) return { ...again(past), isBusy: true }
  if (status === 405) return rules.door === 'idempotency-key' ? doubtful(past) : prove(past)
  if (status === 404 || status === 410) return gone(past)
  return refused(status, past, rules)
}

function refused(status: number, past: Past, rules: JudgeRules): Judgement {
  if (!isOpen(past)) return stop('refused', false)
  if (rules.door !== 'idempotency-key') return ask(past, past.mayHaveArrived ?? false)
  return isAboutContent(status) || status === 409 ? stop('refused', false) : doubtful(past)
}

function isWaiting(answer: Answer, rules: JudgeRules): boolean {
  return rules.door === 'idempotency-key' || answer.headers.get('retry-after') !== null
}

function isAnswer(answer: unknown): answer is Answer {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    typeof (answer as { status?: unknown }).status === 'number' &&
    typeof (answer as { headers?: { get?: unknown } }).headers?.get === 'function'
  )
}

/** Whether the tries before leave open what happened. */
function isOpen({ mayHaveArrived = false, wasBusy = false }: Past): boolean {
  return mayHaveArrived || wasBusy
}

function known({ mayHaveArrived = false, wasBusy = false }: Past) {
  return { mayHaveArrived, isAdrift: false, isBusy: wasBusy }
}

function stop(
  outcome: 'accepted' | 'refused' | 'gone' | 'unknown',
  mayHaveArrived: boolean,
): Judgement {
  return { action: 'stop', outcome, mayHaveArrived, isAdrift: false, isBusy: false }
}

function gone(past: Past): Judgement {
  return isOpen(past) ? stop('unknown', true) : stop('gone', false)
}

function doubtful(past: Past): Judgement {
  return isOpen(past) ? stop('unknown', true) : stop('refused', false)
}

function unproven(past: Past): Judgement {
  return { ...stop('unknown', true), isBusy: known(past).isBusy }
}

function again(past: Past): Judgement {
  return { action: 'retry', ...known(past) }
}

function adrift(past: Past): Judgement {
  return { action: 'retry', ...known(past), mayHaveArrived: true, isAdrift: true }
}

function ask(past: Past, mayHaveArrived: boolean): Judgement {
  return { action: 'ask', ...known(past), mayHaveArrived }
}

function prove(past: Past): Judgement {
  return { action: 'prove', ...known(past) }
}
