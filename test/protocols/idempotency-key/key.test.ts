/** Idempotency-Key: what is read out of a field, in each of the three spellings. */
import { expect } from 'chai'
import fc from 'fast-check'
import {
  KEY_LIMIT,
  type KeySyntax,
  readKey,
  WANTED,
} from '../../../lib/protocols/idempotency-key/key.js'

const SYNTAXES: readonly KeySyntax[] = ['strict', 'lenient', 'text']
const UUID = '8e03978e-40d5-43dd-bc93-6894a57f9324'
const LONGEST = 'k'.repeat(KEY_LIMIT)

/** The key; `null` for none at all, `'malformed'` for what cannot be read. */
function keyIn(value: string | null | undefined, syntax: KeySyntax): string | null {
  const reading = readKey(value, syntax)
  if (reading.kind === 'absent') return null
  return reading.kind === 'key' ? `=${reading.key}` : 'malformed'
}

const no = 'malformed'

/** Field value, then what strict, lenient and text make of it. */
const VECTORS: readonly (readonly [string, string, string, string])[] = [
  // RFC 9651 3.3.3: a String.
  [`"${UUID}"`, `=${UUID}`, `=${UUID}`, `=${UUID}`],
  ['"k"', '=k', '=k', '=k'],
  ['  "k"\t', '=k', '=k', '=k'],
  ['" k "', '= k ', '= k ', '= k '],
  ['" "', '= ', '= ', '= '],
  ['"a\\"b"', '=a"b', '=a"b', '=a"b'],
  ['"a\\\\b"', '=a\\b', '=a\\b', '=a\\b'],
  ['"a,b;c=d"', '=a,b;c=d', '=a,b;c=d', '=a,b;c=d'],
  [`"${LONGEST}"`, `=${LONGEST}`, `=${LONGEST}`, `=${LONGEST}`],
  // What only looks like one.
  ['"a\\nb"', no, no, '="a\\nb"'],
  ['"a', no, no, '="a'],
  ['"a\\', no, no, '="a\\'],
  ['a"', no, no, '=a"'],
  ['"a"b', no, no, '="a"b'],
  ['"a" b', no, no, '="a" b'],
  ["'a'", no, no, "='a'"],
  // Other types of item.
  ['k', no, '=k', '=k'],
  [UUID, no, `=${UUID}`, `=${UUID}`],
  ['01ARZ3NDEKTSV4RRFFQ69G5FAV', no, '=01ARZ3NDEKTSV4RRFFQ69G5FAV', '=01ARZ3NDEKTSV4RRFFQ69G5FAV'],
  ['KG5LxwFBepaKHyUD', no, '=KG5LxwFBepaKHyUD', '=KG5LxwFBepaKHyUD'],
  ['a/b+c==', no, '=a/b+c==', '=a/b+c=='],
  ['order:1.2~3_4', no, '=order:1.2~3_4', '=order:1.2~3_4'],
  ['order#1', no, no, '=order#1'],
  ['*', no, no, '=*'],
  ['a b', no, no, '=a b'],
  ['a;b=c', no, '=a', '=a;b=c'],
  ['42', no, '=42', '=42'],
  ['4.20', no, '=4.20', '=4.20'],
  ['-1', no, no, '=-1'],
  ['1234567890123456', no, '=1234567890123456', '=1234567890123456'],
  [':aGk=:', no, no, '=:aGk=:'],
  ['?1', no, no, '=?1'],
  ['@1659578233', no, no, '=@1659578233'],
  ['%"k"', no, no, '=%"k"'],
  ['("a" "b")', no, no, '=("a" "b")'],
  ['()', no, no, '=()'],
  // Several lines arrive joined.
  ['"a", "b"', no, no, '="a", "b"'],
  ['"a", "a"', no, no, '="a", "a"'],
  ['a, b', no, no, '=a, b'],
  ['"a",', no, no, '="a",'],
  // No printable ASCII.
  ['"\u00e4"', no, no, no],
  ['\u00e4', no, no, no],
  ['"a\tb"', no, no, no],
  ['"a\u007fb"', no, no, no],
  ['a\u0000b', no, no, no],
  ['"\ud83d\ude00"', no, no, no],
  // Empty, and too long.
  ['""', no, no, no],
  [`"${LONGEST}k"`, no, no, no],
  [`${LONGEST}k`, no, no, no],
  [`"k";a=${'a'.repeat(2_042)}`, '=k', '=k', '=k'],
  [`"k";a=${'a'.repeat(2_043)}`, no, no, no],
  [`"${'k'.repeat(10_240)}"`, no, no, no],
  ['"'.repeat(10_240), no, no, no],
]

