/**
 * The catalogues of all doors, each in the order in which it is run.
 */
import type { Check, Door, Step } from '../catalogue.js'
import { ACTION_DELETE, ACTION_REFUSALS, ACTION_USE } from './action-id/actions.js'
import { CONDITION_MATCH, CONDITION_ORDER } from './conditional/conditions.js'
import { KEY_FAILURES, KEY_ONCE, KEY_SCOPE } from './idempotency-key/once.js'
import { KEY_OTHER, KEY_REPLAY, KEY_RUNNING } from './idempotency-key/replay.js'
import { KEY_MISSING, KEY_SYNTAX } from './idempotency-key/syntax.js'
import { CHECKS } from './poe/index.js'

export { DOOR_REQUIREMENTS } from './sibling-requirements.js'

/** The checks of each door. */
export const DOOR_CHECKS: Readonly<Record<Door, readonly Check[]>> = {
  poe: CHECKS,
  'idempotency-key': ordered('IK-2.6-1/first', [
    ...KEY_ONCE,
    ...KEY_REPLAY,
    ...KEY_OTHER,
    ...KEY_MISSING,
    ...KEY_SYNTAX,
    ...KEY_SCOPE,
    ...KEY_FAILURES,
    ...KEY_RUNNING,
  ]),
  'action-id': restartsLast([...ACTION_USE, ...ACTION_REFUSALS, ...ACTION_DELETE]),
  conditional: ordered('COND-01/current', [...CONDITION_MATCH, ...CONDITION_ORDER]),
}

/** The checks of a door. */
export function catalogueOf(door: Door): readonly Check[] {
  return DOOR_CHECKS[door]
}

/** What looks back at the run, and then what restarts the server. */
function restartsLast(checks: readonly Check[]): readonly Check[] {
  const placeOf = ({ needs, steps }: Check) => {
    if (needs?.includes('restart') === true) return 2
    return steps.some(step => 'used' in step) ? 1 : 0
  }
  return [0, 1, 2].flatMap(place => checks.filter(check => placeOf(check) === place))
}

/** Where the first request itself is not done once, whatever counts effects would tell so, too. */
function ordered(first: string, checks: readonly Check[]): readonly Check[] {
  return restartsLast(checks).map(check => {
    const counts = check.id !== first && check.steps.some(isOfEffects)
    if (!counts) return check
    const others = [check.blockedBy ?? []].flat()
    return { ...check, blockedBy: others.length === 0 ? first : [first, ...others] }
  })
}

function isOfEffects(step: Step): boolean {
  return (
    'race' in step || ('effects' in step && 'exactly' in step.effects && step.effects.exactly > 0)
  )
}
