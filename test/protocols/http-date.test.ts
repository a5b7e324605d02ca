/** Dates in fields: their three forms, and what is none. */
import { expect } from 'chai'
import { httpDateMs } from '../../lib/protocols/http-date.js'

const MS = Date.parse('1994-11-06T08:49:37Z')

describe('HTTP-date', () => {
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    ' Sun, 06 Nov 1994 08:49:37 GMT ',
  ]) {
    it(`reads "${text}"`, () => expect(httpDateMs(text)).to.equal(MS))
  }
  for (const text of ['', '0', '784111777', 'yesterday', 'Sun, 99 Xyz 1994 99:99:99 GMT']) {
    it(`"${text}" is none`, () => expect(httpDateMs(text)).to.equal(null))
  }
  it('a long value takes no long time', () => {
    expect(httpDateMs(`A${'a'.repeat(50_000)} ${'b '.repeat(50_000)}`)).to.equal(null)
  })
})
