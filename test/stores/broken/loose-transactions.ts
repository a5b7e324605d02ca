/**
 * Sqlite stores whose transactions are none: a handler's writes and the mark come apart.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
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

/** Looks whose key it is, and writes on what it has seen. */
export function commitsWhatItSaw(store: SqliteStore): SqliteStore {
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
        if (isOver) throw new Error('over')
        isOver = true
        const { state } = await store.read(key, null)
        if (state !== 'running') return { nowMs: 0, state: 'stale' }
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

/** Completes the key of a transaction that was rolled back. */
export function commitsAfterARollback(store: SqliteStore): SqliteStore {
  return withTransaction(store, (key, owner) => {
    const real = store.transaction(key, owner)
    let isUndone = false
    return {
      handle: real.handle,
      commit: outcome => (isUndone ? store.complete(key, owner, outcome) : real.commit(outcome)),
      rollback: () => {
        isUndone = true
        return real.rollback()
      },
    }
  })
}

/** Gives an empty payload to whoever takes a message again. */
export function forgetsPayloads(store: SqliteStore): SqliteStore {
  const { outbox } = store
  const empty = "UPDATE poe_outbox SET payload = '{}' WHERE key = ? AND payload IS NOT NULL"
  return withOutbox(store, {
    end: async (key, owner, end) => {
      const reply = await outbox.end(key, owner, end)
      if (end.verdict === 'again') await store.write(db => db.prepare(empty).run(key))
      return reply
    },
  })
}

/** Revives a dead message with the time of its first attempt. */
export function revivesTheOld(store: SqliteStore): SqliteStore {
  const { outbox } = store
  return withOutbox(store, {
    revive: async key => {
      const reply = await outbox.revive(key)
      await store.write(db => db.prepare('UPDATE poe_outbox SET first_ms = 1').run())
      return reply
    },
  })
}

/** Counts its limit for each name. */
export function takesTooMany(store: SqliteStore): SqliteStore {
  const { outbox } = store
  return withOutbox(store, {
    take: async query => {
      const takes = query.names.map(name => outbox.take({ ...query, names: [name] }))
      const replies = await Promise.all(takes)
      return { nowMs: 0, messages: replies.flatMap(({ messages }) => messages) }
    },
  })
}

/** Goes through its dead messages by places, which move when one is dropped. */
export function countsItsDead(store: SqliteStore): SqliteStore {
  const { outbox } = store
  return withOutbox(store, {
    dead: async (limit, cursor) => {
      const { nowMs, messages } = await outbox.dead(1_000, null)
      const [from, to] = [Number(cursor ?? 0), Number(cursor ?? 0) + limit]
      const next = to < messages.length ? String(to) : null
      return { nowMs, messages: messages.slice(from, to), cursor: next }
    },
  })
}

/** Looks whose message it is, and renews it a moment later, whatever has become of it. */
export function renewsMessagesItSaw(store: SqliteStore): SqliteStore {
  const { outbox } = store
  const write = "UPDATE poe_outbox SET state = 'running', due_ms = ? WHERE key = ?"
  return withOutbox(store, {
    renew: async (key, owner, leaseMs) => {
      const reply = await outbox.renew(key, owner, leaseMs)
      await nextTurn()
      const { nowMs, state } = reply
      if (state === 'ok') await store.write(db => db.prepare(write).run(nowMs + leaseMs, key))
      return reply
    },
  })
}

/** Looks whether a message is dead, and removes it a moment later. */
export function dropsWhatItSaw(store: SqliteStore): SqliteStore {
  const find = "SELECT 1 FROM poe_outbox WHERE key = ? AND state = 'dead'"
  return withOutbox(store, {
    drop: async key => {
      const isDead = store.database.prepare(find).get(key) !== undefined
      await nextTurn()
      if (!isDead) return { nowMs: 0, state: 'stale' }
      await store.write(db => db.prepare('DELETE FROM poe_outbox WHERE key = ?').run(key))
      return { nowMs: 0, state: 'ok' }
    },
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
