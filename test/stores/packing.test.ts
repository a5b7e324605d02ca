/** Who claimed, as PostgreSQL and Redis keep it: what is written is read, and what was once. */
import { expect } from 'chai'
import { hashKey, packTold, unpackTold } from '../../lib/stores/postgres/packing.js'
import {
  hashOwner,
  packArguments,
  packOutcome,
  packWho,
  recordName,
  unpackSpent,
  unpackWho,
} from '../../lib/stores/redis/packing.js'
import * as sqlite from '../../lib/stores/sqlite/packing.js'

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

/**
 * Frozen: other releases read and write the same on the same store. A line that has to be changed
 * here is a new form, see decision 0036.
 */
describe('what is in a store', () => {
  const ab = 'ab'.repeat(44)
  const usual = { fingerprint: digest(32), principal: digest(12) }
  const named = { fingerprint: null, principal: 'somebody' }
  const head =
    '[201,[["content-type","application/json; charset=utf-8"],["location","/orders/7"]],"k"]'
  const outcome = { head, body: Buffer.from('{}') }
  const name = '15e03a86f3d71c032fd597dfc3e881'
  const forms: readonly (readonly [what: string, written: Uint8Array | string, frozen: string])[] =
    [
      ['PostgreSQL: a key', hashKey('order:7'), `${name}a5`],
      ['PostgreSQL: digests', packTold(usual), `03${ab}`],
      ['PostgreSQL: texts', packTold(named), '00010008736f6d65626f6479'],
      ['Redis: a key', recordName('poe:', 3, 'order:7'), `706f653a7b337d${name}`],
      ['Redis: an owner', hashOwner('owner'), '4c1029697ee3'],
      ['Redis: digests', packWho(usual), `02${ab}`],
      ['Redis: texts', packWho(named), '0000115b6e756c6c2c22736f6d65626f6479225d'],
      ['Redis: an outcome', packOutcome(outcome), '1706016f72646572732f37087b7d'],
      ['sqlite: a key', sqlite.hashKey('order:7').whole, `${name}a5`],
      ['sqlite: a digest', sqlite.packText(digest(12)), 'ab'.repeat(12)],
    ]
  for (const [what, written, frozen] of forms) {
    it(`[UPG-04] ${what}`, () => {
      expect(typeof written === 'string' ? written : Buffer.from(written).toString('hex')).to.equal(
        frozen,
      )
    })
  }

  it('[UPG-04] is read: a spent record of Redis', () => {
    const record = Buffer.from(`02${ab}4c1029697ee31706016f72646572732f37087b7d`, 'hex')
    expect(unpackSpent(record)).to.deep.equal({ ...usual, outcome, mark: '4c1029697ee3' })
  })
})
