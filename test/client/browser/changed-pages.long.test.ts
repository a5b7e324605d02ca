/**
 * Pages that a script changes, as Turbo, htmx, Unpoly and Swup do: the form may go while it is on
 * its way, and a copy of it may come back.
 */
import { expect } from 'chai'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { describeWith } from '../../support/servers/programs.js'
import { closePages, startBrowser } from './chromium.js'
import { expectText, formScript, mayBeOverlooked, newcomer, textOf, until } from './form-stage.js'
import { type OddSite, startOddSite } from './odd-site.js'

const FORM =
  '<poe-form><form method="post" action="{link}">' +
  '<input name="sku" id="sku" value="tea"><button id="go">Go</button></form></poe-form>'

describeWith(['chromium'], 'an enhanced form in a page that a script changes', () => {
  mayBeOverlooked()
  let browser: Browser
  let context: BrowserContext
  let site: OddSite
  let page: Page
  before(async () => {
    browser = await startBrowser(['--process-per-site'])
    context = await browser.newContext()
    site = await startOddSite(await formScript())
  })
  after(async () => {
    await browser.close()
    await site.close()
  })
  beforeEach(async () => {
    site.placed.length = 0
    site.seen.length = 0
    site.before = async () => null
    site.markup = FORM
    page = await newcomer(context, site.origin)
    await open(page)
  })
  afterEach(() => closePages(context))

  async function open(tab: Page): Promise<void> {
    await tab.goto(`${site.origin}/page`)
    await tab.locator('form [data-poe-status]').waitFor({ state: 'attached' })
  }
  const posts = () => site.seen.filter(line => line.startsWith('POST'))
  /** Presses the button; the answer waits until the function that is given is called. */
  const press = async (status: number | null) => {
    let answer = () => {}
    const held = new Promise<void>(resolve => {
      answer = resolve
    })
    site.before = async () => {
      await held
      return status
    }
    await page.click('#go')
    await until(() => posts().length === 1)
    return () => answer()
  }
  /** Puts another content in the page's place, and keeps a copy of what was there. */
  const leave = () =>
    page.evaluate(() => {
      Object.assign(window, { kept: document.body.cloneNode(true) })
      document.body.innerHTML = '<p>Another page</p>'
    })
  /** Shows the copy that was kept. */
  const comeBack = () =>
    page.evaluate(() => {
      document.body = (window as unknown as { kept: HTMLElement }).kept
    })

  it('[FALSE-4611] refused when it is gone: the form that is there now says so', async () => {
    const refuse = await press(422)
    await leave()
    await comeBack()
    refuse()
    await expectText(page, /What you sent before was not carried out/)
    expect(site.placed).to.deep.equal([])
  })

  it('[FALSE-4611] refused when it is gone, and none is there: the next one says so', async () => {
    const refuse = await press(422)
    await leave()
    refuse()
    await page.waitForTimeout(1_000)
    await page.waitForTimeout(300)
    await open(page)
    await expectText(page, /What you sent before was not carried out/)
  })

  it('[FALSE-4611] it cannot be told, and the form is gone: the next one asks again', async () => {
    const refuse = await press(503)
    await leave()
    await page.route('**/order/once/**', route => route.abort())
    refuse()
    await page.waitForTimeout(4_000)
    await page.unroute('**/order/once/**')
    site.before = async () => null
    await comeBack()
    await expectText(page, /What you sent before is done, once/)
    expect(site.placed).to.have.length(1)
  })

  it('[FALSE-4611] what a preview finishes is said by the page that takes its place', async () => {
    const answer = await press(null)
    await page.close()
    page = await context.newPage()
    await open(page)
    await expectText(page, /Finishing what you sent before/)
    await leave()
    await comeBack()
    answer()
    await expectText(page, /What you sent before is done, once/)
    expect(site.placed).to.have.length(1)
  })

  it('[FALSE-4612] a copy of a form that was on its way does not say that it is', async () => {
    const answer = await press(422)
    await leave()
    await comeBack()
    await page.locator('form').waitFor()
    expect(await textOf(page)).not.to.include('Sending')
    expect(await page.locator('form[aria-busy], [aria-disabled]').count()).to.equal(0)
    answer()
  })

  it('[FALSE-4613] a form whose line was taken away says what there is to say', async () => {
    const refuse = await press(422)
    await page.evaluate(() => {
      document.querySelector('[data-poe-status]')?.remove()
      ;(document.querySelector('#sku') as HTMLInputElement).value = 'coffee'
    })
    refuse()
    await expectText(page, /What you sent before was not carried out/)
  })

  it('a form that is moved while it is on its way goes on', async () => {
    const answer = await press(null)
    await page.evaluate(() => document.body.append(document.querySelector('poe-form') as Element))
    expect(await textOf(page)).to.include('Sending')
    await page.locator('#go').dispatchEvent('click')
    answer()
    await expectText(page, /Placed 1, once/)
    expect(posts()).to.have.length(1)
  })
})
