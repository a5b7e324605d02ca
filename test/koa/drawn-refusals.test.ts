/**
 * Refusals in the application's own look: what the page is drawn from, and what it cannot change.
 */
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import {
  anyone,
  type DrawRefusal,
  poe,
  type Refusal,
  type ResourceOptions,
} from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import supertest from 'supertest'
import type { Store } from '../../lib/engine/store.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { expectProblem } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import { startWorld, type World, type WorldOptions } from '../support/world.js'

const KIND = { store: 'memory', koa: 3, at: 'prefix' } as const
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'text/html' }

describe('a refusal in the application’s own look', () => {
  let world: World
  let clock = fakeClock()
  let down = false
  let seen: Refusal[] = []
  let draw: DrawRefusal = () => null
  afterEach(() => world.close())

  async function start(
    resource: Partial<ResourceOptions> = {},
    options: WorldOptions = {},
  ): Promise<void> {
    clock = fakeClock()
    seen = []
    down = false
    draw = (_ctx, refusal) => `<h1>${refusal.kind}</h1>`
    world = await startWorld(KIND, {
      wrapStore: () => breakable(memoryStore({ now: clock.now }) as Store<unknown>, () => down),
      poe: {
        clock,
        refusal: (ctx, refusal) => {
          seen.push(refusal)
          return draw(ctx, refusal)
        },
      },
      resource: { createForm: '/new', waitMs: 0, ...resource },
      ...options,
    })
  }

  const submit = (link: string, body = 'sku=tea', headers: Record<string, string> = FORM) =>
    world.send('POST', link, { body, headers })

  it('[POE-2-3] a repeat: what was placed, where it is, and the page as it was drawn', async () => {
    await start()
    const link = await world.link()
    expect((await submit(link)).status).to.equal(201)
    const repeat = await submit(link)
    expect([repeat.status, await repeat.text()]).to.deep.equal([405, '<h1>used</h1>'])
    expect(repeat.headers.get('Content-Type')).to.equal('text/html; charset=utf-8')
    const [{ placed, ...told }] = seen as [Refusal]
    expect(told).to.deep.include({
      kind: 'used',
      status: 405,
      address: link,
      result: '/orders/1',
      payloadMatches: true,
      link: null,
      fields: { sku: 'tea' },
    })
    expect(placed?.status).to.equal(201)
    expect(placed?.fields).to.deep.include(['location', '/orders/1'])
    expect(Buffer.from(placed?.body ?? []).toString()).to.equal('{"id":1}')
  })

  it('[BR-03] other content, expired, forgotten: the fields, and a link that works', async () => {
    await start()
    const link = await world.link()
    await submit(link)
    expect((await submit(link, 'sku=coffee&sku=cup')).status).to.equal(405)
    expect(seen[0]).to.deep.include({ kind: 'used-for-other', payloadMatches: false })
    expect(seen[0]?.fields).to.deep.equal({ sku: ['coffee', 'cup'] })
    expect((await submit(String(seen[0]?.link))).status).to.equal(201)

    const late = await world.link()
    for (const [ms, kind] of [
      [3_600_001, 'expired'],
      [86_400_000, 'forgotten'],
    ] as const) {
      await clock.advance(ms)
      expect((await submit(late)).status).to.equal(410)
      expect(seen.at(-1)).to.deep.include({ kind, fields: { sku: 'tea' }, createForm: '/new' })
      expect(seen.at(-1)?.link).to.match(/^\/shop\/v1\/orders\/once\//)
    }
  })

  it('running, undecided, unspent, not its method', async () => {
    const door = latch()
    await start({}, { handler: () => door.opened.then(() => Promise.reject(new Error('lost'))) })
    const link = await world.link()
    const first = submit(link)
    await until(() => world.runs === 1, 'the first is running')
    expect((await submit(link)).status).to.equal(409)
    expect((await world.send('GET', link, { headers: FORM })).status).to.equal(409)
    door.open()
    await first
    const unknown = await submit(link)
    expect([unknown.status, unknown.headers.get('Retry-After')]).to.deep.equal([409, '30'])
    const fresh = await world.link()
    expect((await world.send('GET', fresh, { headers: FORM })).status).to.equal(405)
    expect((await world.send('PUT', fresh, { body: 'a=b', headers: FORM })).status).to.equal(405)
    expect(seen.map(({ kind, retryAfterMs }) => [kind, retryAfterMs !== null])).to.deep.equal([
      ['running', true],
      ['running', true],
      ['undecided', true],
      ['unspent', false],
      ['method-not-allowed', false],
    ])
  })

  it('[FAIL-11] somebody else’s link: 404, with a link for whoever asks', async () => {
    await start()
    const link = await world.link({ headers: { 'X-User': 'ann' } })
    const other = await submit(link)
    expect([other.status, await other.text()]).to.deep.equal([404, '<h1>unverifiable</h1>'])
    expect(seen[0]).to.deep.include({ fields: { sku: 'tea' }, placed: null, result: null })
    expect((await submit(String(seen[0]?.link))).status).to.equal(201)
  })

  it('the store is down: 503, no link, and the fields', async () => {
    await start()
    const link = await world.link()
    down = true
    expect((await submit(link)).status).to.equal(503)
    expect(seen[0]).to.deep.include({ kind: 'store-down', link: null, fields: { sku: 'tea' } })
  })

  it('the fields are there without a parser, also of a multipart form with a file', async () => {
    await start({}, { parse: false })
    const link = await world.link()
    const form = (sku: string) => {
      const body = new FormData()
      body.append('sku', sku)
      body.append('__proto__', 'x')
      body.append('scan', new Blob(['%PDF']), 'scan.pdf')
      return world.send('POST', link, { body, headers: { Accept: 'text/html' } })
    }
    expect((await form('tea')).status).to.equal(201)
    expect((await form('cup')).status).to.equal(405)
    expect(seen[0]?.files).to.deep.equal(['scan'])
    expect(seen[0]?.kind).to.equal('used-for-other')
    expect(Object.entries(seen[0]?.fields ?? {})).to.deep.equal([
      ['sku', 'cup'],
      ['__proto__', 'x'],
    ])
    const broken = { ...FORM, 'Content-Type': 'multipart/form-data; boundary=x' }
    expect((await submit(link, 'no part', broken)).status).to.equal(405)
    expect(seen[1]?.fields).to.equal(null)
  })

  it('[FALSE-4381] so they are at a link that is forgotten, or somebody else’s', async () => {
    await start({}, { parse: false })
    const others = await world.link({ headers: { 'X-User': 'ann' } })
    const old = await world.link()
    expect((await submit(others)).status).to.equal(404)
    await clock.advance(90_000_001)
    expect((await submit(old)).status).to.equal(410)
    expect((await submit(old, '')).status).to.equal(410)
    const typed = { sku: 'tea' }
    expect(seen.map(({ kind, fields }) => [kind, fields])).to.deep.equal([
      ['unverifiable', typed],
      ['forgotten', typed],
      ['forgotten', {}],
    ])
    expect(world.runs).to.equal(0)
  })

  it('[FALSE-4383] a form that names one member as often as there is room for', async () => {
    await start({}, { parse: false })
    const link = await world.link({ headers: { 'X-User': 'ann' } })
    expect((await submit(link, 'a=&'.repeat(60_000))).status).to.equal(404)
    expect(seen[0]?.fields).to.have.property('a').with.lengthOf(60_000)
    const file = '--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n\r\n'
    const typed = { ...FORM, 'Content-Type': 'multipart/form-data; boundary=x' }
    expect((await submit(link, `${file.repeat(9_000)}--x--\r\n`, typed)).status).to.equal(404)
    expect(seen[1]?.fields).to.equal(null)
  })

  it('[FALSE-4384] an Accept that is longer than any browser’s is not taken apart', async () => {
    await start()
    const link = await world.link()
    expect((await submit(link)).status).to.equal(201)
    const long = `text/html,${'"a",'.repeat(2_000)}`
    await expectProblem(await submit(link, 'sku=tea', { ...FORM, Accept: long }), 405, 'used')
    expect(seen).to.deep.equal([])
  })

  it('what HTTP demands stays, whatever the page sets; a cookie is its own affair', async () => {
    await start()
    const link = await world.link()
    await submit(link)
    draw = ctx => {
      ctx.status = 200
      ctx.set({
        Allow: 'POST',
        'Cache-Control': 'public, max-age=60',
        Location: '/elsewhere',
        Link: '</x>; rel="next"',
        'Retry-After': '1',
        'Content-Type': 'application/json',
        'Set-Cookie': 'seen=1',
        'Content-Security-Policy': "default-src 'self'",
      })
      ctx.body = { ok: true }
      return Buffer.from('<h1>mine</h1>')
    }
    const { status, headers, ...answer } = await taken(submit(link))
    expect([status, answer.text]).to.deep.equal([405, '<h1>mine</h1>'])
    expect(headers.get('Allow')).to.equal('GET, HEAD, OPTIONS')
    expect(headers.get('Cache-Control')).to.equal('no-store')
    expect(headers.get('Location')).to.equal(null)
    expect(headers.get('Link')).to.include('</orders/1>; rel="related ')
    expect(headers.get('Content-Type')).to.equal('text/html; charset=utf-8')
    expect(headers.get('Set-Cookie')).to.equal('seen=1')
    expect(headers.get('Content-Security-Policy')).to.equal("default-src 'self'")
  })

  it('[FALSE-4617] who may frame our page is said by the application’s own policy', async () => {
    await start()
    const link = await world.link()
    await submit(link)
    const framed = async (given: string[]) => {
      draw = ctx => {
        if (given.length > 0) ctx.set('Content-Security-Policy', given)
        return null
      }
      const policy = (await taken(submit(link))).headers.get('Content-Security-Policy') ?? ''
      expect(policy).to.match(/^default-src 'none'; style-src 'sha256-[^']+'; form-action/)
      return policy.match(/frame-ancestors[^;,]*/g)
    }
    expect(await framed([])).to.equal(null)
    expect(await framed(["script-src 'self'"])).to.equal(null)
    const shops = "frame-ancestors 'self' https://shop.example"
    expect(await framed([`img-src *; ${shops};script-src 'self'`])).to.deep.equal([shops])
    const both = ["frame-ancestors 'self'", `${shops}; img-src *`]
    expect(await framed(both)).to.deep.equal(["frame-ancestors 'self'", shops])
  })

  it('a page that fails, or is none: ours, and an event; nothing is given: ours', async () => {
    await start()
    const link = await world.link()
    await submit(link)
    const fails: DrawRefusal[] = [
      ctx => {
        ctx.status = 200
        ctx.set('Set-Cookie', 'half=1')
        throw new Error('no template')
      },
      (() => ({ title: 'x' })) as unknown as DrawRefusal,
      async () => Promise.reject(new Error('late')),
      ctx => {
        ctx.body = { ok: true }
      },
    ]
    for (draw of fails) {
      const { status, headers, text } = await taken(submit(link))
      expect(status).to.equal(405)
      expect(text).to.include('<a href="/orders/1">')
      expect(headers.get('Set-Cookie')).to.equal(null)
      expect(headers.get('Content-Security-Policy')).to.match(/^default-src 'none'/)
    }
    const told = () => world.events.filter(({ type }) => type === 'refusal-not-drawn')
    expect(told()).to.have.length(4)
    expect(told()[0]).to.deep.include({ kind: 'used' })
    for (draw of [() => undefined, () => null, () => '']) {
      expect((await taken(submit(link))).text).to.include('<a href="/orders/1">')
    }
    expect(told()).to.have.length(4)
  })

  it('a page that takes for ever: ours, and an event', async () => {
    await start()
    const link = await world.link()
    await submit(link)
    draw = () => new Promise(() => {})
    const asked = taken(submit(link))
    await until(() => seen.length === 1, 'the page is being drawn')
    await clock.advance(5_000)
    expect((await asked).text).to.include('<a href="/orders/1">')
    const [told] = world.events.filter(({ type }) => type === 'refusal-not-drawn')
    expect(told).to.have.nested.property('cause.code', 'ERR_POE_RUN_TOO_LONG')
  })

  it('a page that is put into the body, as view engines do, is sent as the refusal', async () => {
    await start()
    const link = await world.link()
    await submit(link)
    draw = async ctx => {
      ctx.status = 200
      ctx.body = '<h1>rendered</h1>'
    }
    const { status, headers, text } = await taken(submit(link))
    expect([status, text]).to.deep.equal([405, '<h1>rendered</h1>'])
    expect(headers.get('Allow')).to.equal('GET, HEAD, OPTIONS')
    expect(headers.get('Content-Length')).to.equal('17')
  })

  it('a program gets its document, and nothing is drawn', async () => {
    await start()
    const link = await world.link()
    await submit(link)
    for (const accept of ['application/json', '*/*', 'application/problem+json, text/html;q=0.9']) {
      await expectProblem(await submit(link, 'sku=tea', { ...FORM, Accept: accept }), 405, 'used')
    }
    expect(seen).to.deep.equal([])
  })

  it('a person is told in the language that fits best, a drawn page too', async () => {
    await start()
    draw = () => null
    const link = await world.link()
    await submit(link)
    for (const [asked, language, title] of [
      ['de-AT, en;q=0.5', 'de', 'Das wurde schon gesendet'],
      ['fr, en;q=0.5', 'en', 'This was already sent'],
      ['fr', 'en', 'This was already sent'],
      ['*', 'en', 'This was already sent'],
      ['*;q=0', 'en', 'This was already sent'],
      ['en;q=0, *', 'de', 'Das wurde schon gesendet'],
      ['en-GB;q=0.1, DE-ch', 'de', 'Das wurde schon gesendet'],
      ['de;q=0', 'en', 'This was already sent'],
      [';;, =q', 'en', 'This was already sent'],
    ] as const) {
      const { headers, text } = await taken(
        submit(link, 'sku=tea', { ...FORM, 'Accept-Language': asked }),
      )
      expect(text, asked).to.include(`<html lang="${language}">`).and.include(`<h1>${title}</h1>`)
      expect(headers.get('Content-Language')).to.equal(language)
      expect(headers.get('Vary')).to.match(/\bAccept-Language\b/)
      expect(seen.at(-1)).to.include({ language, title })
    }
    const program = { ...FORM, Accept: 'application/json', 'Accept-Language': 'de' }
    const told = await expectProblem(await submit(link, 'sku=tea', program), 405, 'used')
    expect(told.title).to.equal('This was already sent')
  })

  it('words that nobody knows are refused', async () => {
    for (const texts of [{ de: { title: 'x' } }, { de: { refusals: { usd: {} } } }]) {
      await startWorld(KIND, { poe: { texts: texts as never } }).then(
        () => expect.fail('it was taken'),
        (error: Error) => expect(error.message).to.match(/^poe\(\): texts\.de/),
      )
    }
    await start()
  })

  it('a resource’s own way to draw comes first, and what is none is refused', async () => {
    await start({ refusal: () => 'of the resource' })
    const link = await world.link()
    await submit(link)
    expect((await taken(submit(link))).text).to.equal('of the resource')
    expect(seen).to.deep.equal([])
    const wrong = { refusal: 'page.html' as unknown as DrawRefusal }
    const started = startWorld(KIND, { poe: wrong })
    await started.then(
      () => expect.fail('it was taken'),
      (error: Error) => expect(error.message).to.include('refusal must be a function'),
    )
  })
})

it('a form is read where a parser in front has left an empty object', async () => {
  const once = poe({ store: memoryStore(), principal: anyone })
  const router = new Router()
  const refusal: DrawRefusal = (_ctx, { fields }) => `with ${fields?.sku}`
  once.resource(router, { name: 'order', path: '/orders/:token', refusal }, ctx => {
    ctx.status = 201
  })
  router.get('/page', ctx => {
    ctx.body = ctx.poe.link('order')
  })
  const app = new Koa().use(once.middleware())
  app.use((ctx, next) => {
    Object.assign(ctx.request, { body: {} })
    return next()
  })
  const agent = supertest(app.use(router.routes()).callback())
  const link = (await agent.get('/page')).text
  const sent = () => agent.post(link).set('Accept', 'text/html').field('sku', 'tea')
  expect((await sent()).status).to.equal(201)
  expect((await sent()).text).to.equal('with tea')
})

it('an entry point that has no link to lead to is drawn by the resource too', async () => {
  const once = poe({ store: memoryStore(), principal: () => null })
  const router = new Router()
  const refusal: DrawRefusal = (_ctx, { kind, fields }) => `${kind} of ${fields?.sku}`
  once.resource(router, { name: 'order', path: '/orders/:token', refusal }, () => {})
  once.entryPoint(router, { path: '/orders', resource: 'order' })
  const app = new Koa().use(once.middleware()).use(router.routes())
  const asked = supertest(app.callback()).post('/orders').type('form').send('sku=tea')
  const { status, text } = await asked.set('Accept', 'text/html')
  expect([status, text]).to.deep.equal([403, 'nobody of tea'])
})

async function taken(asked: Promise<Response>) {
  const { status, headers, ...answer } = await asked.then(async response => ({
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  }))
  return { status, headers, text: answer.text }
}

/** A store that can be taken away. */
function breakable(store: Store<unknown>, isDown: () => boolean): Store<unknown> {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        if (isDown()) return Promise.reject(new Error('the store is down'))
        return Reflect.apply(member, target, given)
      }
    },
  })
}
