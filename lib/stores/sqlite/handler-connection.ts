/**
 * The connection on which handlers work.
 *
 * It is not the one of the write queue: what a handler leaves behind (temporary tables, pragmas,
 * functions, an error that sticks) then never touches a claim, and a connection that cannot be
 * brought back, or that a handler has changed for the next one, is thrown away. Only one
 * transaction at a time is open on it, by the queue's turns.
 */
import { LRUCache } from 'lru-cache'
import { PoeError } from '../../errors.js'
import { configure, prepared, type SqliteDatabase, type SqliteStatement } from './driver.js'
import { SqliteRecords } from './records.js'
import type { StoreFile } from './store-file.js'
import { rollBack } from './write-queue.js'

/**
 * A row that points nowhere while the transaction is open: whoever commits without taking it away
 * fails, because the check is deferred to the commit. It is temporary, so it costs no disk.
 */
const GUARD = `
  PRAGMA temp_store = MEMORY;
  CREATE TEMP TABLE poe_guard (
    id INTEGER PRIMARY KEY,
    held INTEGER NOT NULL REFERENCES poe_guard (id) DEFERRABLE INITIALLY DEFERRED
  );`

const STATEMENTS_KEPT = 100

interface Opened {
  readonly db: SqliteDatabase
  readonly records: SqliteRecords
  /** Statements that have been looked at and prepared. */
  readonly statements: LRUCache<string, SqliteStatement>
}

/** Opens lazily, begins, commits and rolls back. */
export class HandlerConnection {
  readonly #file: StoreFile
  readonly #now: () => number
  #opened: Opened | null = null
  #isWorn = false

  constructor(file: StoreFile, now: () => number) {
    this.#file = file
    this.#now = now
  }

  /** The connection itself. */
  get db(): SqliteDatabase {
    return this.#open().db
  }

  /** The store's records as seen from inside the transaction. */
  get records(): SqliteRecords {
    return this.#open().records
  }

  /**
   * Prepares a statement, or gives the one that was prepared before.
   *
   * @param check - asked about SQL that is new here; throws to refuse it
   */
  prepare(sql: string, check: (sql: string) => void): SqliteStatement {
    const { db, statements } = this.#open()
    const known = statements.get(sql)
    if (known !== undefined) return known
    check(sql)
    const statement = db.prepare<unknown[]>(sql)
    statements.set(sql, statement)
    return statement
  }

  /** Takes the write lock; throws `SQLITE_BUSY` when it is another's. */
  begin(): void {
    this.#file.checkPlace()
    this.#file.prepare()
    const { db } = this.#open()
    prepared(db, 'BEGIN IMMEDIATE').run()
    try {
      prepared(db, 'INSERT INTO temp.poe_guard (id, held) VALUES (1, 0)').run()
    } catch (error) {
      this.discardLater()
      this.rollBack()
      throw error
    }
  }

  /**
   * Commits what was begun here, and nothing else.
   *
   * @throws PoeError `ERR_POE_TX_STOLEN` when it is not the transaction that was begun
   */
  commit(): void {
    const { db } = this.#open()
    if (!this.isHeld()) throw new PoeError('ERR_POE_TX_STOLEN')
    prepared(db, 'DELETE FROM temp.poe_guard').run()
    prepared(db, 'COMMIT').run()
    if (this.#isWorn) this.close()
  }

  /** Whether the transaction that was begun here is still open. */
  isHeld(): boolean {
    const { db } = this.#open()
    return db.inTransaction && prepared(db, 'SELECT 1 FROM temp.poe_guard').get() !== undefined
  }

  /** Tells that the connection is not to be used again after this transaction. */
  discardLater(): void {
    this.#isWorn = true
  }

  /** Undoes everything; never throws. */
  rollBack(): void {
    if (this.#opened === null) return
    if (!rollBack(this.#opened.db) || this.#isWorn) this.close()
  }

  /** Closes the connection; a later use opens another. */
  close(): void {
    const opened = this.#opened
    this.#opened = null
    this.#isWorn = false
    try {
      opened?.db.close()
    } catch {
      // It is given up either way, and the process's end closes it.
    }
  }

  #open(): Opened {
    if (this.#opened === null) {
      const db = this.#file.openAnother()
      try {
        configure(db)
        db.exec(GUARD)
      } catch (error) {
        db.close()
        throw error
      }
      const statements = new LRUCache<string, SqliteStatement>({ max: STATEMENTS_KEPT })
      this.#opened = { db, records: new SqliteRecords(() => db, this.#now), statements }
    }
    return this.#opened
  }
}
