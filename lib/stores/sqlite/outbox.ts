/**
 * The outbox of the sqlite store: its steps in SQL.
 */
import type {
  AttemptEnd,
  CountsReply,
  DeadMessage,
  DeadReply,
  MessageCount,
  OutboxStore,
  TakenMessage,
  TakeQuery,
  TakeReply,
} from '../../engine/outbox/outbox-store.js'
import type { OwnerReply } from '../../engine/store.js'
import { prepared, type SqliteDatabase } from './driver.js'
import type { StoreFile } from './store-file.js'
import type { WriteQueue } from './write-queue.js'

const IS_DUE = 'SELECT 1 FROM poe_outbox WHERE name = ? AND due_ms <= ? LIMIT 1'

const TAKE = `
  UPDATE poe_outbox SET state = 'running', owner = ?, due_ms = ?, attempt = attempt + 1,
    first_ms = coalesce(first_ms, ?)
  WHERE id IN (
    SELECT id FROM poe_outbox WHERE name = ? AND due_ms <= ? ORDER BY due_ms, id LIMIT ?)
  RETURNING key, name, payload, attempt, first_ms AS firstMs`

const RENEW = `
  UPDATE poe_outbox SET due_ms = ?
  WHERE key = ? AND owner = ? AND state = 'running' AND due_ms > ?`

const END = `
  UPDATE poe_outbox SET state = ?, due_ms = ?, error = ?, ended_ms = ?,
    payload = CASE WHEN ? THEN NULL ELSE payload END
  WHERE key = ? AND owner = ? AND state = 'running' AND due_ms > ?`

/** An owner's attempt that has ended already: the reply to it was lost. */
const WAS_ENDED = "SELECT 1 FROM poe_outbox WHERE key = ? AND owner = ? AND state <> 'running'"

const DEAD = `
  SELECT id, key, name, payload, attempt AS attempts, coalesce(error, '') AS error,
    ended_ms AS sinceMs
  FROM poe_outbox WHERE state = 'dead' AND id > ? ORDER BY id LIMIT ?`

const REVIVE = `
  UPDATE poe_outbox
  SET state = 'waiting', due_ms = ?, attempt = 0, first_ms = NULL, owner = NULL, ended_ms = NULL
  WHERE key = ? AND state = 'dead'`

const DROP = "DELETE FROM poe_outbox WHERE key = ? AND state = 'dead'"

const COUNTS = `
  SELECT name,
    sum(due_ms IS NOT NULL AND NOT (state = 'running' AND due_ms > :now)) AS waiting,
    sum(state = 'running' AND due_ms > :now) AS running,
    sum(due_ms IS NULL) AS dead,
    min(CASE WHEN due_ms IS NOT NULL THEN written_ms END) AS oldestMs
  FROM (
    SELECT name, state, due_ms, written_ms FROM poe_outbox WHERE due_ms IS NOT NULL
    UNION ALL
    SELECT name, state, due_ms, written_ms FROM poe_outbox WHERE state = 'dead')
  GROUP BY name ORDER BY name`

const PURGE = `
  DELETE FROM poe_outbox WHERE id IN (
    SELECT id FROM poe_outbox WHERE state = 'delivered' AND ended_ms < ? LIMIT ?)`

/** What the outbox needs of its store. */
export interface OutboxTools {
  readonly file: StoreFile
  readonly queue: WriteQueue
  /** The store's time, in whole milliseconds. */
  readonly nowMs: () => number
  /** Reads, and waits where sqlite is busy. */
  readonly read: <Result>(read: () => Result) => Promise<Result>
}

/** The outbox of one file. */
export class FileOutbox implements OutboxStore {
  readonly #tools: OutboxTools

  constructor(tools: OutboxTools) {
    this.#tools = tools
  }

  async take({ names, owner, leaseMs, limit }: TakeQuery): Promise<TakeReply> {
    const { file, nowMs, read } = this.#tools
    // A look first, which takes no lock: mostly there is nothing.
    const due = await read(() => {
      const isDue = prepared(file.reader, IS_DUE)
      return names.filter(name => isDue.get(name, nowMs()) !== undefined)
    })
    if (due.length === 0) return { nowMs: nowMs(), messages: [] }
    return await this.#write((db, now) => {
      const statement = prepared(db, TAKE)
      const messages: TakenMessage[] = []
      for (const name of due) {
        const room = limit - messages.length
        if (room === 0) break
        const values = [owner, now + Math.floor(leaseMs), now, name, now, room]
        messages.push(...(statement.all(...values) as TakenMessage[]))
      }
      return { nowMs: now, messages }
    })
  }

  renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    return this.#write((db, now) =>
      reply(now, prepared(db, RENEW).run(now + Math.floor(leaseMs), key, owner, now).changes),
    )
  }

  end(key: string, owner: string, end: AttemptEnd): Promise<OwnerReply> {
    return this.#write((db, now) => {
      const isAgain = end.verdict === 'again'
      const { changes } = prepared(db, END).run(
        ...[isAgain ? 'waiting' : end.verdict, isAgain ? now + Math.floor(end.delayMs) : null],
        ...[end.verdict === 'delivered' ? null : end.error, isAgain ? null : now],
        ...[end.verdict === 'delivered' ? 1 : 0, key, owner, now],
      )
      if (changes > 0) return reply(now, changes)
      return reply(now, prepared(db, WAS_ENDED).get(key, owner) === undefined ? 0 : 1)
    })
  }

  async dead(limit: number, cursor: string | null): Promise<DeadReply> {
    const { file, nowMs, read } = this.#tools
    const rows = (await read(() =>
      prepared(file.reader, DEAD).all(Number(cursor ?? 0), limit + 1),
    )) as (DeadMessage & { readonly id: number })[]
    const last = rows.length > limit ? rows[limit - 1] : undefined
    const messages = rows.slice(0, limit).map(({ id: _, ...message }) => message)
    return { nowMs: nowMs(), messages, cursor: last === undefined ? null : String(last.id) }
  }

  revive(key: string): Promise<OwnerReply> {
    return this.#write((db, now) => reply(now, prepared(db, REVIVE).run(now, key).changes))
  }

  drop(key: string): Promise<OwnerReply> {
    return this.#write((db, now) => reply(now, prepared(db, DROP).run(key).changes))
  }

  async counts(): Promise<CountsReply> {
    const { file, nowMs, read } = this.#tools
    const now = nowMs()
    const counts = await read(() => prepared(file.reader, COUNTS).all({ now }) as MessageCount[])
    return { nowMs: now, counts }
  }

  purge(keepMs: number, limit: number): Promise<number> {
    return this.#write((db, now) => prepared(db, PURGE).run(now - keepMs, limit).changes)
  }

  #write<Result>(run: (db: SqliteDatabase, nowMs: number) => Result): Promise<Result> {
    const { file, queue, nowMs } = this.#tools
    return queue.submit(() => run(file.writer, nowMs()))
  }
}

function reply(nowMs: number, changes: number): OwnerReply {
  return { nowMs, state: changes > 0 ? 'ok' : 'stale' }
}
