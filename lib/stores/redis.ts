/**
 * The redis store: one server, Sentinel or Cluster, through a client of `redis` or of `ioredis`
 * that the application has connected. One exchange for a claim, one for its completion.
 *
 * Redis is as durable as it is set up to be. Where it may have forgotten (a restart without
 * `appendfsync always`, a failover) unspent links of before are void, and none runs twice. Only a
 * backup that is put in place of the data of a server with `appendfsync always` goes unseen: call
 * `rotateEpoch` after that.
 */
import { describe, wholeNumber } from '../engine/checks.js'
import {
  bucketOf,
  type Claim,
  type ClaimReply,
  type ListQuery,
  type ListReply,
  type OwnerReply,
  type ReadReply,
  type Store,
  type StoreCapabilities,
  type StoredOutcome,
  type StoredSecret,
  type StoreTime,
} from '../engine/store.js'
import type { StoreAdmin } from '../engine/store-admin.js'
import { PoeError } from '../errors.js'
import {
  claimFault,
  deciderFor,
  leaseFault,
  pageOf,
  purgeLimit,
  verdictFault,
} from './arguments.js'
import { checkKeys, timeOption } from './options.js'
import { RedisAdmin } from './redis/admin.js'
import { type Argument, type Driver, driverOf, type RedisClient } from './redis/driver.js'
import { BUCKETS, Epochs } from './redis/epochs.js'
import { RedisExchange, type RedisStep } from './redis/exchange.js'
import { Gathering } from './redis/gathering.js'
import { listUndecided } from './redis/listing.js'
import { hashOwner, packOutcome, packWho, recordName, whoFault } from './redis/packing.js'
import { claimReply, ownerReply, readReply, stateOf } from './redis/replies.js'
import * as scripts from './redis/scripts.js'
import { Secrets } from './redis/secrets.js'

export type {
  Argument,
  IoredisClient,
  NodeRedisClient,
  NodeRedisCluster,
  OnConnectionError,
  RedisClient,
} from './redis/driver.js'

const WHERE = 'redisStore'
/** How long a call may take without its replicas, in milliseconds. */
const CALL_MS = 850
/** The engine waits a little longer than the store, so that the store can say what was wrong. */
const MARGIN_MS = 50
/** A server that has restarted twice during one claim is not there yet. */
const TRIES = 3

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * A connected client of `redis` (5 or newer: `createClient`, `createCluster`, `createSentinel`)
   * or of `ioredis` (5 or newer: `Redis`, `Cluster`). It stays the application's: `close` leaves it
   * open. While it is not connected, calls reject at once; nothing is queued.
   */
  readonly client: RedisClient
  /** What the names of all keys begin with. Default `poe`. Short ones save memory. */
  readonly prefix?: string | undefined
  /**
   * How many replicas must have a claim before its handler runs, and a mark before
   * `pointOfNoReturn()` returns (`WAIT`). Default 0: a failover may lose claims, marks and
   * outcomes, whose links are then void, not free; but those of resources with a `key`, which
   * belong to no epoch, are free then.
   */
  readonly replicas?: number | undefined
  /**
   * How long those replicas are waited for, in milliseconds. Default 100. Other calls on the same
   * connection wait meanwhile.
   */
  readonly replicaWaitMs?: number | undefined
}

/**
 * Makes a store of a Redis server, 7.0 or newer, with `maxmemory-policy noeviction`.
 *
 * Several processes may share it. Every key but the epochs and the secrets expires by itself. A
 * call takes as long as the engine's `storeTimeoutMs` allows (at least `replicaWaitMs` and 850 ms)
 * and then rejects; all times are the server's.
 *
 * @param options - the client, and what is to be otherwise
 * @returns a store; its calls reject with PoeError `ERR_POE_STORE_DOWN`; `ERR_POE_STORE_CONFIG`
 *   when the server is a replica, too old, or may evict keys; `ERR_POE_STORE_FULL` at `maxmemory`;
 *   `ERR_POE_STORE_CLOSED`
 * @throws TypeError or RangeError on malformed options
 */
export function redisStore(options: RedisStoreOptions): Store {
  return new RedisStore(resolveOptions(options))
}

interface Settings {
  readonly driver: Driver
  readonly prefix: string
  readonly replicas: number
  readonly replicaWaitMs: number
}

function resolveOptions(options: RedisStoreOptions): Settings {
  checkKeys(WHERE, options, ['client', 'prefix', 'replicas', 'replicaWaitMs'])
  const settings = {
    prefix: prefixOption(options.prefix),
    replicas: wholeNumber(WHERE, 'replicas', options.replicas, 0, 0),
    replicaWaitMs: timeOption(WHERE, 'replicaWaitMs', options.replicaWaitMs, 100, 1),
  }
  return Object.freeze({ ...settings, driver: driverOf(WHERE, options.client) })
}

function prefixOption(prefix: unknown): string {
  if (prefix === undefined) return 'poe'
  if (typeof prefix !== 'string' || prefix === '' || /[{}]/.test(prefix)) {
    throw new TypeError(`${WHERE}: prefix must be text without braces, got ${describe(prefix)}.`)
  }
  return prefix
}

