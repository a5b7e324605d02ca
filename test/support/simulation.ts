/**
 * Several processes with one link over one store, on a fake clock, with everything that can go
 * wrong in between; and what must be true all the same.
 *
 * A process dies at any moment; calls to the store are refused, hang, are slow, arrive after they
 * were given up, or lose their replies; handlers report failures, throw before or after their
 * effect, and take their time. Handlers are honest: a failure that is reported had no effect.
 */
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { PostVerdict, Reconciled, ResourceRules, Run } from '../../lib/engine/operation.js'
import type { Store } from '../../lib/engine/store.js'
import { type FakeClock, fakeClock } from '../../lib/testing/fake-clock.js'
import { type EngineBench, engineBench, type Fault, reportedError } from './engine-bench.js'
import type { HandlerPlan, Played, Scenario, Step, Wire } from './scenario.js'
import { type TinyTransaction, tinyDatabase } from './tiny-transactions.js'

const LEASE_MS = 600
const QUIET_MS = 30_000
const KEY = 'order:1'

/**
 * Plays a scenario.
 *
 * @param scenario - what happens
 * @param spoil - puts a planted fault into the store
 * @returns what was violated, and what was seen
 */
export async function simulate(
  scenario: Scenario,
  spoil: (store: Store<unknown>, clock: FakeClock) => Store<unknown> = store => store,
): Promise<Played> {
  const world = new World(scenario, spoil)
  for (const step of scenario.steps) await world.take(step)
  await world.calm()
  return world
}

/** One life of a process. */
interface Life {
  readonly bench: EngineBench
  dead: boolean
  /** Handlers that may still have their effect. */
  readonly atWork: Set<object>
}

class World implements Played {
  readonly violations: string[] = []
  readonly seen = new Set<string>()
  readonly #scenario: Scenario
  readonly #clock = fakeClock(1_000_000)
  readonly #store: Store<unknown>
  readonly #rows: readonly string[]
  readonly #lives: Life[] = []
  readonly #everybody: Life[] = []
  readonly #wires: Wire[]
  #external = 0
  #done = 0

  constructor(
    scenario: Scenario,
    spoil: (store: Store<unknown>, clock: FakeClock) => Store<unknown>,
  ) {
    this.#scenario = scenario
    this.#wires = [...scenario.wires]
    const base = memoryStore({ now: this.#clock.now }) as Store<unknown>
    const database = tinyDatabase(spoil(base, this.#clock))
    this.#store = scenario.kind === 'transactional' ? database.store : spoil(base, this.#clock)
    this.#rows = database.rows
    for (let index = 0; index < scenario.processes; index += 1) this.#lives.push(this.#begin())
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'wait') return this.#clock.advance(step.ms)
    const index = step.process % this.#lives.length
    const life = this.#lives[index] ?? this.#begin()
    if (step.do === 'die') this.#die(life)
    if (step.do === 'look') this.#look(life)
    if (step.do === 'post') this.#post(life, step.plan)
    if (life.dead) this.#lives[index] = this.#begin()
    await this.#clock.advance(0)
  }

  /** Lets everything come to rest, with a store that works, and judges what is left. */
  async calm(): Promise<void> {
    this.#wires.length = 0
    await this.#clock.advance(QUIET_MS)
    const { state } = await this.#store.read(KEY, null)
    this.seen.add(`${state} at the end`)
    this.#check(state !== 'none' || this.#effects === 0, `an effect is forgotten: ${state}`)
    this.#check(state !== 'spent' || this.#effects === 1, 'spent without an effect, at the end')
    this.#check(state !== 'running', 'the key is still running when nobody is at work')
    if (this.#scenario.kind === 'transactional') {
      this.#check((state === 'spent') === (this.#effects === 1), `effect and mark differ: ${state}`)
    }
    for (const life of this.#everybody) this.#die(life)
    await this.#clock.advance(0)
  }

  get #effects(): number {
    return this.#external + this.#rows.length
  }

  #check(holds: boolean, violation: string): void {
    if (!holds) this.violations.push(violation)
  }

  #begin(): Life {
    const life = { dead: false, atWork: new Set() } as unknown as Life & { bench: EngineBench }
    const number = this.#everybody.push(life)
    let ids = 0
    const bench = engineBench({
      real: this.#store,
      fakeClock: this.#clock,
      leaseMs: LEASE_MS,
      storeTimeoutMs: 150,
      recordForMs: 300,
      makeId: () => {
        ids += 1
        return `${number}.${ids}`
      },
    })
    bench.faulty.fault = call => this.#carry(life, call)
    return Object.assign(life, { bench })
  }

  #die(life: Life): void {
    life.dead = true
    life.atWork.clear()
    life.bench.engine.close(0).catch(() => {})
  }

