/**
 * The tables of the sqlite store, and what is in them at first.
 *
 * Running and undecided records are in `poe_claim`, which stays small; a record moves to
 * `poe_spent` when it gets its outcome. That table only grows at its end, so its pages are full,
 * and its key is a hash of which six bytes are indexed. All times are milliseconds.
 */
import { randomBytes } from 'node:crypto'
import { PoeError } from '../../errors.js'
import { prepared, type SqliteDatabase } from './driver.js'
import { hasOutbox, prepareOutbox } from './outbox-table.js'
import { SLICE_MS } from './statements.js'

const VERSION = '1'
const EPOCH_BYTES = 9

const TABLES = `
  CREATE TABLE poe_meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE poe_secret (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    secret TEXT NOT NULL
  );
  CREATE TABLE poe_claim (
    key TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    on_silence TEXT NOT NULL,
    keep_until_ms INTEGER,
    fingerprint,
    principal NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE poe_spent (
    id INTEGER PRIMARY KEY,
    key_hash BLOB NOT NULL,
    owner BLOB,
    keep_until_ms INTEGER,
    fingerprint,
    principal NOT NULL,
    head TEXT NOT NULL,
    body BLOB
  );
  CREATE INDEX poe_spent_key ON poe_spent (substr(key_hash, 1, 6));
  CREATE INDEX poe_spent_slice ON poe_spent (keep_until_ms / ${SLICE_MS})
    WHERE keep_until_ms IS NOT NULL;
`

/**
 * Makes the connection's file ready: WAL, the tables if they are absent, an epoch if there is
 * none. Safe for several processes at once: whoever meets another's lock gets `SQLITE_BUSY`.
 *
 * @param db - a connection that is in no transaction
 * @throws PoeError `ERR_POE_STORE_SCHEMA` when the file holds another version's tables
 */
export function prepareFile(db: SqliteDatabase): void {
  if (db.pragma('journal_mode', { simple: true }) !== 'wal') {
    const mode = db.pragma('journal_mode = WAL', { simple: true })
    if (mode !== 'wal') {
      const text = `sqlite cannot use WAL here, but '${mode}'. Put the file on a local disk.`
      throw new PoeError('ERR_POE_STORE_DOWN', text)
    }
  }
  // The usual case, which needs no lock: another process may be writing while this one starts.
  if (hasTables(db)) {
    checkVersion(db)
    if (hasOutbox(db) && readEpoch(db) !== undefined) return
  }
  db.exec('BEGIN IMMEDIATE')
  try {
    if (hasTables(db)) checkVersion(db)
    else createTables(db)
    prepareOutbox(db)
    ensureEpoch(db)
    db.exec('COMMIT')
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK')
  }
}

/** The epoch of this memory, or `undefined` where it is missing. */
export function readEpoch(db: SqliteDatabase): string | undefined {
  return readMeta(db, 'epoch')
}

/**
 * The epoch of this memory, fresh where it is missing. Call it in a transaction.
 *
 * @returns the epoch, 12 characters
 */
export function ensureEpoch(db: SqliteDatabase): string {
  return readEpoch(db) ?? replaceEpoch(db)
}

/** Writes a fresh random epoch. */
export function replaceEpoch(db: SqliteDatabase): string {
  const epoch = randomBytes(EPOCH_BYTES).toString('base64url')
  const write = 'INSERT OR REPLACE INTO poe_meta (name, value) VALUES (?, ?)'
  db.prepare(write).run('epoch', epoch)
  return epoch
}

/** Whether the tables are there, of whatever version. */
export function hasTables(db: SqliteDatabase): boolean {
  const find = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'poe_meta'"
  return db.prepare(find).get() !== undefined
}

function createTables(db: SqliteDatabase): void {
  db.exec(TABLES)
  db.prepare('INSERT INTO poe_meta (name, value) VALUES (?, ?)').run('schema', VERSION)
}

function checkVersion(db: SqliteDatabase): void {
  const version = readMeta(db, 'schema') ?? 'unknown'
  if (version === VERSION) return
  const text =
    `${db.name} holds tables of schema '${version}', and this version of post-once-exactly ` +
    `knows '${VERSION}'. Use the version that made the file, or name another file.`
  throw new PoeError('ERR_POE_STORE_SCHEMA', text)
}

function readMeta(db: SqliteDatabase, name: string): string | undefined {
  const find = prepared(db, 'SELECT value FROM poe_meta WHERE name = ?', 'pluck')
  return find.get(name) as string | undefined
}
