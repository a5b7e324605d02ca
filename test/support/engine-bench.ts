/**
 * An engine on a fake clock over a real memory store, with a place between the two where a test can
 * slow calls down, fail them or lose their replies.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { Engine, type EngineOptions } from '../../lib/engine/engine.js'
import type {
  Operation,
  PostVerdict,
  Report,
  ResourceRules,
  Run,
} from '../../lib/engine/operation.js'
import { isSuccess } from '../../lib/engine/outcome.js'
import type { PoeEvent } from '../../lib/engine/ports.js'
import type { OwnerReply, Store, StoreTransaction } from '../../lib/engine/store.js'
import { type FakeClock, fakeClock } from '../../lib/testing/fake-clock.js'

/** One call on its way to the store. */
export interface StoreCall {
  readonly method: string
  readonly args: readonly unknown[]
  /** Lets the call arrive, and gives the store's reply. */
  arrive(): Promise<unknown>
}

/** Decides what becomes of a call; what it gives is what the engine sees. */
export type Fault = (call: StoreCall) => Promise<unknown>

/** A real store behind a fault. */
export interface FaultyStore {
  readonly store: Store<unknown>
  /** Every call so far, oldest first. */
  readonly calls: string[]
  /** What happens to calls from now on; all arrive by default. */
  fault: Fault
}

/** Calls that never get there. */
export const refuse: Fault = async call => {
  throw new Error(`${call.method} was refused`)
}

/** Calls that get there, but their replies do not come back. */
export const loseReply: Fault = async call => {
  await call.arrive()
  throw new Error(`the reply to ${call.method} was lost`)
}

/** Calls that are never answered and never arrive. */
export const hang: Fault = () => new Promise(() => {})

/** Calls that arrive. */
export const pass: Fault = call => call.arrive()

/** Applies a fault to some methods only. */
export function only(methods: readonly string[], fault: Fault): Fault {
  return call => (methods.includes(call.method) ? fault(call) : call.arrive())
}

/** Applies a fault to the first calls, then lets all arrive. */
export function times(count: number, fault: Fault): Fault {
  let left = count
  return call => {
    left -= 1
    return left >= 0 ? fault(call) : call.arrive()
  }
}

/** Puts a fault between an engine and a real store. */
export function faultyStore(real: Store<unknown>): FaultyStore {
  const calls: string[] = []
  const faulty: FaultyStore = {
    calls,
    fault: pass,
    store: new Proxy(real, {
      get(target, method) {
        const value: unknown = Reflect.get(target, method, target)
        if (typeof value !== 'function') return value
        if (method === 'transaction') return (key: string, owner: string) => begin(key, owner)
        return (...args: unknown[]) => send(String(method), args, () => value.apply(target, args))
      },
    }),
  }
  function send(method: string, args: readonly unknown[], arrive: () => unknown) {
    calls.push(method)
    return faulty.fault({ method, args, arrive: async () => arrive() })
  }
  function begin(key: string, owner: string): StoreTransaction<unknown> {
    const transaction = real.transaction?.(key, owner)
    if (transaction === undefined) throw new Error('the store has no transactions')
    return {
      handle: transaction.handle,
      commit: outcome =>
        send('commit', [outcome], () => transaction.commit(outcome)) as Promise<OwnerReply>,
      rollback: () => transaction.rollback(),
      ...(transaction.later !== undefined && { later: transaction.later.bind(transaction) }),
      get isUsed() {
        // A store that does not tell is one whose transaction may have been used.
        return transaction.isUsed ?? true
      },
      get failure() {
        return transaction.failure ?? null
      },
    }
  }
  return faulty
}

/** What one POST of a test is made of; what is left out is ordinary. */
export interface Posting {
  readonly operation?: Partial<Operation>
  readonly rules?: Partial<ResourceRules>
  readonly gone?: AbortSignal
  /** The handler; by default it answers 201. */
  readonly handler?: (run: Run) => Promise<Partial<Report>> | Partial<Report>
  /** Which errors are reports; by default those with a `status`. */
  readonly isReported?: (error: unknown) => boolean
}

