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
import { type Page, strangeCursor } from '../arguments.js'
import { restoreHead, shortenHead } from '../head-text.js'
import type { Call, Connections } from './connections.js'
import { hashKey, hashOwner, packTold, unpackTold } from './packing.js'

/** What a claim or a read found. */
type FoundRow = readonly [
  nowMs: number,
  state: string,
  untilMs: number | null,
  owner: Buffer | null,
  told: Buffer | null,
  head: Buffer | null,
  body: Buffer | null,
]

/** One of a list: key and owner in base64, and since when. */
type ListedRow = readonly [key: string, owner: string, sinceMs: number]

type ListRow = readonly [nowMs: number, found: ListedRow[] | string, last: string | null]

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/
const CLAIM_PLACES = Array.from({ length: 12 }, (_, index) => `$${index + 1}`).join(', ')

type DoneRow = readonly [nowMs: number, isDone: boolean]

/** The records of one schema. */
export class Records {
  readonly #connections: Connections
  readonly #poe: string
  readonly #lockMs: number

  /**
   * @param connections - the store's own
   * @param poe - the schema's name, quoted
   * @param lockMs - how long the server waits for a lock, in milliseconds
   */
  constructor(connections: Connections, poe: string, lockMs: number) {
    this.#connections = connections
    this.#poe = poe
    this.#lockMs = lockMs
  }

