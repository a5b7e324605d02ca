/**
 * Single expectations against single answers: what is met, what is not, and the words for it.
 */
import { expect } from 'chai'
import type { Expectation } from 'post-once-exactly/conformance'
import { firstUnmet } from '../../lib/conformance/expectations.js'
import type { Exchange } from '../../lib/conformance/wire.js'
import { describe as inWords, transcript } from '../../lib/conformance/words.js'
import { readRawResponse } from '../../lib/testing/raw-response.js'

const URL_ = new URL('http://shop.example/once/x')

/** An exchange whose answer has these lines and this content. */
function answer(
  head: string,
  body = '',
  more: Partial<Exchange> & { readonly authorization?: string } = {},
): Exchange {
  const [status = '', ...lines] = head.split('\n')
  const text = [`HTTP/1.1 ${status}`, ...lines, `Content-Length: ${body.length}`, '', body]
  const reading = readRawResponse(Buffer.from(text.join('\r\n'), 'latin1'), {
    method: 'POST',
    ended: true,
  })
  if (reading === null || reading === 'malformed') throw new Error(`cannot be read: ${head}`)
  const { authorization, ...rest } = more
  const fields: readonly (readonly [string, string])[] =
    authorization === undefined ? [] : [['Authorization', authorization]]
  const sent = { method: 'POST', url: URL_, target: '/once/x', fields, body: null }
  return {
    sent,
    ended: 'complete',
    response: reading,
    interim: [],
    endedAtMs: 2,
    code: null,
    ...rest,
  }
}

/** What came after the answer: content that HEAD must not have. */
function followedBy(exchange: Exchange, text: string): Exchange {
  const { response } = exchange
  return response === null
    ? exchange
    : { ...exchange, response: { ...response, rest: Buffer.from(text) } }
}

const OTHERS = new Map([
  ['first', answer('201 Created\nContent-Type: text/plain\nLocation: /orders/1', 'one')],
  ['early', answer('200 OK', '', { endedAtMs: 1_000 })],
  ['late', answer('200 OK', '', { endedAtMs: 9 })],
  ['page', answer('200 OK\nPOE-Links: "/once/x"')],
])

