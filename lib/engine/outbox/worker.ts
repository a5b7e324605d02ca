/**
 * Takes messages that are due and delivers them, a few at a time, until it is stopped. Any number
 * of workers may do so in any number of processes.
 */
import { Deadlines } from '../deadlines.js'
import type { Clock, MakeId, OnEvent } from '../ports.js'
import type { StoreGuard } from '../store-guard.js'
import { Underway } from '../underway.js'
import type { Bell } from './bell.js'
import {
  type DeliverMessage,
  Delivery,
  type DeliveryRules,
  type DeliveryTools,
} from './delivery.js'
import type { OutboxStore } from './outbox-store.js'

const PURGE_EVERY_MS = 60_000
const PURGED_AT_ONCE = 1_000
const PURGE_PAUSE_MS = 100
/** No request waits for a purge: a slow one is no outage. */
const PURGE_FOR_MS = 15_000

/** Rules of a worker, complete. Times are milliseconds. */
export interface WorkerRules extends DeliveryRules {
  readonly leaseMs: number
  /** How many handlers run at once. */
  readonly concurrency: number
  /** How often it looks for what is due, where nobody tells it. */
  readonly pollMs: number
  /** How long a delivered message is kept, without its payload. */
  readonly keepMs: number
}

/** What a worker takes from outside. */
export interface WorkerTools {
  readonly outbox: OutboxStore
  readonly guard: StoreGuard
  readonly clock: Clock
  readonly emit: OnEvent
  readonly makeId: MakeId
  readonly random: () => number
  readonly bell: Bell
}

/** Delivers messages. */
export class Worker {
  readonly #tools: WorkerTools
  readonly #rules: WorkerRules
  readonly #handlers: ReadonlyMap<string, DeliverMessage>
  readonly #delivery: DeliveryTools
  readonly #active = new Set<Delivery>()
  readonly #underway = new Underway()
  #names: readonly string[]
  #loop: Promise<void> | null = null
  #stopping: Promise<readonly string[]> | null = null
  #unlisten: () => void = () => {}
  #endRest: () => void = () => {}
  #isWoken = false
  #hasMore = false
  /** How many are asked for at once: fewer where what was asked for did not come in time. */
  #most: number
  #isPurging = false

  /** @param handlers - by the names of messages; at least one */
  constructor(
    tools: WorkerTools,
    rules: WorkerRules,
    handlers: ReadonlyMap<string, DeliverMessage>,
  ) {
    this.#tools = tools
    this.#rules = rules
    this.#handlers = handlers
    this.#names = [...handlers.keys()]
    const { leaseMs, concurrency } = rules
    this.#most = concurrency
    const deadlines = new Deadlines(tools.clock)
    this.#delivery = { ...tools, rules, leaseMs, deadlines }
  }

  /** Begins to take messages; once only. */
  start(): void {
    if (this.#loop !== null) return
    this.#unlisten = this.#tools.bell.listen(() => this.#wake())
    this.#loop = this.#run()
  }

  /**
   * Takes no more, and waits for handlers that are at work; then aborts their signals and waits no
   * longer: their messages are delivered again when their leases have run out. Called again it
   * gives the same.
   *
   * @param graceMs - how long handlers are waited for, in milliseconds
   * @param sleep - measures that
   * @returns the keys of messages whose handlers are not at their end
   */
  stop(graceMs: number, sleep: Clock['sleep']): Promise<readonly string[]> {
    this.#stopping ??= this.#end(graceMs, sleep)
    return this.#stopping
  }

  async #end(graceMs: number, sleep: Clock['sleep']): Promise<readonly string[]> {
    this.#unlisten()
    this.#wake()
    // Stopped before it began, it never does.
    this.#loop ??= Promise.resolve()
    await this.#loop
    const left = await this.#underway.idle(graceMs, sleep)
    const reason = new Error('The worker was stopped.')
    for (const delivery of this.#active) delivery.abandon(reason)
    return left
  }

  async #run(): Promise<void> {
    const { clock } = this.#tools
    let purgeMs = clock.now()
    while (this.#stopping === null) {
      this.#isWoken = false
      await this.#fill()
      if (clock.now() >= purgeMs && !this.#isPurging) {
        purgeMs = clock.now() + PURGE_EVERY_MS
        this.#purge().catch(() => {})
      }
      await this.#rest()
    }
  }

  async #fill(): Promise<void> {
    const { outbox, guard, clock, makeId } = this.#tools
    const { leaseMs, concurrency } = this.#rules
    const limit = Math.min(concurrency - this.#active.size, this.#most)
    if (limit <= 0) return
    const owner = makeId()
    const names = this.#nextNames()
    const sentMs = clock.now()
    const reply = await guard
      .call(ms => outbox.take({ names, owner, leaseMs, limit }, ms), undefined, sentMs)
      // What was taken all the same is due again after its lease.
      .catch(() => null)
    if (reply === null) {
      this.#most = Math.max(1, limit >> 1)
      return
    }
    this.#most = Math.min(concurrency, this.#most + 1)
    this.#hasMore = reply.messages.length === limit
    for (const message of reply.messages) {
      const handler = this.#handlers.get(message.name)
      if (handler !== undefined) {
        this.#deliver(new Delivery(this.#delivery, message, owner, sentMs), handler)
      }
    }
    if (this.#hasMore && this.#active.size < concurrency) this.#wake()
  }

  #deliver(delivery: Delivery, handler: DeliverMessage): void {
    this.#active.add(delivery)
    const piece = this.#underway.begin(delivery.key)
    // Another has its message by then: a handler that never ends takes no room for ever.
    const leave = (): void => {
      this.#active.delete(delivery)
      if (this.#hasMore) this.#wake()
    }
    const over = (): void => {
      leave()
      this.#underway.end(piece)
    }
    delivery.run(handler, leave).then(over, over)
  }

  /** Each name comes first in its turn, so that a busy one does not keep the others waiting. */
  #nextNames(): readonly string[] {
    const [first, ...rest] = this.#names
    if (first !== undefined) this.#names = [...rest, first]
    return this.#names
  }

  /** Until nothing is left to go: more may have been delivered in a minute than goes at once. */
  async #purge(): Promise<void> {
    const { outbox, guard, clock } = this.#tools
    const { keepMs } = this.#rules
    const purge = async () => ({ removed: await outbox.purge(keepMs, PURGED_AT_ONCE) })
    this.#isPurging = true
    try {
      while (this.#stopping === null) {
        const { removed } = await guard.call(purge, PURGE_FOR_MS)
        if (removed < PURGED_AT_ONCE) return
        await clock.sleep(PURGE_PAUSE_MS)
      }
    } finally {
      this.#isPurging = false
    }
  }

  async #rest(): Promise<void> {
    if (this.#isWoken) return
    const rest = new AbortController()
    this.#endRest = () => rest.abort()
    await this.#tools.clock.sleep(this.#rules.pollMs, rest.signal).catch(() => {})
  }

  #wake(): void {
    this.#isWoken = true
    this.#endRest()
  }
}
