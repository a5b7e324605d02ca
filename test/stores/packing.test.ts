/** Who claimed, as PostgreSQL and Redis keep it: what is written is read, and what was once. */
import { expect } from 'chai'
import { packTold, unpackTold } from '../../lib/stores/postgres/packing.js'
import { packArguments, packWho, unpackWho } from '../../lib/stores/redis/packing.js'

const digest = (bytes: number): string => Buffer.alloc(bytes, 0xab).toString('base64url')

const CLAIMERS = [
  { fingerprint: digest(32), principal: digest(12) },
  { fingerprint: digest(32), principal: digest(16) },
  { fingerprint: digest(31), principal: digest(12) },
  { fingerprint: null, principal: digest(12) },
  { fingerprint: digest(32), principal: 'somebody' },
  { fingerprint: 'not a digest, but long enough to be one', principal: '' },
  // Base64url of 12 bytes in another spelling than ours.
  { fingerprint: digest(32), principal: `${digest(11)}B` },
]

describe('who claimed', () => {
  it('comes back as it was', () => {
    for (const by of CLAIMERS) {
      expect(unpackTold(packTold(by))).to.deep.equal(by)
      expect(unpackWho(packWho(by))).to.deep.equal(by)
      const more = Buffer.concat([packWho(by), Buffer.from('more')])
      expect(unpackWho(more)).to.deep.equal(by)
    }
  })

  it('takes 45 bytes as a rule', () => {
    const usual = { fingerprint: digest(32), principal: digest(12) }
    expect([packTold(usual).length, packWho(usual).length]).to.deep.equal([45, 45])
  })

  it('as schema version 3 wrote it is read', () => {
    const of = (bytes: number): Buffer =>
      Buffer.concat([Buffer.of(2, 0, bytes), Buffer.alloc(bytes, 0xab)])
    expect(unpackTold(Buffer.concat([of(32), of(12)]))).to.deep.equal(CLAIMERS[0])
  })
})

describe('the arguments of a script for many', () => {
  it('are a MessagePack array of strings', () => {
    expect([...packArguments(['ä', Buffer.of(0, 255), ''])]).to.deep.equal([
      ...[0x93, 0xdb, 0, 0, 0, 2, 0xc3, 0xa4, 0xdb, 0, 0, 0, 2, 0, 255, 0xdb, 0, 0, 0, 0],
    ])
  })
})
