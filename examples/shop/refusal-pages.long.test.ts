/**
 * Every page on which the shop says no, in Chromium: what the person reads and where it leads on,
 * that it is valid HTML, and that nothing is found by axe, moves, or is too wide.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { Browser, BrowserContext, Page, Response as Shown } from 'playwright-core'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { startBrowser } from '../../test/client/browser/chromium.js'
import {
  goBack,
  mayBeOverlooked,
  reloadError,
  until,
} from '../../test/client/browser/form-stage.js'
import { storeSwitch } from '../../test/support/around-store.js'
import {
  expectFaultFound,
  expectGoodLooks,
  mistakesIn,
  SCHEMES,
  shapeOf,
  watch,
} from '../../test/support/page-checks.js'
import { describeWith } from '../../test/support/servers/programs.js'
import { createShop } from './app.js'
import { memoryBook } from './orders.js'
import { memorySideBook } from './side-book.js'

const HOUR_MS = 3_600_000
const FIELDS = { sku: 'tea', qty: '2' }

/** A shop whose time, order book and store are in the test's hands. */
interface OpenShop {
  readonly origin: string
  readonly lever: ReturnType<typeof storeSwitch>
  /** Later by so many milliseconds. */
  pass(ms: number): void
  /** Lets the orders that are being written come to an end; until then they wait, where `holds`. */
  free(): void
  holds: boolean
  orders(): Promise<number>
  link(user?: string): Promise<string>
  /** Orders as another tab of the same person does. */
  send(link: string, fields?: object, headers?: Record<string, string>): Promise<Response>
  close(): Promise<void>
}

