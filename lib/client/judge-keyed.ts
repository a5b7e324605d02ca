/**
 * The judgement where an `Idempotency-Key` names the operation: there is no link to be asked, and a
 * server that knows the key may be sent the same again.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.6
 */
import {
  adrift,
  busy,
  classify,
  doubtful,
  end,
  isAboutContent,
  isSuccess,
  type JudgedAnswer,
  type Judgement,
  type JudgeRules,
  type Past,
} from './judge.js'

/** What names the operation: a POE link, or an `Idempotency-Key`. */
export type ClientDoor = 'poe' | 'idempotency-key'

/** How `classify` judges, in Node. */
export interface AnyRules extends JudgeRules {
  /**
   * What names the operation.
   *
   * @defaultValue 'poe'
   */
  readonly door?: ClientDoor
  /**
   * Whether each try may send other bytes, as content that a function makes; then what a server
   * says of the content of one try says nothing of another one.
   *
   * @defaultValue false
   */
  readonly isMadeAnew?: boolean
}

/**
 * Judges one answer to a POST that can be sent again: at a POE link, or with an `Idempotency-Key`.
 *
 * @param answer - the `Response`, or what `fetch` threw
 * @param past - what is known of the tries before
 * @param rules - see {@link AnyRules}
 * @returns what to do
 */
export function classifyAny(answer: unknown, past: Past = {}, rules: AnyRules = {}): Judgement {
  const judged = classify(answer, past, rules)
  if (rules.door !== 'idempotency-key') return judged
  const { status } = (answer ?? {}) as Partial<JudgedAnswer>
  if (status === 409) return busy(past)
  if (judged.action === 'prove') return doubtful(past)
  if (judged.action !== 'ask' || status === undefined) return judged
  if (status >= 500) return adrift(past)
  const isDenied = rules.isSuccess?.(answer as JudgedAnswer) === false
  if (isSuccess(status) && !isDenied) return end('accepted')
  if (status < 400) return end('unknown')
  return isAboutContent(status) && rules.isMadeAnew !== true ? end('refused') : doubtful(past)
}
