/**
 * How a check ends: what was not met, what was not asked, and what could not be told.
 */

import { CannotTell, HarnessFailed } from './cannot-tell.js'
import type { ResultKind } from './report.js'
import type { UnmetExpectation } from './unmet-expectation.js'
import type { Exchange } from './wire.js'
import { cutShort, describe, transcript } from './words.js'

/** How a check ended, without what the catalogue knows about it. */
export interface CheckEnding {
  readonly result: ResultKind
  readonly expected?: string
  readonly seen?: string
  readonly exchange?: string
  /** The question of the check was answered well; there were effects that nobody was told of. */
  readonly isUntold?: true
}

/** The judged answer is not as expected. */
export class NotMet extends Error {
  readonly unmet: UnmetExpectation
  readonly exchange: Exchange | null
  constructor(unmet: UnmetExpectation, exchange: Exchange | null) {
    super('not met')
    this.unmet = unmet
    this.exchange = exchange
  }
}

/** The question does not arise with this server. */
export class NotAsked extends Error {}

/** A redirect leads to another origin, where nothing is asked. */
export function leadsElsewhere({ origin }: URL, answer: Exchange): NotAsked {
  return new NotAsked(`it does not arise: ${describe(answer)}, which leads to ${origin}`)
}

/** There were more effects than that, or fewer. */
export function effectsNotMet(expected: string, count: number): NotMet {
  const noun = expected.endsWith('1') ? 'effect' : 'effects'
  return new NotMet({ expected: `${expected} ${noun}`, seen: `${count}` }, null)
}

/**
 * How a check ends by what was thrown in it.
 *
 * @param error - what was thrown
 * @param secrets - names of fields that no report shows
 * @param unmetIs - what an answer that is not as expected is worth
 */
export function ending(
  error: unknown,
  secrets: ReadonlySet<string>,
  unmetIs: 'fail' | 'warn',
): CheckEnding {
  const show = (exchange: Exchange | null) =>
    exchange === null ? {} : { exchange: transcript(exchange, secrets) }
  if (error instanceof NotMet) {
    const { expected, seen } = error.unmet
    const words = { expected: cutShort(expected), seen: cutShort(seen) }
    return { result: unmetIs, ...words, ...show(error.exchange) }
  }
  if (error instanceof NotAsked) return { result: 'skipped', seen: error.message }
  if (error instanceof CannotTell) {
    const result = error instanceof HarnessFailed ? 'harness-failed' : 'setup-failed'
    return { result, seen: error.message, ...show(error.exchange) }
  }
  return { result: 'harness-failed', seen: error instanceof Error ? error.message : String(error) }
}
