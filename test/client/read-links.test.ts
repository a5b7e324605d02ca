/**
 * The core's reader of `POE-Links` against the whole parser.
 */

import { expect } from 'chai'
import fc from 'fast-check'
import { parsePoeLinks, resolvePoeLinks } from 'post-once-exactly'
import { readLinks } from '../../lib/client/read-links.js'
import { BOUNDED_MS } from '../support/meeting.js'

const BASE = new URL('https://shop.example/cart/view')

/** An answer with that value, whatever characters it has. */
function saying(value: string) {
  return { headers: { get: () => value } }
}

function both(value: string) {
  return [
    [...new Set(readLinks(saying(value), BASE).map(({ href }) => href))],
    [...resolvePoeLinks(value, BASE, { origins: 'any' })],
  ]
}

describe('the core’s reader of POE-Links', () => {
  it('reads what the parser reads, or nothing where something is wrong', () => {
    const pieces = fc.constantFrom(
      '"',
      ',',
      ' ',
      '\t',
      '/a',
      '?q',
      '#f',
      'b',
      '\\',
      '//h',
      'x:',
      '%41',
    )
    const value = fc.oneof(
      fc.array(pieces, { maxLength: 30 }).map(all => all.join('')),
      fc.string(),
    )
    fc.assert(
      fc.property(value, text => {
        const [ours, theirs] = both(text)
        // A member with something wrong in it may cost the whole value here; it never adds any.
        const isWhole = parsePoeLinks(text).dropped.length === 0
        if (isWhole || (ours ?? []).length > 0) expect(ours).to.deep.equal(theirs)
      }),
      { numRuns: 3_000 },
    )
  })

  it('is linear in what it reads, and stops where it is too much', () => {
    const startMs = performance.now()
    for (const text of [' '.repeat(65_536), '"'.repeat(65_536), ',"'.repeat(32_768)]) both(text)
    for (const text of ['a '.repeat(32_768), 'a,'.repeat(32_768)]) readLinks(saying(text), BASE)
    expect(readLinks(saying(`"/a",${' '.repeat(70_000)}`), BASE)).to.deep.equal([])
    expect(performance.now() - startMs).to.be.below(BOUNDED_MS)
  })
})
