/**
 * Adapters for the servers that the suite is proven on.
 */
import type { ServerAdapter } from 'post-once-exactly/conformance'

/** For the independent server and its wrong variants, in all styles. */
export const INDEPENDENT: ServerAdapter = {
  fields: { 'X-User': 'ann' },
  credentials: ['X-User'],
  secondUser: { 'X-User': 'bob' },
  valid: { json: { sku: 'tea-{n}', qty: 1 } },
  invalid: { json: { sku: '', qty: 0 } },
  sibling: '/again/{token}',
  effects: { url: '/ledger', pointer: '/orders' },
  provoke: {
    slow: { fields: { 'X-Fault': 'slow=1200' } },
    slowFailure: { fields: { 'X-Fault': 'slow=1200, fail=500' } },
    failure: { fields: { 'X-Fault': 'fail=500' } },
  },
}
