/**
 * The suite that judges a store: every sentence of the store contract as a case that any test
 * runner can run.
 *
 * ```ts
 * for (const { title, run } of storeContract(options)) it(title, run)
 * ```
 */
import { adminCases } from './store-contract/admin.js'
import { argumentCases } from './store-contract/arguments.js'
import { capabilityCases } from './store-contract/capabilities.js'
import { claimCases } from './store-contract/claims.js'
import { eitherOrderCases } from './store-contract/either-order.js'
import { epochCases } from './store-contract/epochs.js'
import { keepingCases } from './store-contract/keeping.js'
import { leaseCases } from './store-contract/leases.js'
import { listingCases } from './store-contract/listing.js'
import { outboxCases } from './store-contract/outbox.js'
import { outcomeCases } from './store-contract/outcomes.js'
import { ownerCases } from './store-contract/owners.js'
import { raceCases } from './store-contract/races.js'
import { replacingCases } from './store-contract/replacing.js'
import { settleCases } from './store-contract/settle.js'
import { togetherCases } from './store-contract/together.js'
import { transactionCases } from './store-contract/transactions.js'
import type { StoreCase, StoreContractOptions } from './store-contract/trial.js'

export type {
  ContractTransactions,
  StoreCase,
  StoreContractOptions,
} from './store-contract/trial.js'

/**
 * Lists the cases that a store has to pass. Which ones there are depends on the capabilities and
 * on what the options can do: without `advance` real time passes, a few tenths of a second a case.
 *
 * @param options - how to open a store, and what it promises
 * @returns the cases; each opens and closes its own stores, and throws an AssertionError that says
 *   what was expected
 * @see Store
 */
export function storeContract<Tx>(options: StoreContractOptions<Tx>): readonly StoreCase[] {
  return [
    ...claimCases(options),
    ...leaseCases(options),
    ...ownerCases(options),
    ...settleCases(options),
    ...listingCases(options),
    ...argumentCases(options),
    ...outcomeCases(options),
    ...epochCases(options),
    ...keepingCases(options),
    ...replacingCases(options),
    ...raceCases(options),
    ...togetherCases(options),
    ...eitherOrderCases(options),
    ...capabilityCases(options),
    ...transactionCases(options),
    ...outboxCases(options),
    ...adminCases(options),
  ]
}