class RedisStore implements Store {
  readonly capabilities: StoreCapabilities = Object.freeze({
    durable: true,
    crossProcess: true,
    transactional: false,
    nativeExpiry: true,
  })
  readonly timeoutMs: number
  readonly admin: StoreAdmin
  readonly #settings: Settings
  readonly #usualMs: number
  readonly #exchange: RedisExchange
  readonly #epochs: Epochs
  readonly #secrets: Secrets
  readonly #claims: Gathering
  readonly #completions: Gathering

  constructor(settings: Settings) {
    const extraMs = settings.replicas > 0 ? settings.replicaWaitMs : 0
    this.#usualMs = CALL_MS + extraMs
    this.timeoutMs = this.#usualMs + MARGIN_MS
    this.#settings = settings
    this.#exchange = new RedisExchange(settings.driver, this.#usualMs)
    this.#epochs = new Epochs(this.#exchange, settings.prefix)
    this.#secrets = new Secrets(this.#exchange, settings.prefix)
    const { prefix, driver } = settings
    const { isCluster, keyPrefix } = driver
    const [exchange, epochs, secrets] = [this.#exchange, this.#epochs, this.#secrets]
    this.admin = new RedisAdmin({ exchange, epochs, secrets, prefix, isCluster, keyPrefix })
    // Keys of several slots can go together where there is one server only.
    const gathers = !settings.driver.isCluster && settings.replicas === 0
    this.#claims = new Gathering(this.#exchange, gathers)
    this.#completions = new Gathering(this.#exchange, gathers)
  }

  claim(key: string, claim: Claim, withinMs: number = this.#usualMs): Promise<ClaimReply> {
    const fault = claimFault(key, claim) ?? whoFault(claim)
    if (fault !== null) return Promise.reject(fault)
    const looking = this.#epochs.watch(bucketOf(key, BUCKETS))
    if (this.#epochs.evicting !== null) return Promise.reject(this.#epochs.evicting)
    const step = this.#step(scripts.CLAIM, key, claimArguments(key, claim), 2)
    const ask = (leftMs: number) => this.#claim(key, claim.owner, step, leftMs)
    return this.#settled(key, withinMs, ask, looking).then(claimReply)
  }

  async renew(key: string, owner: string, leaseMs: number, withinMs?: number): Promise<OwnerReply> {
    const fault = leaseFault(leaseMs)
    if (fault !== null) throw fault
    return this.#write(scripts.RENEW, key, [owner, wholeMs(leaseMs)], withinMs)
  }

  async mark(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    const step = this.#step(scripts.MARK, key, [owner, key], 1)
    return ownerReply(await this.#onReplicas(step, 'ok', 'mark', withinMs))
  }

  complete(
    key: string,
    owner: string,
    outcome: StoredOutcome,
    withinMs: number = this.#usualMs,
  ): Promise<OwnerReply> {
    const args = [owner, hashOwner(owner), packOutcome(outcome), key]
    const step = this.#step(scripts.COMPLETE, key, args, 1)
    return this.#completions.run(step, withinMs).then(ownerReply)
  }

  async confirm(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    const found = await this.read(key, null, withinMs)
    const isOwn = found.state === 'spent' && found.mark === hashOwner(owner).toString('hex')
    return { nowMs: found.nowMs, state: isOwn ? 'ok' : 'stale' }
  }

  async attachBody(
    key: string,
    owner: string,
    outcome: StoredOutcome,
    withinMs?: number,
  ): Promise<OwnerReply> {
    return this.#write(scripts.ATTACH, key, [hashOwner(owner), packOutcome(outcome)], withinMs)
  }

  async release(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    return this.#write(scripts.RELEASE, key, [owner, key], withinMs)
  }

  async settle(
    key: string,
    expectedOwner: string,
    verdict: StoredOutcome | 'free',
    withinMs?: number,
  ): Promise<OwnerReply> {
    const fault = verdictFault(key, expectedOwner, verdict)
    if (fault !== null) throw fault
    const outcome = verdict === 'free' ? '' : packOutcome(verdict)
    const mark = hashOwner(deciderFor(expectedOwner))
    return this.#write(scripts.SETTLE, key, [expectedOwner, outcome, key, mark], withinMs)
  }

  async list(query: ListQuery, withinMs?: number): Promise<ListReply> {
    const page = pageOf(query)
    return listUndecided(this.#exchange, this.#epochs, this.#settings.prefix, page, withinMs)
  }

  read(key: string, epoch: string | null, withinMs: number = this.#usualMs): Promise<ReadReply> {
    const looking = this.#epochs.watch(bucketOf(key, BUCKETS))
    const step = this.#step(scripts.READ, key, [epoch ?? ''], 2)
    const ask = (leftMs: number) => this.#exchange.run(step, leftMs)
    return this.#settled(key, withinMs, ask, looking).then(readReply)
  }

  epoch(withinMs?: number): Promise<StoreTime & { readonly epochs: readonly string[] }> {
    return this.#epochs.all(withinMs)
  }

  rotateEpoch(): Promise<void> {
    return this.#epochs.rotate()
  }

  secrets(proposed: readonly StoredSecret[], withinMs?: number): Promise<readonly StoredSecret[]> {
    return this.#secrets.keep(proposed, withinMs)
  }

  async purge(limit: number): Promise<{ readonly removed: number; readonly more: boolean }> {
    purgeLimit(limit)
    this.#exchange.open()
    return { removed: 0, more: false }
  }

  async close(): Promise<void> {
    this.#exchange.close()
  }

  async #write(
    script: scripts.RedisScript,
    key: string,
    args: readonly Argument[],
    withinMs: number | undefined,
  ): Promise<OwnerReply> {
    return ownerReply(await this.#exchange.run(this.#step(script, key, args, 1), withinMs))
  }

  /** Record, epoch where it is needed, and the index, which a script can do without. */
  #step(
    script: scripts.RedisScript,
    key: string,
    args: readonly Argument[],
    needed: 1 | 2,
  ): RedisStep {
    const bucket = bucketOf(key, BUCKETS)
    const slot = this.#epochs.name(bucket)
    const name = recordName(this.#settings.prefix, bucket, key)
    const keys = needed === 2 ? [name, slot] : [name]
    if (!script.usesIndex) return { script, keys, args, slot }
    return { script, keys: [...keys, this.#epochs.index(bucket)], args, slot, needed }
  }

  /** Asks again once the epoch's bond to the server's memory is settled, where it is not. */
  #settled(
    key: string,
    withinMs: number,
    ask: (leftMs: number) => Promise<unknown>,
    looking: Promise<void> | null,
  ): Promise<unknown> {
    const untilMs = performance.now() + withinMs
    const asked = ask(withinMs).then(reply =>
      stateOf(reply) === 'unsettled' ? this.#settle(key, untilMs, ask) : reply,
    )
    return looking === null ? asked : asked.then(reply => looking.then(() => reply))
  }

  async #settle(
    key: string,
    untilMs: number,
    ask: (leftMs: number) => Promise<unknown>,
  ): Promise<unknown> {
    for (let tries = 1; tries < TRIES; tries += 1) {
      await this.#epochs.settle(bucketOf(key, BUCKETS), untilMs - performance.now())
      const reply = await ask(untilMs - performance.now())
      if (stateOf(reply) !== 'unsettled') return reply
    }
    throw new PoeError('ERR_POE_STORE_DOWN', 'The Redis server changes faster than it answers.')
  }

  #claim(key: string, owner: string, step: RedisStep, withinMs: number): Promise<unknown> {
    if (this.#settings.replicas === 0) return this.#claims.run(step, withinMs)
    // The engine releases too; this one does not wait for it.
    const takeBack = () => this.release(key, owner).catch(() => {})
    return this.#onReplicas(step, 'claimed', 'claim', withinMs, takeBack)
  }

  /**
   * Runs a step that a handler relies on as soon as it is granted: if too few replicas have it, it
   * could be forgotten while that one is at work.
   */
  async #onReplicas(
    step: RedisStep,
    granted: 'claimed' | 'ok',
    what: string,
    withinMs: number | undefined,
    takeBack: () => unknown = () => {},
  ): Promise<unknown> {
    const { replicas, replicaWaitMs } = this.#settings
    if (replicas === 0) return this.#exchange.run(step, withinMs)
    const wait = ['wait', String(replicas), String(replicaWaitMs)]
    const [reply, waited] = await this.#exchange.runWith(step, wait, withinMs)
    if (stateOf(reply) !== granted) {
      // Asked again for its bytes: of two that went together replies may be text.
      const again = await this.#exchange.run(step, withinMs)
      if (stateOf(again) !== granted) return again
      return this.#onReplicas(step, granted, what, withinMs, takeBack)
    }
    const having = 'reply' in waited ? Number(waited.reply) : 0
    if (having >= replicas) return reply
    takeBack()
    const cause = 'error' in waited ? { cause: waited.error } : {}
    const text = `${having} of ${replicas} replicas had the ${what} in ${replicaWaitMs} ms.`
    throw new PoeError('ERR_POE_STORE_DOWN', text, cause)
  }
}

function claimArguments(key: string, claim: Claim): Argument[] {
  return [
    claim.owner,
    claim.epoch ?? '',
    wholeMs(claim.leaseMs),
    wholeMs(claim.claimByMs),
    claim.tokenExpiresMs === null ? '' : wholeMs(claim.tokenExpiresMs),
    claim.keepUntilMs === null ? '0' : wholeMs(Math.max(1, claim.keepUntilMs)),
    claim.onSilence === 'free' ? 'F' : 'U',
    packWho(claim),
    claim.replaces == null ? '' : Buffer.from(claim.replaces, 'hex'),
    key,
  ]
}

function wholeMs(ms: number): string {
  return String(Math.floor(ms))
}
