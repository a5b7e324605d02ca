/**
 * A real browser before a real shop: the client's whole browser entry is bundled and served from
 * the shop's own origin, and answers can be lost on their way.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { createShop } from '../../../examples/shop/app.js'
import { openStorage } from '../../../examples/shop/storage.js'
import { findProgram } from '../../support/servers/programs.js'

const ENTRY = fileURLToPath(new URL('../../../lib/client/browser-journal.ts', import.meta.url))

/** A shop that a browser can be sent to. */
export interface Stage {
  readonly origin: string
  /** The requests that arrived, as `METHOD /path`, and whether they said POE. */
  readonly seen: { readonly line: string; readonly poe: string | undefined }[]
  /** The next so many orders take effect, and their answers are lost. */
  loseAnswers(count: number): void
  orders(): Promise<number>
  close(): Promise<void>
}

/**
 * What Playwright turns off, as the last list is the one that counts; and besides, what loads pages
 * of the browser's own beside each of ours: suggestions for the address, and a process in reserve.
 */
const UNWANTED = [
  ...['AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose', 'HttpsUpgrades'],
  ...['HttpsFirstBalancedModeAutoEnable', 'MediaRouter', 'PaintHolding', 'OptimizationHints'],
  ...['ThirdPartyStoragePartitioning', 'NetworkTimeServiceQuerying', 'PreconnectToSearch'],
  ...['AvoidCorsURLLoaderRestartOnRedirect', 'LensOverlay', 'Translate', 'AimEnabled'],
  ...['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'SpareRendererForSitePerProcess'],
]

/**
 * What a browser is spared: no page here draws in three dimensions, and Debian's own settings have
 * each page painted by a graphics processor, which is imitated where there is none.
 */
export const SPARED: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-gpu-rasterization',
  '--disable-software-rasterizer',
  `--disable-features=${UNWANTED}`,
]

/** Starts a browser; the tests of a file share one. */
export async function startBrowser(args: readonly string[] = []): Promise<Browser> {
  return await chromium.launch({
    executablePath: findProgram('chromium') ?? 'chromium',
    args: [...SPARED, ...args],
    // Without this no page is kept when one goes on to the next.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })
}

let built: Promise<string> | null = null

/** The client for a page, as one module; `change` plants faults in it. */
export async function bundle(change: (code: string) => string = code => code): Promise<string> {
  built ??= bundled({ entryPoints: [ENTRY] })
  return change(await built)
}

/** Bundles this tree's sources for a page. */
export async function bundled(entry: BuildOptions): Promise<string> {
  const { outputFiles } = await build({
    ...entry,
    bundle: true,
    format: 'esm',
    write: false,
    conditions: ['@post-once-exactly/source'],
  })
  return outputFiles[0]?.text ?? ''
}

/** Closes the tabs of a context that tests share. */
export async function closePages(context: BrowserContext): Promise<void> {
  await Promise.all(context.pages().map(page => page.close()))
}

/** In a page: whoever opens this database from now on is not answered while the page is there. */
export async function blockDatabase(name: string): Promise<void> {
  const request = indexedDB.open(name)
  Object.assign(window, { held: request })
  await new Promise(resolve => {
    request.onsuccess = resolve
  })
  await new Promise(resolve => {
    indexedDB.deleteDatabase(name).onblocked = resolve
  })
}

/** Starts a shop in this process, with the client at `/client.js` and empty pages at `/page`. */
export async function startStage(script: string): Promise<Stage> {
  const storage = await openStorage({ kind: 'memory' })
  const shop = createShop({ storage, faults: true })
  shop.app.silent = true
  const callback = shop.app.callback()
  const seen: Stage['seen'] = []
  let left = 0
  const server = createServer((asked, answer) => {
    seen.push({
      line: `${asked.method} ${asked.url}`,
      poe: asked.headers.poe as string | undefined,
    })
    if (asked.url === '/client.js') return say(answer, 'text/javascript', script)
    if (asked.url?.startsWith('/page'))
      return say(answer, 'text/html', '<!doctype html><title>page</title>')
    if (asked.url?.startsWith('/elsewhere')) return elsewhere(asked, answer)
    if (left > 0 && asked.method === 'POST' && asked.url?.startsWith('/orders/once/')) {
      left -= 1
      lose(asked, answer)
    }
    void callback(asked, answer)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    seen,
    loseAnswers(count) {
      left = count
    },
    async orders() {
      const ledger = (await (await fetch(`${origin}/ledger`)).json()) as { orders: number }
      return ledger.orders
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await shop.close()
      await storage.close()
    },
  }
}

/** A page of the shop's origin, with the client's module as `window.poe`. */
export async function openPage(context: BrowserContext, stage: Stage): Promise<Page> {
  const page = await context.newPage()
  await goTo(page, `${stage.origin}/page`)
  return page
}

/** Another page with the module, in the same tab. */
export async function goTo(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.evaluate(async () => {
    Object.assign(window, { poe: await import('/client.js' as string) })
  })
}

/** The effect is there when the answer is about to leave. */
function lose(asked: IncomingMessage, answer: ServerResponse): void {
  answer.end = () => {
    asked.socket.destroy()
    return answer
  }
}

/** A POE-like resource of another origin that lets scripts in. */
function elsewhere(asked: IncomingMessage, answer: ServerResponse): void {
  answer.setHeader('Access-Control-Allow-Origin', '*')
  answer.setHeader('Access-Control-Allow-Headers', 'poe, content-type, idempotency-key')
  answer.writeHead(asked.method === 'OPTIONS' ? 204 : 201).end()
}

function say(answer: ServerResponse, type: string, text: string): void {
  answer.setHeader('Content-Type', type)
  answer.end(text)
}
