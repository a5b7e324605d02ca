/**
 * The operator's part of the sqlite store: reads of its own connection, which block nobody, and one
 * write in the queue.
 */
import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { StoredSecret } from '../../engine/store.js'
import type {
  ScanQuery,
  ScanReply,
  StoreAdmin,
  StoreCounts,
  StoredRecord,
  StoreSetting,
} from '../../engine/store-admin.js'
import {
  isPast,
  newSecrets,
  type ScanPage,
  scanPageOf,
  stateOfClaim,
  strangeCursor,
} from '../arguments.js'
import { restoreHead } from '../head-text.js'
import { prepared, type SqliteDatabase } from './driver.js'
import { hashKey } from './packing.js'
import * as sql from './statements.js'
import type { StoreFile } from './store-file.js'
import type { WriteQueue } from './write-queue.js'

/** What `PRAGMA synchronous` says where every commit is synced, WAL included. */
const FULL = 2
const OTHERS = 0o077
const LEAST_ROOM_BYTES = 64 * 1_048_576

/** After a claim's key, or after a spent record's place. */
const CURSOR = /^(?:c|s\d+$)/

/** What the operator's part works with. */
export interface SqliteAdminTools {
  readonly file: StoreFile
  readonly queue: WriteQueue
  readonly nowMs: () => number
  /** Reads, and waits where sqlite is busy even for readers. */
  readonly read: <Result>(read: () => Result) => Promise<Result>
}

type ClaimRow = readonly [
  key: string,
  owner: string,
  leaseUntilMs: number,
  onSilence: 'free' | 'undecided',
  keepUntilMs: number | null,
]
type SpentRow = readonly [
  id: number,
  hash: Buffer,
  keepUntilMs: number | null,
  head: string,
  bodyBytes: number | null,
]

/** See {@link StoreAdmin}. */
export class FileAdmin implements StoreAdmin {
  readonly #tools: SqliteAdminTools

  constructor(tools: SqliteAdminTools) {
    this.#tools = tools
  }

  count(): Promise<StoreCounts> {
    return this.#tools.read(() => {
      const nowMs = this.#tools.nowMs()
      const [row] = this.#all(sql.COUNT, { now: nowMs }) as [number[]]
      const [running = 0, undecided = 0, free = 0, over = 0, since, lapse] = row
      const [, , , , , , spent = 0, spentOver = 0] = row
      return {
        ...{ nowMs, running, undecided, free, spent, expired: over + spentOver },
        oldestUndecidedMs: since ?? null,
        nextLapseMs: lapse ?? null,
      }
    })
  }

  find(key: string): Promise<StoredRecord | null> {
    return this.#tools.read(() => {
      const nowMs = this.#tools.nowMs()
      const { start, whole } = hashKey(key)
      const [claim] = this.#all(sql.FIND_CLAIM, key) as ClaimRow[]
      const [spent] = this.#all(sql.FIND_SPENT, start, whole) as SpentRow[]
      // One that is spent and past its time may have been claimed anew.
      if (claim !== undefined) return fromClaim(claim, nowMs)
      return spent === undefined ? null : { ...fromSpent(spent, nowMs), key }
    })
  }

  async scan(query: ScanQuery): Promise<ScanReply> {
    const page = scanPageOf(query)
    if (page.cursor !== null && !CURSOR.test(page.cursor)) throw strangeCursor('scan()')
    return this.#tools.read(() => this.#page(page))
  }

  async settings(): Promise<readonly StoreSetting[]> {
    const { file, read } = this.#tools
    return read(() => [
      ...[journalMode(file.reader), synchronous(file.reader), permissions(file.path)],
      room(file.path),
    ])
  }

  async replaceSecrets(
    expectedIds: readonly string[],
    next: readonly StoredSecret[],
  ): Promise<boolean> {
    const secrets = newSecrets(next)
    return this.#tools.queue.submit(() => {
      const db = this.#tools.file.writer
      const known = prepared(db, sql.SECRETS, 'raw').all() as [id: string, key: string][]
      const isExpected = known.map(([id]) => id).join() === expectedIds.join()
      if (known.length === 0 || !isExpected) return false
      prepared(db, sql.DROP_SECRETS).run()
      const add = prepared(db, sql.ADD_SECRET)
      secrets.forEach(({ id, key }, position) => {
        add.run(position, id, key)
      })
      return true
    })
  }

  /** First claims by their keys, which are few, then spent records in the order they came. */
  #page({ state, limit, cursor }: ScanPage): ScanReply {
    const nowMs = this.#tools.nowMs()
    const place = cursor?.charAt(0) ?? (state === 'spent' ? 's' : 'c')
    const after = cursor?.slice(1) ?? ''
    const isMeant = (record: StoredRecord) => state === null || record.state === state
    if (place === 'c') {
      const rows = this.#all(sql.SCAN_CLAIMS, after, limit) as ClaimRow[]
      const records = rows.map(row => fromClaim(row, nowMs)).filter(isMeant)
      const last = rows.length === limit ? rows.at(-1) : undefined
      if (last !== undefined) return { nowMs, records, cursor: `c${last[0]}` }
      return { nowMs, records, cursor: state === null ? 's0' : null }
    }
    const rows = this.#all(sql.SCAN_SPENT, Number(after), limit) as SpentRow[]
    const records = rows.map(row => fromSpent(row, nowMs)).filter(isMeant)
    const last = rows.length === limit ? rows.at(-1) : undefined
    return { nowMs, records, cursor: last === undefined ? null : `s${last[0]}` }
  }

  #all(text: string, ...values: unknown[]): unknown[] {
    return prepared(this.#tools.file.reader, text, 'raw').all(...values)
  }
}

