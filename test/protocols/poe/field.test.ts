import { expect } from 'chai'
import fc from 'fast-check'
import { formatPoe, parsePoe } from '../../../lib/protocols/poe/field.js'

const HIGHEST = Number.MAX_SAFE_INTEGER

type Vector = readonly [title: string, value: string | null | undefined, strict: number | null]

const VECTORS: readonly Vector[] = [
  ['no field', undefined, null],
  ['no field, as Headers.get() says it', null, null],
  ['the version that there is', '1', 1],
  ['leading zeros', '01', 1],
  ['a newer version', '2', 2],
  ['a much newer version', '10', 10],
  ['version 0', '0', null],
  ['version 0, longer', '00', null],
  ['white space around', ' \t1 ', 1],
  ['empty', '', null],
  ['white space alone', ' ', null],
  ['a decimal', '1.0', null],
  ['a letter before', 'v1', null],
  ['a word', 'x', null],
  ['a parameter', '1;q=1', null],
  ['a sign', '-1', null],
  ['a plus', '+1', null],
  ['an exponent', '1e3', null],
  ['hexadecimal', '0x1', null],
  ['white space within', '1 1', null],
  ['digits of another script', '\u0661', null],
  ['a line end', '1\n', null],
  ['the largest safe integer', String(HIGHEST), HIGHEST],
  ['one more than that', '9007199254740992', HIGHEST],
  ['400 digits', '9'.repeat(400), HIGHEST],
  ['100,000 digits', '1'.repeat(100_000), HIGHEST],
  ['100,000 zeros and a 1', `${'0'.repeat(100_000)}1`, 1],
  ['100,000 zeros', '0'.repeat(100_000), null],
]

const SEVERAL: readonly (readonly [value: string, lenient: number | null])[] = [
  ['1, 2', 2],
  ['2,1', 2],
  ['1, 1', 1],
  ['x, 1', 1],
  ['1, v2', 1],
  ['1,', 1],
  [', 1', 1],
  ['0, 1', 1],
  ['0, 0', null],
  ['x, y', null],
  [',', null],
]

describe('the POE request field', () => {
  for (const [title, value, expected] of VECTORS) {
    it(`[POE-4-5] ${title} reads as ${expected}, strict or lenient`, () => {
      expect(parsePoe(value)).to.equal(expected)
      expect(parsePoe(value, { lenient: true })).to.equal(expected)
    })
  }

  for (const [value, lenient] of SEVERAL) {
    it(`[POE-4-5] '${value}' is no list: absent when strict, ${lenient} when lenient`, () => {
      expect(parsePoe(value)).to.equal(null)
      expect(parsePoe(value, { lenient: false })).to.equal(null)
      expect(parsePoe(value, { lenient: true })).to.equal(lenient)
    })
  }

  it('[POE-4-1] is written as 1, which reads as 1', () => {
    expect(formatPoe()).to.equal('1')
    expect(parsePoe(formatPoe())).to.equal(1)
  })

  it('[POE-4-4] never throws, whatever the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (value, lenient) => {
        const version = parsePoe(value, { lenient })
        expect(version === null || (Number.isSafeInteger(version) && version >= 1)).to.equal(true)
      }),
    )
  })

  it('[POE-4-5] any number from 1 on reads as itself, with any number of leading zeros', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: HIGHEST }), fc.nat(30), (version, zeros) => {
        expect(parsePoe('0'.repeat(zeros) + version)).to.equal(version)
      }),
    )
  })
})
