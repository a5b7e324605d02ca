/**
 * What the store contract's writes and reads are as calls of server-side functions, and what their
 * rows mean.
 */
import type {
  Claim,
  ClaimReply,
  ListedRecord,
  ListReply,
  OwnerReply,
  ReadReply,
  StoredOutcome,
  StoredSecret,
} from '../../engine/store.js'
import { PoeError } from '../../errors.js'
import { type PageQuery, strangeCursor } from '../arguments.js'
import { Batches } from '../batches.js'
import { restoreHead, shortenHead } from '../head-text.js'
import { PURGE_MS, USUAL_MS } from '../within.js'
import { type Call, type Connections, NO_ANSWER } from './connections.js'
import { isServersWord } from './driver.js'
import {
  bytesArray,
  hashKey,
  hashOwner,
  packTold,
  plainArray,
  textArray,
  unpackTold,
} from './packing.js'

/** What a claim or a read found. */
type FoundRow = readonly [
  nowMs: number,
  state: string | null,
  untilMs: number | null,
  owner: Buffer | null,
  told: Buffer | null,
  head: Buffer | null,
  body: Buffer | null,
]

/** One of a list: key and owner in base64, and since when. */
type ListedRow = readonly [key: string, owner: string, sinceMs: number]

type ListRow = readonly [nowMs: number, found: ListedRow[] | string, last: string | null]

/** What a cursor is. */
export const UUID: RegExp = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/
const CLAIM_PLACES = Array.from({ length: 12 }, (_, index) => `$${index + 1}`).join(', ')

type DoneRow = readonly [nowMs: number, isDone: boolean]

/** The share of its time for which a question waits for a transaction to end. */
const LONG_LOCK = 0.9
/** How long a batch waits for a lock, in milliseconds, before each of it asks by itself. */
const BATCH_LOCK_MS = 50
/** Each claim of a batch holds an advisory lock, of which a server has a few thousand for all. */
const MOST_LINES = 32
const MOST_ROWS = 128

/** What kinds of batches share. More of them under way are smaller, and each costs the same. */
const GATHERING = {
  most: 2,
  noAnswer: NO_ANSWER,
  /** Whether the server itself refused the statement, so that nothing of it was kept. */
  isRefused: (error: unknown): boolean => error instanceof PoeError && isServersWord(error.cause),
}

/** A claim as the server is asked for it. Times are whole milliseconds. */
interface AskedClaim {
  readonly key: string
  readonly owner: Buffer
  readonly epoch: string | null
  readonly leaseMs: number
  readonly claimByMs: number
  readonly expiresMs: number | null
  readonly keepUntilMs: number | null
  readonly meansDoubt: boolean
  readonly told: Buffer
  readonly replaces: Buffer | null
  readonly name: Buffer
}

/** An outcome as the server is given it. */
interface Completion {
  readonly key: string
  readonly owner: Buffer
  readonly mark: Buffer
  readonly head: Buffer
  readonly body: Buffer | null
}

/** The records of one schema. */
export class PostgresRecords {
  readonly #connections: Connections
  readonly #poe: string
  readonly #lockWaitMs: number | null
  readonly #claims: Batches<AskedClaim, ClaimReply>
  readonly #completions: Batches<Completion, OwnerReply>
  /** Whether arrays know a `NULL` (`array_nulls`); where they take it for a text, none are sent. */
  #hasNulls = true
  /** Whose lease is as long as their transaction may last. */
  readonly #outlasting = new Set<string>()

