/** The live page in Chromium: what each button shows, by mouse and keyboard. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  Page,
  ViewportSize,
} from 'playwright-core'
import { closePages, startBrowser } from '../../../test/client/browser/chromium.js'
import {
  expectText,
  goBack,
  IS_WHOLE,
  mayBeOverlooked,
  until,
} from '../../../test/client/browser/form-stage.js'
import {
  expectFaultFound,
  expectGoodLooks,
  mistakesIn,
  SCHEMES,
  WIDTHS,
  watch,
  watchedOn,
} from '../../../test/support/page-checks.js'
import { describeWith } from '../../../test/support/servers/programs.js'
import { type LiveProcess, startLive } from './support.js'

/** The shop's pages besides the live one, once an order was placed on each form. */
const OTHER_PAGES = ['/', '/basket', '/orders', '/ledger', '/nothing']
/** A desktop's and a phone's, in CSS pixels. */
const VIEWS = [
  [1_280, 720],
  [375, 740],
] as const
/** What each button shows in the end: the verdict, and what is read in both sequences. */
const SHOWN: readonly (readonly [string, string, ordinary: RegExp[], once: RegExp[]])[] = [
  [
    'drop',
    'Answer dropped: 2 orders by the ordinary form, 1 order by the other.',
    [/You press the button/, /The connection is cut\./, /sends it again|press again/, /303 See/],
    [/The answer is lost/, /405 Method Not Allowed/, /Nothing was ordered now\. The order is at/],
  ],
  [
    'double',
    'Double click: 2 orders by the ordinary form, 1 order by the other.',
    [/First click/, /Second click/],
    [/First click/, /Second click/, /Link: <\/orders\/\d+>; rel="… result"/],
  ],
  [
    'slow',
    'Slow shop: 2 orders by the ordinary form, 1 order by the other.',
    [/The shop takes 2\.5 s\./, /Nothing happens, so you press again/],
    [/The first is still at work, so this one waits for it\./, /405 Method Not Allowed/],
  ],
  [
    'crash',
    'Server crashed: 2 orders by the ordinary form, 1 order by the other.',
    [/kill -9: process \d+ is dead\./, /Process \d+ takes over/],
    [/kill -9: process \d+ is dead\./, /Process \d+ takes over/, /Allow: GET, HEAD, OPTIONS/],
  ],
  [
    'tabs',
    'Three retrying tabs: 6 orders by the ordinary form, 1 order by the other.',
    [/Tab 1 sends the form/, /Tab 3 sends the form/],
    [/Tab 3 sends the form/, /405 Method Not Allowed/],
  ],
  [
    'client',
    'Retrying client: 4 orders by the ordinary form, 1 order by the other.',
    [/The client sends it/, /It tries again \(4 of 4\)/],
    [/It tries again \(2 of 4\)/, /405 Method Not Allowed/],
  ],
]

