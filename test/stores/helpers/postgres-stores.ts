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
import type { StoreContractOptions } from '../../../lib/testing/store-contract.js'

let schemas = 0

/** Stores on one server, and the pools that they use. */
export class PostgresStores {
  /** Connects past whatever the stores' URL asks for, for the tests' own tables. */
  readonly admin: pg.Pool
  readonly #url: string
  readonly #wishes: Partial<PostgresStoreOptions>
  readonly #pools: pg.Pool[] = []
  readonly #schemas = new WeakMap<Store<PostgresTransaction>, string>()
  readonly #poolOf = new WeakMap<Store<PostgresTransaction>, pg.Pool>()

  /** @param url - of the server, or of a pooler before it */
  constructor(url: string, wishes: Partial<PostgresStoreOptions> = {}) {
    this.#url = url
    const plain = new URL(url)
    plain.search = ''
    this.admin = new pg.Pool({ connectionString: plain.href, max: 1 })
    this.admin.on('error', () => {})
    this.#pools.push(this.admin)
    this.#wishes = wishes
  }

  /** Opens a store in a new schema. */
  async fresh(): Promise<PostgresStore> {
    schemas += 1
    const store = this.open(`t${process.pid}_${schemas}`)
    await store.migrate()
    return store
  }

  /** Opens a store in a schema that is there already. */
  open(schema: string, wishes: Partial<PostgresStoreOptions> = {}): PostgresStore {
    const pool = new pg.Pool({ connectionString: this.#url, max: 8 })
    this.#pools.push(pool)
    const store = postgresStore({ pool, schema, ...this.#wishes, ...wishes })
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

  /** Ends every pool. */
  async end(): Promise<void> {
    await Promise.all(this.#pools.splice(0).map(pool => pool.end()))
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
      const store = await stores().fresh()
      await spoil(stores().admin, stores().schemaOf(store))
      return store
    },
    reopen: async store => stores().open(stores().schemaOf(store)),
    capabilities: { durable: true, crossProcess: true, transactional: true, nativeExpiry: false },
    async forget(store) {
      const poe = stores().schemaOf(store)
      await stores().admin.query(
        `DELETE FROM ${poe}.record; DELETE FROM ${poe}.memory; DELETE FROM ${poe}.secret`,
      )
    },
    transactions: {
      async prepare(store) {
        schema = stores().schemaOf(store)
        await stores().admin.query(`CREATE TABLE ${schema}.effect (text text NOT NULL)`)
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