describe('Idempotency-Key', () => {
  for (const [value, ...wanted] of VECTORS) {
    it(`[IK-2.1-1, IK-2.1-4, IK-5-1] reads ${JSON.stringify(value).slice(0, 50)}`, () => {
      expect(SYNTAXES.map(syntax => keyIn(value, syntax))).to.deep.equal(wanted)
    })
  }

  for (const parameters of [';a', ';a=1', '; a="b;c"', ';a=(', ';a=?0;*c=:aGk=:;b=@1', ';A=1']) {
    const isLegal = !/A|\(/.test(parameters)
    it(`[IK-2.1-3] "k"${parameters} is ${isLegal ? 'k' : 'no item'}`, () => {
      for (const syntax of ['strict', 'lenient'] as const) {
        expect(keyIn(`"k"${parameters}`, syntax)).to.equal(isLegal ? '=k' : no)
      }
    })
  }

  it('[IK-2.1-2, BIND-05] a field that is not there, empty or blank is no key', () => {
    for (const value of [null, undefined, '', ' ', ' \t ']) {
      for (const syntax of SYNTAXES) expect(keyIn(value, syntax)).to.equal(null)
    }
  })

  it('[IK-2.7-1] what is malformed says why, in words that end a sentence', () => {
    const why = (value: string, syntax: KeySyntax = 'strict') => {
      const reading = readKey(value, syntax)
      return reading.kind === 'malformed' ? reading.why : reading.kind
    }
    expect(why('""')).to.equal('names an empty key')
    expect(why(`"${LONGEST}k"`)).to.equal('names a key of more than 255 characters')
    expect(why('k'.repeat(3_000))).to.equal('has more than 2048 characters')
    for (const syntax of SYNTAXES) expect(why('\u00e4', syntax)).to.equal(WANTED[syntax])
  })

  it('[IK-2.1-5] every printable text of 1 to 255 characters, quoted, is that key', () => {
    const printable = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map(code => String.fromCharCode(code)),
      minLength: 1,
      maxLength: KEY_LIMIT,
    })
    fc.assert(
      fc.property(printable, fc.constantFrom(...SYNTAXES), (key, syntax) => {
        const quoted = `"${key.replace(/["\\]/g, '\\$&')}"`
        expect(readKey(quoted, syntax)).to.deep.equal({ kind: 'key', key })
      }),
    )
  })

  it('[IK-2.1-4] what strict reads, the others read alike; bare and quoted are one key', () => {
    const bare = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._~:+/=-]{0,40}$/)
    fc.assert(
      fc.property(bare, key => {
        const all = [`"${key}"`, key, ` ${key} `].map(value => keyIn(value, 'lenient'))
        expect(new Set(all)).to.deep.equal(new Set([`=${key}`]))
        expect(keyIn(key, 'text')).to.equal(`=${key}`)
      }),
    )
  })

  it('[IK-5-2] no text makes it throw, and no key is empty, long or unprintable', () => {
    const near = fc.string({ unit: fc.constantFrom(...'"\\;=,:?@%()*aA1 \t\u00e4\ud800') })
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), fc.constantFrom(...SYNTAXES), (text, syntax) => {
        const reading = readKey(text, syntax)
        if (reading.kind === 'key') expect(reading.key).to.match(/^[\x20-\x7e]{1,255}$/)
      }),
    )
  })
})