async function openShop(): Promise<OpenShop> {
  let aheadMs = 0
  let free = () => {}
  const freed = new Promise<void>(resolve => {
    free = resolve
  })
  const lever = storeSwitch()
  const store = lever.wrap(memoryStore({ now: () => Date.now() + aheadMs }))
  const book = memoryBook()
  const held: typeof book = {
    ...book,
    async add(order, tx) {
      if (here.holds) await freed
      return await book.add(order, tx)
    },
  }
  const storage = { store, book: held, side: memorySideBook(), close: () => store.close() }
  const shop = createShop({ storage, faults: true })
  shop.app.silent = true
  const server = createServer(shop.app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const here: OpenShop = {
    origin,
    lever,
    free,
    holds: false,
    pass(ms) {
      aheadMs += ms
    },
    orders: () => book.count(),
    async link(user = 'guest') {
      const basket = await fetch(`${origin}/basket`, { headers: { 'X-Demo-User': user } })
      return ((await basket.json()) as { link: string }).link
    },
    send(link, fields = FIELDS, headers = {}) {
      const body = new URLSearchParams({ ...fields })
      const given = { Accept: 'text/html', ...headers }
      return fetch(origin + link, { method: 'POST', body, headers: given, redirect: 'manual' })
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await shop.close()
      await storage.close()
    },
  }
  return here
}

interface Case {
  readonly what: string
  readonly status: number
  /** Brings it about; gives the link to which the form is sent. */
  readonly prepare: (shop: OpenShop) => Promise<string>
  readonly text: RegExp
  /** Where the page leads on, by the words of its links. */
  readonly ways: readonly string[]
  /** The page has the form again, with what was typed. */
  readonly hasForm: boolean
  /** The person only looks: by GET. */
  readonly looks?: true
  readonly orders?: number
}

const CASES: readonly Case[] = [
  {
    what: 'used',
    status: 405,
    async prepare(shop) {
      const link = await shop.link()
      await shop.send(link)
      return link
    },
    text: /This order is placed already.*placed once, and is not placed again/s,
    ways: ['See the order'],
    hasForm: false,
    orders: 1,
  },
  {
    what: 'other content',
    status: 405,
    async prepare(shop) {
      const link = await shop.link()
      await shop.send(link, { sku: 'tea', qty: '1' })
      return link
    },
    text: /This form was used before.*stands as it was placed, and nothing was changed now/s,
    ways: ['See the order'],
    hasForm: true,
    orders: 1,
  },
  {
    what: 'nobody knows whether it is the same',
    status: 405,
    async prepare(shop) {
      const link = await shop.link()
      await shop.send(link, FIELDS, { 'Idempotency-Key': '"a"' })
      return link
    },
    text: /This form was used before.*Look at it first: it may be the same/s,
    ways: ['See the order'],
    hasForm: true,
    orders: 1,
  },
  {
    what: 'running',
    status: 409,
    async prepare(shop) {
      const link = await shop.link()
      shop.holds = true
      // So many may wait for one order; whoever comes then is told so.
      for (let at = 0; at < 5; at += 1) void shop.send(link).catch(() => {})
      while (shop.lever.calls.filter(({ method }) => method === 'claim').length < 5) {
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      return link
    },
    text: /Your order is being placed.*This takes a moment/s,
    ways: ['Look again'],
    hasForm: false,
  },
  {
    what: 'undecided',
    status: 409,
    async prepare(shop) {
      const link = await shop.link()
      await shop.send(link, FIELDS, { 'Demo-Fault': 'throw' })
      return link
    },
    text: /not known whether your order was placed.*not placed again until that is known/s,
    ways: ['Look again'],
    hasForm: false,
    orders: 1,
  },
  {
    what: 'unused, and only looked at',
    status: 405,
    prepare: shop => shop.link(),
    text: /Nothing was ordered here yet/,
    ways: [],
    hasForm: false,
    looks: true,
  },
  {
    what: 'expired',
    status: 410,
    async prepare(shop) {
      const link = await shop.link()
      shop.pass(HOUR_MS + 1_000)
      return link
    },
    text: /This form was open for too long.*Nothing was ordered/s,
    ways: [],
    hasForm: true,
  },
  {
    what: 'forgotten',
    status: 410,
    async prepare(shop) {
      const link = await shop.link()
      shop.pass(26 * HOUR_MS)
      // Time is learned from what the store answers.
      await shop.send(await shop.link())
      return link
    },
    text: /This form is very old.*Nobody can tell any more/s,
    ways: [],
    hasForm: true,
  },
  {
    what: 'somebody else’s',
    status: 404,
    prepare: shop => shop.link('ann'),
    text: /This form is not yours, or not any more.*Nothing was ordered now/s,
    ways: [],
    hasForm: true,
  },
  {
    what: 'never given out',
    status: 404,
    prepare: async shop => `${(await shop.link()).slice(0, -3)}AAA`,
    text: /This form is not yours, or not any more.*Nothing was ordered now/s,
    ways: [],
    hasForm: true,
  },
  {
    what: 'the store is gone',
    status: 503,
    async prepare(shop) {
      const link = await shop.link()
      shop.lever.mode = 'down'
      return link
    },
    text: /Your order could not be taken.*not placed twice/s,
    ways: ['Look again'],
    hasForm: true,
  },
]

describeWith(['chromium'], 'the pages on which the shop says no, in Chromium', () => {
  mayBeOverlooked()
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let shop: OpenShop
  /** Of the pages that were looked at; one that is like another may only be too wide. */
  const shapes = new Set<string>()
  before(async () => {
    browser = await startBrowser()
    context = await browser.newContext({ bypassCSP: true, viewport: { width: 375, height: 800 } })
    await watch(context)
    page = await context.newPage()
  })
  beforeEach(async () => {
    shop = await openShop()
    await page.setViewportSize({ width: 375, height: 800 })
  })
  afterEach(async () => {
    shop.lever.mode = 'up'
    shop.free()
    await shop.close()
  })
  after(() => browser.close())

  /** Sends the form of the basket to a link. */
  async function submit(link: string): Promise<Shown | null> {
    await page.locator('form').evaluate((form, at) => form.setAttribute('action', at), link)
    for (const [name, value] of Object.entries(FIELDS)) await page.fill(`#${name}`, value)
    const answered = page.waitForResponse(
      answer => answer.url() === shop.origin + link && answer.request().isNavigationRequest(),
    )
    await page.click('button')
    return await answered
  }

  async function expectPage(answer: Shown | null, what: string, status: number): Promise<void> {
    expect(answer?.status(), what).to.equal(status)
    await page.waitForLoadState()
    const html = (await answer?.text()) ?? ''
    expect(await mistakesIn(html), what).to.deep.equal([])
    const isLike = shapes.has(shapeOf(html))
    shapes.add(shapeOf(html))
    await expectGoodLooks(page, what, isLike ? [375] : [375, 1_280], isLike ? [] : SCHEMES)
  }

  for (const { what, status, prepare, text, ways, hasForm, looks, orders = 0 } of CASES) {
    it(`[BR-01, FAIL-11] ${what}: ${status}, in the shop’s own look`, async () => {
      await page.goto(`${shop.origin}/basket`)
      const link = await prepare(shop)
      await expectPage(
        looks ? await page.goto(shop.origin + link) : await submit(link),
        what,
        status,
      )
      expect(await page.locator('main').textContent()).to.match(text)
      expect(await page.locator('header .brand').count(), 'the shop’s frame').to.equal(1)
      const told = await page.locator('main .notice a').allTextContents()
      expect(told).to.deep.equal(ways)
      expect(await page.locator('main form').count()).to.equal(hasForm ? 1 : 0)
      expect(await shop.orders()).to.equal(orders)
      shop.lever.mode = 'up'
      shop.free()
      if (hasForm) {
        expect(await page.inputValue('#qty')).to.equal('2')
        await page.click('main form button')
      } else await page.click(told.length > 0 ? 'main .notice a' : 'text=A new form')
      await expectOn(page, hasForm ? /It is placed, once/ : /placed, once|not known|Basket/)
      expect(await shop.orders()).to.equal(hasForm ? orders + 1 : what === 'running' ? 1 : orders)
    })
  }

  it('a form with a mistake: led back to it, and Back asks nothing', async () => {
    await page.goto(`${shop.origin}/`)
    await page.goto(`${shop.origin}/basket`)
    await page.locator('form').evaluate(form => form.setAttribute('novalidate', ''))
    await page.fill('#sku', 'tea')
    await page.fill('#qty', '100')
    const answered = page.waitForResponse(answer => answer.url().includes('checked='))
    await page.click('button')
    await expectPage(await answered, 'a mistake', 200)
    expect(await page.locator('main').textContent()).to.match(/whole number from 1 to 99/)
    expect(await page.inputValue('#qty')).to.equal('100')
    await page.fill('#qty', '4')
    await page.click('button')
    await expectOn(page, /It is placed, once/)
    for (const title of [/Basket/, /Basket/, /Nothing is ordered twice/]) {
      await goBack(page)
      expect(await page.locator('h1').textContent()).to.match(title)
    }
    expect(await shop.orders()).to.equal(1)
  })

  it('Back from a further order asks whether to send again; to say yes does no harm', async () => {
    await page.goto(`${shop.origin}/basket`)
    const link = await shop.link()
    await shop.send(link, { sku: 'tea', qty: '1' })
    await submit(link)
    await page.click('main form button')
    await expectOn(page, /It is placed, once/)
    // Chromium shows its question in place of the page; a reload says yes.
    await page.goBack({ waitUntil: 'commit' }).catch(() => null)
    await until(
      () => page.url().startsWith('chrome-error'),
      async () => page.url(),
    )
    await reloadError(page, /This form was used before/)
    expect(await shop.orders()).to.equal(2)
  })

  it('what is closed, absent or broken', async () => {
    for (const [path, status] of [
      ['/nothing', 404],
      ['/orders/999', 404],
    ] as const) {
      await expectPage(await page.goto(shop.origin + path), path, status)
      await page.setViewportSize({ width: 375, height: 800 })
    }
    await page.goto(`${shop.origin}/basket`)
    const link = await shop.link()
    await context.setExtraHTTPHeaders({ 'Demo-Fault': 'throw' })
    await expectPage(await submit(link), 'broken', 500)
    await context.setExtraHTTPHeaders({})
    shop.lever.mode = 'down'
    await shop.send(link)
    await page.setViewportSize({ width: 375, height: 800 })
    await expectPage(await page.goto(`${shop.origin}/basket`), 'closed', 200)
    expect(await page.locator('main').textContent()).to.match(/cannot be taken right now/)
    await expectFaultFound(page)
  })
})

async function expectOn(page: Page, text: RegExp): Promise<void> {
  await page.waitForFunction(
    ([source, flags]) => new RegExp(source ?? '', flags).test(document.body.textContent ?? ''),
    [text.source, text.flags] as const,
  )
}
