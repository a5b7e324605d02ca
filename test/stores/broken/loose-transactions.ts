/**
 * Sqlite stores whose transactions are none: a handler's writes and the mark come apart.
 */
import type { StoreTransaction } from '../../../lib/engine/store.js'
import type { SqliteStore, SqliteTransaction } from '../../../lib/stores/sqlite.js'

type MakeTransaction = (key: string, owner: string) => StoreTransaction<SqliteTransaction>

/** Every write of the handler is durable at once; the mark comes later. */
export function writesAtOnce(store: SqliteStore): SqliteStore {
  return withTransaction(store, (key, owner) => ({
    handle: {
      ...store.transaction(key, owner).handle,
      run: (sql, ...params) => store.write(db => db.prepare(sql).run(...params)),
      exec: sql => store.write(db => void db.exec(sql)),
    } as SqliteTransaction,
    commit: outcome => store.complete(key, owner, outcome),
    rollback: async () => {},
  }))
}

/** Commits the handler's writes first, and then looks whose key it is. */
export function commitsBeforeItLooks(store: SqliteStore): SqliteStore {
  return withTransaction(store, (key, owner) => {
    const writes: [sql: string, params: unknown[]][] = []
    let isOver = false
    const run = async (sql: string, ...params: unknown[]) => {
      if (isOver) throw new Error('over')
      writes.push([sql, params])
      return { changes: 1, lastInsertRowid: 1 }
    }
    return {
      handle: { run } as SqliteTransaction,
      commit: async outcome => {
        isOver = true
        await store.write(db => {
          for (const [sql, params] of writes) db.prepare(sql).run(...params)
        })
        return store.complete(key, owner, outcome)
      },
      rollback: async () => {
        isOver = true
      },
    }
  })
}

/** Its handles go on after the end, in transactions of their own. */
export function neverOver(store: SqliteStore): SqliteStore {
  return withTransaction(store, (key, owner) => {
    const real = store.transaction(key, owner)
    const run: SqliteTransaction['run'] = (sql, ...params) =>
      real.handle.run(sql, ...params).catch(() => store.write(db => db.prepare(sql).run(...params)))
    return {
      handle: { run } as SqliteTransaction,
      commit: outcome => real.commit(outcome),
      rollback: () => real.rollback(),
    }
  })
}

function withTransaction(store: SqliteStore, transaction: MakeTransaction): SqliteStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'transaction') return transaction
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
