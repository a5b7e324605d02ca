/**
 * How the contract suite opens memory stores.
 */
import type { Store } from '../../../lib/engine/store.js'
import { type MemoryStoreOptions, memoryStore } from '../../../lib/stores/memory.js'
import type { StoreContractOptions } from '../../../lib/testing/store-contract.js'

/** Makes a memory store, possibly a broken one. */
export type MakeStore = (options: MemoryStoreOptions) => Store

const NO_CAPABILITIES = {
  durable: false,
  crossProcess: false,
  transactional: false,
  nativeExpiry: false,
}

/**
 * Options of the contract suite for stores in memory, with a clock that the suite moves.
 *
 * @param make - makes the store that is judged
 */
export function memoryContract(make: MakeStore = memoryStore): StoreContractOptions {
  let nowMs = 1_800_000_000_000
  const now = () => nowMs
  return {
    open: async () => make({ now }),
    reopen: async () => make({ now }),
    advance: ms => {
      nowMs += ms
    },
    capabilities: NO_CAPABILITIES,
    limited: { maxRecords: 12, open: async () => make({ now, maxRecords: 12 }) },
  }
}
