/**
 * What scenarios are made of: reactions of the server, and demands that are made again and again.
 */
import type { ClientCheck, ClientExpectation, Reaction, Scenario, Script } from './scenario.js'

/** It takes effect. */
export const CREATED: Reaction = {
  executes: true,
  answer: { status: 201, fields: { Location: '/orders/1' }, content: { order: 1 } },
}
/** Nothing happens, and no answer comes. */
export const LOST: Reaction = { answer: 'cut' }
/** It takes effect, and no answer comes. */
export const LOST_AFTER: Reaction = { executes: true, answer: 'cut' }
/** It took effect before. */
export const PROVEN: Reaction = { answer: 'proven' }

/** It may have happened: whoever is told otherwise orders again. */
export const NOT_TOLD_AS_REFUSED: ClientExpectation = { ended: ['accepted', 'unknown'] }
/** It did not happen, or nobody can tell. */
export const NOT_TOLD_AS_ACCEPTED: ClientExpectation = {
  ended: ['refused', 'unknown', 'failed'],
}
/** Nobody can tell. */
export const TOLD_AS_UNKNOWN: ClientExpectation = { ended: ['unknown'] }
/** It is certain that nothing happened; an error may mean that. */
export const TOLD_AS_NOT_DONE: ClientExpectation = { ended: ['refused', 'failed'] }
/** The same; or it was done by a fresh link, which is what such a page is for. */
export const TOLD_AS_NOT_DONE_OR_ANEW: ClientExpectation = {
  ended: ['refused', 'failed', 'accepted'],
}
/** There was a further try. */
export const REPEATED: ClientExpectation = { posts: { atLeast: 2 } }

/** A scenario by its parts. */
export function scenario(name: string, script: Script, ...checks: ClientCheck[]): Scenario {
  return { name, script, checks }
}

/** A refusal with the status that says why. */
export function refusal(status: number, fields: Readonly<Record<string, string>> = {}): Reaction {
  return { answer: { status, fields, content: { status, title: 'Not like this' } } }
}
