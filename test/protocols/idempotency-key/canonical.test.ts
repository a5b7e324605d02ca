/** One spelling for contents that mean the same, and never for two that do not. */
import { expect } from 'chai'
import fc from 'fast-check'
import {
  canonicalForm as canonicalFormOf,
  canonicalJson,
  parseJson,
} from '../../../lib/protocols/idempotency-key/canonical.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const parsed = (text: string): string => canonicalJson(parseJson(bytes(text)))
const canonicalForm = (text: string): string => canonicalFormOf(bytes(text))

/** A value with the members of its objects in another order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, member]) => [name, turned(member)] as const)
  return Object.fromEntries(entries.reverse())
}

describe('canonical JSON', () => {
  for (const [one, other] of [
    ['{"a":1,"b":2}', '{"b":2,"a":1}'],
    ['{"a":1,"b":2}', '{\n  "a": 1,\n  "b": 2\n}\n'],
    ['{"a":{"c":[1,{"e":1,"d":2}]}}', '{"a":{"c":[1,{"d":2,"e":1}]}}'],
    ['{"a":1.0}', '{"a":1}'],
    ['{"a":1e2}', '{"a":100}'],
    ['{"a":-0}', '{"a":0}'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['"\\u0041\\/"', '"A/"'],
    ['{"10":1,"9":2,"a":3}', '{"a":3,"9":2,"10":1}'],
  ] as const) {
    it(`[BIND-07] ${one} is ${JSON.stringify(other)}`, () => {
      expect(parsed(one)).to.equal(parsed(other))
    })
  }

  for (const [one, other] of [
    ['[1,2]', '[2,1]'],
    ['[]', '{}'],
    ['null', '"null"'],
    ['1', '"1"'],
    ['{"a":null}', '{}'],
    ['{"a":""}', '{"a":null}'],
    ['{"a":[null]}', '{"a":[]}'],
    ['{"__proto__":1}', '{}'],
    ['{"__proto__":{"a":1}}', '{"a":1}'],
    ['{"toJSON":1}', '1'],
    ['"\\ud800"', '"\\ud801"'],
    ['"\\ud800"', '"\\ufffd"'],
    ['"e\\u0301"', '"\\u00e9"'],
    ['{"a":1e400}', '{"a":null}'],
  ] as const) {
    it(`[BIND-07] ${one} is not ${other}`, () => {
      expect(spelt(one)).to.not.equal(spelt(other))
    })
  }

  it('`__proto__` is a member like others, and reaches nobody else', () => {
    expect(parsed('{"b":1,"__proto__":{"z":1,"y":2}}')).to.equal(
      '{"__proto__":{"y":2,"z":1},"b":1}',
    )
    expect(Object.hasOwn(Object.prototype, 'z')).to.equal(false)
  })

  it('what JSON has no form of, or no end, or no room for, is an error', () => {
    const circle: unknown[] = []
    circle.push(circle)
    for (const value of [undefined, () => {}, Symbol('x'), 1n, circle]) {
      expect(() => canonicalJson(value)).to.throw(TypeError)
    }
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown
    expect(() => canonicalJson(deep)).to.throw(RangeError)
  })

  it('[FALSE-3512] what JSON shows nothing of is an error: any two would be one', () => {
    const form = new FormData()
    form.set('to', 'ann')
    const hidden = [form, new URLSearchParams('to=ann'), new Map([['to', 'ann']]), new Set(['ann'])]
    for (const value of [...hidden, new Blob(['ann']), Promise.resolve('ann'), /ann/]) {
      for (const given of [value, { value }, [value]]) {
        expect(() => canonicalJson(given)).to.throw(TypeError, 'Make a plain object')
      }
    }
    class Order {}
    const shown = [new Order(), Object.create(null), new Uint8Array(), new Date(0), Buffer.of()]
    for (const value of shown) expect(canonicalJson(value)).to.be.a('string')
  })

  it('what would lose something when it is read is an error', () => {
    for (const text of ['1e400', '[-1e400]', '{"a":{"b":1e999}}']) {
      expect(() => parsed(text), text).to.throw(RangeError)
    }
    for (const byte of [0x80, 0xe9, 0xff]) {
      expect(() => parseJson(Uint8Array.of(0x22, byte, 0x22))).to.throw(TypeError)
    }
    for (const text of ['', '{', '{} {}', '\ufeff{}']) {
      expect(() => parsed(text), text).to.throw(SyntaxError)
    }
  })

  it('any value: the order of members and white space do not count, and nothing is lost', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
        const text = canonicalJson(value)
        expect(parsed(JSON.stringify(turned(value), null, 3))).to.equal(text)
        expect(parsed(text)).to.equal(text)
        expect(JSON.parse(text)).to.deep.equal(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('any two values that differ are spelt differently', () => {
    const value = fc.jsonValue({ maxDepth: 2 })
    fc.assert(
      fc.property(value, value, (one, other) => {
        const [a, b] = [one, other].map(each => JSON.parse(JSON.stringify(each)) as unknown)
        const same = JSON.stringify(a) === JSON.stringify(b)
        if (same) expect(canonicalJson(a)).to.equal(canonicalJson(b))
        else if (canonicalJson(a) === canonicalJson(b)) expect(a).to.deep.equal(b)
      }),
    )
  })
})

describe('canonical forms', () => {
  it('[BIND-07] the order of different names does not count, that of one name does', () => {
    expect(canonicalForm('b=2&a=1')).to.equal(canonicalForm('a=1&b=2'))
    expect(canonicalForm('a=1&b=3&a=2')).to.equal('a=1&a=2&b=3')
    expect(canonicalForm('a=2&a=1')).to.not.equal(canonicalForm('a=1&a=2'))
  })

  it('escapes are one with what they stand for', () => {
    expect(canonicalForm('a=%41+b')).to.equal(canonicalForm('a=A%20b'))
    expect(canonicalForm('a=b%26c=d')).to.not.equal(canonicalForm('a=b&c=d'))
    expect(canonicalForm('a')).to.equal(canonicalForm('a='))
    expect(canonicalForm('')).to.equal('')
  })

  it('escapes that are no UTF-8 are an error: their bytes must not become one', () => {
    for (const text of ['name=%E9', 'name=%FF', 'a=100%', 'a=%zz']) {
      expect(() => canonicalForm(text), text).to.throw(URIError)
    }
  })

  it('bytes that are no UTF-8 are an error too', () => {
    expect(() => canonicalFormOf(Uint8Array.of(0x61, 0x3d, 0xe9))).to.throw(TypeError)
  })

  it('any pairs: however they are sorted, and nothing is lost', () => {
    const pairs = fc.uniqueArray(
      fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
      { selector: ([name]) => name },
    )
    fc.assert(
      fc.property(pairs, list => {
        const form = new URLSearchParams(list)
        const text = canonicalForm(form.toString())
        expect(canonicalForm(new URLSearchParams([...list].reverse()).toString())).to.equal(text)
        const read = new Map(new URLSearchParams(text))
        expect(read).to.deep.equal(new Map(form))
      }),
    )
  })
})

/** The canonical text, or that there is none. */
function spelt(text: string): string {
  try {
    return parsed(text)
  } catch {
    return 'none'
  }
}
