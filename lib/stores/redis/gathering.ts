/**
 * Steps of one turn of the event loop that go to one server as one script: the server's clock and
 * its replication id are looked at once, and there is one command to write and one reply to read.
 */
import { PoeError } from '../../errors.js'
import { Batches } from '../batches.js'
import type { Argument } from './driver.js'
import { NO_ANSWER, type RedisExchange, type RedisStep } from './exchange.js'
import { packArguments } from './packing.js'

/** The server does nothing else meanwhile: about a millisecond. */
const LARGEST = 128
/** What a server's own word begins with; after it nothing was done, or what was may be repeated. */
const SERVERS_WORD = /^[A-Z]{3,}\b/

/** Gathers steps of one script, whose arguments have a script for many. */
export class Gathering {
  readonly #exchange: RedisExchange
  readonly #batches: Batches<RedisStep, unknown>
  #isOn: boolean

  /** @param isOn - whether one script may reach the keys of all */
  constructor(exchange: RedisExchange, isOn: boolean) {
    this.#exchange = exchange
    this.#isOn = isOn
    this.#batches = new Batches({
      together: (steps, ms) => this.#together(steps, ms),
      alone: (step, ms) => exchange.run(step, ms),
      isRefused: error => this.#isRefused(error),
      bytesOf: ({ args }) => args.reduce((sum, { length }) => sum + length, 0),
      largest: LARGEST,
      noAnswer: NO_ANSWER,
      most: Number.POSITIVE_INFINITY,
    })
  }

  /** Runs a step, together with those of the same turn. */
  run(step: RedisStep, withinMs: number): Promise<unknown> {
    return this.#isOn ? this.#batches.ask(step, withinMs) : this.#exchange.run(step, withinMs)
  }

  async #together(steps: readonly RedisStep[], withinMs: number): Promise<readonly unknown[]> {
    const [first] = steps
    const script = first?.script.together
    if (first === undefined || script === undefined) return []
    const keys: Argument[] = []
    for (const step of steps) keys.push(...step.keys)
    const args = steps.map(step => packArguments(step.args))
    const reply = await this.#exchange.run({ script, keys, args, slot: first.slot }, withinMs)
    return reply as readonly unknown[]
  }

  #isRefused(error: unknown): boolean {
    const cause = error instanceof PoeError ? error.cause : null
    const text = cause instanceof Error ? cause.message : ''
    // The client is no cluster's, but the server belongs to one.
    if (text.startsWith('CROSSSLOT')) this.#isOn = false
    return SERVERS_WORD.test(text)
  }
}
