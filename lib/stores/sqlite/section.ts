/**
 * A synchronous stretch of an app's statements inside a transaction of ours, and the watch over
 * it: whatever ends the transaction behind our back is noticed before the next statement runs.
 */
import { PoeError } from '../../errors.js'
import { type SqliteDatabase, sqliteCode, storeError } from './driver.js'
import { type DatabaseGuard, guardDatabase } from './guarded-database.js'
import type { HandlerConnection } from './handler-connection.js'
import { findTransactionControl, leavesTraces } from './statement-check.js'

/** What an app does with the connection, without awaiting anything. */
export type Section<Result> = (db: SqliteDatabase) => Result

/**
 * Runs statements in the open transaction.
 *
 * @param connection - in the transaction that it has begun
 * @param work - asks the guard before it runs SQL that the guard has not seen
 * @param end - called, before this throws, when the transaction cannot go on
 * @returns what `work` gave
 * @throws PoeError `ERR_POE_TX_STOLEN` when the transaction was ended from inside; whatever `work`
 *   threw otherwise
 */
export function runGuarded<Result>(
  connection: HandlerConnection,
  work: (guard: DatabaseGuard) => Result,
  end: (reason: Error) => void,
): Result {
  const { db } = connection
  const noteTraces = (): void => connection.discardLater()
  let isOver = false
  let control: string | null = null
  const check = (): void => {
    if (isOver) throw new TypeError('The connection may be used inside its section only.')
    if (control !== null || !db.inTransaction) throw stolen(control)
  }
  const checkSql = (sql: string): void => {
    control ??= findTransactionControl(sql)
    check()
    if (leavesTraces(sql)) noteTraces()
  }
  try {
    const result = work({ check, checkSql, noteTraces })
    check()
    return result
  } catch (error) {
    const reason = control !== null ? stolen(control) : endedBy(db, error)
    if (reason === null) throw error
    end(reason)
    throw reason
  } finally {
    isOver = true
  }
}

/**
 * Gives the connection to an app's function.
 *
 * @param section - must be synchronous
 * @param guard - of the surrounding {@link runGuarded}
 * @returns what the section gave
 */
export function giveConnection<Result>(
  db: SqliteDatabase,
  section: Section<Result>,
  guard: DatabaseGuard,
): Result {
  const result = section(guardDatabase(db, guard))
  if (isPromise(result)) throw new NotSynchronous()
  return result
}

/**
 * Refuses functions that are known to be asynchronous before anything of them runs.
 *
 * @throws TypeError that says what to do
 */
export function refuseAsync(section: unknown): void {
  if (typeof section !== 'function') {
    throw new TypeError('Give a function that takes the database connection.')
  }
  if (section.constructor.name === 'AsyncFunction') throw new NotSynchronous()
}

/** The function went on after it returned, so what it has done so far is half of its work. */
class NotSynchronous extends TypeError {
  constructor() {
    super('Give a synchronous function: await nothing in it, or use run(), get() and all().')
  }
}

/** Why the transaction cannot go on after an error; `null` when it can. */
function endedBy(db: SqliteDatabase, error: unknown): Error | null {
  if (error instanceof NotSynchronous) return error
  if (db.inTransaction) return null
  if (error instanceof PoeError) return error
  // A full disk or a failing one makes sqlite roll back by itself; that is not the app's doing.
  if (/^SQLITE_(?:FULL|IOERR|NOMEM|CORRUPT|INTERRUPT)/.test(sqliteCode(error))) {
    return storeError('sqlite rolled the transaction back', error)
  }
  return new PoeError('ERR_POE_TX_STOLEN', undefined, { cause: error })
}

function stolen(control: string | null): PoeError {
  if (control === null) return new PoeError('ERR_POE_TX_STOLEN')
  const text = `${control} inside a transaction of ours: leave it out; a savepoint is fine.`
  return new PoeError('ERR_POE_TX_STOLEN', text)
}

function isPromise(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('then' in value)) return false
  return typeof value.then === 'function'
}