  /** Takes a key if it is free. */
  async claim(key: string, claim: Claim): Promise<ClaimReply> {
    const {
      epoch,
      leaseMs,
      claimByMs,
      tokenExpiresMs,
      keepUntilMs,
      onSilence,
      replaces = null,
    } = claim
    const row = await this.#connections.call<FoundRow>('The claim failed', {
      name: 'claim',
      text: `SELECT * FROM ${this.#poe}.claim(${CLAIM_PLACES})`,
      values: [
        ...[hashKey(key), Buffer.from(claim.owner), epoch],
        ...[Math.floor(leaseMs), Math.floor(claimByMs)],
        ...[wholeOrNull(tokenExpiresMs), wholeOrNull(keepUntilMs), onSilence === 'undecided'],
        ...[packTold(claim), markBytes(replaces), Buffer.from(key), this.#lockMs],
      ],
    })
    const [nowMs, state] = row
    const found = foundIn(row)
    if (found !== null) return found
    return { nowMs, state: state as 'claimed' | 'late' | 'wrong-epoch' | 'expired' }
  }

  /** Looks without touching. */
  async read(key: string, epoch: string | null): Promise<ReadReply> {
    const row = await this.#connections.call<FoundRow>('The read failed', {
      name: 'read',
      text: `SELECT * FROM ${this.#poe}.read($1, $2)`,
      values: [hashKey(key), epoch],
    })
    return foundIn(row) ?? { nowMs: row[0], state: row[1] as 'none' | 'wrong-epoch' }
  }

  /** Sets the owner's lease. */
  renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    return this.#write('renew', hashKey(key), Buffer.from(owner), Math.floor(leaseMs))
  }

  /** From here on the owner's silence means doubt. */
  mark(key: string, owner: string): Promise<OwnerReply> {
    return this.#write('mark', hashKey(key), Buffer.from(owner), Buffer.from(key))
  }

  /** Makes the owner's key spent. */
  complete(key: string, owner: string, { head, body }: StoredOutcome): Promise<OwnerReply> {
    const by = [hashKey(key), Buffer.from(owner), hashOwner(owner)]
    return this.#write('complete', ...by, packHead(head), bytesOf(body))
  }

  /** Replaces the outcome of a key that this owner made spent. */
  attachBody(key: string, owner: string, { head, body }: StoredOutcome): Promise<OwnerReply> {
    const by = [hashKey(key), hashOwner(owner)]
    return this.#write('attach_body', ...by, packHead(head), bytesOf(body))
  }

  /** Frees the owner's running or undecided key. */
  release(key: string, owner: string): Promise<OwnerReply> {
    return this.#write('release', hashKey(key), Buffer.from(owner))
  }

  /** Decides an undecided key from outside. */
  settle(key: string, owner: string, verdict: StoredOutcome | 'free'): Promise<OwnerReply> {
    const [head, body] =
      verdict === 'free' ? [null, null] : [packHead(verdict.head), bytesOf(verdict.body)]
    return this.#write('settle', hashKey(key), Buffer.from(owner), head, body)
  }

  /** Lists undecided records by the hashes of their keys. */
  async list({ before, limit, cursor }: Page): Promise<ListReply> {
    if (cursor !== null && !UUID.test(cursor)) throw strangeCursor()
    const beforeMs = Number.isFinite(before) ? Math.ceil(before) : null
    const [nowMs, found, last] = await this.#connections.call<ListRow>('The list failed', {
      name: 'list',
      text: `SELECT * FROM ${this.#poe}.list($1, $2, $3)`,
      values: [beforeMs, cursor, limit],
    })
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

  /** Whether the owner's transaction, whose end was not heard of, was committed. */
  wasCommitted(key: string, owner: string): Promise<OwnerReply> {
    return this.#write('was_committed', hashKey(key), hashOwner(owner))
  }

  /**
   * The statement that ends a handler's transaction, in one message.
   *
   * @param transaction - the name that it was given when it began
   * @param quote - writes a value as a literal
   */
  finishing(
    transaction: string,
    key: string,
    owner: string,
    { head, body }: StoredOutcome,
    quote: (text: string) => string,
  ): string {
    const bytes = (value: Uint8Array): string =>
      `decode('${Buffer.from(value).toString('base64')}', 'base64')`
    const values = [
      ...[quote(transaction), quote(hashKey(key)), bytes(Buffer.from(owner))],
      ...[bytes(hashOwner(owner)), bytes(packHead(head)), body === null ? 'NULL' : bytes(body)],
      String(this.#lockMs),
    ]
    return `SELECT ${this.#poe}.finish(${values.join(', ')}); COMMIT`
  }

  /** The epoch, made of `fresh` where there is none that holds. */
  async epoch(fresh: string): Promise<EpochReply> {
    const [nowMs, version, epoch, isLogged] = await this.#connections.call<
      readonly [number, number, string, boolean]
    >('The epoch cannot be read', this.#of('epoch', fresh))
    return { nowMs, version, epoch, isLogged }
  }

  /** Replaces the epoch. */
  async rotateEpoch(fresh: string): Promise<void> {
    await this.#connections.call('The epoch cannot be rotated', this.#of('rotate_epoch', fresh))
  }

  /** Keeps `proposed` if there are no secrets yet, and gives those that there are. */
  async secrets(proposed: readonly StoredSecret[]): Promise<readonly StoredSecret[]> {
    const list = proposed.map(({ id, key }) => ({ id, key }))
    const [kept] = await this.#connections.call<readonly [StoredSecret[] | string]>(
      'The secrets cannot be read',
      this.#of('secrets', JSON.stringify(list)),
    )
    const secrets = typeof kept === 'string' ? (JSON.parse(kept) as StoredSecret[]) : kept
    return secrets.map(({ id, key }) => ({ id, key }))
  }

  /** Removes up to `limit` records that are past their time; tells how many went. */
  async purge(limit: number): Promise<number> {
    const [removed] = await this.#connections.call<readonly [number]>(
      'The purge failed',
      this.#of('purge', limit),
    )
    return removed
  }

  async #write(name: string, ...values: readonly unknown[]): Promise<OwnerReply> {
    const what = `The call of ${name}() failed`
    const [nowMs, isDone] = await this.#connections.call<DoneRow>(what, this.#of(name, ...values))
    return { nowMs, state: isDone ? 'ok' : 'stale' }
  }

  #of(name: string, ...values: readonly unknown[]): Call {
    const all = [...values, this.#lockMs]
    const places = all.map((_, index) => `$${index + 1}`).join(', ')
    return { name, text: `SELECT * FROM ${this.#poe}.${name}(${places})`, values: all }
  }
}

/** What `epoch()` tells: the epoch, and whether the tables can be relied on. */
export interface EpochReply {
  readonly nowMs: number
  readonly version: number
  readonly epoch: string
  readonly isLogged: boolean
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

/** A record that an operator decided has no mark, and nobody takes its place. */
function markBytes(mark: string | null): Buffer | null {
  return mark === null || mark === '' ? null : Buffer.from(mark, 'hex')
}

function wholeOrNull(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms)
}

function packHead(head: string): Buffer {
  return Buffer.from(shortenHead(head))
}

/** The driver takes Buffers for bytes. */
function bytesOf(body: Uint8Array | null): Buffer | null {
  if (body === null) return null
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
