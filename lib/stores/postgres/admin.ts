/**
 * The operator's part of the PostgreSQL store: plain statements, which lock nothing but the one row
 * of the secrets.
 */
import type { StoredSecret } from '../../engine/store.js'
import type {
  ScanQuery,
  ScanReply,
  StoreAdmin,
  StoreCounts,
  StoredRecord,
  StoreSetting,
} from '../../engine/store-admin.js'
import { isPast, newSecrets, scanPageOf, stateOfClaim, strangeCursor } from '../arguments.js'
import { restoreHead } from '../head-text.js'
import type { Connections } from './connections.js'
import { hashKey } from './packing.js'
import { UUID } from './records.js'
import { SETTINGS, settingsOf } from './server-settings.js'

/** How long a look at everything may take whose caller does not say, in milliseconds. */
const LOOK_MS = 60_000
const LEAST_VERSION = 130_000

type CountRow = readonly [
  nowMs: number,
  running: number,
  undecided: number,
  free: number,
  expired: number,
  spent: number,
  since: number | null,
  lapse: number | null,
]
type Row = readonly [
  nowMs: number,
  key: string,
  keepUntilMs: number | null,
  leaseUntilMs: number | null,
  meansDoubt: boolean | null,
  owner: Buffer | null,
  head: Buffer | null,
  bodyBytes: number | null,
  name: Buffer | null,
]

/** See {@link StoreAdmin}. */
export class PostgresAdmin implements StoreAdmin {
  readonly #connections: Connections
  readonly #poe: string

  /** @param poe - the schema's name, quoted */
  constructor(connections: Connections, poe: string) {
    this.#connections = connections
    this.#poe = poe
  }

  async count(withinMs: number = LOOK_MS): Promise<StoreCounts> {
    const [row] = await this.#rows<CountRow>('count', countSql(this.#poe), [], withinMs)
    const [nowMs = 0, running = 0, undecided = 0, free = 0, expired = 0, spent = 0, ...times] =
      row ?? []
    const [oldestUndecidedMs = null, nextLapseMs = null] = times
    return { nowMs, running, undecided, free, expired, spent, oldestUndecidedMs, nextLapseMs }
  }

  async find(key: string, withinMs?: number): Promise<StoredRecord | null> {
    const text = `${recordSql(this.#poe)} WHERE r.key = $1`
    const [row] = await this.#rows<Row>('find', text, [hashKey(key)], withinMs)
    return row === undefined ? null : { ...recordOf(row), key }
  }

  async scan(query: ScanQuery, withinMs: number = LOOK_MS): Promise<ScanReply> {
    const { state, limit, cursor } = scanPageOf(query)
    if (cursor !== null && !UUID.test(cursor)) throw strangeCursor('scan()')
    const kind = { running: 'AND r.head IS NULL', undecided: 'AND r.head IS NULL' }
    const only = state === 'spent' ? 'AND r.head IS NOT NULL' : state === null ? '' : kind[state]
    const text = `${recordSql(this.#poe)}
      WHERE ($1::uuid IS NULL OR r.key > $1) ${only} ORDER BY r.key LIMIT $2`
    const rows = await this.#rows<Row>(`scan ${state}`, text, [cursor, limit], withinMs)
    const records = rows.map(recordOf)
    return {
      nowMs: rows[0]?.[0] ?? (await this.#now()),
      records: records.filter(record => state === null || record.state === state),
      cursor: rows.length === limit ? (rows.at(-1)?.[1] ?? null) : null,
    }
  }

  async settings(withinMs?: number): Promise<readonly StoreSetting[]> {
    const names = Object.keys(SETTINGS)
    const text = `SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY ($1)`
    const found = await this.#rows<[string, string]>('settings', text, [names], withinMs)
    const version = await this.#rows<[number]>(
      'version',
      `SELECT current_setting('server_version_num')::integer`,
      [],
      withinMs,
    )
    const number = version[0]?.[0] ?? 0
    const isOld = number < LEAST_VERSION
    return [
      {
        name: 'version of the server',
        value: `${Math.floor(number / 10_000)}.${number % 10_000}`,
        level: isOld ? 'wrong' : 'right',
        advice: isOld ? 'The store needs PostgreSQL 13 or newer.' : null,
      },
      ...settingsOf(new Map(found)),
    ]
  }

