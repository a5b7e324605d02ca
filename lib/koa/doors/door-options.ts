/**
 * What the options of all doors have in common, and their checks.
 */
import { checkNumber, refuseUnknown } from '../../engine/checks.js'
import type { ResourceRules } from '../../engine/operation.js'
import { makeRules, RULE_OPTIONS, type RuleOptions } from '../../engine/rules.js'
import type { Core } from '../core.js'
import { checkReference } from '../options.js'

/**
 * Options that every door has. Times are milliseconds; those left out are taken from `poe()`. What
 * `transactional`, `marks`, `releaseOnThrow`, `reconcile` and `success` mean is the same as for a
 * POE resource.
 */
export interface DoorOptions extends RuleOptions {
  /** Names the operation, in every process alike. One door may stand on several routes. */
  readonly name: string
  /** Where the rules are written: a URI-reference, linked as `describedby` from each refusal. */
  readonly documentation?: string | undefined
  /** The largest request content that is taken, in bytes. Default 1,048,576 (1 MiB). */
  readonly contentLimitBytes?: number | undefined
}

/** The common part, complete. */
export interface ResolvedDoor {
  readonly name: string
  /** What to call it in errors. */
  readonly where: string
  readonly rules: ResourceRules
  readonly documentation: string | null
  readonly contentLimitBytes: number
}

const CONTENT_LIMIT_BYTES = 1_048_576
const MOST_BYTES = 64 * 1024 * 1024
const DOOR_OPTIONS = ['name', 'documentation', 'contentLimitBytes', ...RULE_OPTIONS]

/**
 * Checks the common options and enters the door's name in the book.
 *
 * @param core - of the `poe()` that the door belongs to
 * @param method - of `Poe`, for errors
 * @param options - as given
 * @param own - the names of the door's own options
 * @param waitMs - how long a twin waits where the options do not say
 * @throws TypeError or RangeError that says what to do
 */
export function resolveDoor(
  core: Core,
  method: string,
  options: DoorOptions,
  own: readonly string[],
  waitMs: number,
): ResolvedDoor {
  if (typeof options !== 'object' || options === null || typeof options.name !== 'string') {
    throw new TypeError(`${method}() needs options with a name for the operation`)
  }
  refuseUnknown(options, [...DOOR_OPTIONS, ...own], `${method}()`)
  const { name, documentation, contentLimitBytes = CONTENT_LIMIT_BYTES } = options
  const where = `${method} ${JSON.stringify(name)}`
  if (name === '') throw new TypeError(`${method}() needs a name for the operation`)
  checkReference(where, 'documentation', documentation)
  checkNumber(where, 'contentLimitBytes', contentLimitBytes, 0, MOST_BYTES)
  const rules = makeRules(where, options, core.options, waitMs)
  if (core.doors.has(`${method} ${name}`)) {
    throw new TypeError(`${where} is there already; let one door stand on several routes`)
  }
  core.doors.add(`${method} ${name}`)
  return { name, where, rules, documentation: documentation ?? null, contentLimitBytes }
}
