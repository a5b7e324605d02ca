/** Content-Digest: which digest of a field is taken, and what is none. */
import { createHash } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  DIGEST_ALGORITHMS,
  readContentDigest,
} from '../../../lib/protocols/idempotency-key/content-digest.js'

// RFC 9530 appendix B.1
const EXAMPLE = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'

function digestIn(value: string): string | null {
  const claimed = readContentDigest(value)
  return claimed && `${claimed.algorithm} ${Buffer.from(claimed.digest).toString()}`
}

describe('Content-Digest', () => {
  it('reads the example of RFC 9530', () => {
    const claimed = readContentDigest(EXAMPLE)
    expect(claimed?.algorithm).to.equal('sha-256')
    const content = createHash('sha256').update('{"hello": "world"}\n').digest()
    expect(Buffer.from(claimed?.digest ?? []).equals(content)).to.equal(true)
  })

  for (const [value, wanted] of [
    ['sha-256=:YQ==:', 'sha-256 a'],
    ['sha-512=:Yg==:', 'sha-512 b'],
    ['sha-256=:YQ==:, sha-512=:Yg==:', 'sha-512 b'],
    ['sha-512=:Yg==:, sha-256=:YQ==:', 'sha-512 b'],
    ['sha-512=?0, sha-256=:YQ==:', 'sha-256 a'],
    ['md5=:YQ==:, sha-256=:YQ==:;x=1', 'sha-256 a'],
    ['sha-256=:YQ==:, sha-256=:Yg==:', 'sha-256 b'],
    ['sha-256=::', 'sha-256 '],
    ['', null],
    ['md5=:YQ==:', null],
    ['sha-1=:YQ==:', null],
    ['sha-256', null],
    ['sha-256="YQ=="', null],
    ['sha-256=YQ==', null],
    ['sha-256=:YQ==', null],
    ['sha-256=:!:', null],
    ['SHA-256=:YQ==:', null],
    ['sha-256=(:YQ==:)', null],
    ['sha-256=:YQ==:,', null],
    [', sha-256=:YQ==:', null],
  ] as const) {
    it(`${JSON.stringify(value)}: ${wanted ?? 'none'}`, () => {
      expect(digestIn(value)).to.equal(wanted)
    })
  }

  it('any bytes come back, and no text makes it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom(...DIGEST_ALGORITHMS), (bytes, algorithm) => {
        const text = Buffer.from(bytes).toString('base64')
        expect(readContentDigest(`${algorithm}=:${text}:`)?.digest).to.deep.equal(bytes)
      }),
    )
    fc.assert(fc.property(fc.string(), text => void readContentDigest(text)))
  })
})
