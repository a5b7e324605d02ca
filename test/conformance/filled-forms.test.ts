/** Forms of pages, filled in as a person would, and the cookies that come with them. */
import { expect } from 'chai'
import { CookieJar } from '../../lib/conformance/cookies.js'
import { formsIn } from '../../lib/conformance/forms.js'
import type { RawResponse } from '../../lib/testing/raw-response.js'

const PAGE = new URL('http://shop.example/basket/page')

const page = (html: string, ...cookies: readonly string[]): RawResponse => ({
  version: 'HTTP/1.1',
  status: 200,
  reason: 'OK',
  fields: [
    ['Content-Type', 'text/html; charset=utf-8'],
    ...cookies.map(value => ['Set-Cookie', value] as const),
  ].map(([name = '', value = '']) => ({ name, value, line: `${name}: ${value}` })),
  body: Buffer.from(html),
  trailers: [],
  interim: [],
  complete: true,
  rest: Buffer.alloc(0),
})

const filledIn = (controls: string) => {
  const [form] = formsIn(page(`<form method=post>${controls}</form>`), PAGE)
  return form ?? expect.fail('there is no form')
}

/** Controls, and what is sent of each where everything is filled in. */
const CONTROLS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '<input name=a>': { a: 'check {n}' },
  '<input name=a value=b>': { a: 'b' },
  '<input name=a maxlength=4>': { a: '1' },
  '<input name=a maxlength=40>': { a: 'check {n}' },
  '<input name=a type=hidden value=token>': { a: 'token' },
  '<input name=a type=hidden>': {},
  '<input name=a type=file>': {},
  '<input name=a type=reset value=b>': {},
  '<input name=a type=button value=b>': {},
  '<input name=a type=number>': { a: '1' },
  '<input name=a type=range min=3>': { a: '3' },
  '<input name=a type=email>': { a: 'check{n}@example.org' },
  '<input name=a type=URL>': { a: 'https://example.org/{n}' },
  '<input name=a type=tel>': { a: '5550100' },
  '<input name=a type=checkbox>': {},
  '<input name=a type=checkbox required>': { a: 'on' },
  '<input name=a type=checkbox required value=yes>': { a: 'yes' },
  '<input name=a type=checkbox checked>': { a: 'on' },
  '<input name=a type=radio value=b><input name=a type=radio value=c>': { a: 'b' },
  '<input name=a type=radio value=b><input name=a type=radio value=c checked>': { a: 'c' },
  '<input name=a type=radio>': { a: 'on' },
  '<input name=a disabled>': {},
  '<input>': {},
  '<textarea name=a></textarea>': { a: 'poe check {n}' },
  '<textarea name=a>b</textarea>': { a: 'b' },
  '<select name=a><option>b<option>c</select>': { a: 'b' },
  '<select name=a><option value="">-<optgroup><option value=c>d</optgroup></select>': { a: 'c' },
  '<select name=a><option>b<option selected value=d>c</select>': { a: 'd' },
  '<select name=a><option disabled>b</select>': {},
  '<select name=a></select>': {},
  '<output name=a></output>': {},
  '<button name=a value=b>go</button>': { a: 'b' },
  '<button name=a>go</button><button name=b value=c>other</button>': { a: '' },
  '<button type=button name=a value=b>go</button>': {},
  '<input type=image name=a value=b>': { a: 'b' },
}

describe('a form of a page, filled in', () => {
  for (const [controls, sent] of Object.entries(CONTROLS)) {
    it(controls, () => expect(filledIn(controls).filled).to.deep.equal(sent))
  }

  it('a date is one', () => {
    expect(filledIn('<input name=a type=date>').filled.a).to.match(/^\d{4}-\d\d-\d\d$/)
  })

  it('is sent where its button or its action says, without a fragment', () => {
    for (const [html, action] of [
      ['<form method=post></form>', PAGE.href],
      ['<form method=POST action="/orders#top"></form>', 'http://shop.example/orders'],
      ['<form method=post action=a><button formaction=b>go</button></form>', 'b'],
      ['<form method=post action="http://[">no URL</form>', null],
      ['<form action=a>by GET</form>', null],
    ] as const) {
      const wanted = action === null ? [] : [new URL(action, PAGE).href]
      const forms = formsIn(page(html), PAGE)
      expect(
        forms.map(form => form.action),
        html,
      ).to.deep.equal(wanted)
    }
  })

  it('has the controls that name it, and not those of another', () => {
    const [first, second] = formsIn(
      page(`<form id=one method=post><input name=a value=1></form><input name=x value=9>
        <form id=two method=post enctype="Multipart/Form-Data"><p><input name=b value=2></p>
        <input name=c value=3 form=one><input name=d value=4 form=none></form>`),
      PAGE,
    )
    expect(first?.defaults).to.deep.equal({ a: '1', c: '3' })
    expect(second?.defaults).to.deep.equal({ b: '2' })
    expect([first?.isMultipart, second?.isMultipart]).to.deep.equal([false, true])
  })

  it('there is none in what is no HTML', () => {
    const text = page('<form method=post></form>')
    expect(formsIn({ ...text, fields: [] }, PAGE)).to.deep.equal([])
  })
})

describe('cookies of a page', () => {
  const sentTo = (url: string, ...cookies: readonly string[]) => {
    const jar = new CookieJar()
    for (const cookie of cookies) jar.take(page('', cookie), PAGE)
    return jar.lineFor(new URL(url))
  }

  it('go where they belong', () => {
    for (const [url, cookies, line] of [
      ['http://shop.example/basket/order', ['a=1', 'b=2; Path=/'], 'a=1; b=2'],
      ['http://shop.example/basket', ['a=1'], 'a=1'],
      ['http://shop.example/basketball', ['a=1', 'b=2; path=nonsense'], null],
      ['http://shop.example/', ['a=1; Path=/; Secure'], null],
      ['http://elsewhere.example/', ['a=1; Path=/'], null],
      ['http://shop.example/', ['a=1; Path=/', 'a=2; Path=/'], 'a=2'],
      ['http://shop.example/', ['a=1; Path=/', 'a=; Path=/; Max-Age=0'], null],
      ['http://shop.example/', ['a=1; Path=/; Max-Age=60'], 'a=1'],
      ['http://shop.example/', ['a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'], null],
      ['http://shop.example/', ['=1; Path=/', 'nonsense'], null],
    ] as const) {
      expect(sentTo(url, ...cookies), `${cookies.join(' | ')} to ${url}`).to.equal(line)
    }
  })

  it('of two with one name the server’s own is the newer', () => {
    const jar = new CookieJar()
    jar.take(page('', 'a=1; Path=/'), PAGE)
    expect(jar.lineFor(PAGE, 'a=0; c=3;')).to.equal('a=1; c=3')
  })
})
