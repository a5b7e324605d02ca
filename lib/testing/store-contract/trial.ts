/**
 * What every case of the store contract works with: a store of its own, a clock, and short ways to
 * claim and to tell what a key is.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  bucketOf,
  type Claim,
  type ClaimReply,
  type ReadReply,
  type Store,
  type StoreCapabilities,
  type StoredOutcome,
} from '../../engine/store.js'

/** One case of the suite. */
export interface StoreCase {
  /** Stable; begins with the ids of the failure cases that it stands for, if any. */
  readonly title: string
  /** Rejects with an AssertionError when the store fails the case. */
  run(): Promise<void>
}

/** How the suite writes in a transaction of the store, and sees what came of it. */
export interface ContractTransactions<Tx> {
  /** Makes a fresh place to write to; called once for each store. */
  prepare(store: Store<Tx>): Promise<void>
  /** Writes a text inside the transaction. */
  insert(tx: Tx, text: string): Promise<void>
  /** Gives the texts that are committed, in any order, as seen from outside any transaction. */
  list(store: Store<Tx>): Promise<readonly string[]>
  /** Ends the transaction from inside, as a careless handler would; may reject. */
  steal?(tx: Tx): Promise<void>
}

/** Options of `storeContract`. */
export interface StoreContractOptions<Tx = unknown> {
  /** Opens a store on an empty memory that nobody else uses. */
  open(): Promise<Store<Tx>>
  /**
   * Opens what another process would open while `store` is in use, or this one after a restart: the
   * same data where the store is durable or shared, an empty memory where it is neither.
   */
  reopen(store: Store<Tx>): Promise<Store<Tx>>
  /** Moves the clock of all opened stores; without it the suite waits. */
  advance?(ms: number): void | Promise<void>
  /** What the store promises. */
  readonly capabilities: StoreCapabilities
  /** A small one of a store that has a limit; absent where there is none. */
  readonly limited?: {
    /** How many records fit, 10 to 100; of one principal or of several. */
    readonly maxRecords: number
    /** As the other `open`, with that limit. */
    open(): Promise<Store<Tx>>
  }
  /** Wipes everything under a running store, as an operator might: records, epoch and secrets. */
  forget?(store: Store<Tx>): Promise<void>
  /** Needed where the store is transactional. */
  readonly transactions?: ContractTransactions<Tx>
  /** Whether a transactional store keeps an outbox; default `true`. */
  readonly hasOutbox?: boolean
  /** Whether the store has an operator's part, which is then judged; default `false`. */
  readonly hasAdmin?: boolean
}

/** The spans of a timed case, in milliseconds. */
const SPAN_MS = 400
const LONGER_SPAN_MS = 2_500

/** What {@link Trial.claim} may be told besides the key. */
export type ClaimWishes = Partial<Claim>

/** The lease of claims in the suite, in milliseconds: long enough not to lapse by accident. */
export const LEASE_MS = 30_000

/** How long calls of the suite may take, in milliseconds: many come at once, on any machine. */
export const PATIENT_MS = 20_000

/** One run of one case. */
export class Trial<Tx> {
  readonly store: Store<Tx>
  readonly options: StoreContractOptions<Tx>
  readonly #opened: Store<Tx>[]

  constructor(store: Store<Tx>, options: StoreContractOptions<Tx>) {
    this.store = store
    this.options = options
    this.#opened = [store]
  }

  /** Opens a second store on the same memory, if the memory is one that can be shared. */
  async reopen(): Promise<Store<Tx>> {
    const store = await this.options.reopen(this.store)
    this.#opened.push(store)
    return store
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    if (this.options.advance === undefined) await sleep(ms)
    else await this.options.advance(ms)
  }

  /** The store's time. */
  async now(): Promise<number> {
    return (await this.store.epoch(PATIENT_MS)).nowMs
  }

  /** The epoch that a token for a key would be minted in now. */
  async epochFor(key: string, store: Store<Tx> = this.store): Promise<string> {
    return epochIn((await store.epoch(PATIENT_MS)).epochs, key)
  }

  /** Makes a claim that nothing speaks against, but for the wishes. */
  async makeClaim(key: string, wishes: ClaimWishes = {}): Promise<Claim> {
    const { nowMs, epochs } = await this.store.epoch(PATIENT_MS)
    return {
      owner: `owner-${randomUUID()}`,
      epoch: epochIn(epochs, key),
      leaseMs: LEASE_MS,
      claimByMs: nowMs + 60_000,
      tokenExpiresMs: nowMs + 3_600_000,
      keepUntilMs: nowMs + 7_200_000,
      onSilence: 'undecided',
      fingerprint: null,
      principal: 'somebody',
      ...wishes,
    }
  }

