/**
 * What a process knows of its store's memory: the epochs and the signing secrets.
 *
 * Read before the first link is minted, and again whenever a reply shows that the memory is not
 * the one that is known here. A cached epoch only ever *names* tokens; whether it still holds is
 * decided by the store inside each claim.
 */
import { PoeError } from '../errors.js'
import {
  importSecret,
  type Keyring,
  keyring,
  makeSecret,
  type PortableSecret,
  type Secret,
  secretFromText,
} from '../protocols/poe/index.js'
import type { Clock, OnEvent } from './ports.js'
import { bucketOf, type Store } from './store.js'
import type { StoreGuard } from './store-guard.js'

const SECRETS_AGAIN_MS = 1_000
const EPOCHS_AGAIN_MS = 200
/** Each is in the bucket that is wanted with a chance of one in a few dozen. */
const MOST_TRIES = 10_000

/** Options of a {@link StoreSecrets}. */
export interface StoreSecretsOptions {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly clock: Clock
  readonly emit: OnEvent
  /** The application's own secrets; left out, the store keeps one that is made once. */
  readonly secrets: readonly string[] | undefined
}

/** Holds epochs and secrets, and reads them again when they have changed. */
export class StoreSecrets {
  readonly #options: StoreSecretsOptions
  readonly #own: Keyring | null
  /** `null` before the first reading, and while they are known to be outdated. */
  #epochs: readonly string[] | null = null
  #epochsBefore = ''
  /** How often the store had gone down when they were read. */
  #outages = 0
  #ring: Keyring | null = null
  #kept: readonly PortableSecret[] = []
  #reading: Promise<void> | null = null
  #readMs = Number.NEGATIVE_INFINITY
  #unreadable = false
  /** Whether the store may hold secrets that could not be read. */
  #isBehind: boolean

  constructor(options: StoreSecretsOptions) {
    this.#options = options
    const { secrets } = options
    if (secrets !== undefined && !Array.isArray(secrets)) {
      throw new TypeError('secrets must be a list of strings: the first one signs, all verify')
    }
    this.#own = secrets === undefined ? null : keyring(secrets.map(secretFromText))
    this.#ring = this.#own
    this.#isBehind = this.#own === null
  }

  /** Whether links can be minted: what is known here was read since the store was last away. */
  get ready(): boolean {
    const isKnown = this.#epochs !== null && this.#ring !== null
    return isKnown && this.#outages === this.#options.guard.outages
  }

  /** The secret that signs, or `null` before the store has answered. */
  get signing(): Secret | null {
    return this.#ring?.signing ?? null
  }

  /**
   * Names the memory that a key belongs to.
   *
   * @param key - a record's key
   * @returns its epoch, or `null` while it is not known
   */
  epochOf(key: string): string | null {
    const epochs = this.#epochs ?? []
    return epochs[bucketOf(key, epochs.length)] ?? null
  }

  /**
   * Gives a second key in the memory that a key belongs to, always the same one.
   *
   * @param key - a record's key
   * @param purpose - what the second one is for
   * @returns `null` while the store's memory is not known
   */
  keyBeside(key: string, purpose: string): string | null {
    const epoch = this.epochOf(key)
    for (let index = 0; epoch !== null && index < MOST_TRIES; index += 1) {
      const beside = `${key}:${purpose}${index}`
      if (this.epochOf(beside) === epoch) return beside
    }
    return null
  }

  /**
   * Takes note that more time has passed than this process has counted: before the next link the
   * store is asked, whose reply tells the time. It would be minted in the past.
   */
  outlive(): void {
    this.#epochs = null
  }

  /** Reads epochs and secrets if they are not known; one reading at a time. Never rejects. */
  async prepare(): Promise<void> {
    if (this.ready) return
    await this.#read()
  }

  /** The secret that a token names, where it is known already. */
  known(keyId: string): Secret | null {
    return this.#ring?.find(keyId) ?? null
  }

  /**
   * Finds the secret that a token names and that is not {@link known}: the store is asked again, at
   * most once a second, for another process may have put it there.
   *
   * @returns the secret, or `null` when nobody knows it; `unknown` where the store could not tell
   */
  async find(keyId: string): Promise<Secret | null | 'unknown'> {
    if (this.#ring === null || this.#mayReadSecrets()) await this.#read()
    return this.known(keyId) ?? (this.#isBehind ? 'unknown' : null)
  }

  /**
   * Takes note that the store called a token's epoch wrong. If it is the one that is known here,
   * everything is read again before the next link is minted.
   */
  async meetWrongEpoch(key: string, epoch: string): Promise<void> {
    // A reading that began before may bring either.
    await this.#reading
    if (this.epochOf(key) !== epoch) return
    this.#epochs = null
    await this.#read()
  }

  #mayReadSecrets(): boolean {
    if (this.#own !== null) return false
    return this.#options.clock.now() >= this.#readMs + SECRETS_AGAIN_MS
  }

  #read(): Promise<void> {
    // A store that is down must not be asked by every request that comes.
    const again = this.#options.clock.now() < this.#readMs + EPOCHS_AGAIN_MS
    if (again && this.#options.guard.down) return Promise.resolve()
    this.#reading ??= this.#readAll()
      .catch(() => {})
      .finally(() => {
        this.#reading = null
        this.#readMs = this.#options.clock.now()
      })
    return this.#reading
  }

  async #readAll(): Promise<void> {
    const { store, guard, emit } = this.#options
    // Secrets first: a memory that was lost gets the old ones back, so that its tokens verify.
    if (this.#own === null) await this.#readSecrets()
    const { outages } = guard
    const { epochs } = await guard.call(ms => store.epoch(ms))
    this.#outages = outages
    const before = this.#epochsBefore
    this.#epochs = epochs
    this.#epochsBefore = epochs.join()
    if (before !== '' && before !== this.#epochsBefore) emit({ type: 'epoch-changed' })
  }

  async #readSecrets(): Promise<void> {
    const { store, guard } = this.#options
    const proposed = this.#kept.length > 0 ? this.#kept : [makeSecret()]
    try {
      const kept = await guard.call(ms => store.secrets(proposed, ms))
      this.#ring = keyring(kept.map(importSecret))
      this.#kept = kept
      this.#isBehind = false
      this.#unreadable = false
    } catch (error) {
      this.#isBehind = true
      const isOther = error instanceof PoeError && error.code !== 'ERR_POE_SECRETS'
      if (!isOther) this.#tell(error)
      throw error
    }
  }

  /** Once, until they can be read again: a process asks for them at least every second. */
  #tell(error: unknown): void {
    if (this.#unreadable) return
    this.#unreadable = true
    const isOurs = error instanceof PoeError
    const cause = isOurs ? error : new PoeError('ERR_POE_SECRETS', undefined, { cause: error })
    this.#options.emit({ type: 'secrets-unreadable', cause })
  }
}
