/**
 * A handler's transaction in the shape of a connection of better-sqlite3, for query builders and
 * ORMs: it may be kept across awaits, and is over with the transaction.
 *
 * A tool's own `BEGIN`, `COMMIT` and `ROLLBACK` are a savepoint in it; savepoints of a tool are
 * themselves. Anything else that would end the transaction is refused, as everywhere.
 */
import type { SqliteDatabase } from './driver.js'
import type { DatabaseGuard } from './guarded-database.js'

type Callable = (this: unknown, ...values: unknown[]) => unknown
type Control = 'begin' | 'commit' | 'rollback'

/** Runs something in the transaction, or throws where that is over. */
export type Enter = <Result>(work: (guard: DatabaseGuard) => Result) => Result

const KIND = /(?:\s+(?:deferred|immediate|exclusive))?(?:\s+transaction)?/
const CONTROL = new RegExp(`^\\s*(begin|commit|end|rollback)${KIND.source}\\s*;?\\s*$`, 'i')
const FORBIDDEN: readonly PropertyKey[] = ['unsafeMode', 'loadExtension', 'backup', 'serialize']

/** What tools work with. */
export class TransactionConnection {
  /** Looks like a connection of better-sqlite3. */
  readonly database: SqliteDatabase
  readonly #db: SqliteDatabase
  readonly #enter: Enter
  #isBegun = false

  /** @param db - in the transaction */
  constructor(db: SqliteDatabase, enter: Enter) {
    this.#db = db
    this.#enter = enter
    /** What tools note on a connection for themselves. */
    const notes = new Map<PropertyKey, unknown>()
    this.database = new Proxy(db, {
      get: (_, name) => (notes.has(name) ? notes.get(name) : this.#member(name)),
      set: (_, name, value) => notes.set(name, value) === notes,
    })
  }

  /** Whether a tool has begun a transaction and neither committed nor rolled it back. */
  get isLeftOpen(): boolean {
    return this.#isBegun
  }

  #member(name: PropertyKey): unknown {
    if (FORBIDDEN.includes(name)) {
      throw new TypeError(`${String(name)} is not possible inside a transaction of ours.`)
    }
    switch (name) {
      case 'prepare':
        return (sql: string) => this.#prepare(sql)
      case 'exec':
        return (sql: string) => this.#exec(sql)
      case 'transaction':
        return (work: Callable) => this.#nest(work)
      case 'close':
        // The connection is ours; a tool may end its own part.
        return () => this.database
      default:
        return this.#otherMember(name)
    }
  }

  #otherMember(name: PropertyKey): unknown {
    const value: unknown = Reflect.get(this.#db, name, this.#db)
    if (typeof value !== 'function') return value
    return (...values: unknown[]) =>
      this.#enter(guard => {
        guard.noteTraces()
        const result = (value as Callable).apply(this.#db, values)
        return result === this.#db ? this.database : result
      })
  }

  #prepare(sql: string): object {
    const control = controlIn(sql)
    if (control !== null) return this.#controlStatement(control, sql)
    const statement = this.#enter(guard => {
      guard.checkSql(sql)
      return this.#db.prepare(sql)
    })
    // Not a proxy of the statement itself: its connection could not be replaced by ours.
    const shown: object = new Proxy({} as object, {
      get: (_, name) => {
        if (name === 'database') return this.database
        const value: unknown = Reflect.get(statement, name, statement)
        if (typeof value !== 'function') return value
        // A loop that is left early would keep the connection busy, also for our ROLLBACK.
        const method = name === 'iterate' ? statement.all : (value as Callable)
        return (...values: unknown[]) => {
          const result = this.#enter(() => Reflect.apply(method, statement, values) as unknown)
          if (name === 'iterate') return (result as unknown[])[Symbol.iterator]()
          return result === statement ? shown : result
        }
      },
    })
    return shown
  }

  #exec(sql: string): SqliteDatabase {
    const control = controlIn(sql)
    if (control !== null) this.#control(control)
    else {
      this.#enter(guard => {
        guard.checkSql(sql)
        this.#db.exec(sql)
      })
    }
    return this.database
  }

  /** As `db.transaction`: a function that runs as a savepoint. */
  #nest(work: Callable): Callable {
    const nested = this.#db.transaction(work) as Callable
    const run: Callable = (...values) => this.#enter(() => nested(...values))
    return Object.assign(run, { default: run, deferred: run, immediate: run, exclusive: run })
  }

  #controlStatement(control: Control, source: string): object {
    const run = () => {
      this.#control(control)
      return { changes: 0, lastInsertRowid: 0 }
    }
    const all = () => {
      run()
      return []
    }
    const statement: object = {
      ...{ source, reader: false, readonly: true, busy: false, database: this.database },
      ...{ run, all, get: () => void run(), iterate: () => all()[Symbol.iterator]() },
      ...{ safeIntegers: () => statement, bind: () => statement },
    }
    return statement
  }

  #control(control: Control): void {
    if (control === 'begin') {
      if (this.#isBegun) throw new Error('cannot start a transaction within a transaction')
      this.#enter(() => this.#db.exec('SAVEPOINT poe_begun'))
      this.#isBegun = true
      return
    }
    this.#enter(guard => {
      // Without a BEGIN of its own it would end ours.
      if (!this.#isBegun) guard.checkSql(control)
      if (control === 'rollback') this.#db.exec('ROLLBACK TO poe_begun')
      this.#db.exec('RELEASE poe_begun')
    })
    this.#isBegun = false
  }
}

function controlIn(sql: string): Control | null {
  const [, word] = CONTROL.exec(sql) ?? []
  if (word === undefined) return null
  const name = word.toLowerCase()
  return name === 'end' ? 'commit' : (name as Control)
}
