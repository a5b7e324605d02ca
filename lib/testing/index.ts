/**
 * Tools to test a store, a server or a client of once-only POSTs: the store contract as a suite,
 * a proxy that loses and delays, a raw HTTP client that smooths nothing over, and a clock to turn.
 *
 * @packageDocumentation
 */
export { type FakeClock, fakeClock } from './fake-clock.js'
export {
  type Fault,
  type FaultCounts,
  type FaultProxy,
  type FaultProxyOptions,
  faultProxy,
} from './fault-proxy.js'
export { checkLinkRoundTrip, type LinkRoundTrip, type LinkTried } from './link-round-trip.js'
export {
  halfSent,
  type RawEnding,
  type RawRequestOptions,
  type RawRequestParts,
  type RawResult,
  type RawStep,
  type RawTarget,
  type ReleaseOptions,
  rawRequest,
  releaseTogether,
  requestBytes,
  responseOf,
  slowly,
} from './raw-http.js'
export { fieldValues, type RawField, type RawResponse } from './raw-response.js'
export {
  type ContractTransactions,
  type StoreCase,
  type StoreContractOptions,
  storeContract,
} from './store-contract.js'
