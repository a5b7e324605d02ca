/**
 * The epochs of a Redis server: one in each bucket, each bound to the server's unbroken memory.
 *
 * A server's *replication id* is fresh after each start and each promotion to master, so it names
 * one stretch of memory. A bucket's value holds the epoch together with the id that it was made
 * under. Where the server now has another id, it may have forgotten, and the epoch is replaced,
 * unless it is known that nothing was lost: no replica has ever followed, so that this memory can
 * be no other's older copy, and every write was on the disk before it was answered.
 *
 * The flag between epoch and id is also the version of what is under the prefix: a release whose
 * records this one cannot read writes another one than `0` or `1`, and this one then does nothing.
 *
 * The look, and what follows from it, are apart; that nothing changed in between is seen to by
 * compare-and-set in the server.
 */
import { randomBytes } from 'node:crypto'
import type { StoreTime } from '../../engine/store.js'
import { PoeError } from '../../errors.js'
import type { Settled } from './driver.js'
import type { RedisExchange, RedisStep } from './exchange.js'
import { LOOK, REPLACE } from './scripts.js'

/** How many buckets there are; part of what is in the server. */
export const BUCKETS = 64

const EPOCH_BYTES = 9
const EPOCH_CHARS = 12
const LEAST_VERSION = 7
/** How often the server's policy is looked at beside claims, in milliseconds. */
const WATCH_MS = 10_000
/** Others change an epoch at the same moment as a rule once. */
const TRIES = 10
const LOWERED =
  'Redis is set to keep less on the disk than it did, so that links of before are void.'
const CONFIG = ['config', 'get', 'appendonly', 'appendfsync', 'no-appendfsync-on-rewrite']

/** What a server says of itself and of one bucket. */
interface Look {
  readonly nowMs: number
  readonly value: string
  readonly id: string
  readonly policy: string
  readonly isPromoted: boolean
  readonly hasBeenFollowed: boolean
}

/** The epochs of one prefix. */
export class Epochs {
  readonly #exchange: RedisExchange
  readonly #prefix: string
  #lookedAtMs = 0
  /** The look that is under way beside calls; rejects where the server drops records. */
  #looking: Promise<void> | null = null
  /** The bucket whose server may drop records, and how it says so. */
  #evicting: { readonly bucket: number; readonly error: unknown } | null = null

  constructor(exchange: RedisExchange, prefix: string) {
    this.#exchange = exchange
    this.#prefix = prefix
  }

  /** The key that keeps a bucket's epoch; also what names its slot. */
  name(bucket: number): string {
    return `${this.#prefix}{${bucket}}:e`
  }

  /** The key of a bucket's index of what is or may become undecided, in the same slot. */
  index(bucket: number): string {
    return `${this.#prefix}{${bucket}}:u`
  }

  /** PoeError `ERR_POE_STORE_CONFIG` while the server is known to drop something, else `null`. */
  get evicting(): unknown {
    return this.#evicting?.error ?? null
  }

  /**
   * Looks now and then whether the server still drops nothing, and still has on the disk what it
   * has answered: it can be told otherwise while it runs, or while nobody asks. The look goes out
   * before the call, so that both are one exchange.
   *
   * @returns what the call waits for before its reply counts, if there is anything: it rejects
   *   where what is not there may have been dropped, or what is now there may be lost
   */
  watch(bucket: number): Promise<void> | null {
    if (performance.now() - this.#lookedAtMs > WATCH_MS) {
      this.#lookedAtMs = performance.now()
      this.#looking = this.#lookClosely(this.#evicting?.bucket ?? bucket).finally(() => {
        this.#looking = null
      })
      this.#looking.catch(() => {})
    }
    return this.#evicting === null ? this.#looking : null
  }

  /** Reads all, and replaces those that are missing or may have been outlived. */
  async all(withinMs?: number): Promise<StoreTime & { readonly epochs: readonly string[] }> {
    const found = await this.#each(bucket => this.settle(bucket, withinMs))
    return {
      nowMs: Math.max(...found.map(({ nowMs }) => nowMs)),
      epochs: found.map(({ epoch }) => epoch),
    }
  }

  /** Replaces all. */
  async rotate(): Promise<void> {
    await this.#each(bucket => this.#replace(bucket, () => false))
  }

  /**
   * Gives a bucket's epoch once it is the name of the memory that the server has now.
   *
   * @throws PoeError `ERR_POE_STORE_CONFIG` when the server must not be used
   */
  async settle(bucket: number, withinMs?: number): Promise<StoreTime & { readonly epoch: string }> {
    this.#lookedAtMs = performance.now()
    const look = lookFrom(await this.#exchange.run(this.#look(bucket), withinMs))
    this.#refuseEviction(bucket, look)
    if (look.value !== '' && idOf(look.value) === look.id) {
      return { nowMs: look.nowMs, epoch: epochOf(look.value) }
    }
    return this.#replace(bucket, keepsAll, withinMs)
  }

  async #replace(
    bucket: number,
    mayStay: (look: Look, isSynced: boolean) => boolean,
    withinMs?: number,
  ): Promise<StoreTime & { readonly epoch: string }> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const [reply, config] = await this.#exchange.runWith(this.#look(bucket), CONFIG, withinMs)
      const look = lookFrom(reply)
      const isSynced = syncsAlways(config)
      const isSettled = look.value !== '' && idOf(look.value) === look.id && mayStay === keepsAll
      if (isSettled) return { nowMs: look.nowMs, epoch: epochOf(look.value) }
      const epoch = mayStay(look, isSynced) ? epochOf(look.value) : freshEpoch()
      const value = `${epoch}${isSynced && !look.hasBeenFollowed ? '1' : '0'}${look.id}`
      const args = [look.value, look.id, value]
      const step = { ...this.#look(bucket), script: REPLACE, args }
      const replaced = await this.#exchange.run(step, withinMs)
      if (replaced === 1) return { nowMs: look.nowMs, epoch }
    }
    throw new PoeError('ERR_POE_STORE_DOWN', 'The epoch of a bucket did not hold still.')
  }

  async #lookClosely(bucket: number): Promise<void> {
    const both = await this.#exchange.runWith(this.#look(bucket), CONFIG).catch(() => null)
    if (both === null) return
    const look = lookFrom(both[0])
    this.#refuseEviction(bucket, look)
    // At its next start it may be told of `always` again, and this value be what it finds.
    const isLowered = 'reply' in both[1] && !syncsAlways(both[1])
    if (!isLowered || !couldForgetNothing(look)) return
    await this.rotate()
    throw new PoeError('ERR_POE_STORE_BUSY', LOWERED)
  }

  /** Where records may be gone, links of before are void, also once the server is set right. */
  #refuseEviction(bucket: number, { policy }: Look): void {
    try {
      refusePolicy(policy)
      if (this.#evicting?.bucket === bucket) this.#evicting = null
    } catch (error) {
      if (this.#evicting === null) this.rotate().catch(() => {})
      this.#evicting = { bucket, error }
      throw error
    }
  }

  #look(bucket: number): RedisStep {
    const name = this.name(bucket)
    return { script: LOOK, keys: [name], args: [], slot: name }
  }

  /** All in one turn of the event loop, so that they share few writes to the socket. */
  #each<Result>(work: (bucket: number) => Promise<Result>): Promise<Result[]> {
    return Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => work(bucket)))
  }
}