/** An engine at work. */
export interface EngineBench {
  readonly clock: FakeClock
  /** The real store, for looking behind the engine's back. */
  readonly real: Store<unknown>
  readonly faulty: FaultyStore
  readonly engine: Engine
  readonly events: PoeEvent[]
  /** How often a handler was entered. */
  runs: number
  post(posting?: Posting): Promise<PostVerdict>
  operation(changes?: Partial<Operation>): Operation
  /** The state that the real store tells. */
  stateOf(key?: string): Promise<string>
  /** The types of the events so far. */
  heard(): string[]
}

/** Options of a bench, besides those of its engine. */
export interface BenchOptions extends Partial<EngineOptions> {
  /** A store instead of a new memory store. */
  readonly real?: Store<unknown>
  readonly fakeClock?: FakeClock
}

/** Sets up an engine. */
export function engineBench({
  real: given,
  fakeClock: time,
  ...options
}: BenchOptions = {}): EngineBench {
  const clock = time ?? fakeClock()
  const real = given ?? (memoryStore({ now: clock.now }) as Store<unknown>)
  const faulty = faultyStore(real)
  const events: PoeEvent[] = []
  let ids = 0
  const engine = new Engine({
    store: faulty.store,
    clock,
    makeId: () => {
      ids += 1
      return `owner-${ids}`
    },
    onEvent: event => events.push(event),
    leaseMs: 15_000,
    storeTimeoutMs: 900,
    recordForMs: 5_000,
    bodyLimitBytes: 1_000,
    dangerouslyRunUnprotected: false,
    dangerouslyRetryUndecided: false,
    ...options,
  })
  const bench: EngineBench = {
    clock,
    real,
    faulty,
    engine,
    events,
    runs: 0,
    operation: changes => operationAt(clock.now(), changes),
    post: async ({ operation, rules, gone, handler, isReported } = {}) =>
      await engine.post(
        operationAt(clock.now(), operation),
        { ...PLAIN_RULES, ...rules },
        {
          perform: async run => {
            bench.runs += 1
            return { ...CREATED, ...(await handler?.(run)) }
          },
          isReported: isReported ?? hasStatus,
        },
        gone ?? new AbortController().signal,
      ),
    stateOf: async (key = 'order:1') => (await real.read(key, null)).state,
    heard: () => events.map(event => event.type),
  }
  return bench
}

/** The rules of an external resource. */
export const PLAIN_RULES: ResourceRules = {
  transactional: false,
  marks: false,
  releaseOnThrow: false,
  reports: [],
  isRefusal: null,
  keepsRefusal: null,
  waitMs: 5_000,
  maxRunMs: 300_000,
  success: isSuccess,
  reconcile: null,
}

/** The report of a handler that created an order. */
export const CREATED: Report = {
  status: 201,
  fields: [['location', '/orders/1']],
  hasLocation: true,
  body: { kind: 'bytes', bytes: Buffer.from('{"id":1}') },
  client: null,
}

/** An error that names a status, as `ctx.throw` makes them. */
export function reportedError(status: number): Error & { status: number } {
  return Object.assign(new Error(`status ${status}`), { status })
}

/** Lets everything happen that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await nextTurn()
}

/**
 * Gives what needs no time to pass.
 *
 * @throws Error where that is not known yet
 */
export async function soon<Value>(promise: Promise<Value>): Promise<Value> {
  const late = async (): Promise<never> => {
    await settle()
    throw new Error('It is not known yet.')
  }
  return await Promise.race([promise, late()])
}

/** Lets a POST's handler wait at a gate, and begins it. */
export async function held(bench: EngineBench, { handler, ...posting }: Posting = {}) {
  const end = gate()
  const post = bench.post({
    ...posting,
    handler: async run => {
      await end.promise
      return (await handler?.(run)) ?? {}
    },
  })
  await settle()
  return { end, post }
}

/** A promise and its two ends. */
export interface Gate<Value> {
  readonly promise: Promise<Value>
  open(value: Value): void
  fail(error: unknown): void
}

/** Makes a promise that a test decides. */
export function gate<Value = void>(): Gate<Value> {
  let open: (value: Value) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

function operationAt(nowMs: number, changes: Partial<Operation> = {}): Operation {
  return {
    key: 'order:1',
    epoch: null,
    expiresAtMs: nowMs + 3_600_000,
    keepUntilMs: nowMs + 90_000_000,
    principals: ['alice'],
    comparePrincipal: false,
    fingerprint: 'print',
    ...changes,
  }
}

function hasStatus(error: unknown): boolean {
  return error instanceof Error && 'status' in error
}
