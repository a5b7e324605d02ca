/**
 * Every exchange with the server goes through here: refused at once where it could only be queued,
 * bounded in time and number, patient with a cluster that is just moving, and with errors of ours.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { PoeError } from '../../errors.js'
import { within } from '../within.js'
import type { Argument, Driver, Settled } from './driver.js'
import { IS_REPLICA, type RedisScript } from './scripts.js'

/** A server that is not ready is not asked again when so little time is left, in milliseconds. */
const LAST_ASKED_MS = 150
const FIRST_PAUSE_MS = 10
/** What a call says that was not answered in time. */
export const NO_ANSWER = 'Redis gave no answer in time.'
const MOST_UNANSWERED = 10_000
const NOT_CONNECTED =
  'The Redis client is not connected. One of `redis` has to be told to, by its connect().'
const QUEUED = 'QUEUED'
const IN_MULTI =
  'The application has a MULTI open on the Redis client, so that calls of the store wait for its ' +
  'EXEC. Give the store a client of its own, or send all of a transaction at once.'
/** The server did nothing, and says that it soon may. */
const SOON = /^(?:LOADING|TRYAGAIN|CLUSTERDOWN|MASTERDOWN)\b/

/** A script with what it works on; the first key says which node of a cluster runs it. */
export interface RedisStep {
  readonly script: RedisScript
  readonly keys: readonly Argument[]
  readonly args: readonly Argument[]
  /** Text in the same slot as the keys. */
  readonly slot: string
  /** How many of the keys, from the first, are enough while a cluster moves them apart. */
  readonly needed?: number
}

/** Sends steps and commands. */
export class RedisExchange {
  readonly #driver: Driver
  readonly #usualMs: number
  #unanswered = 0
  #closed = false

  /** @param usualMs - how long a call may take whose caller does not say, in milliseconds */
  constructor(driver: Driver, usualMs: number) {
    this.#driver = driver
    this.#usualMs = usualMs
  }

  /** Does nothing while the store is open. */
  open(): void {
    if (this.#closed) throw new PoeError('ERR_POE_STORE_CLOSED')
  }

  /** Runs a script; sends its text only if the server does not know it. */
  run(step: RedisStep, withinMs?: number): Promise<unknown> {
    return this.#bounded(withinMs, () => this.#run(step))
  }

  /** Sends one command to the node of a slot. */
  command(slot: string, command: readonly Argument[], withinMs?: number): Promise<unknown> {
    return this.#bounded(withinMs, () => this.#send(slot, command).then(refuseQueued))
  }

  /** Runs a script and then a command, on one connection to one node, in one exchange. */
  runWith(
    step: RedisStep,
    command: readonly Argument[],
    withinMs?: number,
  ): Promise<readonly [unknown, Settled]> {
    return this.#bounded(withinMs, () => this.#runWith(step, command))
  }

  /** Calls after it reject; the client stays connected. */
  close(): void {
    if (!this.#closed) this.#driver.close()
    this.#closed = true
  }

  #run(step: RedisStep): Promise<unknown> {
    const failed = (error: unknown) => this.#runAgain(step, error)
    return this.#send(step.slot, bySha(step)).then(refuseQueued, failed)
  }

  /** Runs a script that the server did not know, or without keys that are elsewhere. */
  #runAgain(step: RedisStep, error: unknown): Promise<unknown> {
    const { keys, needed = keys.length } = step
    if (needed < keys.length && says(error, 'TRYAGAIN')) {
      return this.#run({ ...step, keys: keys.slice(0, needed) })
    }
    if (!says(error, 'NOSCRIPT')) throw error
    return this.#send(step.slot, byText(step)).then(refuseQueued)
  }

