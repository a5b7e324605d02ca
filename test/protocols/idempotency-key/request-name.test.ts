/** What the fields of a request name it by; over HTTP, `test/koa/doors/profiles.test.ts` has it. */
import { expect } from 'chai'
import {
  KEY_PROFILES,
  type NameRules,
  readName,
} from '../../../lib/protocols/idempotency-key/index.js'

const NOW_MS = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000

const rulesOf = (name: keyof typeof KEY_PROFILES, format: RegExp | null = null): NameRules => {
  const profile = KEY_PROFILES[name]
  return { profile, syntax: profile.syntax, format, retentionMs: DAY_MS }
}

const read = (rules: NameRules, fields: Readonly<Record<string, string>>) =>
  readName(rules, name => fields[name], NOW_MS)

describe('the name that a request carries', () => {
  const draft = rulesOf('draft-07')

  it('is absent, empty, malformed, of another form, or there', () => {
    const of = (value: string, rules = draft) => read(rules, { 'Idempotency-Key': value })
    expect(read(draft, {})).to.deep.equal({ kind: 'absent' })
    expect(of(' ')).to.deep.equal({ kind: 'malformed', why: 'Idempotency-Key is empty.' })
    expect(of('"a", "b"')).to.have.property('kind', 'malformed')
    expect(of('"k"', rulesOf('draft-07', /^\d+$/))).to.have.property('kind', 'malformed')
    expect(of('"k"')).to.deep.equal({ kind: 'named', name: 'k' })
  })

  it('by its date: no half of it, not too old, kept as long as the date is taken', () => {
    const of = (id: string, sent: string) =>
      read(rulesOf('repeatable-requests'), {
        ...(id && { 'Repeatability-Request-ID': id }),
        ...(sent && { 'Repeatability-First-Sent': sent }),
      })
    const at = (ms: number) => new Date(NOW_MS + ms).toUTCString()
    for (const half of [of('a', ''), of('', at(0)), of('a', 'today')]) {
      expect(half).to.have.property('kind', 'malformed')
    }
    expect(of('a', at(-2 * DAY_MS))).to.deep.equal({ kind: 'too-old' })
    expect(of('a', at(DAY_MS))).to.deep.equal({ kind: 'in-future' })
    const named = of('a', at(0))
    expect(named).to.include({ kind: 'named', name: '["","a"]', also: String(NOW_MS) })
    expect(named)
      .to.have.property('keepUntilMs')
      .that.is.above(NOW_MS + DAY_MS)
  })
})
