/**
 * The client's reader of `POE-Links` and the whole parser: what they take for a link is the same.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { resolvePoeLinks } from 'post-once-exactly'
import { readLinks } from '../../lib/client/read-links.js'

const BASE = new URL('https://shop.example/cart/view')

function both(value: string) {
  return [
    readLinks(value, BASE).map(({ href }) => href),
    [...resolvePoeLinks(value, BASE, { origins: 'any' })],
  ]
}

describe('the client’s reader of POE-Links', () => {
  it('reads what the parser reads, from anything', () => {
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
        expect(ours).to.deep.equal(theirs)
      }),
      { numRuns: 3_000 },
    )
  })

  it('is linear in what it reads, and stops where it is too much', () => {
    const startMs = performance.now()
    for (const text of [' '.repeat(65_536), '"'.repeat(65_536), ',"'.repeat(32_768)]) both(text)
    expect(readLinks(`"/a",${' '.repeat(70_000)}`, BASE)).to.deep.equal([])
    expect(performance.now() - startMs).to.be.below(5_000)
  })
})
