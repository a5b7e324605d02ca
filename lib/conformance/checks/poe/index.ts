/**
 * All checks of servers with POE links, in the order in which they are run: harmless ones first,
 * restarts last.
 */
import type { Check } from '../../catalogue.js'
import { NOT_BURNT, NOT_YOURS, SILENCE } from './failures.js'
import { CACHES, FIELD, REQUEST_FIELD, SPELLINGS } from './pages.js'
import { AT_MOST_ONCE, FIRST, RUNNING } from './race.js'
import { RESULT, SAFE_METHODS } from './recovery.js'
import { REFUSAL } from './refusal.js'
import { IN_THE_END, NEVER_AGAIN } from './reuse.js'

const ALL: readonly Check[] = [
  ...FIRST,
  ...NEVER_AGAIN,
  ...AT_MOST_ONCE,
  ...REFUSAL,
  ...FIELD,
  ...RESULT,
  ...SAFE_METHODS,
  ...NOT_BURNT,
  ...NOT_YOURS,
  ...REQUEST_FIELD,
  ...CACHES,
  ...SPELLINGS,
  ...RUNNING,
  ...SILENCE,
]

const restarts = ({ needs }: Check) => needs?.includes('restart') === true

/** The catalogue. */
export const CHECKS: readonly Check[] = [
  ...ALL.filter(check => !restarts(check)),
  ...IN_THE_END,
  ...ALL.filter(restarts),
]
