/**
 * The operator's part of the redis store. Records are gone through by SCAN, so that a page costs
 * the server as much as the names that it looks at, the application's own among them; in a cluster
 * once for each bucket. SCAN may tell of a record twice while the server makes room for more.
 */
import { bucketOf, type StoredSecret } from '../../engine/store.js'
import type {
  ScanQuery,
  ScanReply,
  StoreAdmin,
  StoreCounts,
  StoredRecord,
  StoreSetting,
} from '../../engine/store-admin.js'
import { scanPageOf, stateOfClaim, strangeCursor } from '../arguments.js'
import { BUCKETS, type Epochs } from './epochs.js'
import type { RedisExchange, RedisStep } from './exchange.js'
import { KEY_BYTES, recordName, unpackStart } from './packing.js'
import { SCAN, TELL_ONE } from './scripts.js'
import type { Secrets } from './secrets.js'
import { serverSettings } from './server-settings.js'

/** No more names are looked at for one page once it has taken this long. */
const PAGE_MS = 250
const COUNTED_AT_ONCE = 1_000
/** A bucket that has more in doubt gives only the ids of the others. */
const MOST_NAMES = '9999'
const START = '0 0'
const CURSOR = /^(\d{1,2}) (\d+)$/

/** What the operator's part works with. */
export interface RedisAdminTools {
  readonly exchange: RedisExchange
  readonly epochs: Epochs
  readonly secrets: Secrets
  readonly prefix: string
  readonly isCluster: boolean
  readonly keyPrefix: string
}

/** A record as a script tells it: a claim, or the beginning of a spent one. */
type Told =
  | readonly [name: Buffer, tag: Buffer, leaseUntilMs: number, keepUntilMs: number, owner: Buffer]
  | readonly [name: Buffer, tag: Buffer, start: Buffer, length: number, endsMs: number]

/** See {@link StoreAdmin}. */
export class RedisAdmin implements StoreAdmin {
  readonly #tools: RedisAdminTools

  constructor(tools: RedisAdminTools) {
    this.#tools = tools
  }

  async count(): Promise<StoreCounts> {
    const counts = { running: 0, undecided: 0, spent: 0, free: 0, expired: 0 }
    let [oldest, next] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    let nowMs = 0
    let cursor: string | null = null
    do {
      const page: Page = await this.#page(cursor, COUNTED_AT_ONCE)
      for (const told of page.found) {
        const { state, leaseUntilMs } = recordOf(told, null, page.nowMs)
        counts[state] += 1
        if (state === 'undecided') oldest = Math.min(oldest, leaseUntilMs ?? oldest)
        if (state === 'running') next = Math.min(next, leaseUntilMs ?? next)
      }
      nowMs = page.nowMs
      cursor = page.cursor
    } while (cursor !== null)
    const known = (ms: number) => (Number.isFinite(ms) ? ms : null)
    return { nowMs, ...counts, oldestUndecidedMs: known(oldest), nextLapseMs: known(next) }
  }

  async find(key: string, withinMs?: number): Promise<StoredRecord | null> {
    const { exchange, epochs, prefix } = this.#tools
    const bucket = bucketOf(key, BUCKETS)
    const keys = [recordName(prefix, bucket, key)]
    const step: RedisStep = { script: TELL_ONE, keys, args: [], slot: epochs.name(bucket) }
    const [nowMs, told] = (await exchange.run(step, withinMs)) as [number, Told?]
    return told === undefined ? null : recordOf(told, key, nowMs)
  }

  async scan(query: ScanQuery, withinMs?: number): Promise<ScanReply> {
    const { state, limit, cursor: given } = scanPageOf(query)
    const untilMs = performance.now() + PAGE_MS
    const records: StoredRecord[] = []
    let cursor = given
    for (;;) {
      const page = await this.#page(cursor, limit, withinMs)
      const names = await this.#names(page.found)
      for (const told of page.found) {
        const record = recordOf(told, names.get(nameOf(told)) ?? null, page.nowMs)
        if (state === null || record.state === state) records.push(record)
      }
      cursor = page.cursor
      const isEnough = records.length >= limit || performance.now() > untilMs
      if (cursor === null || isEnough) return { nowMs: page.nowMs, records, cursor }
    }
  }

