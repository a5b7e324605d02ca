import { createHmac, createSecretKey } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { hmacOf } from '../../../lib/protocols/poe/hmac.js'

const anyKey = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 150 }),
  fc.constantFrom(...[63, 64, 65, 100].map(size => new Uint8Array(size).fill(7))),
)
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 600 }),
  fc.constant('x'.repeat(5_000)),
  fc.string({ unit: fc.constantFrom('a', '\ud800', '\udc00', '\u00fc'), maxLength: 600 }),
)

/** Few outer parts, so that they come again and again. */
const outer = fc.constantFrom('', 'memory 1', 'memory 2', '\ud800'.repeat(30), 'x'.repeat(500))
const inParts = fc.tuple(outer, fc.string({ unit: 'binary', maxLength: 60 }), outer)

describe('HMAC-SHA-256 in two hashes', () => {
  it('[POE-8-5] equals that of Node, for keys and texts of any length, in any order', () => {
    const keys = fc.array(anyKey, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(keys, fc.array(anyText, { maxLength: 5 }), (given, texts) => {
        const objects = given.map(bytes => createSecretKey(bytes))
        for (const text of texts) {
          for (const key of objects) {
            const theirs = createHmac('sha256', key).update(Buffer.from(text, 'utf16le'))
            expect(hmacOf(key, text)).to.equal(theirs.digest('base64url'))
          }
        }
      }),
    )
  })

  it('[POE-8-5] is that of the parts put together, whatever came before', () => {
    const keys = [1, 2].map(byte => createSecretKey(new Uint8Array(32).fill(byte)))
    fc.assert(
      fc.property(fc.array(inParts, { maxLength: 12 }), all => {
        for (const [before, middle, after] of all) {
          for (const key of keys) {
            const whole = Buffer.from(before + middle + after, 'utf16le')
            const theirs = createHmac('sha256', key).update(whole).digest('base64url')
            expect(hmacOf(key, before, middle, after)).to.equal(theirs)
          }
        }
      }),
    )
  })
})