  /** What the wire does with a call. The reply to a dead process goes nowhere. */
  async #carry(life: Life, call: Parameters<Fault>[0]): Promise<unknown> {
    if (life.dead) return never()
    const { kind, ms } = this.#wires.shift() ?? { kind: 'pass', ms: 0 }
    if (kind === 'hang') return never()
    if (kind === 'refuse') throw new Error('refused')
    if (kind === 'arrive-late') {
      this.#clock
        .sleep(ms)
        .then(() => call.arrive())
        .catch(() => {})
      throw new Error('the connection broke')
    }
    if (kind === 'slow') await this.#clock.sleep(ms)
    const reply = await call.arrive()
    if (kind === 'slow-reply') await this.#clock.sleep(ms)
    if (life.dead) return never()
    if (kind === 'lose') throw new Error('the reply was lost')
    return reply
  }

  #post(life: Life, plan: HandlerPlan): void {
    const mine = { effect: false }
    life.bench
      .post({
        operation: { expiresAtMs: null, keepUntilMs: null },
        rules: this.#rules(),
        handler: run => this.#handle(life, plan, run, mine),
      })
      .then(
        verdict => {
          if (!life.dead) this.#judge(verdict, mine.effect)
        },
        error => this.violations.push(`post() rejected: ${error}`),
      )
  }

  #look(life: Life): void {
    const before = this.#effects
    Promise.resolve(life.bench.engine.look(life.bench.operation())).then(
      finding => {
        if (finding.kind === 'unspent') this.#check(before === 0, 'unspent after an effect')
        if (finding.kind === 'spent') this.#check(this.#effects === 1, 'spent without an effect')
      },
      () => this.violations.push('look() rejected'),
    )
  }

  #judge(verdict: PostVerdict, hadEffect: boolean): void {
    this.seen.add(verdict.kind)
    if (verdict.kind === 'done') {
      this.#done += 1
      this.#check(this.#done === 1, 'a success was answered twice')
      this.#check(this.#effects === 1, `a success with ${this.#effects} effects`)
    }
    if (verdict.kind === 'spent') this.#check(this.#effects === 1, 'spent without an effect')
    const saysNo = verdict.kind === 'refused' || (verdict.kind === 'threw' && verdict.free)
    this.#check(!(saysNo && hadEffect), 'told that it did not happen, and it did')
    this.#check(verdict.kind !== 'expired' && verdict.kind !== 'forgotten', verdict.kind)
  }

  async #handle(life: Life, plan: HandlerPlan, run: Run, mine: { effect: boolean }) {
    const { kind } = this.#scenario
    const work = {}
    life.atWork.add(work)
    try {
      await this.#pause(life, plan.beforeMs)
      if (plan.end === 'die-before') await this.#dieNow(life)
      if (plan.end === 'report') throw reportedError(422)
      const isBefore = plan.end === 'throw-before'
      if (isBefore || (plan.end === 'throw-after' && kind === 'release-on-throw')) {
        throw new Error('before the effect')
      }
      if (kind === 'marks') {
        await run.pointOfNoReturn()
        if (life.dead) await never()
      }
      if (kind === 'transactional') (run.tx as TinyTransaction).write('order')
      else {
        mine.effect = true
        this.#external += 1
        this.#check(this.#external <= 1, 'a second effect')
      }
      await this.#pause(life, plan.afterMs)
      if (plan.end === 'die-after') await this.#dieNow(life)
      if (plan.end === 'throw-after') throw new Error('after the effect')
      return {}
    } finally {
      life.atWork.delete(work)
    }
  }

  async #pause(life: Life, ms: number): Promise<void> {
    if (ms > 0) await this.#clock.sleep(ms)
    if (life.dead) await never()
  }

  async #dieNow(life: Life): Promise<void> {
    this.#die(life)
    const index = this.#lives.indexOf(life)
    if (index >= 0) this.#lives[index] = this.#begin()
    await never()
  }

  #rules(): Partial<ResourceRules> {
    const { kind } = this.#scenario
    return {
      transactional: kind === 'transactional',
      marks: kind === 'marks',
      releaseOnThrow: kind === 'release-on-throw',
      waitMs: 400,
      maxRunMs: 3_000,
      reconcile: kind === 'reconciled' ? () => this.#reconcile() : null,
    }
  }

  /** What an honest application knows; it takes a while to say it. */
  async #reconcile(): Promise<Reconciled> {
    const happened = this.#effects > 0
    const mayStillHappen = this.#everybody.some(life => life.atWork.size > 0)
    await this.#clock.sleep(100)
    if (happened) return { verdict: 'happened', outcome: { location: '/orders/1' } }
    return { verdict: mayStillHappen ? 'unknown' : 'did-not-happen' }
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}