/**
 * Whether the memory is the one that the value was made in, although the id is another. Once it is
 * followed, its copy has the value too, and may be started as a server of its own.
 */
function keepsAll(look: Look, isSynced: boolean): boolean {
  return couldForgetNothing(look) && isSynced && !look.isPromoted && !look.hasBeenFollowed
}

function couldForgetNothing({ value }: Look): boolean {
  return value.charAt(EPOCH_CHARS) === '1'
}

function epochOf(value: string): string {
  return value.slice(0, EPOCH_CHARS)
}

function idOf(value: string): string {
  return value.slice(EPOCH_CHARS + 1)
}

function freshEpoch(): string {
  return randomBytes(EPOCH_BYTES).toString('base64url')
}

function lookFrom(reply: unknown): Look {
  const [nowMs, ...texts] = reply as [number, ...(Buffer | string)[]]
  const [value = '', replication = '', policy = '', version = ''] = texts.map(String)
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(replication)?.[1]
  refuseOld(version)
  refuseNewer(value)
  const id = field('master_replid') ?? ''
  if (!/[1-9a-f]/.test(id)) {
    throw config('INFO replication names no master_replid, so that a restart would go unseen.')
  }
  return {
    nowMs,
    value,
    id,
    policy,
    isPromoted: /[1-9a-f]/.test(field('master_replid2') ?? 'unknown'),
    hasBeenFollowed: field('connected_slaves') !== '0' || field('repl_backlog_active') !== '0',
  }
}

function refuseOld(version: string): void {
  if (Number.parseInt(version, 10) >= LEAST_VERSION) return
  throw config(`Redis ${version} is too old. Use ${LEAST_VERSION}.0 or newer.`)
}

/** A release that changes how records are written writes another flag than `0` and `1`. */
function refuseNewer(value: string): void {
  if (value === '' || '01'.includes(value.charAt(EPOCH_CHARS))) return
  const text = 'A newer release of post-once-exactly writes to this Redis, by keys of this prefix.'
  throw new PoeError('ERR_POE_STORE_SCHEMA', `${text} Update this one, or use another prefix.`)
}

function refusePolicy(policy: string): void {
  if (policy === 'noeviction') return
  const found = `maxmemory-policy is '${policy}', so that Redis may drop records of spent links.`
  throw config(`${found} Set it: CONFIG SET maxmemory-policy noeviction`)
}

/** Whether every write is on the disk before it is answered; what cannot be learnt counts as no. */
function syncsAlways(answer: Settled): boolean {
  if ('error' in answer) return false
  const words = wordsOf(answer.reply).map(String)
  const value = (name: string) => words[words.indexOf(name) + 1]
  const isAlways = value('appendonly') === 'yes' && value('appendfsync') === 'always'
  return isAlways && value('no-appendfsync-on-rewrite') === 'no'
}

/** A map is a list in the older protocol, an object or a Map in the newer. */
export function wordsOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply
  if (reply instanceof Map) return [...reply].flat()
  return Object.entries(reply ?? {}).flat()
}

function config(text: string): PoeError {
  return new PoeError('ERR_POE_STORE_CONFIG', text)
}
