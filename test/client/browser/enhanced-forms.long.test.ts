/**
 * A form that is sent by script: what it tells while it waits, and what it outlives: no network, a
 * closed tab, the cache of Back, a script that fails.
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
  SCRIPTED_SITES,
  type Site,
  scenariosOf,
  startSite,
  until,
} from './form-stage.js'

const KIND = { store: 'sqlite', http: 1, isScripted: true } as const
/** A file that takes some frames to be sent. */
const SCAN_BYTES = 2_000_000

describeWith(['chromium'], 'an enhanced form in Chromium', () => {
  mayBeOverlooked()
  let browser: Browser
  let site: Site
  let context: BrowserContext
  let script = ''
  before(async () => {
    browser = await startBrowser()
    script = await formScript()
  })
  after(() => browser.close())

  const enhanced = (page: Page) =>
    page.locator('form [data-poe-status]').waitFor({ state: 'attached' })
  const open = async () => {
    const page = await openForm(context, site)
    await enhanced(page)
    return page
  }
  const press = (page: Page) => page.locator('button').click({ noWaitAfter: true })
  const amounts = () => site.placed.map(({ qty }) => qty)
  const statusOf = (page: Page) => page.locator('[data-poe-status]')

  for (const kind of SCRIPTED_SITES) {
    describe(`${kind.store}, HTTP/${kind.http}`, () => {
      const it = scenariosOf(kind, async () => {
        site.reset()
        await context.setOffline(false)
        page = await newcomer(context, site.origin)
      })
      let page: Page
      before(async () => {
        site = await startSite(kind, script)
        context = await browser.newContext({ ignoreHTTPSErrors: true })
      })
      after(async () => {
        await context.close()
        await site.close()
      })
      afterEach(() => closePages(context))
      const visit = async (path = '/order') => {
        await page.goto(`${site.origin}${path}`)
        await enhanced(page)
      }

      it('tells which try it is, is busy meanwhile, and says it to a screen reader', async () => {
        await visit()
        const errors: string[] = []
        page.on('console', message => errors.push(message.text()))
        site.cut(4)
        // So that the second try can be seen.
        site.slowMs = 2_000
        await press(page)
        await expectText(page, /Trying again \(2 of 5\)/)
        expect(await page.locator('form').getAttribute('aria-busy')).to.equal('true')
        expect(await page.locator('button').getAttribute('aria-disabled')).to.equal('true')
        expect(await statusOf(page).getAttribute('role')).to.equal('status')
        expect(await statusOf(page).getAttribute('aria-live')).to.equal('polite')
        // It only says that it waits; who presses it all the same sends nothing more.
        await page.locator('button').dispatchEvent('click')
        await expectText(page, /1 placed, once/)
        expect(amounts()).to.deep.equal([1])
        expect(errors.filter(text => /Content Security Policy/.test(text))).to.deep.equal([])
      })

      it('gives up truthfully, and the same button goes on with the same order', async () => {
        await visit()
        site.loseAnswers(100)
        await press(page)
        await until(() => site.placed.length === 1)
        await page.route('**/order/once/**', route => route.abort())
        await expectText(page, /not known whether it was carried out/)
        expect(await page.locator('form').getAttribute('aria-busy')).to.equal(null)
        expect(await page.locator('button').getAttribute('aria-disabled')).to.equal(null)
        await page.unroute('**/order/once/**')
        site.loseAnswers(0)
        await press(page)
        await expectText(page, /1 placed, once/)
        expect(amounts()).to.deep.equal([1])
      })

      it('offline: says so, and is sent when there is a network again', async () => {
        await visit()
        await context.setOffline(true)
        await press(page)
        await expectText(page, /You are offline/)
        expect(amounts()).to.deep.equal([])
        await context.setOffline(false)
        await expectText(page, /1 placed, once/)
        expect(amounts()).to.deep.equal([1])
      })

      it('a tab that was closed in mid-flight: the next one finishes it and says so', async () => {
        site.slowMs = 500
        await visit()
        await press(page)
        await until(() => site.seen.some(line => line.startsWith('POST')))
        await page.close()
        const next = await open()
        await expectText(next, /What you sent before is done, once/)
        expect(await next.locator('[data-poe-status] a').getAttribute('href')).to.match(
          /\/orders\/1$/,
        )
        const later = await open()
        await later.waitForTimeout(300)
        expect(await statusOf(later).textContent()).to.equal('')
        expect(amounts()).to.deep.equal([1])
      })

      it('[FALSE-4615] what is said of an earlier tab’s form is not said of this one', async () => {
        site.slowMs = 500
        await visit()
        await press(page)
        await until(() => site.seen.some(line => line.startsWith('POST')))
        await page.close()
        site.cut(100)
        const next = await context.newPage()
        await next.addInitScript(() => {
          const isOnline = () => 'isOnline' in window
          Object.defineProperty(Navigator.prototype, 'onLine', { get: isOnline })
        })
        await next.goto(`${site.origin}/order`)
        await next.locator('form[data-poe-state=offline]').waitFor()
        expect(await statusOf(next).textContent()).to.match(/^Finishing what you sent before/)
        site.cut(0)
        await next.evaluate(() => {
          Object.assign(window, { isOnline: true })
          window.dispatchEvent(new Event('online'))
        })
        await expectText(next, /What you sent before is done, once/)
        expect(amounts()).to.deep.equal([1])
      })

      it('[BR-05] out of the cache of Back the button works, and says what was done', async () => {
        await page.addInitScript(() => {
          addEventListener('pageshow', event => {
            if (event.persisted) document.documentElement.dataset.persisted = 'yes'
          })
        })
        await visit()
        await press(page)
        await expectText(page, /1 placed, once/)
        await goBack(page)
        await page.locator('[data-persisted=yes]').waitFor({ state: 'attached' })
        await expectText(page, /It is done, once/)
        expect(await page.locator('button').getAttribute('aria-disabled')).to.equal(null)
        await press(page)
        await expectText(page, /1 placed, once/)
        expect(amounts()).to.deep.equal([1])
      })

      it('[BR-11] two tabs with one form at once: one order, both land at it', async () => {
        site.slowMs = 200
        await visit()
        const other = await open()
        await duplicate(page, other)
        await Promise.all([press(page), press(other)])
        for (const tab of [page, other]) await expectText(tab, /1 placed, once/)
        expect(amounts()).to.deep.equal([1])
      })

      it('shows how much of a file has been sent', async () => {
        await visit('/letter')
        const seen = page.evaluate(
          () =>
            new Promise<string>(resolve => {
              const watch = new MutationObserver(() => {
                const bar = document.querySelector('progress')
                if (bar === null || bar.value === 0) return
                resolve(`${bar.getAttribute('aria-label')} ${bar.value > 0 && bar.value <= 1}`)
              })
              watch.observe(document, { subtree: true, childList: true, attributes: true })
            }),
        )
        const scan = {
          name: 'a.pdf',
          mimeType: 'application/pdf',
          buffer: Buffer.alloc(SCAN_BYTES),
        }
        await page.setInputFiles('#scan', scan)
        await press(page)
        expect(await seen).to.equal('Sent so far true')
        await expectText(page, /1 placed, once/)
        expect(site.placed).to.deep.equal([{ sku: '', qty: 1, files: 1 }])
      })

      it('tells the page of each outcome, which may take over', async () => {
        await visit()
        await page.evaluate(() => {
          document.addEventListener('poe-outcome', event => {
            const { outcome, location } = (event as CustomEvent).detail
            document.title = `${outcome} ${new URL(location).pathname}`
            event.preventDefault()
          })
        })
        site.loseAnswers(2)
        await press(page)
        await until(async () => (await page.title()) === 'accepted-earlier /orders/1')
        expect(new URL(page.url()).pathname).to.equal('/order')
      })
    })
  }

  describe('with a script that has a fault', () => {
    // Each has a site of its own, which no tab has been at.
    before(async () => {
      context = await browser.newContext()
    })
    afterEach(() => closePages(context))
    after(() => context.close())

    it('a journal that forgets is caught by the same', async () => {
      const forgetful = await startSite(
        KIND,
        await formScript(code => code.replace('entries.add(entry)', 'entries.get(entry.id)')),
      )
      try {
        forgetful.slowMs = 500
        const page = await openForm(context, forgetful)
        await statusOf(page).waitFor({ state: 'attached' })
        await press(page)
        await until(() => forgetful.seen.some(line => line.startsWith('POST')))
        await page.close()
        const next = await openForm(context, forgetful)
        await statusOf(next).waitFor({ state: 'attached' })
        await next.waitForTimeout(1_000)
        expect(await statusOf(next).textContent()).to.equal('')
      } finally {
        await forgetful.close()
      }
    })

    for (const [what, change] of [
      ['does not load', () => 'this is no script ('],
      ['throws while it sends', (code: string) => code.replace(/new FormData\(/, 'new Missing(')],
      ['has no journal', (code: string) => code.replace('navigator?.locks', 'navigator?.nothing')],
    ] as const) {
      it(`a script that ${what}: the form is sent all the same, once`, async () => {
        const broken = await startSite(KIND, await formScript(change))
        try {
          const page = await openForm(context, broken)
          await page.waitForTimeout(200)
          await press(page)
          await expectText(page, /1 placed, once/)
          expect(broken.placed).to.have.length(1)
        } finally {
          await broken.close()
        }
      })
    }
  })
})
