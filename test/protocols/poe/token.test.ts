import { expect } from 'chai'
import fc from 'fast-check'
import { importSecret, makeSecret } from '../../../lib/protocols/poe/secret.js'
import {
  EPOCH_MAX_LENGTH,
  isTokenShaped,
  makeNonce,
  mintToken,
  readToken,
  recordKey,
  signedText,
  TOKEN_LENGTH,
  type TokenScope,
  verifyToken,
} from '../../../lib/protocols/poe/token.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const secret = importSecret({ id: 'k-_1', key: Buffer.alloc(32, 7).toString('base64url') })
const scope: TokenScope = {
  route: 'order',
  params: [['shop', 'paris']],
  principal: 'gEjZQXzW2Jm1fH0a',
}
const parts = {
  secret,
  epoch: 'abcdefghijkl',
  expiresAtMs: 1_800_000_000_000,
  nonce: 'NNNNNNNNNNNNNNNNNNNNNN',
  scope,
}
const token = mintToken(parts)

const anyParts = fc.record({
  epoch: fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 1, maxLength: 12 }),
  expiresAtMs: fc.oneof(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.constantFrom(0, 2 ** 48 - 1)),
  nonce: fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 22, maxLength: 22 }),
})
const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab01:,\u00fc\ud800\udc00\ud801') }),
  fc.string(),
)
const anyScope = fc.record({
  route: anyText,
  params: fc.array(fc.tuple(anyText, anyText), { maxLength: 3 }),
  principal: anyText,
})

function verifies(segment: string, presented: TokenScope = scope, by = secret): boolean {
  const parsed = readToken(segment)
  return parsed !== null && verifyToken(parsed, by, presented)
}

/** Distinct as what they mean: the order of parameters does not count. */
function canonical({ route, params, principal }: TokenScope): string {
  const sorted = params.map(pair => JSON.stringify(pair)).sort()
  return JSON.stringify([route, sorted, principal])
}

describe('link tokens', () => {
  it('[POE-8-5] hold to their layout, and to this vector', () => {
    expect(token).to.equal('1k-_1abcdefghijklAaMYXFAANNNNNNNNNNNNNNNNNNNNNNZZf8jRaniUu-h1N1EPEfUQ')
    expect(token).to.have.length(TOKEN_LENGTH)
  })

  it('[POE-8-5] carry a nonce and a tag of 128 bits or more', () => {
    expect(makeNonce()).to.match(/^[\w-]{22}$/)
    expect(Buffer.from(token.slice(-22), 'base64url')).to.have.length(16)
  })

  it('[POE-A-2] 100,000 nonces, no repeats', () => {
    const nonces = new Set<string>()
    for (let count = 0; count < 100_000; count += 1) nonces.add(makeNonce())
    expect(nonces.size).to.equal(100_000)
  })

  it('[POE-A-3] whatever they are made of, they read back, verify, and need no encoding', () => {
    fc.assert(
      fc.property(anyParts, anyScope, (fields, presented) => {
        const minted = mintToken({ secret, ...fields, scope: presented })
        expect(minted).to.have.length(TOKEN_LENGTH)
        expect(isTokenShaped(minted)).to.equal(true)
        expect(encodeURIComponent(minted)).to.equal(minted)
        expect(readToken(minted)).to.deep.include({ keyId: secret.id, ...fields })
        expect(verifies(minted, presented)).to.equal(true)
      }),
    )
  })

  it('[POE-A-2] an epoch, an expiry or a nonce that does not fit is refused', () => {
    const long = 'a'.repeat(EPOCH_MAX_LENGTH + 1)
    for (const epoch of ['', long, 'a.b', 'a\n']) {
      expect(() => mintToken({ ...parts, epoch }), epoch).to.throw(RangeError, /epoch/)
    }
    for (const nonce of ['', 'short', `${parts.nonce}x`, parts.nonce.replace('N', '+')]) {
      expect(() => mintToken({ ...parts, nonce }), nonce).to.throw(RangeError, /nonce/)
    }
    for (const expiresAtMs of [-1, 1.5, 2 ** 48, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => mintToken({ ...parts, expiresAtMs })).to.throw(RangeError, /expiresAtMs/)
    }
  })

  it('[POE-2-23] a record is named by route and nonce alone', () => {
    expect(recordKey('order', parts.nonce)).to.equal(`order:${parts.nonce}`)
    expect(recordKey('a:b {c}\0\u00fc', 'n')).to.equal('a%3Ab%20%7Bc%7D%00%C3%BC:n')
    expect(() => recordKey('\ud800', 'n')).to.throw(URIError)
  })
})