  /**
   * @param connections - the store's own
   * @param poe - the schema's name, quoted
   * @param lockWaitMs - how long the server waits for a lock, in milliseconds; `null` for half of
   *   what a call has
   */
  constructor(connections: Connections, poe: string, lockWaitMs: number | null) {
    this.#connections = connections
    this.#poe = poe
    this.#lockWaitMs = lockWaitMs
    this.#claims = new Batches({
      together: (asked, ms) => this.#claimTogether(asked, ms),
      alone: (asked, ms) => this.#claimAlone(asked, ms),
      bytesOf: ({ name }) => name.length,
      largest: MOST_LINES,
      ...GATHERING,
    })
    this.#completions = new Batches({
      together: (done, ms) => this.#completeTogether(done, ms),
      alone: (done, ms) => this.#completeAlone(done, ms),
      bytesOf: ({ body }) => body?.length ?? 0,
      largest: MOST_ROWS,
      ...GATHERING,
    })
  }

  /** Takes a key if it is free. */
  claim(key: string, claim: Claim, withinMs: number = USUAL_MS): Promise<ClaimReply> {
    const { epoch, leaseMs, claimByMs, tokenExpiresMs, keepUntilMs } = claim
    const { onSilence, replaces = null } = claim
    const asked: AskedClaim = {
      key: hashKey(key),
      owner: Buffer.from(claim.owner),
      epoch,
      leaseMs: Math.floor(leaseMs),
      claimByMs: Math.floor(claimByMs),
      expiresMs: wholeOrNull(tokenExpiresMs),
      keepUntilMs: wholeOrNull(keepUntilMs),
      meansDoubt: onSilence === 'undecided',
      told: packTold(claim),
      replaces: markBytes(replaces),
      name: Buffer.from(key),
    }
    // A batch does not know records that are to be replaced.
    return asked.replaces === null && this.#hasNulls
      ? this.#claims.ask(asked, withinMs)
      : this.#claimAlone(asked, withinMs)
  }

  /** Looks without touching. */
  async read(key: string, epoch: string | null, withinMs?: number): Promise<ReadReply> {
    const call = {
      name: 'read',
      text: `SELECT * FROM ${this.#poe}.read($1, $2)`,
      values: [hashKey(key), epoch],
    }
    const row = await this.#connections.call<FoundRow>('The read failed', call, withinMs)
    return foundIn(row) ?? { nowMs: row[0], state: row[1] as 'none' | 'wrong-epoch' }
  }

  /** Sets the owner's lease; one that outlasts a transaction of its stays as it is. */
  async renew(key: string, owner: string, leaseMs: number, withinMs?: number): Promise<OwnerReply> {
    if (leaseMs === 0 || !this.#outlasting.has(owner)) {
      const by = [hashKey(key), Buffer.from(owner)]
      return await this.#write('renew', withinMs, ...by, Math.floor(leaseMs))
    }
    const { nowMs, state } = await this.read(key, null, withinMs)
    return { nowMs, state: state === 'running' ? 'ok' : 'stale' }
  }

  /** Sets a lease that is not renewed until {@link endOutlasting}. */
  async outlast(key: string, owner: string, leaseMs: number, withinMs: number): Promise<void> {
    const { state } = await this.renew(key, owner, leaseMs, withinMs)
    if (state === 'stale') throw new PoeError('ERR_POE_LEASE_LOST')
    this.#outlasting.add(owner)
  }

  /** The owner's transaction is over. */
  endOutlasting(owner: string): void {
    this.#outlasting.delete(owner)
  }

  /** From here on the owner's silence means doubt. */
  mark(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    const by = [hashKey(key), Buffer.from(owner)]
    return this.#write('mark', withinMs, ...by, Buffer.from(key))
  }

  /** Makes the owner's key spent. */
  complete(
    key: string,
    owner: string,
    { head, body }: StoredOutcome,
    withinMs: number = USUAL_MS,
  ): Promise<OwnerReply> {
    const done: Completion = {
      key: hashKey(key),
      owner: Buffer.from(owner),
      mark: hashOwner(owner),
      head: packHead(head),
      body: bytesOf(body),
    }
    if (!this.#hasNulls) return this.#completeAlone(done, withinMs)
    return this.#completions.ask(done, withinMs)
  }

  /** Replaces the outcome of a key that this owner made spent. */
  attachBody(
    key: string,
    owner: string,
    { head, body }: StoredOutcome,
    withinMs?: number,
  ): Promise<OwnerReply> {
    const by = [hashKey(key), hashOwner(owner)]
    return this.#write('attach_body', withinMs, ...by, packHead(head), bytesOf(body))
  }

  /** Frees the owner's running or undecided key. */
  release(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    return this.#write('release', withinMs, hashKey(key), Buffer.from(owner))
  }

  /** Decides an undecided key from outside. */
  settle(
    key: string,
    owner: string,
    verdict: StoredOutcome | 'free',
    withinMs?: number,
  ): Promise<OwnerReply> {
    const [head, body] =
      verdict === 'free' ? [null, null] : [packHead(verdict.head), bytesOf(verdict.body)]
    return this.#write('settle', withinMs, hashKey(key), Buffer.from(owner), head, body)
  }

  /** Lists undecided records by the hashes of their keys. */
  async list({ before, limit, cursor }: PageQuery, withinMs?: number): Promise<ListReply> {
    if (cursor !== null && !UUID.test(cursor)) throw strangeCursor()
    const beforeMs = Number.isFinite(before) ? Math.ceil(before) : null
    const [nowMs, found, last] = await this.#connections.call<ListRow>(
      'The list failed',
      {
        name: 'list',
        text: `SELECT * FROM ${this.#poe}.list($1, $2, $3)`,
        values: [beforeMs, cursor, limit],
      },
      withinMs,
    )
    const rows = typeof found === 'string' ? (JSON.parse(found) as ListedRow[]) : found
    const records = rows.map(
      ([key, owner, sinceMs]): ListedRecord => ({
        key: Buffer.from(key, 'base64').toString(),
        owner: Buffer.from(owner, 'base64').toString(),
        sinceMs,
      }),
    )
    return { nowMs, records, cursor: last }
  }

  /** Whether this owner spent the key; waits until a transaction of its is over. */
  async confirm(key: string, owner: string, withinMs: number = USUAL_MS): Promise<OwnerReply> {
    const lockMs = Math.ceil(withinMs * LONG_LOCK)
    const call = this.#calling('was_committed', [hashKey(key), hashOwner(owner), lockMs])
    return ownerReply(await this.#connections.call<DoneRow>('The look failed', call, withinMs))
  }

  /**
   * The statement that ends a handler's transaction, in one message.
   *
   * @param transaction - the name that it was given when it began, without quotes
   */
  finishing(
    transaction: string,
    key: string,
    owner: string,
    { head, body }: StoredOutcome,
    withinMs: number,
  ): string {
    const by = `'${transaction}', '${hashKey(key)}', ${literal(Buffer.from(owner))}`
    const outcome = `${literal(packHead(head))}, ${literal(bytesOf(body))}`
    const mark = literal(hashOwner(owner))
    const finish = `${this.#poe}.finish(${by}, ${mark}, ${outcome}, ${this.#lockMs(withinMs)})`
    return `SELECT ${finish}; COMMIT`
  }

  /** The epoch, made of `fresh` where there is none that holds. */
  async epoch(fresh: string, withinMs?: number): Promise<EpochReply> {
    const { name, text, values } = this.#of('epoch', withinMs, fresh)
    const row = "row.*, current_setting('array_nulls')::boolean"
    const call = { name, text: `${text.replace('*', row)} AS row`, values }
    const [nowMs, version, epoch, isLogged, hasNulls] = await this.#connections.call<
      readonly [number, number, string, boolean, boolean]
    >('The epoch cannot be read', call, withinMs)
    this.#hasNulls = hasNulls
    return { nowMs, version, epoch, isLogged }
  }

  /** Replaces the epoch. */
  async rotateEpoch(fresh: string): Promise<void> {
    await this.#connections.call(
      'The epoch cannot be rotated',
      this.#of('rotate_epoch', undefined, fresh),
    )
  }

  /** Keeps `proposed` if there are no secrets yet, and gives those that there are. */
  async secrets(
    proposed: readonly StoredSecret[],
    withinMs?: number,
  ): Promise<readonly StoredSecret[]> {
    const list = proposed.map(({ id, key }) => ({ id, key }))
    const [kept] = await this.#connections.call<readonly [StoredSecret[] | string]>(
      'The secrets cannot be read',
      this.#of('secrets', withinMs, JSON.stringify(list)),
      withinMs,
    )
    const secrets = typeof kept === 'string' ? (JSON.parse(kept) as StoredSecret[]) : kept
    return secrets.map(({ id, key }) => ({ id, key }))
  }

  /** Removes up to `limit` records that are past their time; tells how many went. */
  async purge(limit: number): Promise<number> {
    const [removed] = await this.#connections.call<readonly [number]>(
      'The purge failed',
      this.#of('purge', undefined, limit),
      PURGE_MS,
    )
    return removed
  }

  async #claimAlone(asked: AskedClaim, withinMs: number): Promise<ClaimReply> {
    const call = {
      name: 'claim',
      text: `SELECT * FROM ${this.#poe}.claim(${CLAIM_PLACES})`,
      values: [
        ...[asked.key, asked.owner, asked.epoch, asked.leaseMs, asked.claimByMs],
        ...[asked.expiresMs, asked.keepUntilMs, asked.meansDoubt, asked.told, asked.replaces],
        ...[asked.name, this.#lockMs(withinMs)],
      ],
    }
    const row = await this.#connections.call<FoundRow>('The claim failed', call, withinMs)
    return claimReply(row)
  }

  async #claimTogether(
    asked: readonly AskedClaim[],
    withinMs: number,
  ): Promise<readonly (ClaimReply | null)[]> {
    const call = this.#calling('claim_all', [
      plainArray(asked.map(({ key }) => key)),
      bytesArray(asked.map(({ owner }) => owner)),
      textArray(asked.map(({ epoch }) => epoch)),
      plainArray(asked.map(({ leaseMs }) => leaseMs)),
      plainArray(asked.map(({ claimByMs }) => claimByMs)),
      plainArray(asked.map(({ expiresMs }) => expiresMs)),
      plainArray(asked.map(({ keepUntilMs }) => keepUntilMs)),
      plainArray(asked.map(({ meansDoubt }) => meansDoubt)),
      bytesArray(asked.map(({ told }) => told)),
      bytesArray(asked.map(({ name }) => name)),
      this.#batchLockMs(withinMs),
    ])
    const rows = await this.#connections.rows<FoundRow>('The claims failed', call, withinMs)
    return rows.map(row => (row[1] === null ? null : claimReply(row)))
  }

  #completeAlone(done: Completion, withinMs: number): Promise<OwnerReply> {
    const { key, owner, mark, head, body } = done
    return this.#write('complete', withinMs, key, owner, mark, head, body)
  }

  async #completeTogether(
    done: readonly Completion[],
    withinMs: number,
  ): Promise<readonly (OwnerReply | null)[]> {
    const call = this.#calling('complete_all', [
      plainArray(done.map(({ key }) => key)),
      bytesArray(done.map(({ owner }) => owner)),
      bytesArray(done.map(({ mark }) => mark)),
      bytesArray(done.map(({ head }) => head)),
      bytesArray(done.map(({ body }) => body)),
      this.#batchLockMs(withinMs),
    ])
    const what = 'The completions failed'
    const [nowMs, kept] = await this.#connections.call<readonly [number, string]>(
      what,
      call,
      withinMs,
    )
    const replies: (OwnerReply | null)[] = done.map(() => null)
    for (const place of kept === '' ? [] : kept.split(',')) {
      replies[Number(place) - 1] = { nowMs, state: 'ok' }
    }
    return replies
  }

  async #write(
    name: string,
    withinMs: number | undefined,
    ...values: readonly unknown[]
  ): Promise<OwnerReply> {
    const what = `The call of ${name}() failed`
    const call = this.#of(name, withinMs, ...values)
    return ownerReply(await this.#connections.call<DoneRow>(what, call, withinMs))
  }

  #of(name: string, withinMs: number | undefined, ...values: readonly unknown[]): Call {
    return this.#calling(name, [...values, this.#lockMs(withinMs)])
  }

  #calling(name: string, values: readonly unknown[]): Call {
    const places = values.map((_, index) => `$${index + 1}`).join(', ')
    return { name, text: `SELECT * FROM ${this.#poe}.${name}(${places})`, values }
  }

  /** A lock that is waited for as long as the call is no answer, but an outage. */
  #lockMs(withinMs: number = USUAL_MS): number {
    return this.#lockWaitMs ?? Math.ceil(withinMs / 2)
  }

  /** Neighbours do not wait for a lock for long. */
  #batchLockMs(withinMs: number): number {
    return Math.min(BATCH_LOCK_MS, this.#lockMs(withinMs))
  }
}

