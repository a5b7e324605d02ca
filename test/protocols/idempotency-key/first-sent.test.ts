/** Repeatability-First-Sent: the edges of the window. */
import { expect } from 'chai'
import fc from 'fast-check'
import { CLOCK_SKEW_MS, judgeFirstSent } from '../../../lib/protocols/idempotency-key/first-sent.js'

const NOW = Date.parse('2026-10-21T12:00:00Z')
const HOUR_MS = 3_600_000

function judged(sentMs: number, nowMs: number = NOW, windowMs: number = HOUR_MS): string {
  return judgeFirstSent(new Date(sentMs).toUTCString(), nowMs, windowMs).kind
}

describe('Repeatability-First-Sent', () => {
  it('reads the three forms of a date, and tells their time', () => {
    for (const value of [
      'Wed, 21 Oct 2026 12:00:00 GMT',
      'Wednesday, 21-Oct-26 12:00:00 GMT',
      'Wed Oct 21 12:00:00 2026',
    ]) {
      const first = judgeFirstSent(value, NOW, HOUR_MS)
      expect(first, value).to.deep.equal({ kind: 'in-time', sentMs: NOW })
    }
  })

  it('nothing is missing; anything else is malformed', () => {
    for (const value of ['', ' ', '\t']) {
      expect(judgeFirstSent(value, NOW, HOUR_MS)).to.deep.equal({ kind: 'missing' })
    }
    for (const value of [
      'now',
      '0',
      `${NOW}`,
      '2026-10-21T12:00:00Z',
      'Wed, 21 Oct 2026 12:00:00 +0200',
      'Wed, 21 Oct 2026 12:00:00',
      'Wed, 21 Oct 2026 25:00:00 GMT',
      'Wed, 21 Oct 2026 12:00:00 GMT, Wed, 21 Oct 2026 12:00:00 GMT',
    ]) {
      expect(judgeFirstSent(value, NOW, HOUR_MS), value).to.deep.equal({ kind: 'malformed' })
    }
  })

  it('the window ends one second late, because the date has whole seconds', () => {
    expect(judged(NOW - HOUR_MS)).to.equal('in-time')
    expect(judged(NOW - HOUR_MS, NOW + 999)).to.equal('in-time')
    expect(judged(NOW - HOUR_MS, NOW + 1_000)).to.equal('too-old')
    expect(judged(NOW - HOUR_MS - 1_000)).to.equal('too-old')
    expect(judged(0)).to.equal('too-old')
  })

  it('a clock may be five minutes ahead, and not a second more', () => {
    expect(CLOCK_SKEW_MS).to.equal(300_000)
    expect(judged(NOW + CLOCK_SKEW_MS)).to.equal('in-time')
    expect(judged(NOW + CLOCK_SKEW_MS + 1_000)).to.equal('in-future')
    expect(judged(NOW + CLOCK_SKEW_MS, NOW - 1)).to.equal('in-future')
  })

  it('a window of one second is kept for whatever was sent in this second', () => {
    const ms = fc.integer({ min: 0, max: 999 })
    fc.assert(
      fc.property(ms, ms, (sentMs, laterMs) => {
        const sent = Math.floor((NOW + sentMs) / 1_000) * 1_000
        expect(judged(sent, NOW + laterMs, 1_000)).to.equal('in-time')
      }),
    )
  })

  it('once it is too old it stays so', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -2 * HOUR_MS, max: HOUR_MS }),
        fc.nat({ max: HOUR_MS }),
        (sent, later) => {
          if (judged(NOW + sent) === 'too-old') {
            expect(judged(NOW + sent, NOW + later)).to.equal('too-old')
          }
        },
      ),
    )
  })
})
