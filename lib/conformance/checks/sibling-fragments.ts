/**
 * What the checks of the sibling schemes begin with or ask for.
 */
import type { Expectation, SendStep, Step } from '../catalogue.js'
import { L } from './fragments.js'

/** What a server may say to those who come while it works for another one. */
export const WAITING: Expectation = { status: ['409', '425', '429', '503'] }

/** The request was refused, for whatever reason. */
export const REFUSED: Expectation = { status: ['4xx'] }

/** Says why, or leads to where that is said: by a field, or in its content. */
export const DOCUMENTED: Expectation = {
  anyOf: [
    [{ typeIs: 'application/problem+json' }],
    [{ linksTo: 'describedby' }],
    [{ namesLink: true }],
  ],
}

/** The same request again, with its answer. */
export const AGAIN: SendStep = { send: { to: L }, as: 'again' }

/** One effect since the check began. */
export const ONE_EFFECT: Step = { effects: { exactly: 1 } }

/** None. */
export const NO_EFFECT: Step = { effects: { exactly: 0 } }

/** The answer of an earlier request, in all that counts. */
export function replayOf(name: string): readonly Expectation[] {
  return [
    { statusOf: name },
    { contentOf: name },
    { when: [{ has: 'Location' }], of: name, demand: [{ locationOf: name }] },
    { when: [{ lacks: 'Location' }], of: name, demand: [{ lacks: 'Location' }] },
  ]
}
