/** Opens what a shop keeps: links, outcomes and orders, in one place. */
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Store } from '../../lib/engine/store.js'
import { memoryBook, type OrderBook } from './orders.js'
import { SettingError, type StoreSetting } from './settings.js'

/** Links and outcomes in `store`, orders in `book`; one file where there is one. */
export interface Storage {
  readonly store: Store<unknown>
  readonly book: OrderBook
  close(): Promise<void>
}

/** In memory nearly everybody is `guest`: no quota, only the limit for all. */
const MEMORY_RECORDS = 100_000

/**
 * Opens a storage.
 *
 * @throws {SettingError} when it cannot be opened
 */
export function openStorage(setting: StoreSetting): Storage {
  if (setting.kind === 'sqlite') throw new SettingError('later')
  const store = memoryStore({ maxRecords: MEMORY_RECORDS, maxPerPrincipal: MEMORY_RECORDS })
  return { store, book: memoryBook(), close: () => store.close() }
}
