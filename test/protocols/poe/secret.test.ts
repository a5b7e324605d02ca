import { expect } from 'chai'
import fc from 'fast-check'
import {
  exportSecret,
  importSecret,
  keyring,
  makeSecret,
  principalDigest,
  secretFromText,
} from '../../../lib/protocols/poe/index.js'

const TEXT = 'correct horse battery staple, and more'

describe('signing secrets', () => {
  it('[POE-8-5] are 256 random bits under a random id', () => {
    const made = Array.from({ length: 100 }, makeSecret)
    expect(new Set(made.map(one => one.key)).size).to.equal(100)
    expect(new Set(made.map(one => one.id)).size).to.be.above(90)
    for (const { id, key } of made) {
      expect(id).to.match(/^[\w-]{4}$/)
      expect(Buffer.from(key, 'base64url')).to.have.length(32)
    }
  })

  it('[POE-8-5] come back from a store as they went in', () => {
    const made = makeSecret()
    const secret = importSecret(made)
    expect(secret.id).to.equal(made.id)
    expect(exportSecret(secret)).to.deep.equal(made)
  })

  it('[POE-8-5] do not show their key to logs', () => {
    const made = makeSecret()
    const secret = importSecret(made)
    expect(JSON.stringify(secret)).not.to.include(made.key)
    expect(String(secret.key)).not.to.include(made.key)
  })

  it('[POE-8-5] are refused with a bad id or a bad key', () => {
    const { id, key } = makeSecret()
    for (const bad of ['', 'abc', 'abcde', 'ab.d', 'abc\n']) {
      expect(() => importSecret({ id: bad, key }), bad).to.throw(TypeError, /id/)
    }
    const short = Buffer.alloc(31).toString('base64url')
    for (const bad of ['', short, `${key}=`, `${key.slice(0, -1)}+`, `${key}\n`]) {
      expect(() => importSecret({ id, key: bad }), bad).to.throw(TypeError, /key/)
    }
  })

  it('[POE-8-5] derived from text are the same everywhere', () => {
    const one = secretFromText(TEXT)
    const other = secretFromText(TEXT)
    expect(one.id).to.equal('6Q3q')
    expect(one.key.equals(other.key)).to.equal(true)
    expect(exportSecret(one).key).to.equal('RA5uGgOq8RNrw9ERsQ7CQa9dklMZlaS4tSoN_DkrEek')
    expect(secretFromText(`${TEXT}.`).id).not.to.equal(one.id)
    expect(secretFromText(`${TEXT}.`).key.equals(one.key)).to.equal(false)
  })

  it('[POE-8-5] derived from text show nothing of it', () => {
    const { id, key } = exportSecret(secretFromText(TEXT))
    expect(TEXT).not.to.include(id)
    expect(Buffer.from(TEXT).toString('base64url')).not.to.include(id)
    expect(Buffer.from(key, 'base64url').toString('latin1')).not.to.include(TEXT.slice(0, 8))
    expect(key).not.to.include(id)
  })

  it('[POE-8-5] need 32 bytes of text, counted as UTF-8', () => {
    expect(() => secretFromText('a'.repeat(31))).to.throw(RangeError, /32 bytes/)
    expect(() => secretFromText('\u00fc'.repeat(15))).to.throw(RangeError)
    expect(secretFromText('a'.repeat(32)).id).to.match(/^[\w-]{4}$/)
    expect(secretFromText('\u00fc'.repeat(16)).id).to.match(/^[\w-]{4}$/)
  })
})

describe('a keyring', () => {
  it('[POE-8-5] signs with the first and finds all', () => {
    const first = importSecret({ ...makeSecret(), id: 'aaaa' })
    const second = importSecret({ ...makeSecret(), id: 'bbbb' })
    const ring = keyring([first, second])
    expect(ring.signing).to.equal(first)
    expect(ring.secrets).to.deep.equal([first, second])
    expect(ring.find('aaaa')).to.equal(first)
    expect(ring.find('bbbb')).to.equal(second)
    expect(ring.find('cccc')).to.equal(undefined)
    expect(ring.find('constructor')).to.equal(undefined)
  })

  it('[POE-8-5] refuses to be empty, or to hold one id twice', () => {
    expect(() => keyring([])).to.throw(RangeError)
    const secret = secretFromText(TEXT)
    expect(() => keyring([secret, secret])).to.throw(TypeError, /same id/)
  })
})

describe('principals', () => {
  it('[POE-8-5] are digested to 16 characters of base64url', () => {
    expect(principalDigest('alice')).to.equal('iBhIQcfZdowHLkbm')
    fc.assert(
      fc.property(fc.oneof(fc.string({ minLength: 1 }), fc.integer()), value => {
        expect(principalDigest(value)).to.match(/^[\w-]{16}$/)
      }),
    )
  })

  it('[POE-8-5] a number is not the string of the same digits', () => {
    expect(principalDigest(7)).not.to.equal(principalDigest('7'))
    expect(principalDigest(0)).to.equal(principalDigest(-0))
  })

  it('[POE-8-5] different ones have different digests', () => {
    const value = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'a7\ud800\ud801\ufffd'), minLength: 1 }),
      fc.integer({ min: -9, max: 99 }),
    )
    fc.assert(
      fc.property(value, value, (one, other) => {
        expect(principalDigest(one) === principalDigest(other)).to.equal(one === other)
      }),
      { numRuns: 1_000 },
    )
  })

  it('[POE-8-5] nobody is none', () => {
    const nobody = ['', Number.NaN, Number.POSITIVE_INFINITY, null, undefined, {}, true]
    for (const value of nobody) {
      expect(() => principalDigest(value as string), String(value)).to.throw(TypeError)
    }
  })
})
