/**
 * `once.worker()` and `once.outbox`: how messages of `ctx.poe.later()` are delivered, and what an
 * operator does with those that nobody could deliver.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { nanoid } from 'nanoid'
import { checkText, wholeNumber } from '../engine/checks.js'
import type { Delivered, DeliverMessage } from '../engine/outbox/delivery.js'
import { checkMessageName } from '../engine/outbox/message.js'
import type {
  DeadMessage,
  DeadReply,
  MessageCount,
  OutboxStore,
} from '../engine/outbox/outbox-store.js'
import { Worker, type WorkerRules } from '../engine/outbox/worker.js'
import type { Core } from './core.js'
import { checkNumber, refuseUnknown } from './options.js'
import type { MessageName, PayloadOf } from './outbox-messages.js'

const DAY_MS = 86_400_000
const PAGE = 100
/** No request waits for a look at what there is: a slow one is no outage. */
const LOOK_MS = 15_000

/** Handlers by the names of the messages that they deliver. */
export type OutboxHandlers = {
  readonly [Name in MessageName]?: (message: Delivered<PayloadOf<Name>>) => unknown
}

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

/** A message that nobody could deliver. */
export interface DeadLetter extends Omit<DeadMessage, 'payload'> {
  readonly payload: unknown
}

/** What an operator does with the outbox. */
export interface OutboxDesk {
  /** Counts what is not delivered, by name; costs as much as there is of that. */
  counts(): Promise<readonly MessageCount[]>
  /** Tells what is dead, the oldest first; asks the store for 100 at a time. */
  dead(): AsyncIterable<DeadLetter>
  /** Lets a dead message be tried anew, with its key. @returns whether it was dead */
  revive(key: string): Promise<boolean>
  /** Removes a dead message. @returns whether it was dead */
  drop(key: string): Promise<boolean>
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
  retryForMs: [0, 366 * DAY_MS],
  keepMs: [0, 366 * DAY_MS],
}

/**
 * Makes a worker.
 *
 * @throws TypeError or RangeError that says what to do
 */
export function makeWorker(
  core: Core,
  handlers: OutboxHandlers,
  options: WorkerOptions = {},
): OutboxWorker {
  const { guard, emit, bell } = core.engine
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('worker(): its options must be an object, like { concurrency: 4 }')
  }
  const { signal, ...rules } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('worker(): signal must be an AbortSignal')
  }
  const worker = new Worker(
    {
      ...{ outbox: outboxOf(core, 'worker()'), guard, emit, bell, clock: core.clock },
      ...{ makeId: () => nanoid(22), random: Math.random },
    },
    workerRules(core, rules),
    handlersOf(handlers),
  )
  let hold: NodeJS.Timeout | undefined
  let isOver = false
  const stop: OutboxWorker['stop'] = async ({ graceMs = 5_000 } = {}) => {
    checkNumber('stop()', 'graceMs', graceMs, 0, 3_600_000)
    isOver = true
    try {
      // The grace is real time, also where a test has the engine's.
      return await worker.stop(graceMs, (ms, given) => sleep(ms, undefined, { signal: given }))
    } finally {
      clearInterval(hold)
      core.stoppers.delete(stop)
    }
  }
  const start = (): void => {
    if (isOver || signal?.aborted === true || core.stoppers.has(stop)) return
    core.stoppers.add(stop)
    // Our timers let a process end; one that is there to deliver must not.
    hold = setInterval(() => {}, DAY_MS)
    signal?.addEventListener('abort', () => void stop().catch(() => {}), { once: true })
    worker.start()
  }
  return { start, stop }
}

/** What an operator does with the outbox. */
export function makeDesk(core: Core): OutboxDesk {
  const { guard, emit } = core.engine
  const outbox = (): OutboxStore => outboxOf(core, 'outbox')
  return {
    counts: async () => {
      const asked = outbox()
      return (await guard.call(ms => asked.counts(ms), LOOK_MS)).counts
    },
    dead: () => listDead(core),
    revive: async key => {
      checkText('revive()', 'key', key)
      const asked = outbox()
      const { state } = await guard.call(ms => asked.revive(key, ms))
      if (state === 'ok') {
        emit({ type: 'outbox-revived', key })
        core.engine.bell.ring()
      }
      return state === 'ok'
    },
    drop: async key => {
      checkText('drop()', 'key', key)
      const asked = outbox()
      const { state } = await guard.call(ms => asked.drop(key, ms))
      if (state === 'ok') emit({ type: 'outbox-dropped', key })
      return state === 'ok'
    },
  }
}

async function* listDead(core: Core): AsyncGenerator<DeadLetter> {
  const outbox = outboxOf(core, 'outbox')
  let [limit, cursor]: [number, string | null] = [PAGE, null]
  for (;;) {
    const [most, after]: [number, string | null] = [limit, cursor]
    let page: DeadReply
    try {
      page = await core.engine.guard.call(ms => outbox.dead(most, after, ms), LOOK_MS)
    } catch (error) {
      // They may be too large to come together in a call's time.
      if (limit === 1) throw error
      limit = Math.floor(limit / 10)
      continue
    }
    for (const message of page.messages) {
      yield { ...message, payload: JSON.parse(message.payload) as unknown }
    }
    if (page.cursor === null) return
    cursor = page.cursor
  }
}

function outboxOf(core: Core, where: string): OutboxStore {
  const { outbox } = core.options.store
  if (outbox !== undefined) return outbox
  throw new TypeError(`${where} needs a store that keeps an outbox: sqliteStore or postgresStore.`)
}

function workerRules(core: Core, given: Omit<WorkerOptions, 'signal'>): WorkerRules {
  const { leaseMs, maxRunMs } = core.options
  refuseUnknown(given, Object.keys(BOUNDS), 'worker()')
  const wishes = Object.entries(given).filter(([, value]) => value !== undefined)
  const rules: WorkerRules = {
    ...{ leaseMs, maxRunMs, ...WORKER_DEFAULTS },
    ...Object.fromEntries(wishes),
  }
  for (const [name, [least, most]] of Object.entries(BOUNDS)) {
    checkNumber('worker()', name, rules[name as keyof WorkerRules], least, most)
  }
  // No store can give half of a message.
  wholeNumber('worker()', 'concurrency', rules.concurrency, 0, 0)
  return Object.freeze(rules)
}

function handlersOf(handlers: OutboxHandlers): Map<string, DeliverMessage> {
  const given = Object.entries(handlers ?? {}) as [string, unknown][]
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
