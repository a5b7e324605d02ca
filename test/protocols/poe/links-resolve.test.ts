import { expect } from 'chai'
import fc from 'fast-check'
import { resolvePoeLinks } from '../../../lib/protocols/poe/links.js'

const BASE = 'https://shop.example/cart/view?x=1#top'

describe('resolving POE-Links', () => {
  it('[POE-3-7] resolves every form of reference', () => {
    const value =
      '"https://shop.example/abs", "//shop.example/q", "/p", "p/q", "./r", "../s", "?t", ""'
    expect(resolvePoeLinks(value, BASE)).to.deep.equal([
      'https://shop.example/abs',
      'https://shop.example/q',
      'https://shop.example/p',
      'https://shop.example/cart/p/q',
      'https://shop.example/cart/r',
      'https://shop.example/s',
      'https://shop.example/cart/view?t',
      'https://shop.example/cart/view?x=1',
    ])
  })

  it('[POE-3-8] resolves against the URL that it is given, be it text or a URL', () => {
    expect(resolvePoeLinks('"c"', 'http://h/a/b/')).to.deep.equal(['http://h/a/b/c'])
    expect(resolvePoeLinks('"c"', new URL('http://h/a/b/'))).to.deep.equal(['http://h/a/b/c'])
  })

  it('[CL-15] the case as a whole, from two lines', () => {
    const value = [
      '"/a,b", "/c?x=1,2", "/d\\"e" ,, "/f"',
      '"http://other.example/p", "//other.example/q", "#x", "/g#frag", "rel?y", "/h ; bare /i',
    ].join(', ')
    const own = ['/a,b', '/c?x=1,2', '/f', '/g', '/cart/rel?y'].map(
      path => `https://shop.example${path}`,
    )
    expect(resolvePoeLinks(value, BASE)).to.deep.equal(own)
    expect(resolvePoeLinks(value, BASE, { origins: 'any' })).to.deep.equal([
      ...own.slice(0, 3),
      'http://other.example/p',
      'https://other.example/q',
      ...own.slice(3),
    ])
  })

  it('[POE-3-10] [POE-8-4] drops other origins, other schemes and other ports', () => {
    const value = '"http://shop.example/a", "https://shop.example:444/b", "//evil.example/c"'
    expect(resolvePoeLinks(value, BASE)).to.deep.equal([])
  })

  it('[POE-3-10] lets the listed origins through, and always the own one', () => {
    const value = '"https://pay.example/a", "https://x.example/b", "/c"'
    const origins = ['https://PAY.example:443/ignored/path']
    expect(resolvePoeLinks(value, BASE, { origins })).to.deep.equal([
      'https://pay.example/a',
      'https://shop.example/c',
    ])
  })

  it('[POE-3-10] gives nothing that is not fetched over HTTP, even from any origin', () => {
    const value = '"javascript:alert(1)", "data:,x", "ftp://shop.example/", "urn:a:b"'
    expect(resolvePoeLinks(value, BASE, { origins: 'any' })).to.deep.equal([])
  })

  it('[POE-3-10] gives nothing that carries a user name or a password', () => {
    const value = '"//user@shop.example/a", "//:pw@shop.example/b", "//u:p@shop.example/c"'
    expect(resolvePoeLinks(value, BASE)).to.deep.equal([])
  })

  it('[CL-15] drops what the URL parser refuses', () => {
    const value = '"http://shop.example:99999/", "http://[1]/", "/fine"'
    expect(resolvePoeLinks(value, BASE, { origins: 'any' })).to.deep.equal([
      'https://shop.example/fine',
    ])
  })

  it('[POE-3-14] collapses what is the same after resolution and normalisation', () => {
    const value =
      '"/cart/a", "a", "./a", "https://SHOP.example:443/cart/a", "/x/../cart/a", "/b", "/cart/a"'
    expect(resolvePoeLinks(value, BASE)).to.deep.equal([
      'https://shop.example/cart/a',
      'https://shop.example/b',
    ])
  })

  it('[POE-3-13] reads leniently unless told to be strict', () => {
    expect(resolvePoeLinks('/a, "/b"', BASE)).to.have.length(2)
    expect(resolvePoeLinks('/a, "/b"', BASE, { strict: true })).to.deep.equal([
      'https://shop.example/b',
    ])
  })

  it('[POE-3-3] no field, no links', () => {
    expect(resolvePoeLinks(null, BASE)).to.deep.equal([])
    expect(resolvePoeLinks(undefined, BASE)).to.deep.equal([])
  })

  it('[POE-3-8] refuses a base or an origin that is no absolute URL', () => {
    expect(() => resolvePoeLinks('"/a"', '/cart')).to.throw(TypeError)
    expect(() => resolvePoeLinks('"/a"', BASE, { origins: ['shop.example'] })).to.throw(TypeError)
  })

  it('[CL-15] whatever the value, gives only URLs of the own origin', () => {
    const value = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'",\\/a:@[]#?%.') }),
      fc.webUrl().map(url => `"${url}"`),
    )
    fc.assert(
      fc.property(value, text => {
        for (const url of resolvePoeLinks(text, BASE)) {
          expect(new URL(url).origin).to.equal('https://shop.example')
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
