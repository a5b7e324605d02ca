/**
 * Gives a store transactions over rows in memory: what is written is kept when the commit makes the
 * key spent, else not at all.
 */

import type { OwnerReply, Store } from '../../lib/engine/store.js'
import { PoeError } from '../../lib/errors.js'

/** What a handler gets as its transaction. */
export interface TinyTransaction {
  write(row: string): void
}

/** A store with rows beside its records. */
export interface TinyDatabase {
  readonly store: Store<unknown>
  /** The rows that were committed. */
  readonly rows: string[]
  /** Stands before the commit; it may throw, or answer in its place. */
  beforeCommit: () => Promise<OwnerReply | null>
  /** Stands behind the commit, before its reply. */
  afterCommit: () => Promise<void>
  rollbacks: number
}

/** Puts transactions on a store. */
export function tinyDatabase(base: Store<unknown>): TinyDatabase {
  const database: TinyDatabase = {
    rows: [],
    beforeCommit: async () => null,
    afterCommit: async () => {},
    rollbacks: 0,
    store: new Proxy(base, {
      get(target, member) {
        if (member === 'capabilities') return { ...target.capabilities, transactional: true }
        if (member === 'transaction') return (key: string, owner: string) => begin(key, owner)
        const value: unknown = Reflect.get(target, member, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
  }
  function begin(key: string, owner: string) {
    const written: string[] = []
    let over = false
    const handle: TinyTransaction = { write: row => written.push(row) }
    return {
      handle,
      async commit(outcome: Parameters<Store['complete']>[2]): Promise<OwnerReply> {
        const instead = await database.beforeCommit()
        if (instead !== null) return instead
        if (over) throw new PoeError('ERR_POE_TX_OVER')
        over = true
        const reply = await base.complete(key, owner, outcome)
        if (reply.state === 'ok') database.rows.push(...written)
        await database.afterCommit()
        return reply
      },
      async rollback(): Promise<void> {
        database.rollbacks += 1
        over = true
      },
    }
  }
  return database
}
