import { expect } from 'chai'
import { findingOf } from '../../lib/engine/finding.js'
import type { Operation } from '../../lib/engine/operation.js'
import { encodeOutcome } from '../../lib/engine/outcome.js'

const OPERATION: Operation = {
  key: 'order:1',
  epoch: 'e',
  expiresAtMs: 1_000,
  keepUntilMs: 2_000,
  principals: ['alice', 'cart-7'],
  comparePrincipal: true,
  fingerprint: 'print',
}
const BY = { fingerprint: 'print', principal: 'alice' }
const OUTCOME = encodeOutcome({ status: 201, fields: [], body: { kind: 'none' } })

describe('what is found at a key', () => {
  it('a free key is unspent to the last moment of its life, and expired after it', () => {
    const none = { state: 'none' } as const
    expect(findingOf({ ...none, nowMs: 1_000 }, OPERATION).kind).to.equal('unspent')
    expect(findingOf({ ...none, nowMs: 1_001 }, OPERATION).kind).to.equal('expired')
    const endless = { ...OPERATION, expiresAtMs: null }
    expect(findingOf({ ...none, nowMs: 9e15 }, endless).kind).to.equal('unspent')
  })

  it('[EXP-606] expired as long as a record would be kept, and forgotten after it', () => {
    for (const state of ['none', 'expired'] as const) {
      expect(findingOf({ state, nowMs: 2_000 }, OPERATION).kind).to.equal('expired')
      expect(findingOf({ state, nowMs: 2_001 }, OPERATION).kind).to.equal('forgotten')
      const kept = { ...OPERATION, keepUntilMs: null }
      expect(findingOf({ state, nowMs: 9e15 }, kept).kind).to.equal('expired')
    }
  })

  it('running, undecided and spent are told whatever the time', () => {
    const running = { ...BY, state: 'running', leaseLeftMs: 70, nowMs: 9_000 } as const
    expect(findingOf(running, OPERATION)).to.deep.equal({ kind: 'running', retryAfterMs: 70 })
    const silent = { ...BY, state: 'undecided', owner: 'o', sinceMs: 5, nowMs: 9_000 } as const
    expect(findingOf(silent, OPERATION)).to.deep.equal({ kind: 'undecided', sinceMs: 5 })
    const spent = { ...BY, state: 'spent', mark: 'm', outcome: OUTCOME, nowMs: 9_000 } as const
    expect(findingOf(spent, OPERATION)).to.deep.equal({
      kind: 'spent',
      outcome: { status: 201, fields: [], body: { kind: 'none' } },
      payloadMatches: true,
      mark: 'm',
    })
  })

  it('[POE-2-21] says whether the content is the same, and null where that cannot be told', () => {
    const pairs = [
      ['print', 'print', true],
      ['print', 'other', false],
      [null, 'print', null],
      ['print', null, null],
      [null, null, null],
    ] as const
    for (const [recorded, seen, expected] of pairs) {
      const reply = {
        state: 'spent',
        mark: 'm',
        outcome: OUTCOME,
        principal: 'alice',
        nowMs: 0,
      } as const
      const found = findingOf(
        { ...reply, fingerprint: recorded },
        { ...OPERATION, fingerprint: seen },
      )
      expect(found).to.have.property('payloadMatches', expected)
    }
  })

  it('[BIND-01] a record of somebody else is foreign in every state', () => {
    const by = { fingerprint: null, principal: 'mallory', nowMs: 0 }
    const replies = [
      { ...by, state: 'running', leaseLeftMs: 1 },
      { ...by, state: 'undecided', owner: 'o', sinceMs: 0 },
      { ...by, state: 'spent', mark: 'm', outcome: OUTCOME },
    ] as const
    for (const reply of replies) {
      expect(findingOf(reply, OPERATION)).to.deep.equal({ kind: 'foreign' })
      const proved = { ...OPERATION, comparePrincipal: false }
      expect(findingOf(reply, proved).kind).to.equal(reply.state)
      const second = { ...reply, principal: 'cart-7' }
      expect(findingOf(second, OPERATION).kind).to.equal(reply.state)
    }
  })

  it('the refusals of a claim', () => {
    const kinds = {
      expired: 'expired',
      'wrong-epoch': 'forgotten',
      full: 'store-full',
      late: 'store-down',
      claimed: 'store-down',
    } as const
    for (const [state, kind] of Object.entries(kinds)) {
      const found = findingOf({ state: state as keyof typeof kinds, nowMs: 0 }, OPERATION)
      expect(found.kind).to.equal(kind)
    }
  })
})
