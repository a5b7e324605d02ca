import { expect } from 'chai'
import fc from 'fast-check'
import { formatPoeLinks, parsePoeLinks } from '../../../lib/protocols/poe/links.js'
import { poeUri } from './uri-arbitraries.js'

type Vector = readonly [title: string, link: string, written: string]

const ENCODED: readonly Vector[] = [
  ['a path', '/orders/1', '"/orders/1"'],
  ['an absolute URI', 'https://shop.example/o/1?x=1', '"https://shop.example/o/1?x=1"'],
  ['a scheme-relative reference', '//shop.example/o', '"//shop.example/o"'],
  ['a query', '?a=b', '"?a=b"'],
  ['the empty reference', '', '""'],
  ['commas, semicolons, apostrophes', "/a,b;c'd?e=1,2", '"/a,b;c\'d?e=1,2"'],
  ['an escape that is there already', '/a%2Fb%2c', '"/a%2Fb%2c"'],
  ['letters beyond ASCII', '/\u00dcn\u00ef', '"/%C3%9Cn%C3%AF"'],
  ['other scripts', '/\u65e5\u672c', '"/%E6%97%A5%E6%9C%AC"'],
  ['characters beyond 16 bits', '/\u{1f6d2}', '"/%F0%9F%9B%92"'],
  ['a space', '/a b', '"/a%20b"'],
  ['a quote', '/a"b', '"/a%22b"'],
  ['a backslash', '/a\\b', '"/a%5Cb"'],
  ['a line end and a field', '/a\r\nX-Evil: 1', '"/a%0D%0AX-Evil:%201"'],
  ['NUL and DEL', '/\0\x7f', '"/%00%7F"'],
  ['a percent sign that escapes nothing', '/a%b', '"/a%25b"'],
  ['a percent sign at the end', '/a%', '"/a%25"'],
  ['brackets, braces, bars, angles', '/[a]{b}|<c>^`', '"/%5Ba%5D%7Bb%7D%7C%3Cc%3E%5E%60"'],
  ['brackets in a query', '?a[]=1', '"?a%5B%5D=1"'],
  ['an IPv6 address', 'http://[::1]:8080/a', '"http://[::1]:8080/a"'],
  [
    'a host in another script',
    'https://b\u00fccher.example/a',
    '"https://xn--bcher-kva.example/a"',
  ],
  ['its port kept', 'https://b\u00fccher.example:80/', '"https://xn--bcher-kva.example:80/"'],
  ['its empty port kept', '//b\u00fccher.example:/', '"//xn--bcher-kva.example:/"'],
  ['its user kept', '//J\u00fcrgen@b\u00fccher.example', '"//J%C3%BCrgen@xn--bcher-kva.example"'],
  ['a scheme without authority', 'urn:a:b', '"urn:a:b"'],
  ['two slashes later on', '/a//b\u00fc/c', '"/a//b%C3%BC/c"'],
]

const REFUSED: readonly (readonly [title: string, link: string, why: RegExp])[] = [
  ['a fragment', '/a#b', /fragment/],
  ['an empty fragment', '/a#', /fragment/],
  ['a fragment alone', '#frag', /fragment/],
  ['a lone surrogate', '/\ud800', /surrogate/],
  ['a first segment with a colon that is no scheme', '1:b', /neither/],
  ['an empty scheme', ':b', /neither/],
  ['an authority without host', 'https:///a', /neither/],
  ['a scheme-relative reference without host', '///a', /neither/],
  ['http without authority', 'http:a', /neither/],
  ['HTTPS with a single slash', 'HTTPS:/a', /neither/],
  ['a host with a space', 'http://a b/', /neither/],
  ['a host that IDNA forbids', 'http://\u00fc\u00df%/', /neither/],
  ['a host with a line end', 'http://\u00fc\n.example/', /neither/],
  ['a host with a backslash', 'http://\u00fc\\evil.example/', /neither/],
  ['a host with a percent sign', 'http://a%b/', /neither/],
  ['a port that is none', 'http://a:x/', /neither/],
  ['an open bracket', 'http://[::1/', /neither/],
]

describe('writing POE-Links', () => {
  for (const [title, link, written] of ENCODED) {
    it(`[POE-3-1] [URI-05] ${title}`, () => {
      expect(formatPoeLinks([link])).to.equal(written)
    })
  }

  for (const [title, link, why] of REFUSED) {
    const ids = link.includes('#') ? '[POE-3-2] [URI-05]' : '[POE-3-1]'
    it(`${ids} refuses ${title}`, () => {
      expect(() => formatPoeLinks(['/fine', link])).to.throw(TypeError, why)
    })
  }

  it('[POE-3-1] refuses what is not a string', () => {
    const links = [undefined] as unknown as string[]
    expect(() => formatPoeLinks(links)).to.throw(TypeError, /not a string/)
  })

  it('[POE-3-3] nothing to announce is no field at all', () => {
    expect(formatPoeLinks([])).to.equal(null)
  })

  it('[POE-3-16] makes no empty members', () => {
    expect(formatPoeLinks(['/a', '', '/b'])).to.equal('"/a", "", "/b"')
  })

  it('[POE-3-1] [POE-3-2] whatever it writes, a strict reader accepts as a whole', () => {
    const link = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.webUrl({ withQueryParameters: true }),
      fc.string({ unit: fc.constantFrom(...'/:?@[]%"\\ ,a1.\u00fc\n') }),
    )
    let written = 0
    fc.assert(
      fc.property(fc.array(link, { minLength: 1 }), links => {
        const value = formatOrRefuse(links)
        if (value === null) return
        written += 1
        expect(value).to.match(/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/)
        const reading = parsePoeLinks(value, { strict: true })
        expect(reading.conforms).to.equal(true)
        expect(reading.links).to.have.length(links.length)
      }),
      { numRuns: 2_000 },
    )
    expect(written).to.be.above(200)
  })

  it('[POE-3-1] [URI-05] encoding loses nothing: the path decodes to what was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), name => {
        const value = formatPoeLinks([`/once/${encodeURIComponent(name)}`]) ?? ''
        expect(decodeURIComponent(value)).to.equal(`"/once/${name}"`)
        if (/[#%?]/.test(name)) return
        const raw = formatPoeLinks([`/once/${name}`]) ?? ''
        expect(decodeURIComponent(raw)).to.equal(`"/once/${name}"`)
      }),
    )
  })

  it('[POE-3-7] reading undoes writing, for any valid references', () => {
    fc.assert(
      fc.property(fc.array(poeUri), references => {
        const { links } = parsePoeLinks(formatPoeLinks(references), { strict: true })
        expect(links.map(link => link.reference)).to.deep.equal(references)
      }),
      { numRuns: 1_000 },
    )
  })
})

function formatOrRefuse(links: readonly string[]): string | null {
  try {
    return formatPoeLinks(links)
  } catch (error) {
    expect(error).to.be.instanceOf(TypeError)
    return null
  }
}
