/**
 * Shops that are broken on purpose, in the ways that matter most: nobody looks at the owner of a
 * claim; the order is not in the transaction that spends the link; whoever finds its own success
 * takes it for another's.
 */
import { setTimeout as pause } from 'node:timers/promises'
import Database from 'better-sqlite3'
import pg from 'pg'
import type { OrderBook } from '../../../examples/shop/orders.js'
import type { StoreSetting } from '../../../examples/shop/settings.js'
import type { Storage } from '../../../examples/shop/storage.js'
import type { Claim, Store, StoredOutcome, StoreTransaction } from '../../../lib/engine/store.js'
import { PoeError } from '../../../lib/errors.js'
import type { Plant } from './options.js'

/** Breaks a storage. */
export function planted(storage: Storage, setting: StoreSetting, plant: Plant): Storage {
  switch (plant) {
    case 'owner':
      return { ...storage, store: withoutOwners(storage.store, setting) }
    case 'outside-transaction':
      return { ...storage, book: outside(storage.book, setting) }
    case 'own-success':
      return { ...storage, store: forgetful(storage.store) }
    case 'no-join':
      // Its pool is the fault.
      return storage
  }
}

/** Every claim is made in one name, so that a store which compares owners finds all the same. */
const EVERYBODY = 'everybody'
/** A commit that takes longer than this counts as unanswered, in milliseconds. */
const HASTY_MS = 300

/**
 * Removes the owner check: a running key is granted again, whatever is left of its lease, and a
 * completion that comes late goes through like any other.
 */
function withoutOwners(store: Store<unknown>, setting: StoreSetting): Store<unknown> {
  const isTransactional = store.transaction !== undefined
  const methods: Partial<Store<unknown>> = {
    claim: (key, claim: Claim) => store.claim(key, { ...claim, owner: EVERYBODY }),
    renew: (key, _owner, leaseMs) => store.renew(key, EVERYBODY, leaseMs),
    mark: key => store.mark(key, EVERYBODY),
    complete: (key, _owner, outcome) => store.complete(key, EVERYBODY, outcome),
    confirm: key => store.confirm(key, EVERYBODY),
    attachBody: (key, _owner, outcome) => store.attachBody(key, EVERYBODY, outcome),
    release: key => store.release(key, EVERYBODY),
    ...(isTransactional && { transaction: key => unfenced(store, open(setting), key) }),
  }
  return instead(store, methods)
}

/** Gives up on a slow commit, and then does not know its own outcome. */
function forgetful(store: Store<unknown>): Store<unknown> {
  const methods: Partial<Store<unknown>> = {
    confirm: async () => ({ nowMs: Date.now(), state: 'stale' }),
    transaction: (key, owner, withinMs) => {
      const transaction = store.transaction?.(key, owner, withinMs)
      if (transaction === undefined) throw new TypeError('there are no transactions')
      return {
        handle: transaction.handle,
        async commit(outcome, commitWithinMs) {
          const beganMs = performance.now()
          const reply = await transaction.commit(outcome, commitWithinMs)
          if (performance.now() - beganMs < HASTY_MS) return reply
          throw new PoeError('ERR_POE_STORE_BUSY')
        },
        rollback: () => transaction.rollback(),
      }
    },
  }
  return instead(store, methods)
}

/** Puts methods in the place of a store's own. */
function instead(store: Store<unknown>, methods: Partial<Store<unknown>>): Store<unknown> {
  return new Proxy(store, {
    get(target, member) {
      const own: unknown = Reflect.get(methods, member)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, member, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A transaction that is committed whoever the key belongs to by now. */
function unfenced(store: Store<unknown>, writer: Writer, key: string): StoreTransaction<unknown> {
  return {
    handle: writer.handle,
    async commit(outcome: StoredOutcome) {
      await writer.commit()
      const { nowMs } = await store.complete(key, EVERYBODY, outcome)
      return { nowMs, state: 'ok' }
    },
    rollback: () => writer.rollback(),
  }
}

/** Writes the order in a transaction of its own; the link is spent some time later. */
function outside(book: OrderBook, setting: StoreSetting): OrderBook {
  return {
    ...book,
    async add(order) {
      const writer = open(setting)
      try {
        const placed = await book.add(order, () => writer.handle)
        await writer.commit()
        return placed
      } finally {
        await writer.rollback()
      }
    },
  }
}

/** A transaction on a connection of its own, of which no store knows. */
interface Writer {
  /** What the shop's book takes for `ctx.poe.tx`. */
  readonly handle: unknown
  commit(): Promise<void>
  rollback(): Promise<void>
}

function open(setting: StoreSetting): Writer {
  switch (setting.kind) {
    case 'sqlite':
      return fileWriter(setting.file)
    case 'postgres':
      return serverWriter(setting.url)
    case 'redis':
    case 'memory':
      throw new TypeError(`there are no transactions in ${setting.kind}`)
  }
}

function fileWriter(file: string): Writer {
  let db: Database.Database | null = null
  const end = (): void => {
    db?.close()
    db = null
  }
  return {
    handle: {
      async run(sql: string, ...values: unknown[]): Promise<Database.RunResult> {
        const opened = new Database(file, { timeout: 0 })
        db = opened
        await begin(opened)
        return opened.prepare(sql).run(...values)
      },
    },
    async commit() {
      db?.exec('COMMIT')
      end()
    },
    rollback: async () => end(),
  }
}

/** Waits for the write lock without stopping the process, which may hold it itself. */
async function begin(db: Database.Database): Promise<void> {
  for (;;) {
    try {
      db.exec('BEGIN IMMEDIATE')
      return
    } catch (error) {
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
      await pause(3)
    }
  }
}

function serverWriter(url: string): Writer {
  const client = new pg.Client({ connectionString: url, query_timeout: 3_000 })
  client.on('error', () => {})
  let isOpen = false
  const end = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await client.end().catch(() => {})
  }
  return {
    handle: {
      async query(sql: string, values: unknown[]): Promise<pg.QueryResult> {
        isOpen = true
        await client.connect()
        await client.query('BEGIN')
        return await client.query(sql, values)
      },
    },
    async commit() {
      if (isOpen) await client.query('COMMIT')
      await end()
    },
    rollback: end,
  }
}
