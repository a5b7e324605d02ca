/**
 * A worker as an application makes it: its options, their checks, and how it is started and
 * stopped.
 */
import { checkNumber, DAY_MS, refuseUnknown, wholeNumber, YEAR_MS } from '../checks.js'
import type { Clock } from '../ports.js'
import type { Store } from '../store.js'
import type { DeliverMessage } from './delivery.js'
import { checkMessageName } from './message.js'
import { outboxOf } from './outbox-store.js'
import { Worker, type WorkerRules, type WorkerTools } from './worker.js'

/** Options of `once.worker()`. Times are milliseconds. */
export interface WorkerOptions {
  /** How many handlers run at once, those past `maxRunMs` not counted. Default 8. */
  readonly concurrency?: number | undefined
  /** How often it looks for what other processes have written. Default 1,000. */
  readonly pollMs?: number | undefined
  /** How long a message is a worker's without renewal. Default that of `poe()`. */
  readonly leaseMs?: number | undefined
  /** How long a handler may run before its message is another's. Default that of `poe()`. */
  readonly maxRunMs?: number | undefined
  /** The longest wait after the first attempt, doubled after each further one. Default 1,000. */
  readonly firstRetryMs?: number | undefined
  /** The longest wait after any attempt. Default 900,000 (15 min). */
  readonly longestRetryMs?: number | undefined
  /** After how many attempts a message is dead. Default 50. */
  readonly maxAttempts?: number | undefined
  /**
   * How long after its first attempt a message may be tried again. Keep it below the time for which
   * the other side knows a key. Default 82,800,000 (23 h).
   */
  readonly retryForMs?: number | undefined
  /** How long a delivered message is kept, without its payload. Default 604,800,000 (7 days). */
  readonly keepMs?: number | undefined
  /** Stops the worker when it aborts. */
  readonly signal?: AbortSignal | undefined
}

/** Delivers messages, once it is started. */
export interface OutboxWorker {
  /** Begins; keeps the process alive until it is stopped. Called again, it does nothing. */
  start(): void
  /**
   * Takes no more, waits for handlers that are at work, and aborts the signals of those that are
   * not done in time: their messages are delivered again, with their keys.
   *
   * @param options - `graceMs`: how long handlers are waited for, in milliseconds; default 5,000
   * @returns the keys of messages whose handlers were not done
   */
  stop(options?: { readonly graceMs?: number }): Promise<readonly string[]>
}

const WORKER_DEFAULTS = {
  concurrency: 8,
  pollMs: 1_000,
  firstRetryMs: 1_000,
  longestRetryMs: 900_000,
  maxAttempts: 50,
  retryForMs: 23 * 3_600_000,
  keepMs: 7 * DAY_MS,
}

/** Least and most of each number. */
const BOUNDS: Readonly<Record<keyof WorkerRules, readonly [least: number, most: number]>> = {
  concurrency: [1, 1_000],
  pollMs: [10, DAY_MS],
  leaseMs: [100, DAY_MS],
  maxRunMs: [1, DAY_MS],
  firstRetryMs: [1, DAY_MS],
  longestRetryMs: [1, DAY_MS],
  maxAttempts: [1, 10_000],
  retryForMs: [0, YEAR_MS],
  keepMs: [0, YEAR_MS],
}

/** What a worker of an application is made with. */
export interface WorkerPlace extends Omit<WorkerTools, 'outbox'> {
  readonly store: Store<unknown>
  /** What holds where the options do not say. */
  readonly defaults: Pick<WorkerRules, 'leaseMs' | 'maxRunMs'>
  /** Keeps the process alive: the engine's timers do not. @returns what lets it go */
  readonly hold: () => () => void
  /** Measures a grace in real time, also where a test has the engine's clock. */
  readonly realSleep: Clock['sleep']
  /** Stops each worker that is started. */
  readonly stoppers: Set<OutboxWorker['stop']>
}

/**
 * Makes a worker.
 *
 * @param handlers - by the names of messages
 * @throws TypeError or RangeError that says what to do
 */
export function makeWorker(
  place: WorkerPlace,
  handlers: object,
  options: WorkerOptions = {},
): OutboxWorker {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('worker(): its options must be an object, like { concurrency: 4 }')
  }
  const { signal, ...given } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('worker(): signal must be an AbortSignal')
  }
  const { store, stoppers, defaults, hold, realSleep } = place
  const outbox = outboxOf(store, 'worker()')
  const worker = new Worker({ ...place, outbox }, rulesOf(given, defaults), handlersOf(handlers))
  let letGo = (): void => {}
  let isOver = false
  const stop: OutboxWorker['stop'] = async ({ graceMs = 5_000 } = {}) => {
    checkNumber('stop()', 'graceMs', graceMs, 0, 3_600_000)
    isOver = true
    try {
      return await worker.stop(graceMs, realSleep)
    } finally {
      letGo()
      stoppers.delete(stop)
    }
  }
  const start = (): void => {
    if (isOver || signal?.aborted === true || stoppers.has(stop)) return
    stoppers.add(stop)
    letGo = hold()
    signal?.addEventListener('abort', () => void stop().catch(() => {}), { once: true })
    worker.start()
  }
  return { start, stop }
}

function rulesOf(given: object, defaults: WorkerPlace['defaults']): WorkerRules {
  refuseUnknown(given, Object.keys(BOUNDS), 'worker()')
  const wishes = Object.entries(given).filter(([, value]) => value !== undefined)
  const { leaseMs, maxRunMs } = defaults
  const complete = { leaseMs, maxRunMs, ...WORKER_DEFAULTS }
  const rules: WorkerRules = { ...complete, ...Object.fromEntries(wishes) }
  for (const [name, [least, most]] of Object.entries(BOUNDS)) {
    checkNumber('worker()', name, rules[name as keyof WorkerRules], least, most)
  }
  // No store can give half of a message.
  wholeNumber('worker()', 'concurrency', rules.concurrency, 0, 0)
  return Object.freeze(rules)
}

function handlersOf(handlers: object): Map<string, DeliverMessage> {
  const given = Object.entries(handlers ?? {})
  if (given.length === 0) {
    throw new TypeError('worker() needs handlers by the names of messages: { mail: sendMail }.')
  }
  for (const [name, handler] of given) {
    checkMessageName('worker()', name)
    if (typeof handler !== 'function') {
      throw new TypeError(`worker(): the handler of ${name} must be a function.`)
    }
  }
  return new Map(given as [string, DeliverMessage][])
}
