/**
 * The table of the outbox, and how a message comes into it. A message that may be taken has a time
 * at which it is due, which is the end of the lease while it runs; others have none, so that the
 * index of what is due holds nothing else.
 */
import type { NewMessage } from '../../engine/outbox/outbox-store.js'
import type { SqliteDatabase } from './driver.js'

const TABLE = `
  CREATE TABLE IF NOT EXISTS poe_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    payload TEXT,
    written_ms INTEGER NOT NULL,
    due_ms INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    first_ms INTEGER,
    owner TEXT,
    error TEXT,
    ended_ms INTEGER
  );
  CREATE INDEX IF NOT EXISTS poe_outbox_due ON poe_outbox (name, due_ms) WHERE due_ms IS NOT NULL;
  CREATE INDEX IF NOT EXISTS poe_outbox_dead ON poe_outbox (id) WHERE state = 'dead';
  CREATE INDEX IF NOT EXISTS poe_outbox_delivered ON poe_outbox (ended_ms)
    WHERE state = 'delivered';
`

/** Writes a message in a handler's transaction. */
export const ADD_MESSAGE: string = `
  INSERT INTO poe_outbox (key, name, state, payload, written_ms, due_ms)
  VALUES (?, ?, 'waiting', ?, ?, ?)`

/** Whether the table is there: a file of an earlier release has none. */
export function hasOutbox(db: SqliteDatabase): boolean {
  const find = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'poe_outbox'"
  return db.prepare(find).get() !== undefined
}

/** Makes the table if it is absent. Call it in a transaction. */
export function prepareOutbox(db: SqliteDatabase): void {
  db.exec(TABLE)
}

/**
 * The values of {@link ADD_MESSAGE}.
 *
 * @param nowMs - the store's time
 */
export function messageValues(message: NewMessage, nowMs: number): unknown[] {
  const { key, name, payload, delayMs } = message
  return [key, name, payload, nowMs, nowMs + Math.floor(delayMs)]
}
