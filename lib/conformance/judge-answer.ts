/**
 * What an answer says about the question of a check: that it is met, that it is not, that the
 * question does not arise, or nothing.
 *
 * @see spec-notes/decisions/0009-how-a-server-is-judged.md
 */
import { CannotTell } from './cannot-tell.js'
import type { Expectation, SendStep } from './catalogue.js'
import { NotAsked, NotMet } from './ending.js'
import { firstUnmet, namesStatus, type Surroundings } from './expectations.js'
import type { User } from './session.js'
import type { Exchange } from './wire.js'
import { describe } from './words.js'

/** What a step demands of an answer. */
export type Demands = Pick<SendStep, 'setup' | 'only' | 'expect'>

/** "Not now", "not you" and the like: whoever says so says nothing about the rule. */
const NOT_NOW = [429, 502, 503, 504]
const NOT_YOU = [401, 407]

/**
 * Judges an answer by a step.
 *
 * @param user - who has asked
 * @param surroundings - the other answers of the check
 * @throws NotMet where it is not as demanded
 * @throws NotAsked where the question does not arise
 * @throws CannotTell where the answer says nothing about it
 */
export function judgeAnswer(
  { setup = [], only = [], expect = [] }: Demands,
  exchange: Exchange,
  user: User | undefined,
  surroundings: Surroundings,
): void {
  const all = [...setup, ...only, ...expect]
  if (all.length === 0) return
  if (exchange.response === null) throw judgedSilence(expect, exchange)
  const { status } = exchange.response
  const isAccident = NOT_NOW.includes(status) || (NOT_YOU.includes(status) && user !== 'nobody')
  if (isAccident && user !== 'second' && !namesStatus(all, status)) {
    const words = 'it was refused, and that does not tell why'
    throw new CannotTell(`${describe(exchange)}: ${words}.`, exchange)
  }
  const missing = firstUnmet(setup, exchange, surroundings)
  if (missing !== null) {
    const words = `${missing.expected} was needed, and this was seen: ${missing.seen}`
    throw new CannotTell(`${describe(exchange)}: ${words}.`, exchange)
  }
  if (firstUnmet(only, exchange, surroundings) !== null) {
    throw new NotAsked(`it does not arise: ${describe(exchange)}`)
  }
  demand(expect, exchange, surroundings)
}

/**
 * Demands something of an answer.
 *
 * @throws NotMet where it is not so
 */
export function demand(
  expectations: readonly Expectation[],
  exchange: Exchange,
  surroundings: Surroundings,
): void {
  const found = firstUnmet(expectations, exchange, surroundings)
  if (found !== null) throw new NotMet(found, exchange)
}

function judgedSilence(expect: readonly Expectation[], exchange: Exchange): CannotTell | NotMet {
  const isAsked = exchange.interim.includes(100)
  // A server of HTTP/1.0 ignores the question, and waits for the content.
  const isJudged = (isAsked || exchange.ended === 'timeout') && asksAtOnce(expect)
  if (!isJudged) return new CannotTell(`${describe(exchange)}.`, exchange)
  const seen = isAsked ? `${exchange.interim.join(', ')} first` : 'nothing without the content'
  return new NotMet({ expected: 'the refusal at once', seen }, exchange)
}

function asksAtOnce(expectations: readonly Expectation[]): boolean {
  return expectations.some(one => 'noInterim' in one)
}