  /** Claims a key. */
  async claim(
    key: string,
    wishes: ClaimWishes = {},
    store: Store<Tx> = this.store,
  ): Promise<ClaimReply> {
    return store.claim(key, await this.makeClaim(key, wishes), PATIENT_MS)
  }

  /** Claims a key, which must be possible. */
  async take(key: string, owner: string, wishes: ClaimWishes = {}): Promise<void> {
    const reply = await this.claim(key, { owner, ...wishes })
    assert.equal(reply.state, 'claimed', `${owner} must be able to claim '${shorten(key)}'`)
  }

  /** Claims a key and lets the lease run out, which leaves it undecided or free. */
  async fallSilent(key: string, owner: string, wishes: ClaimWishes = {}): Promise<void> {
    await this.take(key, owner, wishes)
    const reply = await this.store.renew(key, owner, 0, PATIENT_MS)
    assert.equal(reply.state, 'ok', 'the owner must be able to end its lease with renew(0)')
  }

  /** Claims a key and makes it spent. */
  async spend(
    key: string,
    owner: string,
    wishes: ClaimWishes = {},
    what: StoredOutcome = answer(),
  ): Promise<void> {
    await this.take(key, owner, wishes)
    const reply = await this.store.complete(key, owner, what, PATIENT_MS)
    assert.equal(reply.state, 'ok', `${owner} must be able to complete '${shorten(key)}'`)
  }

  /** Reads a key, as a token of the current epoch would. */
  async read(key: string, store: Store<Tx> = this.store): Promise<ReadReply> {
    return store.read(key, await this.epochFor(key, store), PATIENT_MS)
  }

  /** Asserts the state of a key. */
  async expectState(key: string, state: ReadReply['state'], why: string): Promise<void> {
    assert.equal((await this.read(key)).state, state, why)
  }

  /** Asserts that a key is spent with an outcome. */
  async expectOutcome(key: string, expected: StoredOutcome, why: string): Promise<void> {
    const reply = await this.read(key)
    assert.ok(reply.state === 'spent', `${why}: '${shorten(key)}' is ${reply.state}, not spent`)
    expectSame(reply.outcome, expected, why)
  }

  /** Closes every store that the trial opened. */
  async end(): Promise<void> {
    for (const store of this.#opened) await store.close()
  }
}

function epochIn(epochs: readonly string[], key: string): string {
  const epoch = epochs[bucketOf(key, epochs.length)]
  assert.ok(epoch !== undefined, 'epoch() must name at least one epoch')
  return epoch
}

/**
 * Makes a case out of what it does with a fresh store.
 *
 * @param title - what a store must do, as a sentence
 * @param body - does it
 * @param open - opens the store, where it is a special one
 */
export function storeCase<Tx>(
  options: StoreContractOptions<Tx>,
  title: string,
  body: (trial: Trial<Tx>) => Promise<void>,
  open: () => Promise<Store<Tx>> = () => options.open(),
): StoreCase {
  return {
    title,
    run: async () => {
      const trial = new Trial(await open(), options)
      try {
        await body(trial)
      } finally {
        await trial.end()
      }
    },
  }
}

/**
 * Makes a case of which a part must happen within a span of time: where a real clock goes on, a
 * busy machine gets a second try with a longer one.
 *
 * @param body - is given the span, in milliseconds
 */
export function timedCase<Tx>(
  options: StoreContractOptions<Tx>,
  title: string,
  body: (trial: Trial<Tx>, spanMs: number) => Promise<void>,
  open?: () => Promise<Store<Tx>>,
): StoreCase {
  const within = (spanMs: number) =>
    storeCase(options, title, trial => body(trial, spanMs), open).run()
  return {
    title,
    run: async () => {
      try {
        await within(SPAN_MS)
      } catch (error) {
        if (options.advance !== undefined || !(error instanceof assert.AssertionError)) throw error
        await within(LONGER_SPAN_MS)
      }
    },
  }
}

/** Makes an outcome. */
export function answer(text = 'done', head = '[201,[],"k"]'): StoredOutcome {
  return { head, body: new TextEncoder().encode(text) }
}

/** Asserts that two outcomes are the same, byte by byte. */
export function expectSame(actual: StoredOutcome, expected: StoredOutcome, why: string): void {
  assert.equal(actual.head, expected.head, `${why}: the head`)
  if (expected.body === null) {
    assert.equal(actual.body, null, `${why}: there must be no body`)
    return
  }
  assert.ok(actual.body !== null, `${why}: the body is lost`)
  const isSame = Buffer.from(actual.body).equals(expected.body)
  const lengths = `${actual.body.byteLength} bytes for ${expected.body.byteLength}`
  assert.ok(isSame, `${why}: the body's bytes differ (${lengths})`)
}

/** Names a key in a message. */
export function shorten(key: string): string {
  return key.length > 40 ? `${key.slice(0, 40)}...` : key
}