function fromClaim([key, owner, leaseUntilMs, onSilence, keepUntilMs]: ClaimRow, nowMs: number) {
  const claim = { leaseUntilMs, meansDoubt: onSilence === 'undecided', keepUntilMs }
  const id = hashKey(key).whole.toString('hex')
  const state = stateOfClaim(claim, nowMs)
  return {
    id,
    key,
    state,
    owner,
    leaseUntilMs,
    onSilence,
    keepUntilMs,
    head: null,
    bodyBytes: null,
  }
}

function fromSpent([, hash, keepUntilMs, head, bodyBytes]: SpentRow, nowMs: number): StoredRecord {
  return {
    ...{ id: hash.toString('hex'), key: null, owner: null, leaseUntilMs: null, onSilence: null },
    state: isPast(keepUntilMs, nowMs) ? 'expired' : 'spent',
    ...{ keepUntilMs, head: restoreHead(head), bodyBytes },
  }
}

function journalMode(db: SqliteDatabase): StoreSetting {
  const value = String(db.pragma('journal_mode', { simple: true }))
  if (value === 'wal') return { name: 'journal_mode', value, level: 'right', advice: null }
  const advice = 'Readers and writers wait for each other. Put the file on a local disk.'
  return { name: 'journal_mode', value, level: 'wrong', advice }
}

function synchronous(db: SqliteDatabase): StoreSetting {
  const name = 'synchronous of the connections of the store'
  const value = Number(db.pragma('synchronous', { simple: true }))
  if (value >= FULL) return { name, value: 'FULL', level: 'right', advice: null }
  const advice = 'A power cut may lose commits that were answered. Leave this setting to the store.'
  return { name, value: String(value), level: 'wrong', advice }
}

function permissions(path: string): StoreSetting {
  const mode = statSync(path).mode & 0o777
  const value = mode.toString(8).padStart(3, '0')
  if ((mode & OTHERS) === 0) return { name: 'permissions', value, level: 'right', advice: null }
  const advice = `Others can read the secrets and answers in it: chmod 600 the file, -wal and -shm.`
  return { name: 'permissions', value, level: 'doubtful', advice }
}

function room(path: string): StoreSetting {
  const { bavail, bsize } = statfsSync(dirname(path))
  const bytes = bavail * bsize
  const value = `${Math.floor(bytes / 1_048_576)} MiB`
  const name = 'room on the disk'
  if (bytes >= LEAST_ROOM_BYTES) return { name, value, level: 'right', advice: null }
  const advice = 'A full disk refuses every POST. Make room, or `poe store purge`.'
  return { name, value, level: 'doubtful', advice }
}
