/**
 * The memory store: the contract, its limits, and what a record costs.
 */
import { storeContract } from '../../lib/testing/store-contract.js'
import { memoryContract } from './helpers/memory-options.js'

describe('memoryStore', () => {
  describe('keeps the store contract', () => {
    for (const { title, run } of storeContract(memoryContract())) it(title, run)
  })
})
