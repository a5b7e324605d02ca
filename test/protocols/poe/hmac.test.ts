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
})