/** What `epoch()` tells: the epoch, and whether the tables can be relied on. */
export interface EpochReply {
  readonly nowMs: number
  readonly version: number
  readonly epoch: string
  readonly isLogged: boolean
}

function claimReply(row: FoundRow): ClaimReply {
  const [nowMs, state] = row
  return foundIn(row) ?? { nowMs, state: state as 'claimed' | 'late' | 'wrong-epoch' | 'expired' }
}

function ownerReply([nowMs, isDone]: DoneRow): OwnerReply {
  return { nowMs, state: isDone ? 'ok' : 'stale' }
}

/** A record that is not free, as replies tell it. */
type Found = Extract<ReadReply, { readonly state: 'running' | 'spent' | 'undecided' }>

function foundIn([nowMs, state, untilMs, owner, told, head, body]: FoundRow): Found | null {
  if (told === null) return null
  const by = unpackTold(told)
  switch (state) {
    case 'spent':
      return {
        nowMs,
        state,
        outcome: { head: restoreHead(head?.toString() ?? ''), body },
        mark: owner?.toString('hex') ?? '',
        ...by,
      }
    case 'running':
      return { nowMs, state, leaseLeftMs: (untilMs ?? nowMs) - nowMs, ...by }
    case 'undecided':
      return { nowMs, state, owner: owner?.toString() ?? '', sinceMs: untilMs ?? nowMs, ...by }
    default:
      return null
  }
}

function markBytes(mark: string | null): Buffer | null {
  return mark === null ? null : Buffer.from(mark, 'hex')
}

function wholeOrNull(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms)
}

function packHead(head: string): Buffer {
  return Buffer.from(shortenHead(head))
}

/** Bytes in the text of a statement. */
function literal(bytes: Buffer | null): string {
  return bytes === null ? 'NULL' : `decode('${bytes.toString('base64')}', 'base64')`
}

/** The driver takes Buffers for bytes. */
function bytesOf(body: Uint8Array | null): Buffer | null {
  if (body === null) return null
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