describeWith(['chromium'], 'the live shop in Chromium', () => {
  mayBeOverlooked()
  let browser: Browser
  let shop: LiveProcess
  let folder: string
  /** As the pages' policy has it, without it, and without script. */
  const contexts = new Map<string, BrowserContext>()

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'once-shop-'))
    shop = await startLive({ POE_STORE: `sqlite:${join(folder, 'shop.db')}` })
    browser = await startBrowser(['--process-per-site'])
  })
  afterEach(() => Promise.all([...contexts.values()].map(closePages)))
  after(async () => {
    await browser.close()
    await shop.end()
    await rm(folder, { recursive: true })
  })

  /** A tab of somebody who has never been here. */
  async function open(
    path: string,
    options: BrowserContextOptions = {},
    size: ViewportSize = { width: 1_280, height: 720 },
  ): Promise<Page> {
    const named = JSON.stringify(options)
    const context = contexts.get(named) ?? (await browser.newContext(options))
    if (!contexts.has(named)) await watch(context)
    contexts.set(named, context)
    await context.clearCookies()
    const page = await context.newPage()
    await page.setViewportSize(size)
    await page.goto(shop.origin + path)
    return page
  }

  for (const [fault, verdict, ...expected] of SHOWN) {
    it(`${fault}: ${verdict}`, async () => {
      const page = await open('/live')
      await page.click(`button[data-fault=${fault}]`)
      expect(await verdictOf(page)).to.equal(verdict)
      const [ordinary, once] = verdict.match(/\d+(?= orders?)/g) ?? []
      expect(await countsOf(page)).to.deep.equal([ordinary, once])
      for (const [index, side] of ['ordinary', 'once'].entries()) {
        const text = await read(page, `#${side}-steps`)
        for (const words of expected[index] ?? []) expect(text, side).to.match(words)
        expect(await page.locator(`#${side}-rows a`).count()).to.equal(
          Number([ordinary, once][index]),
        )
      }
      // What was drawn has moved nothing, and needed nothing that the policy forbids.
      expect(await watchedOn(page)).to.deep.equal({ shifts: [], violations: [] })
      await page.click('#once-rows a')
      expect(await read(page, 'main')).to.match(/It is placed, once/)
    })
  }

  // Both lead to one page, so each is gone in one of the views.
  for (const [path, view, ...clicks] of [
    // What `npm start` says in the end, and the address before it.
    ['/live', VIEWS[1], 'Drop the answer'],
    ['/', VIEWS[0], 'Break it, and watch', 'Drop the answer'],
  ] as const) {
    it(`from npm start to 2 against 1, by ${path}: three clicks at most, and in view`, async () => {
      // The first is on the address in the terminal.
      expect(1 + clicks.length).to.be.at.most(3)
      for (const [width, height] of IS_WHOLE ? VIEWS : [view]) {
        const page = await open(path, {}, { width, height })
        for (const click of clicks) await page.click(`text=${click}`)
        expect(await verdictOf(page)).to.match(/2 orders by .*, 1 order by the other/)
        expect(await countsOf(page)).to.deep.equal(['2', '1'])
        const { y = 0, height: tall = 0 } = (await page.locator('#verdict').boundingBox()) ?? {}
        expect(y).to.be.within(0, height - tall)
        if (width > 1_000) {
          const count = await page.locator('#once-count').boundingBox()
          expect(count?.y).to.be.within(0, height - (count?.height ?? 0))
        }
      }
    })
  }

  it('by keyboard alone: the focus stays, and the outcome is a status', async () => {
    const page = await open('/live')
    await page.waitForSelector('button[data-fault=drop]:enabled')
    const focused = () => page.evaluate(() => document.activeElement?.textContent)
    for (let steps = 0; (await focused()) !== 'Double click'; steps += 1) {
      expect(steps).to.be.below(20)
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Enter')
    expect(await verdictOf(page)).to.match(/^Double click: 2 orders/)
    expect(await focused()).to.equal('Double click')
    expect(await read(page, '[role=status]')).to.match(/^Double click: 2 orders/)
    for (let steps = 0; (await focused())?.includes('303 See Other') !== true; steps += 1) {
      expect(steps).to.be.below(30)
      await page.keyboard.press('Tab')
    }
    const list = page.getByRole('list', { name: 'What happened: An ordinary form' })
    expect(await list.textContent()).to.match(/You to the shop: First click/)
  })

  it('by hand: press both twice, and reload: it still stands there', async () => {
    const page = await open('/live')
    for (const side of ['ordinary', 'once', 'ordinary', 'once']) {
      const answered = page.waitForResponse(
        answer => answer.request().method() === 'POST' && !answer.url().includes('/runs'),
      )
      await page.click(`#${side} button[type=submit]`)
      await answered
    }
    await page.waitForFunction(() => document.querySelector('#ordinary-count')?.textContent === '2')
    expect(await countsOf(page)).to.deep.equal(['2', '1'])
    expect(await read(page, '#ordinary-steps')).not.to.include('by itself')
    await page.reload()
    await page.waitForFunction(() => document.querySelector('#ordinary-count')?.textContent === '2')
    expect(await countsOf(page)).to.deep.equal(['2', '1'])
  })

  it('a form that only looks as if it were at a link is found out', async () => {
    const page = await open('/live')
    await page.route('**/live/runs', async route => {
      const answer = await route.fetch()
      const json = { ...(await answer.json()), once: '/live/orders' }
      await route.fulfill({ response: answer, json })
    })
    await page.click('button[data-fault=double]')
    expect(await verdictOf(page)).to.equal(
      'Double click: 4 orders by the ordinary form, 0 orders by the other.',
    )
  })

  it('without a script both are plain forms', async () => {
    const page = await open('/live', { javaScriptEnabled: false })
    expect(await read(page, 'main')).to.include('The experiments need a script.')
    expect(await page.locator('button[data-fault]:enabled').count()).to.equal(0)
    for (const [side, again] of [
      ['ordinary', /Ordinary order \d+\s+It is placed/],
      ['once', /placed already/],
    ] as const) {
      const submit = async () => {
        await page.click(`#${side} button[type=submit]`)
        await page.waitForURL(({ pathname }) => pathname !== '/live')
        return await read(page, 'h1')
      }
      const first = await submit()
      await goBack(page)
      expect(await submit()).not.to.equal(first)
      await expectText(page, again)
      await page.goto(`${shop.origin}/live`)
    }
  })

  it('nothing moves where less motion is asked for', async () => {
    for (const [reducedMotion, moves] of [
      ['reduce', false],
      ['no-preference', true],
    ] as const) {
      const page = await open('/live')
      await page.emulateMedia({ reducedMotion })
      const begun = page.evaluate(
        () =>
          new Promise(resolve => {
            addEventListener('animationstart', () => resolve(true))
            document.querySelector('#verdict')?.addEventListener('ended', () => resolve(false))
          }),
      )
      await page.click('button[data-fault=double]')
      await verdictOf(page)
      await page.evaluate(() =>
        document.querySelector('#verdict')?.dispatchEvent(new Event('ended')),
      )
      expect(await begun, reducedMotion).to.equal(moves)
    }
  })

  it('valid; nothing that axe finds, moves, blocks or is too wide', async () => {
    const page = await openAfterOrders({ bypassCSP: true })
    const paths = [...OTHER_PAGES, ...(await orderPages(page))]
    // What a script draws is loaded in both widths, as it might move in one of them.
    const looks = WIDTHS.map((width, at) => ['/live', [width], SCHEMES.slice(at, at + 1)] as const)
    const others = paths.map(path => [path, WIDTHS, SCHEMES] as const)
    for (const [path, widths, schemes] of [...looks, ...others]) {
      const [width = 0] = widths
      await page.setViewportSize({ width, height: 800 })
      const answer = await page.goto(shop.origin + path, { waitUntil: 'load' })
      expect(await mistakesIn((await answer?.text()) ?? ''), path).to.deep.equal([])
      await page.waitForTimeout(300)
      await expectGoodLooks(page, path, widths, IS_WHOLE ? SCHEMES : schemes)
    }
    await expectFaultFound(page)
  })

  it('what moves the page is seen', async () => {
    const page = await open('/live', { bypassCSP: true })
    await page.evaluate(() => document.querySelector('main')?.prepend(document.createElement('hr')))
    await until(async () => (await watchedOn(page)).shifts.length > 0)
  })

  /** A visitor whose orders stand on both forms, with the sequence still drawn. */
  async function openAfterOrders(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await open('/live', options)
    await page.click('button[data-fault=double]')
    await verdictOf(page)
    return page
  }
})

/** What is seen of an element, hidden text left out. */
async function read(page: Page, selector: string): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: what is seen is what this is about
  return await page.innerText(selector)
}

async function verdictOf(page: Page): Promise<string> {
  await page.waitForSelector('.verdict.final', { timeout: 60_000 })
  return await read(page, '#verdict')
}

async function countsOf(page: Page): Promise<string[]> {
  return [await read(page, '#ordinary-count'), await read(page, '#once-count')]
}

/** The pages of orders that the ledgers lead to. */
async function orderPages(page: Page): Promise<string[]> {
  const links = page.locator('#ordinary-rows li:first-child a, #once-rows a')
  return await links.evaluateAll(all => all.map(link => link.getAttribute('href') ?? ''))
}
