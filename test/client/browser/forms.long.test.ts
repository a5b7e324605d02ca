/**
 * What people do with forms, in Chromium: clicks, keys, Back, tabs and lost answers, with script
 * and without, over HTTP/1.1 and HTTP/2. Each time the orders are those that were meant, and what
 * the person reads is so.
 */
import { expect } from 'chai'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { describeWith } from '../../support/servers/programs.js'
import { closePages, startBrowser } from './chromium.js'
import {
  duplicate,
  expectText,
  formScript,
  goBack,
  mayBeOverlooked,
  newcomer,
  openForm,
  reloadError,
  SITES,
  type Site,
  scenariosOf,
  startSite,
  textOf,
  until,
} from './form-stage.js'

describeWith(['chromium'], 'forms in Chromium', () => {
  mayBeOverlooked()
  let browser: Browser
  let script = ''
  /** Of visitors with script and of those without: the sites are of different origins. */
  let contexts: BrowserContext[] = []
  before(async () => {
    browser = await startBrowser(['--process-per-site'])
    script = await formScript()
    contexts = await Promise.all(
      [true, false].map(javaScriptEnabled =>
        browser.newContext({ javaScriptEnabled, ignoreHTTPSErrors: true }),
      ),
    )
  })
  after(() => browser.close())

  for (const kind of SITES) {
    const { store, http, isScripted } = kind
    describe(`${isScripted ? 'with' : 'without'} script, ${store}, HTTP/${http}`, () => {
      let site: Site
      let context: BrowserContext
      let page: Page
      const it = scenariosOf(kind, async () => {
        site.reset()
        page = await newcomer(context, site.origin)
        await page.goto(`${site.origin}/order`)
        if (isScripted) await enhanced(page)
      })
      before(async () => {
        site = await startSite(kind, script)
        const of = contexts[isScripted ? 0 : 1]
        if (of !== undefined) context = of
      })
      after(() => site.close())
      afterEach(() => closePages(context))
      const press = (at = page) => at.locator('button').click({ noWaitAfter: true })
      const fill = async (fields: Record<string, string>) => {
        for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value)
      }
      const amounts = () => site.placed.map(({ qty }) => qty)

      it('[BR-01] five clicks, and Enter held down: one order, and the way to it', async () => {
        site.slowMs = 400
        // Before the first frame is painted, Chromium takes no clicks.
        await page.screenshot()
        const box = await page.locator('button').boundingBox()
        if (box === null) return expect.fail('no button')
        let clickedMs = Number.NEGATIVE_INFINITY
        await until(
          async () => {
            // On a busy machine it may take none even then; or it took them, and is going on.
            if (site.placed.length === 0 && performance.now() > clickedMs + 5_000) {
              clickedMs = performance.now()
              const clicks = { clickCount: 5, delay: 20 }
              page.mouse.click(box.x + 5, box.y + 5, clicks).catch(() => null)
            }
            return /placed, once|already sent/.test(await textOf(page))
          },
          async () => `${site.seen.join(', ')}; at ${page.url()}: ${await textOf(page)}`,
        )
        expect(amounts()).to.deep.equal([1])
        page = await openForm(context, site)
        if (isScripted) await enhanced(page)
        await page.focus('#qty')
        for (let at = 0; at < 5; at += 1) await page.keyboard.down('Enter')
        await page.keyboard.up('Enter')
        await expectText(page, /placed, once|already sent/)
        expect(amounts()).to.deep.equal([1, 1])
      })

      it('[BR-01] reload of the result, Back and submit again: one order', async () => {
        await press()
        await expectText(page, /placed, once/)
        await page.reload()
        await goBack(page)
        if (isScripted) await enhanced(page)
        await press()
        if (!isScripted) {
          await expectText(page, /already sent.*carried out once/s)
          // Its reload is the form once more.
          await page.reload()
          await expectText(page, /already sent.*carried out once/s)
          await page.click('text=See the order')
        }
        await expectText(page, /1 placed, once/)
        expect(new URL(page.url()).pathname).to.equal('/orders/1')
        // The look has taken the refusal's place: no question whether to send it again.
        await goBack(page)
        await expectText(page, /Quantity/)
        expect(amounts()).to.deep.equal([1])
      })

      it('[BR-03] Back, edit, submit: says so, keeps the fields, a fresh form', async () => {
        await fill({ sku: 'tea', qty: '10' })
        await press()
        await expectText(page, /10 placed/)
        await goBack(page)
        if (isScripted) await enhanced(page)
        await fill({ sku: 'tea', qty: '25' })
        await press()
        await expectText(page, /(?:other content|same cannot be told|whether it is the same)/)
        expect(await page.inputValue('#qty')).to.equal('25')
        expect(amounts()).to.deep.equal([10])
        if (isScripted) await enhanced(page)
        await press()
        await expectText(page, /25 placed/)
        expect(amounts()).to.deep.equal([10, 25])
        // What no redirect can avoid: behind it is a refusal. To have that sent again does no harm.
        await page.goBack({ waitUntil: 'commit', timeout: 2_000 }).catch(() => null)
        await until(() => page.url().startsWith('chrome-error'))
        await reloadError(page, /(?:other content|same cannot be told|whether it is the same)/)
        expect(amounts()).to.deep.equal([10, 25])
      })

      it('[BR-01] a duplicated tab: one order, both are told of it', async () => {
        const other = await openForm(context, site)
        if (isScripted) await enhanced(other)
        await duplicate(page, other)
        await press()
        await expectText(page, /placed, once/)
        await press(other)
        await expectText(other, isScripted ? /placed, once/ : /already sent/)
        expect(amounts()).to.deep.equal([1])
      })

      it('a lost answer: reload without script, nothing to do with it; one order', async () => {
        // Chromium sends a POST again by itself where a connection that was kept is cut.
        site.loseAnswers(isScripted ? 2 : 100)
        await press()
        await until(() => site.placed.length === 1)
        if (!isScripted) {
          await until(() => page.url().startsWith('chrome-error'))
          site.loseAnswers(0)
          await reloadError(page, /already sent/)
          await page.click('text=See the order')
        }
        await expectText(page, /1 placed, once/)
        expect(amounts()).to.deep.equal([1])
      })

      it('[FAIL-11] the session has run out: says so, keeps the fields, one order', async () => {
        await fill({ sku: 'tea', qty: '3' })
        await context.clearCookies()
        await press()
        await expectText(page, /No such address.*somebody else/s)
        expect(await page.inputValue('#sku')).to.equal('tea')
        expect(amounts()).to.deep.equal([])
        if (isScripted) await enhanced(page)
        await press()
        await expectText(page, /3 placed, once/)
        expect(amounts()).to.deep.equal([3])
      })

      it('[BR-07] scanners and prefetches use nothing up', async () => {
        const action = `${site.origin}${(await page.locator('form').getAttribute('action')) ?? ''}`
        for (const method of ['HEAD', 'GET', 'OPTIONS']) {
          await context.request.fetch(action, { method, maxRedirects: 0 })
          await context.request.fetch(action, { method, headers: { 'Sec-Purpose': 'prefetch' } })
        }
        await press()
        await expectText(page, /placed, once/)
        expect(amounts()).to.deep.equal([1])
      })

      it('a mistake: the form with what was typed, one order, and Back asks nothing', async () => {
        await fill({ sku: 'tea', qty: '0' })
        await press()
        await expectText(page, /must be a number/)
        expect(await page.inputValue('#sku')).to.equal('tea')
        await page.fill('#qty', '4')
        if (isScripted) await enhanced(page)
        await press()
        await expectText(page, /4 placed/)
        for (let at = 0; at < 2; at += 1) {
          await goBack(page)
          await expectText(page, /Quantity/)
        }
        expect(amounts()).to.deep.equal([4])
      })

      it('[BR-03] a multipart form with a file: one order; edited, fields kept', async () => {
        page = await openForm(context, site, '/letter')
        if (isScripted) await enhanced(page)
        const scan = { name: 'a.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(200_000) }
        await page.setInputFiles('#scan', scan)
        await fill({ sku: 'post', qty: '2' })
        await press()
        await expectText(page, /2 placed, once/)
        expect(site.placed).to.deep.equal([{ sku: 'post', qty: 2, files: 1 }])
        await goBack(page)
        if (isScripted) await enhanced(page)
        await page.fill('#sku', 'post again')
        await press()
        await expectText(page, /used before.*choose the file again/s)
        expect(await page.inputValue('#sku')).to.equal('post again')
        expect(await page.inputValue('#scan')).to.equal('')
        expect(amounts()).to.deep.equal([2])
      })

      it('the store is gone: says that nothing can be told, and one order later', async () => {
        site.isDown = true
        await press()
        if (isScripted) await expectText(page, /Trying again \(2 of 5\)/)
        else await expectText(page, /Not possible right now.*Look again/s)
        site.isDown = false
        if (!isScripted) {
          await until(async () => {
            await page.click('text=Look again').catch(() => null)
            return /Nothing has been sent/.test(await textOf(page))
          })
          await page.click('text=A new form')
          await press()
        }
        await expectText(page, /1 placed, once/)
        expect(amounts()).to.deep.equal([1])
      })
    })
  }
})

/** Waits until the module has taken the form over. */
async function enhanced(page: Page): Promise<void> {
  await page.locator('form [data-poe-status]').waitFor({ state: 'attached' })
}
