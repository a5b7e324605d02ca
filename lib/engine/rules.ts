/**
 * The rules by which a handler is run once, as an application gives them, whatever the door.
 */
import { checkFunctions, checkNumber, DAY_MS } from './checks.js'
import { hearFailure } from './hear-failure.js'
import type { Reconciled, ResourceRules, SuccessRule } from './operation.js'
import { isSuccess } from './outcome.js'
import type { Store } from './store.js'

/**
 * How a handler is run once. Times are milliseconds; those left out are taken from `poe()`.
 */
export interface RuleOptions {
  readonly waitMs?: number | undefined
  readonly maxRunMs?: number | undefined
  /**
   * The handler's whole effect is in `ctx.poe.tx`, or in what joins it. Needs a transactional
   * store. `may-be-empty`: it may succeed without any, which is told as a mistake otherwise.
   */
  readonly transactional?: boolean | 'may-be-empty' | undefined
  /** The handler calls `ctx.poe.pointOfNoReturn()` before its effect. */
  readonly marks?: boolean | undefined
  /** Any throw of the handler means that nothing happened; that it says nothing does not. */
  readonly releaseOnThrow?: boolean | undefined
  /**
   * Which thrown errors say that nothing happened, besides those made by `ctx.throw`. Only `true`
   * counts; errors of a client library do not belong here: theirs is somebody else's status.
   */
  readonly isRefusal?: ((error: unknown) => boolean) | undefined
  /**
   * Further statuses, of 500 to 599, by which the handler says that nothing happened. Default: 501
   * and 503 alone.
   */
  readonly reports?: readonly number[] | undefined
  /** Finds out about an undecided link; asked on POST, waited for at most 5 s. */
  readonly reconcile?: ((key: string) => Reconciled | Promise<Reconciled>) | undefined
  /** Replaces the rule for what is a success (2xx, or 301, 302, 303 with `Location`). */
  readonly success?: SuccessRule | undefined
}

/** The names of {@link RuleOptions}. */
export const RULE_OPTIONS: readonly string[] = [
  ...['waitMs', 'maxRunMs', 'transactional', 'marks', 'releaseOnThrow'],
  ...['isRefusal', 'reports', 'reconcile', 'success'],
]

/** What of them is a function, and what it does. */
const FUNCTIONS = {
  isRefusal: 'judges a thrown error',
  reconcile: 'tells what became of an effect',
  success: 'judges an answer',
}

/**
 * Makes the rules of a resource or a door.
 *
 * @param where - what to call it in errors
 * @param waitMs - how long a twin waits where `options` do not say, in milliseconds
 * @throws TypeError or RangeError that says what to do
 */
export function makeRules(
  where: string,
  options: RuleOptions,
  defaults: { readonly store: Store<unknown>; readonly maxRunMs: number },
  waitMs: number,
): ResourceRules {
  checkFunctions(where, options, FUNCTIONS)
  const { marks = false } = options
  const asked = options.transactional ?? false
  if (typeof asked !== 'boolean' && asked !== 'may-be-empty') {
    throw new TypeError(`${where}: transactional takes true, false or 'may-be-empty'`)
  }
  const transactional = asked !== false
  if (transactional && !defaults.store.capabilities.transactional) {
    throw new TypeError(`${where} is transactional, but its store has no transactions`)
  }
  if (transactional && marks) {
    throw new TypeError(`${where}: marks are for external effects, not for a transactional one`)
  }
  const rules: ResourceRules = {
    transactional,
    mayBeEmpty: asked === 'may-be-empty',
    marks,
    releaseOnThrow: options.releaseOnThrow ?? false,
    waitMs: options.waitMs ?? waitMs,
    maxRunMs: options.maxRunMs ?? defaults.maxRunMs,
    success: options.success === undefined ? isSuccess : atOnce(where, options.success),
    reports: checkReports(where, options.reports),
    isRefusal: options.isRefusal ?? null,
    keepsRefusal: null,
    reconcile: options.reconcile ?? null,
  }
  checkNumber(where, 'waitMs', rules.waitMs, 0, 60_000)
  checkNumber(where, 'maxRunMs', rules.maxRunMs, 1, DAY_MS)
  return Object.freeze(rules)
}

/** A promise counts as true: every refusal would be a success, and use its link up. */
function atOnce(where: string, success: SuccessRule): SuccessRule {
  return answer => {
    const told: unknown = success(answer)
    if (!(told instanceof Promise)) return told as boolean
    hearFailure(told)
    throw new TypeError(`${where}: success(answer) gave a promise; it must say true or false`)
  }
}

function checkReports(where: string, reports: unknown): readonly number[] {
  if (reports === undefined) return []
  const isList = Array.isArray(reports)
  if (isList && reports.every(status => Number.isInteger(status) && /^5\d\d$/.test(`${status}`))) {
    return Object.freeze([...reports])
  }
  throw new TypeError(`${where}: reports must be a list of statuses from 500 to 599`)
}

/**
 * Refuses a store that forgets at a restart, where that would let an effect happen twice.
 *
 * @throws TypeError that says what to do
 */
export function demandDurable(
  where: string,
  { capabilities }: Store<unknown>,
  dangerouslyNotDurable: boolean | undefined,
): void {
  if (capabilities.durable || dangerouslyNotDurable === true) return
  throw new TypeError(
    `${where}, but its store forgets at a restart and would run it again. ` +
      'Use a durable store, or set dangerouslyNotDurable: true.',
  )
}
