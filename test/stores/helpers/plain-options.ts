/**
 * Runs the contract suite on plain stores, whole or broken, and collects what fails.
 */
import type { Store } from '../../../lib/engine/store.js'
import type { StoreCase, StoreContractOptions } from '../../../lib/testing/store-contract.js'
import { PlainMemory, type PlainOptions } from '../broken/plain-store.js'

/** A case that failed. */
export interface Failure {
  readonly title: string
  readonly message: string
}

/**
 * Options of the contract suite for plain stores.
 *
 * @param Made - the class that is judged
 */
export function plainContract(
  Made: new (options: PlainOptions) => Store,
): StoreContractOptions<never> {
  let nowMs = 1_800_000_000_123
  const memories = new WeakMap<Store, PlainMemory>()
  const open = (memory: PlainMemory, maxRecords: number): Store => {
    const store = new Made({ memory, now: () => nowMs, maxRecords })
    memories.set(store, memory)
    return store
  }
  const memoryOf = (store: Store): PlainMemory => memories.get(store) ?? new PlainMemory()
  return {
    open: async () => open(new PlainMemory(), Number.POSITIVE_INFINITY),
    reopen: async store => open(memoryOf(store), Number.POSITIVE_INFINITY),
    advance: ms => {
      nowMs += ms
    },
    forget: async store => memoryOf(store).wipe(),
    capabilities: { durable: true, crossProcess: true, transactional: false, nativeExpiry: false },
    limited: { maxRecords: 12, open: async () => open(new PlainMemory(), 12) },
  }
}

/**
 * Runs all cases.
 *
 * @returns those that failed, in order
 */
export async function failuresOf(cases: readonly StoreCase[]): Promise<Failure[]> {
  const failures: Failure[] = []
  for (const { title, run } of cases) {
    try {
      await run()
    } catch (error) {
      failures.push({ title, message: error instanceof Error ? error.message : String(error) })
    }
  }
  return failures
}
