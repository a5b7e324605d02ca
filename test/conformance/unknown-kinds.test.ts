/** A demand or a step of a kind that nobody judges: it never passes for met. */
import { expect } from 'chai'
import type { Expectation } from 'post-once-exactly/conformance'
import { firstUnmetBy } from '../../lib/conformance/clients/judge-client.js'
import type { ClientExpectation } from '../../lib/conformance/clients/scenario.js'
import { firstUnmet } from '../../lib/conformance/expectations.js'
import type { Exchange } from '../../lib/conformance/wire.js'

const response = {
  version: '1.1',
  status: 200,
  reason: '',
  fields: [],
  trailers: [],
  body: Buffer.alloc(0),
  rest: Buffer.alloc(0),
  complete: true,
  interim: [],
}
const url = new URL('http://shop.test/')
const EXCHANGE = {
  sent: { method: 'GET', url, target: '/', fields: [], body: null },
  ended: 'complete',
  interim: [],
  endedAtMs: 0,
  code: null,
  response,
} as unknown as Exchange

const SURROUNDINGS = { answers: new Map() }

/** The compiler knows these for wrong, each by the comment above it. */
const UNKNOWN: readonly Expectation[] = [
  // @ts-expect-error -- no such kind
  { brandNewDemand: true },
  // @ts-expect-error -- only an object's own members are its kinds
  { toString: true },
  // @ts-expect-error -- no kind at all
  {},
  // The compiler lets two through, since each of them is one.
  { status: ['200'], has: 'Allow' },
]

const UNKNOWN_TO_CLIENTS: readonly ClientExpectation[] = [
  // @ts-expect-error -- no such kind
  { brandNewDemand: true },
  // @ts-expect-error -- no kind at all
  {},
  { ends: true, oneLink: true },
]

describe('a demand of unknown kind', () => {
  it('[FALSE-2701] to a server: is an error, and never met', () => {
    for (const one of UNKNOWN) {
      expect(() => firstUnmet([one], EXCHANGE, SURROUNDINGS), JSON.stringify(one)).to.throw(
        TypeError,
        'unknown kind',
      )
      const within: Expectation[] = [{ anyOf: [[one]] }, { when: [], demand: [one] }]
      for (const outer of within) {
        expect(() => firstUnmet([outer], EXCHANGE, SURROUNDINGS)).to.throw(TypeError)
      }
    }
  })

  it('[FALSE-2702] to a client: is an error, and never met', () => {
    const did = { ending: 'accepted', seen: [], effects: 1 } as const
    for (const one of UNKNOWN_TO_CLIENTS) {
      expect(() => firstUnmetBy([one], did), JSON.stringify(one)).to.throw(
        TypeError,
        'unknown kind',
      )
    }
  })
})
