/** Verdicts of applications and operators: each is understood whole, or refused. */
import { expect } from 'chai'
import type { Reconciled, ReconciledOutcome } from '../../lib/engine/operation.js'
import { decodeOutcome } from '../../lib/engine/outcome.js'
import { decisionOf, outcomeOf } from '../../lib/engine/reconciled.js'

const decide = (given: unknown, limit = 100) => decisionOf('f()', given as Reconciled, limit)

describe('a verdict on an undecided key', () => {
  it('that nothing happened frees it, and one that is unknown writes nothing', () => {
    for (const outcome of [{}, { outcome: undefined }]) {
      expect(decide({ verdict: 'did-not-happen', ...outcome })).to.equal('free')
      expect(decide({ verdict: 'unknown', ...outcome })).to.equal(null)
    }
  })

  const outcomes: readonly ReconciledOutcome[] = [
    {},
    { status: 200 },
    { status: 599 },
    { status: 400 },
    { location: '/orders/9' },
    { status: 303, location: '/orders/9' },
    { status: 201, contentType: 'text/plain; charset=utf-8', body: 'h\u00e9' },
    { body: Uint8Array.of(255, 0) },
  ]
  for (const outcome of outcomes) {
    it(`that it happened is written: ${JSON.stringify(outcome)}`, () => {
      const written = decide({ verdict: 'happened', outcome })
      if (written === null || written === 'free') throw new Error(`${written}`)
      expect(decodeOutcome(written, 0)).to.deep.equal(outcomeOf(outcome))
    })
  }

  it('a body is kept up to the limit', () => {
    for (const [limit, kind] of [
      [3, 'not-kept'],
      [4, 'kept'],
    ] as const) {
      const written = decide({ verdict: 'happened', outcome: { body: 'four' } }, limit)
      if (written === null || written === 'free') throw new Error(`${written}`)
      expect(decodeOutcome(written, 0).body.kind).to.equal(kind)
    }
  })

  const refused: readonly (readonly [unknown, typeof Error, string])[] = [
    [null, TypeError, 'the verdict must be an object'],
    [{ verdict: 'happened', outcome: {}, at: 1 }, TypeError, 'no member "at"'],
    [{ verdict: 'perhaps' }, TypeError, 'got "perhaps"'],
    [{ verdict: 'happened' }, TypeError, 'the outcome must be an object'],
    [{ verdict: 'did-not-happen', outcome: {} }, TypeError, 'has no outcome'],
    [{ verdict: 'unknown', outcome: {} }, TypeError, 'has no outcome'],
  ]
  for (const [given, error, told] of refused) {
    it(`is refused: ${JSON.stringify(given)}`, () => {
      expect(() => decide(given)).to.throw(error, told)
    })
  }

  const wrong: readonly (readonly [unknown, typeof Error, string])[] = [
    [{ state: 200 }, TypeError, 'no member "state"'],
    [{ status: 199 }, RangeError, 'status'],
    [{ status: 600 }, RangeError, 'status'],
    [{ status: 200.5 }, RangeError, 'status'],
    [{ status: '200' }, RangeError, 'status'],
    [{ status: 301 }, TypeError, 'needs a location'],
    [{ status: 302 }, TypeError, 'needs a location'],
    [{ status: 303 }, TypeError, 'needs a location'],
    [{ location: '' }, TypeError, 'location'],
    [{ location: 7 }, TypeError, 'location'],
    [{ location: '/a b' }, TypeError, 'location cannot be sent'],
    [{ location: '/a\r\nSet-Cookie:b' }, TypeError, 'location cannot be sent'],
    [{ contentType: '' }, TypeError, 'contentType'],
    [{ contentType: 'text/plain\n' }, TypeError, 'contentType cannot be sent'],
    [{ contentType: ' text/plain' }, TypeError, 'contentType cannot be sent'],
    [{ body: { id: 1 } }, TypeError, 'body must be a string or bytes, got an object'],
    [{ body: null }, TypeError, 'body must be a string or bytes, got null'],
  ]
  for (const [outcome, error, told] of wrong) {
    it(`an outcome is refused: ${JSON.stringify(outcome)}`, () => {
      expect(() => decide({ verdict: 'happened', outcome })).to.throw(error, told)
    })
  }
})
