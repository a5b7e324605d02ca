import { expect } from 'chai'
import fc from 'fast-check'
import { encodeOutcome } from '../../lib/engine/outcome.js'
import { restoreHead, shortenHead } from '../../lib/stores/head-text.js'

/** Pieces that heads are made of, and some that none should have. */
const piece = fc.constantFrom(
  ...[
    '[201,[',
    '[200,[',
    '["content-type","',
    '["content-type","application/json; charset=utf-8"]',
  ],
  ...[
    ',["location","/',
    ',["location","',
    'orders/7',
    '"',
    '"]],"k"]',
    ']],"n"]',
    '\u0001',
    '\0',
    'x',
  ],
)
const anyHead = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map(pieces => pieces.join('')),
  fc.string({ unit: 'binary' }),
)

function headOf(location: string): string {
  const fields = [
    ['content-type', 'application/json; charset=utf-8'],
    ['location', location],
  ] as const
  return encodeOutcome({ status: 201, fields, body: { kind: 'kept', bytes: new Uint8Array(1) } })
    .head
}

describe("an outcome's head in a store", () => {
  it('[UPG-04] comes back as it was, whatever came before it', () => {
    fc.assert(
      fc.property(fc.array(anyHead, { maxLength: 6 }), heads => {
        for (const head of heads) expect(restoreHead(shortenHead(head))).to.equal(head)
      }),
    )
  })

  it('[UPG-04] is written the same, whatever came before it', () => {
    fc.assert(
      fc.property(anyHead, anyHead, (head, before) => {
        shortenHead(headOf('/a'))
        const written = shortenHead(head)
        shortenHead(before)
        expect(shortenHead(head)).to.equal(written)
      }),
    )
  })

  it('[UPG-04] is short where it is a usual one', () => {
    for (const location of ['/orders/1', '/orders/2', '/']) {
      expect(shortenHead(headOf(location))).to.have.lengthOf(3 + location.length - 1)
    }
  })
})