/** Each with an answer that meets it, and one that does not. */
const TABLE: readonly (readonly [Expectation, Exchange, Exchange])[] = [
  [{ status: ['2xx'] }, answer('204 None'), answer('405 No')],
  [{ status: ['!2xx', '!412'] }, answer('405 No'), answer('412 No')],
  [{ status: ['405', '409'] }, answer('409 No'), answer('404 No')],
  [{ has: 'Allow' }, answer('405 No\nAllow:'), answer('405 No')],
  [{ lacks: 'Location' }, answer('405 No'), answer('405 No\nLocation: /a')],
  [{ allowHas: 'POST' }, answer('405 No\nAllow: GET, POST'), answer('405 No\nAllow: GET')],
  [{ allowLacks: 'POST' }, answer('405 No\nAllow: GET'), answer('405 No\nAllow: get, post')],
  [{ allowNames: true }, answer('405 No\nAllow: GET'), answer('405 No\nAllow: get')],
  [{ lists: ['Vary', 'POE'] }, answer('200 OK\nVary: a, poe'), answer('200 OK\nVary: a')],
  [
    { typeIs: 'text/html' },
    answer('200 OK\nContent-Type: Text/HTML; charset=utf-8'),
    answer('200 OK'),
  ],
  [{ notStored: true }, answer('405 No\nCache-Control: No-Store'), answer('405 No')],
  [{ notStored: true }, answer('409 No'), answer('409 No\nCache-Control: max-age=5')],
  [
    { notStored: true },
    answer('303 See\nExpires: 0'),
    answer('303 See\nExpires: Fri, 01 Jan 2100 00:00:00 GMT'),
  ],
  [
    { notShared: true },
    answer('200 OK\nCache-Control: private'),
    answer('200 OK\nCache-Control: private, public'),
  ],
  [{ notShared: true }, answer('200 OK', '', { authorization: 'x' }), answer('200 OK')],
  [
    { notShared: true },
    answer('200 OK\nCache-Control: no-store'),
    answer('200 OK\nCache-Control: must-revalidate', '', { authorization: 'x' }),
  ],
  [{ retryAfter: true }, answer('409 No\nRetry-After: 1'), answer('409 No\nRetry-After: 0')],
  [
    { retryAfter: true },
    answer('409 No\nRetry-After: Fri, 01 Jan 2100 00:00:00 GMT'),
    answer('409 No\nRetry-After: soon'),
  ],
  [
    { contentOf: 'first' },
    answer('200 OK\nContent-Type: text/plain', 'one'),
    answer('200 OK\nContent-Type: text/html', 'one'),
  ],
  [
    { contentOf: 'first' },
    answer('200 OK\nContent-Type: text/plain', 'one'),
    answer('200 OK\nContent-Type: text/plain', 'two'),
  ],
  [{ statusOf: 'first' }, answer('201 Created'), answer('200 OK')],
  [
    { locationOf: 'first' },
    answer('303 See\nLocation: http://shop.example/orders/1'),
    answer('303 See'),
  ],
  [{ headOf: 'early' }, answer('200 OK'), answer('404 No')],
  [{ headOf: 'early' }, answer('200 OK'), answer('200 OK\nETag: "1"')],
  [{ headOf: 'early' }, answer('200 OK'), followedBy(answer('200 OK'), 'content')],
  [{ differsFrom: 'first' }, answer('200 OK'), answer('201 Created\nAllow: GET', 'one')],
  [{ empty: true }, answer('200 OK'), answer('200 OK', 'x')],
  [{ notEmpty: true }, answer('200 OK', 'x'), answer('200 OK')],
  [
    { namesLink: true },
    answer(
      '400 No\nContent-Type: application/json',
      '{"error":{"doc_url":"https:\\/\\/pay.example\\/doc"}}',
    ),
    answer('400 No\nContent-Type: application/json', '{"error":{"doc_url":"none, see / there"}}'),
  ],
  [
    { namesLink: true },
    answer('400 No\nContent-Type: text/html', '<a href="/doc">Read</a>'),
    answer('400 No', 'No.'),
  ],
  [{ noInterim: true }, answer('405 No'), answer('405 No', '', { interim: [100] })],
  [
    { after: 'early' },
    answer('405 No', '', { endedAtMs: 950 }),
    answer('405 No', '', { endedAtMs: 900 }),
  ],
  [
    { cacheableByRule: true },
    answer('200 OK\nCache-Control: max-age=5\nContent-Location: /once/x'),
    answer('200 OK\nCache-Control: max-age=5'),
  ],
  [
    { cacheableByRule: true },
    answer('200 OK\nCache-Control: max-age=0'),
    answer('200 OK\nCache-Control: s-maxage=5\nContent-Location: /other'),
  ],
  [{ poeLinks: 'quoted' }, answer('200 OK\nPOE-Links: "/a"'), answer('200 OK\nPOE-Links: /a')],
  [{ poeLinks: 'quoted' }, answer('200 OK\nPOE-Links: "/a"'), answer('200 OK\nPOE-Links: "/ü"')],
  [
    { poeLinks: 'no fragment' },
    answer('200 OK\nPOE-Links: "/a"'),
    answer('200 OK\nPOE-Links: "/a#b"'),
  ],
  [
    { poeLinks: 'no fragment' },
    answer('200 OK\nPOE-Links: "/a"'),
    answer('200 OK\nPOE-Links: "#b"'),
  ],
  [{ poeLinks: 'not empty' }, answer('200 OK\nPOE-Links: ""'), answer('200 OK\nPOE-Links: ,')],
  [
    { poeLinks: 'no empty members' },
    answer('200 OK\nPOE-Links:'),
    answer('200 OK\nPOE-Links: "/a",'),
  ],
  [
    { poeLinks: 'own origin' },
    answer('200 OK\nPOE-Links: "/a", "http://shop.example/b"'),
    answer('200 OK\nPOE-Links: "//other.example/a"'),
  ],
  [
    { linksInContent: true },
    answer('200 OK\nContent-Type: application/json\nPOE-Links: "/a"', '{"n":[{"m":"/a"}]}'),
    answer('200 OK\nContent-Type: application/json\nPOE-Links: "/a"', 'not JSON'),
  ],
  [
    { linksInContent: true },
    answer(
      '200 OK\nContent-Type: text/html\nPOE-Links: "/a"',
      '<form action="a#x">'.replace('a#', '/a#'),
    ),
    answer('200 OK\nContent-Type: text/html\nPOE-Links: "/a"', '<!-- /a -->'),
  ],
  [
    { linksInContent: true },
    answer('200 OK\nPOE-Links: "/a"', 'go to http://shop.example/a now'),
    answer('200 OK\nPOE-Links: "/a"', 'go away'),
  ],
  [
    { resultLink: true },
    answer('405 No\nLink: </o>; rel="related"; anchor="/once/x"'),
    answer('405 No\nLink: </o>; rel="related"'),
  ],
  [
    { resultLink: true },
    answer('405 No\nLink: </help>; rel="help"'),
    answer('405 No\nLink: </o>; rel="urn:x"; anchor="/once/y"'),
  ],
  [{ resultLink: true }, answer('405 No'), answer('405 No\nLink: nonsense')],
  [
    { resultLink: true },
    answer(
      '405 No\nLink: </a.css>; rel=preload; crossorigin,\n' +
        'Link: </o>; rel="related"; nopush; anchor="/once/x"',
    ),
    answer('405 No\nLink: </a.css>; rel=preload; crossorigin, </o>; rel="related"'),
  ],
  [
    { anyOf: [[{ status: ['409'] }], [{ after: 'early' }, { status: ['405'] }]] },
    answer('405 No', '', { endedAtMs: 1_000 }),
    answer('404 No'),
  ],
  [
    { when: [{ has: 'POE-Links' }], of: 'page', demand: [{ lists: ['Vary', 'POE'] }] },
    answer('200 OK\nVary: POE'),
    answer('200 OK'),
  ],
  [{ when: [{ status: ['405'] }], demand: [{ has: 'Allow' }] }, answer('200 OK'), answer('405 No')],
]

