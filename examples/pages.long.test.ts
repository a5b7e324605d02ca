/**
 * The pages of the other examples, and the report that `poe check` writes, in Chromium: valid HTML,
 * and nothing that axe finds, moves, blocks or is too wide.
 */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type Koa from 'koa'
import type { Browser, Page } from 'playwright-core'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { startBrowser } from '../test/client/browser/chromium.js'
import { formScript } from '../test/client/browser/form-stage.js'
import {
  expectFaultFound,
  expectGoodLooks,
  mistakesIn,
  shapeOf,
  watch,
} from '../test/support/page-checks.js'
import { areInstalled, describeWith } from '../test/support/servers/programs.js'
import { createApp as createActions } from './actions/app.js'
import { createApp as createMessages } from './duplicates/app.js'
import { EXAMPLES, startExample } from './elsewhere/servers.js'
import { createApp as createForms } from './forms/app.js'

type Named = readonly [name: string, html: string]

/** Asks an application as a browser does. */
async function asking(
  app: Koa,
  ask: (
    get: (path: string, form?: object, cookie?: string) => Promise<Response>,
  ) => Promise<Named[]>,
): Promise<Named[]> {
  app.silent = true
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    return await ask((path, form, cookie = '') => {
      const sent =
        form === undefined ? {} : { method: 'POST', body: new URLSearchParams({ ...form }) }
      const headers = { Accept: 'text/html', cookie }
      return fetch(origin + path, { ...sent, headers, redirect: 'manual' })
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const linkIn = (html: string) => /action=["']([^"']+)/.exec(html)?.[1] ?? ''

async function formsPages(): Promise<Named[]> {
  const app = createForms({ store: memoryStore(), placed: [], script: 'x' })
  return await asking(app, async get => {
    const first = await get('/order')
    const cookie = first.headers
      .getSetCookie()
      .map(one => one.split(';', 1)[0])
      .join('; ')
    const order = await first.text()
    const link = linkIn(order)
    const mistake = await get('/order?sku=tea&qty=0&wrong=qty', undefined, cookie)
    const letter = await get('/letter', undefined, cookie)
    await get(link, { sku: 'tea', qty: '1' }, cookie)
    const named: [string, Response][] = [
      ['mistake', mistake],
      ['letter', letter],
      ['placed', await get('/orders/1', undefined, cookie)],
      ['used', await get(link, { sku: 'tea', qty: '1' }, cookie)],
      ['other content', await get(link, { sku: 'cup', qty: '1' }, cookie)],
      ['somebody else', await get(link, { sku: 'cup', qty: '1' })],
    ]
    const texts = named.map(async ([name, page]) => [`forms: ${name}`, await page.text()] as const)
    return [['forms: order', order], ...(await Promise.all(texts))]
  })
}

async function otherPages(): Promise<Named[]> {
  const messages = await asking(createMessages([]), async get => {
    await get('/messages', { to: 'ann', text: 'hello' })
    const again = await get('/messages', { to: 'ann', text: 'hello' })
    return [['duplicates: the same again', await again.text()]]
  })
  const actions = await asking(createActions(), async get => {
    return [['actions: plan', await (await get('/plan')).text()]]
  })
  const file = (path: string): Named => [
    path,
    readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'),
  ]
  return [
    ...messages,
    ...actions,
    file('docs/conformance-report.html'),
    file('examples/client-page/index.html'),
  ]
}

/** Of the servers in other languages: a form, what it leads to, a repeat, and a link of nobody. */
async function elsewherePages(): Promise<Named[]> {
  const named: Named[] = []
  const programs = EXAMPLES.filter(one => areInstalled([one.program], one.file))
  for (const example of programs) {
    const folder = mkdtempSync(join(tmpdir(), 'poe-pages-'))
    const server = await startExample(example, folder)
    const keep = async (what: string, path: string, init: RequestInit = {}): Promise<string> => {
      const answer = await fetch(new URL(path, server.origin), {
        ...init,
        headers: { ...init.headers, Accept: 'text/html' },
      })
      const text = await answer.text()
      const isPage = /^text\/html/.test(answer.headers.get('content-type') ?? '')
      if (isPage) named.push([`${example.file}: ${what}`, text])
      return isPage ? text : ''
    }
    try {
      const link = linkIn(await keep('form', example.page))
      if (link === '') continue
      const form = { method: 'POST', body: new URLSearchParams({ item: 'tea', qty: '1' }) }
      await keep('unspent', link)
      await keep('placed', link, form)
      await keep('again', link, form)
      await keep('result', link)
      await keep(
        'nobody’s',
        link.replace(/.$/, end => (end === '0' ? '1' : '0')),
      )
    } finally {
      await server.end()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return named
}

describeWith(['chromium'], 'the pages of the examples in Chromium', function () {
  this.timeout(60_000)
  let browser: Browser
  let page: Page
  let script = ''
  let shown = ''
  before(async () => {
    browser = await startBrowser()
    script = await formScript()
    const viewport = { width: 375, height: 800 }
    const context = await browser.newContext({ bypassCSP: true, viewport })
    await watch(context)
    page = await context.newPage()
    await context.route('**', route => {
      const isPage = route.request().isNavigationRequest()
      const body = isPage ? shown : script
      return route.fulfill({ contentType: isPage ? 'text/html' : 'text/javascript', body })
    })
  })
  after(() => browser.close())

  for (const [what, pages, isSettled] of [
    ['forms', formsPages, 'form [data-poe-status], body:not(:has(form))'],
    ['the others', otherPages, 'body'],
    ['servers in other languages', elsewherePages, 'body'],
  ] as const) {
    it(`${what}: nothing is found, by the validator nor by axe`, async () => {
      const shownPages = await pages()
      expect(shownPages.length, 'how many pages').to.be.above(3)
      const seen = new Set<string>()
      for (const [name, html] of shownPages) {
        expect(await mistakesIn(html), name).to.deep.equal([])
        const shape = shapeOf(html)
        if (seen.has(shape)) continue
        seen.add(shape)
        shown = html
        await page.setViewportSize({ width: 375, height: 800 })
        await page.goto('http://pages.invalid/')
        await page.locator(isSettled).first().waitFor({ state: 'attached' })
        // The report is long, and has one column in any width.
        await expectGoodLooks(page, name, name.startsWith('docs/') ? [375] : [375, 1_280])
      }
      await expectFaultFound(page)
    })
  }
})
