/**
 * What is sent, where links are, how they are spelt otherwise, and which options are refused.
 */
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import {
  type AdapterContent,
  type BodyKind,
  type ConformanceOptions,
  runConformance,
  type ServerAdapter,
  type Spelling,
} from 'post-once-exactly/conformance'
import { contentOf } from '../../lib/conformance/contents.js'
import { linkIn } from '../../lib/conformance/find-links.js'
import { formsIn } from '../../lib/conformance/forms.js'
import { entropyBits } from '../../lib/conformance/guessing.js'
import { judgeContentLinks } from '../../lib/conformance/judge-links.js'
import { forged, spelt, targetOf } from '../../lib/conformance/spellings.js'
import type { Exchange } from '../../lib/conformance/wire.js'
import type { RawResponse } from '../../lib/testing/raw-response.js'

const JSON_ORDER: AdapterContent = { json: { sku: 'tea-{n}', qty: 1 } }
const FORM: AdapterContent = { form: { sku: 'tea {n}' } }
const PAGE = new URL('http://shop.example/new/order')
const TEXT: AdapterContent = { type: 'text/csv', text: 'tea,{n}' }

function told(adapter: ServerAdapter, kind: BodyKind): string | null {
  const content = contentOf(adapter, kind, 7)
  return content === null ? null : `${content.type} ${content.bytes.toString('latin1')}`
}

