/**
 * Opens what a shop keeps: links, outcomes and orders, in one place.
 */
import type { Store } from 'post-once-exactly'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { memoryBook, type OrderBook } from './orders.js'
import { openPostgres } from './postgres-storage.js'
import { openRedis } from './redis-storage.js'
import { SettingError, type StoreSetting } from './settings.js'
import { memorySideBook, type SideBook } from './side-book.js'
import { openSqlite } from './sqlite-storage.js'

/** Links and outcomes in `store`, orders in `book`; one database where there is one. */
export interface Storage {
  readonly store: Store<unknown>
  readonly book: OrderBook
  readonly side: SideBook
  close(): Promise<void>
}

/** In a demo nearly everybody is `guest`: no quota for one user, only the limit for all. */
const MEMORY_RECORDS = 100_000

/**
 * Opens a storage, and makes its tables where they are absent.
 *
 * @throws {SettingError} when it cannot be opened
 */
export async function openStorage(setting: StoreSetting): Promise<Storage> {
  try {
    return await open(setting)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || String(cause) : String(cause)
    throw new SettingError(`POE_STORE=${nameOf(setting)} cannot be used. ${reason}`, { cause })
  }
}

/** Names a store without its password. */
export function nameOf(setting: StoreSetting): string {
  switch (setting.kind) {
    case 'memory':
      return 'memory:'
    case 'sqlite':
      return `sqlite:${setting.file}`
    case 'redis':
    case 'postgres': {
      const { protocol, host, pathname } = new URL(setting.url)
      return `${protocol}//${host}${pathname}`
    }
  }
}

async function open(setting: StoreSetting): Promise<Storage> {
  switch (setting.kind) {
    case 'memory': {
      const store = memoryStore({ maxRecords: MEMORY_RECORDS, maxPerPrincipal: MEMORY_RECORDS })
      return { store, book: memoryBook(), side: memorySideBook(), close: () => store.close() }
    }
    case 'sqlite':
      return await openSqlite(setting.file)
    case 'redis':
      return await openRedis(setting.url)
    case 'postgres':
      return await openPostgres(setting.url)
  }
}
