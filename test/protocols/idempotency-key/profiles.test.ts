/** Profiles: data that must not change by accident, because clients go by it. */
import { expect } from 'chai'
import { KEY_PROFILES, keepsRefusal, WANTED } from '../../../lib/protocols/idempotency-key/index.js'

const DAY_MS = 24 * 60 * 60 * 1_000

describe('key profiles', () => {
  it('each is found under its own name, and its syntax is one that there is', () => {
    for (const [name, profile] of Object.entries(KEY_PROFILES)) {
      expect(profile.name).to.equal(name)
      expect(WANTED).to.have.property(profile.syntax)
      expect(profile.waitMs).to.equal(0)
    }
  })

  it('stripe alone speaks as Stripe does, and repeatable-requests alone goes by dates', () => {
    const all = Object.values(KEY_PROFILES)
    const named = (chosen: typeof all) => chosen.map(({ name }) => name)
    expect(named(all.filter(({ speaksStripe }) => speaksStripe))).to.deep.equal(['stripe'])
    const dated = named(all.filter(({ datesFirstTry }) => datesFirstTry))
    expect(dated).to.deep.equal(['repeatable-requests'])
  })

  it('[IK-2.3-2] draft-07 leaves the life of keys to whoever owns the resource', () => {
    const { 'draft-07': draft } = KEY_PROFILES
    expect(draft).to.include({ field: 'Idempotency-Key', retentionMs: null, mismatchStatus: 422 })
    expect(draft).to.include({ kept: 'success', resultField: null, speaksStripe: false })
    expect(draft.replayMark).to.deep.equal(['Idempotent-Replayed', 'true'])
  })

  it('stripe keeps everything for 24 h, and says 400 to another request', () => {
    const { stripe } = KEY_PROFILES
    expect(stripe).to.include({ field: 'Idempotency-Key', retentionMs: DAY_MS, kept: 'every' })
    expect(stripe).to.include({ mismatchStatus: 400, speaksStripe: true, syntax: 'text' })
    expect(stripe.replayMark).to.deep.equal(['Idempotent-Replayed', 'true'])
  })

  it('repeatable-requests goes by dates and tells its result in a field, without a mark', () => {
    const { 'repeatable-requests': oasis } = KEY_PROFILES
    expect(oasis).to.include({ field: 'Repeatability-Request-ID', datesFirstTry: true })
    expect(oasis).to.include({ resultField: 'Repeatability-Result', replayMark: null })
    expect(oasis).to.include({ kept: 'below-500', retentionMs: DAY_MS, mismatchStatus: 400 })
  })

  for (const [kept, statuses] of [
    ['success', []],
    ['below-500', [400, 404, 422, 499]],
    ['every', [400, 404, 422, 499, 500, 503, 599]],
  ] as const) {
    it(`[IK-2.6-2, FAIL-03] ${kept} keeps of the refusals ${statuses.join(', ') || 'none'}`, () => {
      const all = [400, 404, 422, 499, 500, 503, 599]
      expect(all.filter(status => keepsRefusal(kept, status))).to.deep.equal(statuses)
    })
  }
})