describe('the shape of link tokens', () => {
  const others: readonly (readonly [title: string, segment: string])[] = [
    ['empty', ''],
    ['one character less', token.slice(1)],
    ['one character less at the end', token.slice(0, -1)],
    ['one character more', `${token}A`],
    ['a line end', `${token}\n`],
    ['a line end within the length', `${token.slice(0, -1)}\n`],
    ['another version', `2${token.slice(1)}`],
    ['a percent-encoded spelling', `%31${token.slice(1)}`],
    ['a slash within', `${token.slice(0, -1)}/`],
    ['a dot in the tag', `${token.slice(0, -1)}.`],
    ['a dot in the key id', `1.${token.slice(2)}`],
    ['an epoch of dots alone', `${token.slice(0, 5)}${'.'.repeat(12)}${token.slice(17)}`],
    ['a dot inside the epoch', `${token.slice(0, 6)}.${token.slice(7)}`],
    ['a letter beyond ASCII', `${token.slice(0, -1)}\u00fc`],
    ['NUL', `${token.slice(0, -1)}\0`],
    ['bad percent-encoding', '%'],
    ['a byte that is no UTF-8', '%AF'],
    ['half a character', '%E0%A4'],
    ['encoded NUL', '%00'],
    ['an encoded way up', '..%2f..%2fadmin'],
    ['20 kB', 'a'.repeat(20_000)],
  ]
  for (const [title, segment] of others) {
    it(`[HTTP-05] ${title}: none of ours`, () => {
      expect(isTokenShaped(segment)).to.equal(false)
      expect(readToken(segment)).to.equal(null)
    })
  }

  it('[HTTP-05] no input throws, and what has the shape can be read', () => {
    const near = fc
      .tuple(fc.nat(TOKEN_LENGTH - 1), fc.string({ unit: 'binary', maxLength: 2 }))
      .map(([at, text]) => token.slice(0, at) + text + token.slice(at + 1))
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), segment => {
        expect(readToken(segment) !== null).to.equal(isTokenShaped(segment))
        verifies(segment)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('forged link tokens', () => {
  it('[POE-8-5] no single character can be another', () => {
    for (let at = 0; at < TOKEN_LENGTH; at += 1) {
      for (const character of `${ALPHABET}.`) {
        if (character === token[at]) continue
        const forged = token.slice(0, at) + character + token.slice(at + 1)
        expect(verifies(forged), `${character} at ${at}`).to.equal(false)
      }
    }
  })

  it('[POE-2-23] the other spellings of the same tag do not verify', () => {
    const last = ALPHABET.indexOf(token.slice(-1))
    let aliases = 0
    for (let index = last - (last % 16); index < last - (last % 16) + 16; index += 1) {
      if (index === last) continue
      const alias = token.slice(0, -1) + ALPHABET[index]
      const [same, tag] = [alias, token].map(one => Buffer.from(one.slice(-22), 'base64url'))
      expect(same).to.deep.equal(tag)
      expect(verifies(alias)).to.equal(false)
      aliases += 1
    }
    expect(aliases).to.equal(15)
  })

  it('[POE-2-23] nor does a tag of another length', () => {
    const parsed = readToken(token)
    if (parsed === null) throw new Error('the token must read')
    for (const tag of ['', parsed.tag.slice(1), `${parsed.tag}=`, `${parsed.tag}A`]) {
      expect(verifyToken({ ...parsed, tag }, secret, scope)).to.equal(false)
    }
  })

  it('[POE-8-5] another secret does not verify, whether or not it has the same id', () => {
    const { key } = makeSecret()
    expect(verifies(token, scope, importSecret({ id: secret.id, key }))).to.equal(false)
    expect(verifies(token, scope, { id: 'abcd', key: secret.key })).to.equal(false)
  })

  it('[POE-8-5] another route, parameter or principal does not verify', () => {
    const others: readonly Partial<TokenScope>[] = [
      { route: 'orders' },
      { route: '' },
      { params: [] },
      { params: [['shop', 'rome']] },
      { params: [['Shop', 'paris']] },
      { params: [...scope.params, ['', '']] },
      { params: [...scope.params, ...scope.params] },
      { principal: 'somebody else' },
      { principal: '' },
    ]
    for (const other of others) {
      expect(verifies(token, { ...scope, ...other }), JSON.stringify(other)).to.equal(false)
    }
  })

  it('[POE-8-5] the order of parameters does not count', () => {
    const params = [
      ['b', '2'],
      ['a', '1'],
      ['a', '0'],
      ['a', '1'],
      ['c', '1'],
    ] as const
    const minted = mintToken({ ...parts, scope: { ...scope, params } })
    expect(verifies(minted, { ...scope, params: params.toReversed() })).to.equal(true)
    const fields = { keyId: 'kkkk', epoch: 'e', expiresAtMs: 1, nonce: 'n' }
    const signed = signedText(fields, { ...scope, params })
    expect(signed, 'by name, then by value').to.contain(
      '1:5' + '1:a1:0' + '1:a1:1' + '1:a1:1' + '1:b1:2' + '1:c1:1',
    )
  })

  it('[POE-8-5] distinct scopes are never signed as the same text', () => {
    const fields = { keyId: 'kkkk', epoch: 'e', expiresAtMs: 1, nonce: 'n' }
    fc.assert(
      fc.property(anyScope, anyScope, (one, other) => {
        const same = signedText(fields, one) === signedText(fields, other)
        expect(same).to.equal(canonical(one) === canonical(other))
      }),
      { numRuns: 5_000 },
    )
  })

  it('[POE-8-5] nor are another secret or epoch, whatever was signed just before', () => {
    const signed = new Map<string, string>()
    for (const [keyId, epoch] of ['ae', 'be', 'bf', 'af', 'ae', 'bf', 'ae'].map(one => [...one])) {
      const fields = { keyId: `kkk${keyId}`, epoch: String(epoch), expiresAtMs: 1, nonce: 'n' }
      const text = signedText(fields, scope)
      expect(text).to.equal(signed.get(`${keyId}${epoch}`) ?? text)
      signed.set(`${keyId}${epoch}`, text)
    }
    expect(new Set(signed.values()).size).to.equal(4)
  })

  it('[POE-8-5] text cannot move from one field of a scope into the next', () => {
    const fields = { keyId: 'kkkk', epoch: 'e', expiresAtMs: 1, nonce: 'n' }
    const text = fc.string({ unit: fc.constantFrom(...'0:a'), maxLength: 6 })
    const cuts = fc.tuple(text, fc.array(fc.nat(6), { minLength: 6, maxLength: 6 }))
    fc.assert(
      fc.property(cuts, ([whole, [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]]) => {
        const one = cutUp(whole, a, b, c)
        const other = cutUp(whole, d, e, f)
        const same = signedText(fields, one) === signedText(fields, other)
        expect(same).to.equal(canonical(one) === canonical(other))
      }),
      { numRuns: 5_000 },
    )
  })

  it('[POE-8-5] lone surrogates do not collapse into one another', () => {
    const params = (value: string) => ({ ...scope, params: [['a', value] as const] })
    const minted = mintToken({ ...parts, scope: params('\ud800') })
    expect(verifies(minted, params('\ud800'))).to.equal(true)
    expect(verifies(minted, params('\ud801'))).to.equal(false)
    expect(verifies(minted, params('\ufffd'))).to.equal(false)
  })
})

function cutUp(text: string, first: number, second: number, third: number): TokenScope {
  const [a = 0, b = 0, c = 0] = [first, second, third].sort((x, y) => x - y)
  const param = [text.slice(a, b), text.slice(b, c)] as const
  return { route: text.slice(0, a), params: [param], principal: text.slice(c) }
}
