/**
 * Database files of the tests, and how the contract suite opens sqlite stores.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../../../lib/engine/store.js'
import {
  type SqliteStore,
  type SqliteTransaction,
  sqliteStore,
} from '../../../lib/stores/sqlite.js'
import type { StoreContractOptions } from '../../../lib/testing/store-contract.js'

/** A directory of its own for each test, and its removal. */
export class Files {
  readonly #directories: string[] = []

  /** Gives the path of a file that does not exist, in a directory that does. */
  fresh(): string {
    const directory = mkdtempSync(join(tmpdir(), 'poe-sqlite-'))
    this.#directories.push(directory)
    return join(directory, 'store.db')
  }

  /** Removes every directory. */
  remove(): void {
    for (const directory of this.#directories.splice(0)) {
      rmSync(directory, { recursive: true, force: true })
    }
  }
}

/**
 * Options of the contract suite for sqlite stores, with a clock that the suite moves.
 *
 * @param files - where the files are made
 * @param spoil - plants a fault in each store
 */
export function sqliteContract(
  files: Files,
  spoil: (store: SqliteStore) => SqliteStore = store => store,
): StoreContractOptions<SqliteTransaction> {
  let nowMs = 1_800_000_000_000
  const now = () => nowMs
  const paths = new WeakMap<Store<SqliteTransaction>, string>()
  const open = (file: string): SqliteStore => {
    const store = spoil(sqliteStore({ file, now }))
    paths.set(store, file)
    return store
  }
  return {
    open: async () => open(files.fresh()),
    reopen: async store => open(paths.get(store) ?? ''),
    advance: ms => {
      nowMs += ms
    },
    capabilities: { durable: true, crossProcess: true, transactional: true, nativeExpiry: false },
    hasAdmin: true,
    forget: store =>
      own(store).write(db => {
        db.exec('DELETE FROM poe_claim; DELETE FROM poe_spent; DELETE FROM poe_secret')
        db.exec("DELETE FROM poe_meta WHERE name = 'epoch'")
      }),
    transactions: {
      prepare: store =>
        own(store).write(db => {
          db.exec('CREATE TABLE effect (text TEXT NOT NULL)')
        }),
      insert: async (tx, text) => {
        await tx.run('INSERT INTO effect (text) VALUES (?)', text)
      },
      list: async store =>
        own(store).database.prepare('SELECT text FROM effect').pluck().all() as string[],
      steal: tx => tx.exec("INSERT INTO effect (text) VALUES ('stolen'); COMMIT"),
    },
  }
}

function own(store: Store<SqliteTransaction>): SqliteStore {
  return store as SqliteStore
}
