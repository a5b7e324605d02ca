import { expect } from 'chai'
import * as fc from 'fast-check'
import {
  decodeOutcome,
  encodeOutcome,
  isReport,
  isSuccess,
  type Outcome,
  outcomeFault,
  recordedField,
} from '../../lib/engine/outcome.js'

const FIELDS = [
  ['content-type', 'application/json'],
  ['location', '/orders/1'],
] as const

describe('an outcome', () => {
  it('that cannot be read is a fault, and throws nothing; other replies are none', () => {
    for (const outcome of [null, undefined, 'x', {}, { head: null }, { head: '{"later":1}' }]) {
      expect(outcomeFault({ outcome })?.code, String(outcome)).to.equal('ERR_POE_STORE_RECORD')
    }
    for (const reply of [{ outcome: { head: '[201]' } }, { state: 'ok' }, null, 'ok']) {
      expect(outcomeFault(reply)).to.equal(null)
    }
  })

  it('[POE-2-7] comes back from the store as it went in, whatever it holds', async () => {
    const bodies = fc.oneof(
      fc.constant({ kind: 'none' } as const),
      fc.constant({ kind: 'not-kept' } as const),
      fc.uint8Array().map(bytes => ({ kind: 'kept', bytes }) as const),
      fc.integer({ min: 1_001 }).map(untilMs => ({ kind: 'pending', untilMs }) as const),
    )
    const fields = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })))
    const outcomes = fc.record({ status: fc.integer(), fields, body: bodies })
    await fc.assert(
      fc.property(outcomes, outcome => {
        const stored = encodeOutcome(outcome)
        expect(decodeOutcome(stored, 1_000)).to.deep.equal(outcome)
        expect(stored.head).to.equal(JSON.stringify(JSON.parse(stored.head)))
      }),
    )
  })

  it('[REPLAY-01] tells an empty body from none', () => {
    const empty: Outcome = {
      status: 200,
      fields: [],
      body: { kind: 'kept', bytes: Buffer.alloc(0) },
    }
    expect(encodeOutcome(empty).body).to.have.lengthOf(0)
    expect(encodeOutcome({ ...empty, body: { kind: 'none' } }).body).to.equal(null)
  })

  it('[REPLAY-07] whose body the store dropped reads as not kept', () => {
    const kept: Outcome = {
      status: 200,
      fields: [],
      body: { kind: 'kept', bytes: Buffer.from('x') },
    }
    const { head } = encodeOutcome(kept)
    expect(decodeOutcome({ head, body: null }, 0).body).to.deep.equal({ kind: 'not-kept' })
  })

  it('[REPLAY-09] whose stream did not arrive in time reads as not kept', () => {
    const pending: Outcome = { status: 200, fields: [], body: { kind: 'pending', untilMs: 500 } }
    const stored = encodeOutcome(pending)
    expect(decodeOutcome(stored, 499).body).to.deep.equal({ kind: 'pending', untilMs: 500 })
    expect(decodeOutcome(stored, 500).body).to.deep.equal({ kind: 'not-kept' })
    expect(decodeOutcome({ head: '[200,[],"p"]', body: null }, 0).body.kind).to.equal('not-kept')
  })

  it('gives a recorded field by its name', () => {
    const outcome: Outcome = { status: 201, fields: FIELDS, body: { kind: 'none' } }
    expect(recordedField(outcome, 'location')).to.equal('/orders/1')
    expect(recordedField(outcome, 'etag')).to.equal(null)
  })
})

describe('the rule for success', () => {
  const statuses = Array.from({ length: 500 }, (_, index) => index + 100)

  it('[POE-2-19] any 2xx counts, with a Location or without', () => {
    for (const status of statuses) {
      const isTwo = status >= 200 && status < 300
      expect(isSuccess({ status, hasLocation: false }), `${status}`).to.equal(isTwo)
    }
  })

  it('[FAIL-05] 301, 302 and 303 count with a Location; 304, 305, 307, 308 never do', () => {
    const counted = statuses.filter(status => isSuccess({ status, hasLocation: true }))
    expect(counted.filter(status => status >= 300)).to.deep.equal([301, 302, 303])
  })

  it('[FALSE-4630] what is below 200 is no answer, and reports nothing', () => {
    const reported = statuses.filter(status => isReport(status, [], true))
    expect(reported.filter(status => status < 200)).to.deep.equal([])
    expect(reported).to.include.members([304, 400, 422, 499, 501, 503])
  })
})