describe('expectations', () => {
  for (const [expectation, right, wrong] of TABLE) {
    it(JSON.stringify(expectation), () => {
      expect(firstUnmet([expectation], right, { answers: OTHERS })).to.equal(null)
      const unmet = firstUnmet([expectation], wrong, { answers: OTHERS })
      expect(unmet).to.be.an('object')
      expect(unmet?.expected).to.match(/\w/)
      expect(unmet?.seen).to.match(/\w/)
    })
  }

  it('[FALSE-4377] a front that codes contents adds to Vary of GET alone', () => {
    const get = answer('200 OK\nVary: Accept,X-User,Accept-Encoding', '', { endedAtMs: 1 })
    const judged = (head: string) =>
      firstUnmet([{ headOf: 'get' }], answer(head), { answers: new Map([['get', get]]) })
    expect(judged('200 OK\nVary: X-User, accept')).to.equal(null)
    expect(judged('200 OK\nVary: Accept')).to.have.property('seen', 'Vary: Accept')
  })

  it('what was not answered, or what has no name, is a mistake of the catalogue', () => {
    const silent = { ...answer('200 OK'), response: null }
    expect(() => firstUnmet([], silent, { answers: OTHERS })).to.throw(TypeError)
    const stray: readonly Expectation[] = [{ contentOf: 'nobody' }]
    expect(() => firstUnmet(stray, answer('200 OK'), { answers: OTHERS })).to.throw(TypeError)
    const condition: readonly Expectation[] = [{ when: [], of: 'nobody', demand: [{ has: 'X' }] }]
    expect(firstUnmet(condition, answer('200 OK'), { answers: OTHERS })).to.equal(null)
    expect(firstUnmet([{ after: 'nobody' }], answer('200 OK'), { answers: OTHERS })).to.have.keys(
      'expected',
      'seen',
    )
  })
})

describe('exchanges in words', () => {
  it('secrets and control characters are left out, long content is cut', () => {
    const body = `\u001b[31m${'x'.repeat(700)}`
    const exchange = answer('200 OK\nSet-Cookie: a=b', body, { authorization: 'secret' })
    const sent = { ...exchange.sent, body: Buffer.from('order') }
    const text = transcript({ ...exchange, sent }, new Set(['authorization']))
    expect(text).to.match(
      /^POST \/once\/x HTTP\/1\.1\nHost: shop\.example\nAuthorization: \(left out\)/,
    )
    expect(text).to.match(/\n\norder\n\nHTTP\/1\.1 200 OK\nSet-Cookie: \(left out\)/)
    expect(text).to.match(/\n\n\.\[31mx+\.\.\. \(705 bytes\)$/)
    expect(text).to.not.include('secret')
  })

  it('what did not come is named by how it ended', () => {
    for (const [ended, words] of [
      ['timeout', /no whole answer came in time/],
      ['refused', /no connection was accepted/],
      ['malformed', /not HTTP\/1\.1/],
      ['too-long', /had no end/],
    ] as const) {
      const exchange = { ...answer('200 OK'), ended, response: null }
      expect(inWords(exchange)).to.match(words)
      expect(transcript(exchange, new Set())).to.match(words)
    }
    const long = answer('200 OK')
    const sent = { ...long.sent, target: `/${'x'.repeat(200)}` }
    expect(inWords({ ...long, sent })).to.match(/x{96}\.\.\. was answered 200$/)
  })
})
