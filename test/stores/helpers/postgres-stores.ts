/**
 * How the contract suite opens PostgreSQL stores: each in a schema of its own on one server.
 */
import pg from 'pg'
import type { Store } from '../../../lib/engine/store.js'
import {
  type PostgresStore,
  type PostgresStoreOptions,
  type PostgresTransaction,
  postgresStore,
} from '../../../lib/stores/postgres.js'
import { type StoreContractOptions, storeContract } from '../../../lib/testing/store-contract.js'
import { emptySql } from '../../support/stores.js'
import type { Choose } from './contract-part.js'
import type { ContractPlace } from './contract-places.js'

let schemas = 0

/** Stores on one server, and the pools that they use. */
export class PostgresStores {
  /** Connects past whatever the stores' URL asks for, for the tests' own tables. */
  readonly admin: pg.Pool
  readonly #url: string
  readonly #wishes: Partial<PostgresStoreOptions>
  /** Those that are not ended, with the schemas of their stores. */
  readonly #pools = new Map<pg.Pool, string>()
  /** Schemas that no store uses any more. */
  readonly #left = new Set<string>()
  readonly #ended: Promise<void>[] = []
  readonly #schemas = new WeakMap<Store<PostgresTransaction>, string>()
  readonly #poolOf = new WeakMap<Store<PostgresTransaction>, pg.Pool>()

  /** @param url - of the server, or of a pooler before it */
  constructor(url: string, wishes: Partial<PostgresStoreOptions> = {}) {
    this.#url = url
    const plain = new URL(url)
    plain.search = ''
    this.admin = new pg.Pool({ connectionString: plain.href, max: 1 })
    this.admin.on('error', () => {})
    this.#pools.set(this.admin, '')
    this.#wishes = wishes
  }

  /** Opens a store in a new schema. */
  async fresh(): Promise<PostgresStore> {
    schemas += 1
    const store = this.open(`t${process.pid}_${schemas}`)
    await store.migrate()
    return store
  }

  /** Opens a store on an empty memory: in a schema that was left, where there is one. */
  async emptied(): Promise<PostgresStore> {
    const [schema] = this.#left
    if (schema === undefined) return await this.fresh()
    const store = this.open(schema)
    await this.admin.query(emptySql(schema))
    return store
  }

  /** Opens a store in a schema that is there already; closing it ends its pool. */
  open(schema: string, wishes: Partial<PostgresStoreOptions> = {}): PostgresStore {
    const pool = new pg.Pool({ connectionString: this.#url, max: 8 })
    this.#pools.set(pool, schema)
    this.#left.delete(schema)
    const store = postgresStore({ pool, schema, ...this.#wishes, ...wishes })
    const close = store.close.bind(store)
    store.close = async () => {
      await close()
      // Not awaited: a test may close a store whose transaction still holds a connection.
      if (!pool.ending) this.#ended.push(pool.end().then(() => this.#leave(pool, schema)))
    }
    this.#schemas.set(store, schema)
    this.#poolOf.set(store, pool)
    return store
  }

  /** The schema of a store. */
  schemaOf(store: Store<PostgresTransaction>): string {
    return this.#schemas.get(store) ?? ''
  }

  /** The app's pool of a store. */
  poolOf(store: Store<PostgresTransaction>): pg.Pool {
    const pool = this.#poolOf.get(store)
    if (pool === undefined) throw new Error('this store is not one of these')
    return pool
  }

  /** Ends every pool that is open still. */
  async end(): Promise<void> {
    for (const pool of this.#pools.keys()) if (!pool.ending) this.#ended.push(pool.end())
    await Promise.all(this.#ended.splice(0))
  }

  #leave(pool: pg.Pool, schema: string): void {
    this.#pools.delete(pool)
    if (![...this.#pools.values()].includes(schema)) this.#left.add(schema)
  }
}

/**
 * Options of the contract suite.
 *
 * @param stores - where they are opened; called when the suite runs, so that a server can be up
 * @param spoil - plants a fault in a schema
 */
export function postgresContract(
  stores: () => PostgresStores,
  spoil: (pool: pg.Pool, schema: string) => Promise<void> = async () => {},
): StoreContractOptions<PostgresTransaction> {
  // A case prepares its own store, and cases run one after the other.
  let schema = ''
  return {
    async open() {
      const store = await stores().emptied()
      await spoil(stores().admin, stores().schemaOf(store))
      return store
    },
    reopen: async store => stores().open(stores().schemaOf(store)),
    capabilities: { durable: true, crossProcess: true, transactional: true, nativeExpiry: false },
    hasAdmin: true,
    async forget(store) {
      const poe = stores().schemaOf(store)
      await stores().admin.query(
        `DELETE FROM ${poe}.record; DELETE FROM ${poe}.memory; DELETE FROM ${poe}.secret`,
      )
    },
    transactions: {
      async prepare(store) {
        schema = stores().schemaOf(store)
        const table = `${schema}.effect`
        await stores().admin.query(
          `CREATE TABLE IF NOT EXISTS ${table} (text text NOT NULL); DELETE FROM ${table}`,
        )
      },
      async insert(tx, text) {
        await tx.query(`INSERT INTO ${schema}.effect (text) VALUES ($1)`, [text])
      },
      async list() {
        const { rows } = await stores().admin.query(`SELECT text FROM ${schema}.effect`)
        return rows.map(row => String(row.text))
      },
      async steal(tx) {
        await tx.query(`INSERT INTO ${schema}.effect (text) VALUES ('stolen'); COMMIT`)
      },
    },
  }
}

/** Where a contract is held, and with which options of the store. */
export interface PostgresPlace {
  readonly url: string
  readonly wishes?: Partial<PostgresStoreOptions>
  /** Ends the server, if it is the suite's own. */
  readonly remove?: () => Promise<void>
}

/**
 * The store contract at a place.
 *
 * @param start - called when the suite runs
 * @param choose - the cases; all where it is absent
 */
export function postgresPlace(
  title: string,
  start: () => Promise<PostgresPlace>,
  choose: Choose = all => all,
): ContractPlace {
  let place: PostgresPlace | undefined
  let stores: PostgresStores
  return {
    title,
    cases: choose(storeContract(postgresContract(() => stores))),
    async open() {
      place = await start()
      stores = new PostgresStores(place.url, place.wishes)
    },
    async close() {
      await stores?.end()
      await place?.remove?.()
    },
  }
}