  async replaceSecrets(
    expectedIds: readonly string[],
    next: readonly StoredSecret[],
  ): Promise<boolean> {
    const list = JSON.stringify(newSecrets(next))
    // What was answered is on the disk, whatever the database's default.
    const text = `WITH strict AS MATERIALIZED (
        SELECT set_config('synchronous_commit',
          replace(current_setting('synchronous_commit'), 'off', 'on'), true) AS level),
      changed AS (UPDATE ${this.#poe}.secret SET list = $2::jsonb FROM strict
        WHERE strict.level <> 'off'
          AND jsonb_path_query_array(secret.list, '$[*].id') = $1::jsonb RETURNING 1)
      SELECT count(*) FROM changed`
    const values = [JSON.stringify(expectedIds), list]
    const [row] = await this.#rows<[number]>('replace secrets', text, values)
    return row?.[0] === 1
  }

  async #now(): Promise<number> {
    const [row] = await this.#rows<[number]>('now', `SELECT ${this.#poe}.now_ms()`, [])
    return row?.[0] ?? 0
  }

  #rows<Found extends readonly unknown[]>(
    name: string,
    text: string,
    values: readonly unknown[],
    withinMs?: number,
  ): Promise<readonly Found[]> {
    const call = { name: `admin ${name}`, text, values }
    return this.#connections.rows<Found>("The operator's call failed", call, withinMs)
  }
}

const countSql = (poe: string): string => `
  WITH moment AS (SELECT ${poe}.now_ms() AS now_ms, ${poe}.timeline() AS timeline)
  SELECT moment.now_ms,
    count(r.key) FILTER (WHERE state = 'running'), count(r.key) FILTER (WHERE state = 'undecided'),
    count(r.key) FILTER (WHERE state = 'free'), count(r.key) FILTER (WHERE state = 'expired'),
    count(r.key) FILTER (WHERE state = 'spent'),
    min(r.lease_until_ms) FILTER (WHERE state = 'undecided'),
    min(r.lease_until_ms) FILTER (WHERE state = 'running')
  FROM moment LEFT JOIN ${poe}.record AS r ON true
  CROSS JOIN LATERAL (SELECT CASE
    WHEN r.lease_until_ms > moment.now_ms THEN 'running'
    WHEN r.keep_until_ms < moment.now_ms THEN 'expired'
    WHEN r.head IS NOT NULL THEN 'spent'
    WHEN r.means_doubt THEN 'undecided'
    ELSE 'free' END AS state) AS told
  GROUP BY moment.now_ms`

const recordSql = (poe: string): string => `
  SELECT ${poe}.now_ms(), r.key, r.keep_until_ms, r.lease_until_ms, r.means_doubt, r.owner, r.head,
    octet_length(r.body), doubt.name
  FROM ${poe}.record AS r LEFT JOIN ${poe}.doubt USING (key)`

function recordOf(row: Row): StoredRecord {
  const [nowMs, hash, keepUntilMs, leaseUntilMs, meansDoubt, owner, head, bodyBytes, name] = row
  const id = hash.replaceAll('-', '')
  if (head !== null) {
    const state = isPast(keepUntilMs, nowMs) ? 'expired' : 'spent'
    const none = { key: null, owner: null, leaseUntilMs: null, onSilence: null }
    return { id, ...none, state, keepUntilMs, head: restoreHead(head.toString()), bodyBytes }
  }
  const claim = { leaseUntilMs: leaseUntilMs ?? 0, meansDoubt: meansDoubt === true, keepUntilMs }
  return {
    ...{ id, key: name?.toString() ?? null, state: stateOfClaim(claim, nowMs) },
    ...{ owner: owner?.toString() ?? null, leaseUntilMs },
    onSilence: claim.meansDoubt ? 'undecided' : 'free',
    ...{ keepUntilMs, head: null, bodyBytes: null },
  }
}
