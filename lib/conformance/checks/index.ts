/**
 * The catalogues of all doors, each in the order in which it is run.
 */
import type { Check, Door } from '../catalogue.js'
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
  'idempotency-key': restartsLast([
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
  conditional: restartsLast([...CONDITION_MATCH, ...CONDITION_ORDER]),
}

/** The checks of a door. */
export function catalogueOf(door: Door): readonly Check[] {
  return DOOR_CHECKS[door]
}

function restartsLast(checks: readonly Check[]): readonly Check[] {
  const restarts = ({ needs }: Check) => needs?.includes('restart') === true
  return [...checks.filter(check => !restarts(check)), ...checks.filter(restarts)]
}
