/**
 * What the suite knows of each door's servers.
 */
import type { ServerAdapter } from 'post-once-exactly/conformance'

/** Of the servers in `key-server.ts`. */
export const KEYS_ADAPTER: ServerAdapter = {
  fields: { 'X-User': 'ann' },
  credentials: ['X-User'],
  secondUser: { 'X-User': 'bob' },
  valid: { json: { amount: 7, note: 'n{n}' } },
  invalid: { json: { amount: 0 } },
  effects: { url: '/ledger', pointer: '/payments' },
  provoke: {
    slow: { fields: { 'X-Fault': 'slow=1200' } },
    failure: { fields: { 'X-Fault': 'fail=500' } },
  },
  door: { required: true },
}

/** Of the servers in `action-server.ts`. */
export const ACTIONS_ADAPTER: ServerAdapter = {
  fields: { 'X-User': 'ann' },
  credentials: ['X-User'],
  secondUser: { 'X-User': 'bob' },
  valid: { json: { sku: 'tea-{n}', qty: 1 } },
  invalid: { json: { qty: 0 } },
  effects: { url: '/ledger', pointer: '/orders' },
  provoke: { slow: { fields: { 'X-Fault': 'slow=1200' } } },
  door: { required: true },
}

/** Of the servers in `condition-server.ts`. */
export const CONDITIONS_ADAPTER: ServerAdapter = {
  fields: { 'X-User': 'ann' },
  credentials: ['X-User'],
  secondUser: { 'X-User': 'bob' },
  valid: { json: { add: 1, note: 'n{n}' } },
  invalid: { json: { add: 0 } },
  effects: { url: '/ledger', pointer: '/added' },
  provoke: { slow: { fields: { 'X-Fault': 'slow=1200' } } },
  door: { required: true },
}