describe('contents', () => {
  const form = 'application/x-www-form-urlencoded'
  for (const [adapter, kind, expected] of [
    [{}, 'valid', 'application/json {"check":"7"}'],
    [{ valid: JSON_ORDER }, 'valid', 'application/json {"sku":"tea-7","qty":1}'],
    [{ valid: FORM }, 'valid', `${form} sku=tea+7`],
    [{ valid: TEXT }, 'valid', 'text/csv tea,7'],
    [{ valid: JSON_ORDER }, 'otherValid', 'application/json {\n  "sku": "tea-7",\n  "qty": 1\n}\n'],
    [{ valid: FORM }, 'otherValid', `${form} sku=%74ea+7`],
    [{ valid: TEXT }, 'otherValid', 'text/csv tea,7\n'],
    [{ valid: TEXT, otherValid: FORM }, 'otherValid', `${form} sku=tea+7`],
    [{ valid: JSON_ORDER }, 'otherType', `${form} sku=tea-7&qty=1`],
    [{ valid: FORM }, 'otherType', 'application/json {"sku":"tea 7"}'],
    [{ valid: TEXT }, 'otherType', null],
    [{ valid: { json: [1] } }, 'otherType', null],
    [{ valid: { json: 1 } }, 'otherType', null],
    [{ valid: { json: null } }, 'otherType', null],
    [{ valid: { json: { a: { b: 1 } } } }, 'otherType', null],
    [{ valid: TEXT, otherType: FORM }, 'otherType', `${form} sku=tea+7`],
    [{}, 'invalid', null],
    [{ invalid: TEXT }, 'invalid', 'text/csv tea,7'],
    [{ valid: TEXT }, 'broken', 'text/csv {"\xff%'],
    [{}, 'unknownType', 'application/vnd.poe-check poe check'],
    [{}, 'none', null],
  ] as const) {
    it(`${kind} of ${JSON.stringify(adapter)}`, () => {
      expect(told(adapter, kind)).to.equal(expected)
    })
  }

  it('huge is four megabytes of the valid type', () => {
    const content = contentOf({ valid: TEXT }, 'huge', 1)
    expect([content?.type, content?.bytes.length]).to.deep.equal(['text/csv', 4 * 1024 * 1024])
  })

  it('[FALSE-4494] one content has other names, and can be sent in parts', () => {
    const of = (valid: AdapterContent, kind: BodyKind) => told({ valid }, kind)
    expect(of(JSON_ORDER, 'charset')).to.match(/^application\/json; charset=UTF-8 \{"sku"/)
    expect(of({ type: 'text/csv; header=absent', text: 'a' }, 'charset')).to.match(/absent a$/)
    expect(of(FORM, 'plain')).to.equal('text/plain;charset=UTF-8 sku=tea+7')
    expect(of(FORM, 'parts')).to.match(/^multipart\/form-data; .*name="sku"\r\n\r\ntea 7\r\n--/s)
    expect(of(JSON_ORDER, 'parts')).to.match(/name="qty"\r\n\r\n1\r\n--.*--\r\n$/s)
    expect(of(TEXT, 'parts')).to.equal(null)
  })
})

describe('where the link is', () => {
  const page = (
    status: number,
    fields: Readonly<Record<string, string>>,
    body = '',
  ): RawResponse => ({
    version: '1.1',
    status,
    reason: '',
    fields: Object.entries(fields).map(([name, value]) => ({ name, value, line: '' })),
    body: Buffer.from(body),
    trailers: [],
    interim: [],
    complete: true,
    rest: Buffer.alloc(0),
  })
  const html =
    '<form action=/get></form><div><form method=POST action="/f?a=1&amp;b=2"></form></div>'

  it('the field, a member of JSON, the first form with POST, or the Location of a 201', () => {
    const json = { 'Content-Type': 'application/json' }
    const page_ = { 'Content-Type': 'text/html' }
    expect(linkIn(page(200, { 'POE-Links': '"/a"' }), 'auto', PAGE)).to.equal('/a')
    expect(linkIn(page(200, json, '{"link":"/b"}'), 'auto', PAGE)).to.equal('/b')
    expect(linkIn(page(200, page_, html), 'auto', PAGE)).to.equal('/f?a=1&b=2')
    expect(linkIn(page(201, { Location: '/c' }), 'auto', PAGE)).to.equal('/c')
    expect(linkIn(page(200, { Location: '/c' }), 'auto', PAGE)).to.equal(null)
    expect(linkIn(page(200, { Location: '/c' }), 'location', PAGE)).to.equal('/c')
    expect(
      linkIn(page(200, json, '{"a/b":[{"~":"/d"}]}'), { pointer: '/a~1b/0/~0' }, PAGE),
    ).to.equal('/d')
    expect(linkIn(page(200, json, '{"link":7}'), { pointer: '/link' }, PAGE)).to.equal(null)
    expect(linkIn(page(200, json, '{'), { pointer: '' }, PAGE)).to.equal(null)
    expect(linkIn(page(200, page_, '<form method=post>'), 'form', PAGE)).to.equal('')
    expect(linkIn(page(200, page_, '<form>'), 'form', PAGE)).to.equal(null)
    expect(linkIn(page(200, {}, html), 'form', PAGE)).to.equal(null)
    expect(linkIn(page(200, {}), 'field', PAGE)).to.equal(null)
  })

  it('[FALSE-4390] the first form whose address may be a link, no logout in front of it', () => {
    const forms = (...actions: string[]) =>
      actions.map(action => `<form method=post action="${action}"></form>`).join('')
    const found = (...actions: string[]) =>
      linkIn(page(200, { 'Content-Type': 'text/html' }, forms(...actions)), 'auto', PAGE)
    const [uuid, token] = ['8e03978e-40d5-43dd-bc93-6894a57f9324', 'Zk3xWq81LmPv']
    expect(found('/logout', `/orders/once/${token}`)).to.equal(`/orders/once/${token}`)
    expect(found('/newsletter/subscription', `/pay?id=${uuid}`, '/x')).to.equal(`/pay?id=${uuid}`)
    expect(found('/orders/once/7', '/logout')).to.equal('/orders/once/7')
  })

  it('[FALSE-3605] the action of a form is relative to the base of its page', () => {
    for (const [base, action, where] of [
      ['/shop/', 'once/7', 'http://shop.example/shop/once/7'],
      ['../', 'once/7', 'http://shop.example/once/7'],
      ['http://shop.example/a/b', 'once/7', 'http://shop.example/a/once/7'],
      ['/shop/', '/once/7', 'http://shop.example/once/7'],
      ['/shop/', '', 'http://shop.example/new/order'],
      ['http://[', 'once/7', 'http://shop.example/new/once/7'],
    ] as const) {
      const based = `<base href="${base}"><form method=post action="${action}"></form>`
      const answer = page(200, { 'Content-Type': 'text/html' }, based)
      const [form] = formsIn(answer, PAGE)
      expect(form?.action).to.equal(where)
      expect(new URL(linkIn(answer, 'auto', PAGE) ?? '-', PAGE).href).to.equal(where)
    }
  })

  it('[FALSE-3605] so is any reference of its content; the field knows no base', () => {
    const fields = { 'Content-Type': 'text/html', 'POE-Links': '"/shop/once/7"' }
    const url = PAGE
    for (const [html, isThere] of [
      ['<base href="/shop/"><a href="once/7">', true],
      ['<base href="/other/"><a href="once/7">', false],
    ] as const) {
      const exchange = { sent: { url } } as Exchange
      const unmet = judgeContentLinks(exchange, page(200, fields, html))
      expect(unmet === null, html).to.equal(isThere)
    }
  })
})

describe('other spellings of a link', () => {
  const link = new URL('http://shop.example/orders/once/abc-1?x=y')

  it('each is another text', () => {
    expect(spelt(link, 'encoded')).to.equal('/orders/once/%61bc-1?x=y')
    expect(spelt(link, 'query')).to.equal('/orders/once/abc-1?x=y&check=1')
    expect(spelt(new URL('/a', link), 'query')).to.equal('/a?check=1')
    expect(spelt(link, 'slash')).to.equal('/orders/once/abc-1/?x=y')
    expect(spelt(link, 'slashes')).to.equal('/orders/once//abc-1?x=y')
    expect(spelt(link, 'dots')).to.equal('/orders/once/./abc-1?x=y')
    expect(spelt(link, 'absolute')).to.equal(link.href)
    expect(spelt(link, 'malformed')).to.equal('/orders/once/abc-1%zz?x=y')
    expect(spelt(new URL('/', link), 'encoded')).to.equal('/')
  })

  it('a forged one differs in its longest word', () => {
    const token = new URL('http://shop.example/once/abcDEF123-z?x=y')
    expect(forged(token, 'changed')).to.equal('/once/abcDEG123-z?x=y')
    expect(forged(new URL('/once/012-zzzz', link), 'changed')).to.equal('/once/012-yzzz')
    expect(forged(new URL('/once/-', link), 'changed')).to.equal('/onde/-')
    expect(forged(token, 'invented')).to.match(/^\/once\/[a-z]{3}[A-Z]{3}\d{3}-[a-z]\?x=y$/)
    expect(forged(new URL('/', link), 'changed')).to.equal('/never-issued')
  })

  it('[FALSE-4492] what two links have in common is not forged', () => {
    const other = new URL('/the-garden-shop/a1b2c3', link)
    const one = new URL('/the-garden-shop/d4e5f6', link)
    expect(forged(one, 'changed', other)).to.equal('/the-garden-shop/d4e6f6')
    expect(forged(one, 'changed', one)).to.equal('/the-gareen-shop/d4e5f6')
  })

  it('[FALSE-4493] the token is respelt, wherever it stands', () => {
    const other = new URL('/order?t=Abc123', link)
    const one = new URL('/order?t=Def456', link)
    const target = (spelling: Spelling) => {
      return targetOf(one, { link: 'L', spelling }, undefined, other)
    }
    expect(target('encoded')).to.equal('/order?t=%44ef456')
    expect(target('hex')).to.equal('/order?t=%44%65%66%34%35%36')
    expect(target('case')).to.equal('/order?t=dEF456')
    expect(target('last-bit')).to.equal('/order?t=Def457')
    expect(target('slash')).to.equal('/order/?t=Def456')
    const middle = new URL('/o/Def456/confirm', link)
    const first = new URL('/o/Abc123/confirm', link)
    const to = { link: 'L', spelling: 'case' } as const
    expect(targetOf(middle, to, undefined, first)).to.equal('/o/dEF456/confirm')
    expect(targetOf(middle, to, undefined)).to.equal('/o/Def456/CONFIRM')
  })

  it('a last bit that base64 leaves unused is another one', () => {
    const token = randomBytes(16)
    const one = new URL(`/once/${token.toString('base64url')}?x=y`, link)
    const other = spelt(one, 'last-bit')
    expect(other).not.to.equal(one.pathname + one.search)
    expect(Buffer.from(other.slice(6, -4), 'base64url').equals(token)).to.equal(true)
  })

  it('[FALSE-4482] what is random is as hard to guess as it is long', () => {
    const many = () => Array.from({ length: 40 }, () => randomBytes(8).toString('base64url'))
    for (let times = 0; times < 20; times += 1) expect(entropyBits(many())).to.be.within(57, 66)
  })

  it('counters are easy to guess, random words are not', () => {
    const many = (make: (index: number) => string) => Array.from({ length: 20 }, (_, i) => make(i))
    expect(entropyBits(many(index => `/orders/${1_000 + index}`))).to.be.below(10)
    expect(entropyBits(many(() => `/orders/${crypto.randomUUID()}/pay`))).to.be.above(80)
  })
})

describe('options of a run', () => {
  const url = 'http://127.0.0.1:1/'
  for (const [options, says] of [
    [{ url: 'nowhere' }, /url must be absolute/],
    [{ url: 'ftp://x/' }, /http or https/],
    [{ url: 'http://a:b@x/' }, /without a login/],
    [{ url, profile: 'best' }, /profile must be core, full or safe/],
    [{ url, rounds: 0 }, /rounds must be a whole number from 1/],
    [{ url, rounds: 1.5 }, /rounds must be a whole number/],
    [{ url, timeoutMs: -1 }, /timeoutMs must be/],
    [{ url, totalMs: Number.NaN }, /totalMs must be/],
    [{ url, adapter: null }, /The adapter must be an object/],
    [{ url, adapter: { valid: 'x' } }, /valid must be an object/],
    [{ url, only: ['x'] }, /no check and no requirement x/],
    [{ url, skip: { x: 'y' } }, /no check and no requirement x/],
    [{ url, retries: 3 }, /There is no option retries/],
  ] as const) {
    it(`${JSON.stringify(options)} is refused`, async () => {
      const error = await runConformance(options as unknown as ConformanceOptions).catch(
        (thrown: unknown) => thrown,
      )
      expect(error).to.be.instanceOf(Error)
      expect((error as Error).message).to.match(says)
    })
  }
})
