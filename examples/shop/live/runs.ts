/**
 * Who tries what: each visitor's latest experiment, step by step. Everything is bounded, and what
 * an experiment still has to do follows from its steps, so that it goes on in another process.
 */
import { LRUCache } from 'lru-cache'
import { nanoid } from 'nanoid'
import type { Fault, Side, Step, Told } from './steps.js'

const MAX_VISITORS = 50
const MAX_STEPS = 200
/** What an experiment does to an answer. */
const SPOILT = new Set<Step['kind']>(['lost', 'killed'])

type Run = Extract<Step, { kind: 'run' }>
type Listener = (step: Step) => void

/** The steps of each visitor's latest experiment. */
export class StepLog {
  readonly #steps = new LRUCache<string, Step[]>({ max: MAX_VISITORS })

  /** Keeps a step; a new experiment takes the place of the one before. */
  add(step: Step): void {
    if (step.kind === 'run') this.#steps.set(step.visitor, [step])
    else this.#steps.get(step.visitor)?.push(step)
  }

  /** One visitor's, oldest first. */
  of(visitor: string): readonly Step[] {
    return this.#steps.get(visitor) ?? []
  }

  /** Everybody's, in the order in which they happened. */
  all(): Step[] {
    return [...this.#steps.values()].flat().toSorted((one, other) => one.id - other.id)
  }
}

/** The experiments that are under way. */
export class Runs {
  readonly #log = new StepLog()
  readonly #listeners = new Set<Listener>()
  readonly #keep: (step: Step) => Promise<void>
  #lastId = 0

  /**
   * @param past - what was kept before this process
   * @param keep - keeps a step where it outlives this process; resolves once it does
   */
  constructor(past: readonly Step[], keep: (step: Step) => Promise<void>) {
    this.#keep = keep
    for (const step of past) {
      this.#log.add(step)
      this.#lastId = step.id
    }
  }

  /** Begins an experiment. */
  async begin(visitor: string, fault: Fault, before: Run['before']): Promise<string> {
    const run = nanoid(10)
    await this.#put({ kind: 'run', fault, before }, visitor, run)
    return run
  }

  /** A visitor's experiment, or `null`. */
  of(visitor: string): Run | null {
    const [first] = this.#log.of(visitor)
    return first?.kind === 'run' ? first : null
  }

  /** Its steps so far. */
  steps(visitor: string): readonly Step[] {
    return this.#log.of(visitor)
  }

  /** Notes a step; one of an experiment that is over, or is too long, is left out. */
  async say({ visitor, run }: Run, told: Told): Promise<void> {
    const steps = this.#log.of(visitor)
    if (steps[0]?.run !== run || steps.length >= MAX_STEPS) return
    await this.#put(told, visitor, run)
  }

  /** The presses of a form whose answers an experiment has taken or delayed. */
  spoilt({ visitor }: Run, side: Side): (string | null)[] {
    return this.#log.of(visitor).flatMap(step => {
      if (!('press' in step) || step.side !== side) return []
      const isSpoilt = step.kind === 'request' ? step.delayMs > 0 : SPOILT.has(step.kind)
      return isSpoilt ? [step.press] : []
    })
  }

  /** The experiments that have killed a process, and have not been told of another. */
  killed(): Run[] {
    const waiting = new Set<string>()
    for (const { kind, visitor } of this.#log.all()) {
      if (kind === 'killed') waiting.add(visitor)
      if (kind === 'started') waiting.delete(visitor)
    }
    return [...waiting].map(visitor => this.of(visitor)).filter(run => run !== null)
  }

  /** Tells of each further step. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #put(told: Told, visitor: string, run: string): Promise<void> {
    this.#lastId += 1
    const step = { ...told, id: this.#lastId, run, visitor, atMs: Date.now() }
    this.#log.add(step)
    for (const listener of this.#listeners) listener(step)
    await this.#keep(step)
  }
}

/** Lets a number of things happen in a time. */
export class Allowance {
  readonly #taken: number[] = []
  readonly #most: number
  readonly #withinMs: number

  constructor(most: number, withinMs: number) {
    this.#most = most
    this.#withinMs = withinMs
  }

  /** Takes one; or says in how many milliseconds there will be one, where none is left. */
  take(): number {
    const now = Date.now()
    while (this.#taken.length > 0 && now - (this.#taken[0] ?? 0) >= this.#withinMs) {
      this.#taken.shift()
    }
    if (this.#taken.length >= this.#most) return (this.#taken[0] ?? now) + this.#withinMs - now
    this.#taken.push(now)
    return 0
  }
}