  async #runWith(
    step: RedisStep,
    command: readonly Argument[],
  ): Promise<readonly [unknown, Settled]> {
    let both = await this.#sendBoth(step.slot, bySha(step), command)
    if ('error' in both[0] && says(both[0].error, 'MOVED')) {
      // Sent alone it is redirected, and the client knows the way from then on.
      await this.#run(step)
      both = await this.#sendBoth(step.slot, bySha(step), command)
    }
    if ('error' in both[0] && says(both[0].error, 'NOSCRIPT')) {
      both = await this.#sendBoth(step.slot, byText(step), command)
    }
    if (!('error' in both[0])) return [refuseQueued(both[0].reply), both[1]]
    if (!says(both[0].error, 'ASK')) throw both[0].error
    // Its slot is on its way to another node. The client follows one command there, but not two.
    return [await this.#run(step), both[0]]
  }

  #send(slot: string, command: readonly Argument[]): Promise<unknown> {
    return this.#counted(() => this.#driver.send(slot, command))
  }

  #sendBoth(
    slot: string,
    first: readonly Argument[],
    second: readonly Argument[],
  ): Promise<readonly [Settled, Settled]> {
    return this.#counted(() => this.#driver.sendBoth(slot, first, second))
  }

  /** A command that the caller gave up is still the driver's, and counts. */
  #counted<Reply>(send: () => Promise<Reply>): Promise<Reply> {
    try {
      this.#refuse()
      const sent = send()
      this.#unanswered += 1
      sent.then(this.#noteAnswer, this.#noteAnswer)
      return sent
    } catch (error) {
      return Promise.reject(error)
    }
  }

  readonly #noteAnswer = (): void => {
    this.#unanswered -= 1
  }

  #refuse(): void {
    this.open()
    if (!this.#driver.isReady()) throw down(NOT_CONNECTED)
    if (this.#unanswered >= MOST_UNANSWERED) {
      throw down(`Redis owes ${MOST_UNANSWERED} answers; nothing more is sent.`)
    }
  }

  /** Asks, and asks again where the server says that it soon may. */
  #patiently<Reply>(
    untilMs: number,
    attempt: () => Promise<Reply>,
    pauseMs = FIRST_PAUSE_MS,
  ): Promise<Reply> {
    return attempt().catch(async error => {
      if (!SOON.test(textOf(error)) || performance.now() + pauseMs > untilMs) throw error
      await pause(pauseMs)
      return await this.#patiently(untilMs, attempt, pauseMs * 2)
    })
  }

  #bounded<Reply>(withinMs: number = this.#usualMs, attempt: () => Promise<Reply>): Promise<Reply> {
    const untilMs = performance.now() + withinMs - LAST_ASKED_MS
    return within(withinMs, this.#patiently(untilMs, attempt), NO_ANSWER, asPoeError)
  }
}

function bySha({ script, keys, args }: RedisStep): Argument[] {
  return ['evalsha', script.sha, String(keys.length), ...keys, ...args]
}

function byText({ script, keys, args }: RedisStep): Argument[] {
  return ['eval', script.text, String(keys.length), ...keys, ...args]
}

/**
 * The application has begun a `MULTI` on this connection: what is asked meanwhile is done at its
 * `EXEC`, if ever, and the reply to it goes there. As bytes it would pass for replies of a batch.
 */
function refuseQueued(reply: unknown): unknown {
  const { length } = (reply ?? '') as string | Uint8Array | readonly unknown[]
  if (length !== QUEUED.length || Array.isArray(reply) || String(reply) !== QUEUED) return reply
  throw new PoeError('ERR_POE_STORE_CONFIG', IN_MULTI)
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function says(error: unknown, word: string): boolean {
  return textOf(error).startsWith(word)
}

function down(text: string, options?: ErrorOptions): PoeError {
  return new PoeError('ERR_POE_STORE_DOWN', text, options)
}

function asPoeError(cause: unknown): PoeError {
  if (cause instanceof PoeError) return cause
  hideCommand(cause)
  if (says(cause, 'OOM')) {
    const text = 'Redis is at its maxmemory. Raise it, or shorten the horizon.'
    return new PoeError('ERR_POE_STORE_FULL', text, { cause })
  }
  if (textOf(cause).endsWith(IS_REPLICA)) {
    return new PoeError('ERR_POE_STORE_CONFIG', IS_REPLICA, { cause })
  }
  // It ends the connection, and would each time again.
  if (textOf(cause).includes('invalid bulk length')) {
    const text = 'An answer is larger than its proto-max-bulk-len. Lower bodyLimitBytes.'
    return new PoeError('ERR_POE_STORE_FULL', text, { cause })
  }
  if (says(cause, 'TRYAGAIN')) {
    const text =
      'The slot is just moving to another node of the cluster, and what it holds is apart.'
    return new PoeError('ERR_POE_STORE_BUSY', text, { cause })
  }
  return down('Redis refused, or the connection to it was lost.', { cause })
}

/** ioredis hangs the command on its errors; it has keys and secrets in it. */
function hideCommand(error: unknown): void {
  if (error instanceof Error && 'command' in error) delete error.command
}
