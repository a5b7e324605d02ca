/** The override of a suspicion: in a field, in a form, in JSON. */
import { expect } from 'chai'
import fc from 'fast-check'
import {
  OVERRIDE_FIELD,
  OVERRIDE_MEMBER,
  readOverride,
} from '../../../lib/protocols/duplicate-detection/override.js'

const given = (value: string) => ({ kind: 'given', value })
const ABSENT = { kind: 'absent' }
const MALFORMED = { kind: 'malformed' }

describe('Duplicate-Override', () => {
  it('the member of a form is named as the field', () => {
    expect(OVERRIDE_MEMBER).to.equal(OVERRIDE_FIELD.toLowerCase())
  })

  it('is read from the field, and only then from the content', () => {
    expect(readOverride('a-1_B', null)).to.deep.equal(given('a-1_B'))
    expect(readOverride(' a ', null)).to.deep.equal(given('a'))
    expect(readOverride('', { 'duplicate-override': 'b' })).to.deep.equal(given('b'))
    expect(readOverride('a', { 'duplicate-override': 'b' })).to.deep.equal(given('a'))
    const form = Object.assign(Object.create(null) as object, { 'duplicate-override': 'b' })
    expect(readOverride('', form)).to.deep.equal(given('b'))
  })

  it('is absent where nobody has given one', () => {
    const bodies = [undefined, null, '', 'duplicate-override', 7, [], {}, { other: 1 }]
    for (const body of bodies) expect(readOverride('', body)).to.deep.equal(ABSENT)
    const inherited = Object.create({ 'duplicate-override': 'b' }) as unknown
    expect(readOverride('', inherited)).to.deep.equal(ABSENT)
    expect(readOverride('', { 'duplicate-override': undefined })).to.deep.equal(ABSENT)
  })

  it('is malformed where it is anything but 1 to 64 plain characters', () => {
    const wrong = ['', ' ', 'a b', 'a,b', '\u00e4', 'a\n', 'x'.repeat(65), 1, true, null, [], {}]
    for (const value of wrong) {
      expect(readOverride('', { 'duplicate-override': value })).to.deep.equal(MALFORMED)
    }
    for (const field of [' ', 'a b', 'a, a', '"a"', 'x'.repeat(65)]) {
      expect(readOverride(field, null), field).to.deep.equal(MALFORMED)
    }
    expect(readOverride('x'.repeat(64), null).kind).to.equal('given')
  })

  it('nothing makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.anything(), (field, body) => {
        const { kind } = readOverride(field, body)
        expect(kind).to.be.oneOf(['given', 'absent', 'malformed'])
      }),
    )
  })
})