  settings(withinMs?: number): Promise<readonly StoreSetting[]> {
    const { exchange, epochs } = this.#tools
    return serverSettings(command => exchange.command(epochs.name(0), command, withinMs))
  }

  replaceSecrets(expectedIds: readonly string[], next: readonly StoredSecret[]): Promise<boolean> {
    return this.#tools.secrets.replace(expectedIds, next)
  }

  /** Looks at some names: of one server all of ours, in a cluster those of one bucket. */
  async #page(given: string | null, count: number, withinMs?: number): Promise<Page> {
    const { exchange, epochs, prefix, isCluster, keyPrefix } = this.#tools
    const [, bucket = '', from = ''] = CURSOR.exec(given ?? START) ?? []
    if (bucket === '' || Number(bucket) >= BUCKETS) throw strangeCursor('scan()')
    const literal = (keyPrefix + prefix).replaceAll(/[[\]\\*?]/g, '\\$&')
    const slot = epochs.name(Number(bucket))
    const pattern = isCluster ? `${literal}{${bucket}}*` : `${literal}{*`
    const before = Buffer.byteLength(keyPrefix)
    const args = [from, pattern, String(count), String(before)]
    const reply = await exchange.run({ script: SCAN, keys: [slot], args, slot }, withinMs)
    const [nowMs, next, ...all] = reply as [number, Buffer, ...Told[]]
    const found = all.map(([name, ...rest]) => [name.subarray(before), ...rest] as unknown as Told)
    const place = String(next)
    if (place !== '0') return { nowMs, found, cursor: `${bucket} ${place}` }
    const after = isCluster ? Number(bucket) + 1 : BUCKETS
    return { nowMs, found, cursor: after < BUCKETS ? `${after} 0` : null }
  }

  /** The keys of those that an index names, by the names of their records. */
  async #names(found: readonly Told[]): Promise<ReadonlyMap<string, string>> {
    const { exchange, epochs, prefix } = this.#tools
    const inDoubt = found.filter(([, tag]) => String(tag) === 'U')
    const buckets = new Set(inDoubt.map(([name]) => bucketIn(name, prefix)))
    const names = new Map<string, string>()
    for (const bucket of buckets) {
      const index = epochs.index(bucket)
      const keys = await exchange.command(index, ['zrange', index, '0', MOST_NAMES])
      for (const key of keys as Buffer[]) {
        names.set(recordName(prefix, bucket, String(key)).toString('latin1'), String(key))
      }
    }
    return names
  }
}

interface Page {
  readonly nowMs: number
  readonly found: readonly Told[]
  readonly cursor: string | null
}

function nameOf([name]: Told): string {
  return name.toString('latin1')
}

function bucketIn(name: Buffer, prefix: string): number {
  return Number.parseInt(name.toString('latin1', Buffer.byteLength(prefix) + 1), 10)
}

function recordOf(told: Told, key: string | null, nowMs: number): StoredRecord {
  const [name, tag, first, second, third] = told
  const id = name.toString('hex', name.length - KEY_BYTES)
  if (typeof first !== 'number') {
    const { head, bodyBytes } = unpackStart(first, second)
    const none = { owner: null, leaseUntilMs: null, onSilence: null }
    const keepUntilMs = typeof third === 'number' && third >= 0 ? third : null
    return { id, key, state: 'spent', ...none, keepUntilMs, head, bodyBytes }
  }
  const meansDoubt = String(tag) === 'U'
  const keepUntilMs = second === 0 ? null : second
  return {
    ...{ id, key, state: stateOfClaim({ leaseUntilMs: first, meansDoubt, keepUntilMs }, nowMs) },
    ...{ owner: String(third), leaseUntilMs: first },
    onSilence: meansDoubt ? 'undecided' : 'free',
    ...{ keepUntilMs, head: null, bodyBytes: null },
  }
}
