/**
 * Sqlite stores whose transactions are none: a handler's writes and the mark come apart.
 */
import type { OutboxStore } from '../../../lib/engine/outbox/outbox-store.js'
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

/** Its outbox gives messages away without a lease. */
export function takesWithoutLease(store: SqliteStore): SqliteStore {
  const { outbox } = store
  return withOutbox(store, {
    take: query => outbox.take({ ...query, leaseMs: 0 }),
    renew: async () => ({ nowMs: Date.now(), state: 'ok' }),
  })
}

/** Whoever ends an attempt of its outbox is believed, whoever has it by now. */
export function endsForAnybody(store: SqliteStore): SqliteStore {
  const { outbox } = store
  return withOutbox(store, {
    end: async (key, owner, end) => {
      const seize =
        "UPDATE poe_outbox SET owner = ?, due_ms = 9e15, state = 'running' WHERE key = ?"
      await store.write(db => db.prepare(seize).run(owner, key))
      return outbox.end(key, owner, end)
    },
  })
}

function withOutbox(store: SqliteStore, instead: Partial<OutboxStore>): SqliteStore {
  const outbox = new Proxy(store.outbox, {
    get(target, name) {
      const value: unknown = Reflect.get(instead, name) ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return withMember(store, 'outbox', outbox)
}

function withTransaction(store: SqliteStore, transaction: MakeTransaction): SqliteStore {
  return withMember(store, 'transaction', transaction)
}

function withMember(store: SqliteStore, member: string, instead: unknown): SqliteStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === member) return instead
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
