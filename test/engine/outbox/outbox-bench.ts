/** A sqlite store on a fake clock, messages in it, and workers that deliver them. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Deadlines } from '../../../lib/engine/deadlines.js'
import { Bell } from '../../../lib/engine/outbox/bell.js'
import type { DeliverMessage } from '../../../lib/engine/outbox/delivery.js'
import type { OutboxStore } from '../../../lib/engine/outbox/outbox-store.js'
import { Worker, type WorkerRules } from '../../../lib/engine/outbox/worker.js'
import type { PoeEvent } from '../../../lib/engine/ports.js'
import { StoreGuard } from '../../../lib/engine/store-guard.js'
import { sqliteStore } from '../../../lib/stores/sqlite.js'
import { fakeClock } from '../../../lib/testing/fake-clock.js'
import { makeClaim, outcome } from '../../stores/helpers/claims.js'

export const LEASE_MS = 15_000

/** What workers do where a test does not say otherwise. */
export const RULES: WorkerRules = {
  ...{ leaseMs: LEASE_MS, maxRunMs: 300_000, concurrency: 4, pollMs: 1_000, keepMs: 600_000 },
  ...{ firstRetryMs: 1_000, longestRetryMs: 60_000, maxAttempts: 50, retryForMs: 86_400_000 },
}

/** Makes one. */
export function outboxBench(file: string) {
  const clock = fakeClock()
  const store = sqliteStore({ file, now: clock.now })
  const events: PoeEvent[] = []
  const bell = new Bell()
  const workers: Worker[] = []
  let ids = 0
  const bench = {
    clock,
    store,
    events,
    random: () => 0,

    /** Writes messages in one committed transaction. */
    async write(keys: readonly string[], name = 'mail', payload: unknown = {}): Promise<void> {
      ids += 1
      const link = `link ${ids}`
      await store.claim(link, makeClaim(clock.now(), { owner: 'o' }))
      const transaction = store.transaction(link, 'o')
      for (const key of keys) {
        const text = JSON.stringify(payload)
        await transaction.later?.({ key, name, payload: text, delayMs: 0 })
      }
      await transaction.commit(outcome())
      bell.ring()
    },

    /** Starts a worker; by the one name `mail`, or by several. */
    start(
      handlers: DeliverMessage | Readonly<Record<string, DeliverMessage>>,
      rules: Partial<WorkerRules> = {},
      outbox: Partial<OutboxStore> = {},
    ): Worker {
      const { guard, emit, outbox: watched } = toolsFor(bench, outbox)
      const makeId = () => `worker ${++ids}`
      const named = typeof handlers === 'function' ? { mail: handlers } : handlers
      const worker = new Worker(
        { outbox: watched, guard, clock, emit, makeId, random: () => bench.random(), bell },
        { ...RULES, ...rules },
        new Map(Object.entries(named)),
      )
      worker.start()
      workers.push(worker)
      return worker
    },

    /** Lets time pass, and the store answer meanwhile. */
    async pass(ms: number): Promise<void> {
      await turns()
      for (let leftMs = ms; leftMs > 0; leftMs -= 500) {
        await clock.advance(Math.min(leftMs, 500))
        await turns()
      }
    },

    typesOf: (key: string) =>
      events.filter(event => 'key' in event && event.key === key).map(({ type }) => type),

    async close(): Promise<void> {
      await Promise.all(workers.map(worker => worker.stop(0, async () => {})))
      await store.close()
    },
  }
  return bench
}

/** A guard of its own, and the store's outbox, with some of its steps replaced. */
function toolsFor(
  { clock, store, events }: Pick<OutboxBench, 'clock' | 'store' | 'events'>,
  instead: Partial<OutboxStore>,
) {
  const emit = (event: PoeEvent) => void events.push(event)
  const probe = () => store.epoch()
  const deadlines = new Deadlines(clock)
  const guard = new StoreGuard({ clock, deadlines, emit, timeoutMs: 3_000, probe })
  const outbox = new Proxy(store.outbox, {
    get: (target, member) => {
      const value: unknown = Reflect.get(instead, member) ?? Reflect.get(target, member, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { emit, guard, outbox }
}

/** A bench. */
export type OutboxBench = ReturnType<typeof outboxBench>

/** A few turns of the event loop: what a call of the sqlite store needs. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await nextTurn()
}
