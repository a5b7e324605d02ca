/**
 * The raw connection as a handler sees it: everything works, but the transaction stays ours.
 */
import type { SqliteDatabase } from './driver.js'

/** Asked before each use of the connection. */
export interface DatabaseGuard {
  /** Throws when the section is over, or the transaction is gone. */
  readonly check: () => void
  /** Throws on statements that would end the transaction. */
  readonly checkSql: (sql: string) => void
  /** Told when the connection itself may have been changed. */
  readonly noteTraces: () => void
}

type Callable = (this: unknown, ...values: unknown[]) => unknown

const FORBIDDEN: readonly PropertyKey[] = ['close', 'unsafeMode', 'loadExtension']
const LEAVES_NO_TRACE: readonly PropertyKey[] = ['prepare', 'exec', 'transaction']
const RUNS: readonly PropertyKey[] = ['run', 'get', 'all']

/**
 * Wraps a connection for the length of one synchronous section.
 *
 * @param db - the connection, in its transaction
 * @param guard - asked before each statement
 * @returns what looks like the connection; `transaction` on it nests as a savepoint
 */
export function guardDatabase(db: SqliteDatabase, guard: DatabaseGuard): SqliteDatabase {
  return new Proxy(db, {
    get(target, name) {
      if (FORBIDDEN.includes(name)) {
        throw new TypeError(`${String(name)} is not possible inside a transaction of ours.`)
      }
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = value as Callable
      return (...values: unknown[]) => {
        guard.check()
        const [first] = values
        if (!LEAVES_NO_TRACE.includes(name)) guard.noteTraces()
        if ((name === 'exec' || name === 'prepare') && typeof first === 'string') {
          guard.checkSql(first)
        }
        const result = method.apply(target, values)
        return name === 'prepare' ? guardStatement(result as object, guard) : result
      }
    },
  })
}

/** A conflict rule can roll everything back between two statements, so each is checked. */
function guardStatement(statement: object, guard: DatabaseGuard): object {
  const guarded: object = new Proxy(statement, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = value as Callable
      return (...values: unknown[]) => {
        if (RUNS.includes(name)) guard.check()
        // A loop that is left early would keep the connection busy, also for our ROLLBACK.
        if (name === 'iterate') return iterateAll(target, values, guard)
        const result = method.apply(target, values)
        return result === target ? guarded : result
      }
    },
  })
  return guarded
}

function iterateAll(statement: object, values: unknown[], guard: DatabaseGuard): unknown {
  guard.check()
  const all = Reflect.get(statement, 'all', statement) as Callable
  return (all.apply(statement, values) as unknown[])[Symbol.iterator]()
}
