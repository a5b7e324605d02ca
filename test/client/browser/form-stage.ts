/**
 * A site with forms before a real browser: over HTTP/1.1 or HTTP/2, plain or with the module that
 * enhances them, where answers can be lost and the store can be taken away.
 */

import { readFileSync } from 'node:fs'
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { createApp, type Order } from '../../../examples/forms/app.js'
import { aroundStore } from '../../support/around-store.js'
import { INSTALLED_STORES, openStore, type StoreKind } from '../../support/stores.js'
import { bundled } from './chromium.js'

/** What kind of site. */
export interface SiteKind {
  readonly store: StoreKind
  readonly http: 1 | 2
  readonly isScripted: boolean
}

/** All are asked everything, which takes four times as long. */
export const IS_WHOLE = process.env.POE_BROWSER_ALL === '1'

/** The second store; where PostgreSQL is not installed it is the first once more. */
const OTHER: StoreKind = INSTALLED_STORES.includes('postgres') ? 'postgres' : 'sqlite'
const PAIRED_SITES: readonly SiteKind[] = [
  { store: 'sqlite', http: 1, isScripted: false },
  { store: OTHER, http: 2, isScripted: true },
  { store: OTHER, http: 2, isScripted: false },
  { store: 'sqlite', http: 1, isScripted: true },
]
const OTHER_SITES: readonly SiteKind[] = [
  { store: 'sqlite', http: 2, isScripted: false },
  { store: OTHER, http: 1, isScripted: true },
  { store: OTHER, http: 1, isScripted: false },
  { store: 'sqlite', http: 2, isScripted: true },
]

/** A site that a browser can be sent to. */
export interface Site {
  readonly origin: string
  readonly placed: Order[]
  /** Requests as `METHOD /path`. */
  readonly seen: string[]
  /** The next so many POSTs take effect, and their answers are lost. */
  loseAnswers(count: number): void
  /** The next so many POSTs are cut before they arrive anywhere. */
  cut(count: number): void
  /** How long an order takes, in milliseconds. */
  slowMs: number
  isDown: boolean
  /** As if nobody had been here; links that were given out go on. */
  reset(): void
  close(): Promise<void>
}

/** The sites, each of which is asked what {@link scenariosOf} gives it. */
export const SITES: readonly SiteKind[] = [...PAIRED_SITES, ...(IS_WHOLE ? OTHER_SITES : [])]

/** The same for what only a script does. */
export const SCRIPTED_SITES: readonly SiteKind[] = SITES.filter(({ isScripted }) => isScripted)

/**
 * Declares the scenarios of a site, in turns: every second one is for it, and the others are for
 * the site that has the other store and protocol. So each scenario is met on each store, over each
 * protocol, with script and without. `POE_BROWSER_ALL=1` takes all of them on all eight sites.
 *
 * @param prepare - opens what a scenario begins with, and is tried again with it: a hook would not
 * @returns what takes the place of `it`
 */
export function scenariosOf(
  { http, isScripted }: SiteKind,
  prepare: () => Promise<unknown>,
): (title: string, body: () => Promise<unknown>) => void {
  let isNext = isScripted === (http === 2)
  return (title, body) => {
    const whole = async () => {
      await prepare()
      await body()
    }
    if (isNext || IS_WHOLE) it(title, whole)
    isNext = !isNext
  }
}

const ENTRY = fileURLToPath(new URL('../../../lib/client/form.ts', import.meta.url))
const TLS = new URL('../../support/tls/', import.meta.url)

let built: Promise<string> | null = null

/** The module that enhances forms; `change` plants faults in it. */
export async function formScript(change: (code: string) => string = code => code): Promise<string> {
  built ??= bundled({
    stdin: {
      contents: `import { definePoeForm } from ${JSON.stringify(ENTRY)}
        definePoeForm({ baseMs: 100, timeoutMs: 5000 })`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
  })
  return change(await built)
}

/** Starts a site. */
export async function startSite(kind: SiteKind, script = ''): Promise<Site> {
  const opened = await openStore(kind.store)
  const placed: Order[] = []
  const seen: string[] = []
  const left = { lost: 0, cut: 0 }
  const store = aroundStore(opened.store, (_method, _key, call) =>
    site.isDown ? Promise.reject(new Error('taken away')) : call(),
  )
  const slow = () => new Promise<void>(resolve => setTimeout(resolve, site.slowMs))
  const app = createApp({ store, placed, slow, ...(kind.isScripted && { script }) })
  app.silent = true
  const callback = app.callback()
  const handle = (asked: IncomingMessage, answer: ServerResponse) => {
    seen.push(`${asked.method} ${asked.url}`)
    if (asked.method === 'POST') {
      if (left.cut > 0) {
        left.cut -= 1
        return breakOff(asked)
      }
      if (left.lost > 0) {
        left.lost -= 1
        answer.end = () => {
          breakOff(asked)
          return answer
        }
      }
    }
    void callback(asked, answer)
  }
  const server =
    kind.http === 1
      ? createPlain(handle)
      : createSecureServer(
          { key: pem('key.pem'), cert: pem('certificate.pem'), allowHTTP1: true },
          handle as unknown as () => void,
        )
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const site: Site = {
    origin: `${kind.http === 1 ? 'http' : 'https'}://127.0.0.1:${port}`,
    placed,
    seen,
    slowMs: 0,
    isDown: false,
    reset() {
      placed.length = 0
      seen.length = 0
      Object.assign(left, { lost: 0, cut: 0 })
      Object.assign(site, { slowMs: 0, isDown: false })
    },
    loseAnswers(count) {
      left.lost = count
    },
    cut(count) {
      left.cut = count
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
      await opened.discard()
    },
  }
  return site
}

/** A tab of somebody who has never been here: no cookie, and nothing in a journal. */
export async function newcomer(context: BrowserContext, origin: string): Promise<Page> {
  await context.clearCookies()
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  await session.detach()
  return page
}

/** A tab with a fresh form. */
export async function openForm(
  context: BrowserContext,
  site: Site,
  path = '/order',
): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${site.origin}${path}`)
  return page
}

/** Makes the form of one tab that of another, as duplicating a tab does. */
export async function duplicate(page: Page, other: Page): Promise<void> {
  const form = page.locator('form')
  const token = await form.locator('[name=_csrf]').getAttribute('value')
  const action = await form.getAttribute('action')
  await other.locator('form').evaluate(
    (copy, given) => {
      copy.setAttribute('action', String(given.action))
      copy.querySelector('[name=_csrf]')?.setAttribute('value', String(given.token))
    },
    { action, token },
  )
}

/** The text that a person sees. */
export async function textOf(page: Page): Promise<string> {
  const text = page.locator('body').textContent()
  return (await text.catch(() => null)) ?? ''
}

/** What was waited for in a browser is not there. */
class NotSeen extends Error {
  override readonly name = 'NotSeen'
}

/**
 * In the suite that calls it a test may try three times, and says so, where what it waits for is
 * not seen: Chromium lets a click or a reload come to nothing on a machine that is busy. A wrong
 * count, or a wrong word, fails at once.
 */
export function mayBeOverlooked(): void {
  beforeEach(function () {
    const test = this.currentTest
    const body = test?.fn as ((this: Mocha.Context) => Promise<void>) | undefined
    if (test === undefined || body === undefined) return
    test.timeout(180_000)
    test.retries(2)
    test.fn = async function (this: Mocha.Context) {
      try {
        await body.call(this)
      } catch (error) {
        const { name, message } = error as Error
        const isOverlooked = name === 'NotSeen' || name === 'TimeoutError'
        if (!isOverlooked) test.retries(0)
        else process.stderr.write(`    not seen: ${test.title}: ${message}\n`)
        throw error
      }
    }
  })
}

/** Waits for words on the page. */
export async function expectText(page: Page, words: RegExp): Promise<void> {
  await until(
    async () => words.test(await textOf(page)),
    async () => `${words} is not at ${page.url()}: ${await textOf(page)}`,
  )
}

/** Between two looks at a page, each of which takes two processes some time on a core. */
const LOOK_MS = 50

/** Waits until something is so. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: () => Promise<string> = async () => 'it does not come true',
): Promise<void> {
  const endMs = performance.now() + 40_000
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new NotSeen(await what())
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}

/**
 * Reloads what Chromium shows in place of a page, and waits for words. A busy one lets a reload
 * come to nothing, so that its own page stays; then once more.
 */
export async function reloadError(page: Page, words: RegExp): Promise<void> {
  await until(
    async () => {
      if (page.url().startsWith('chrome-error')) {
        await page.reload({ waitUntil: 'commit', timeout: 5_000 }).catch(() => null)
      }
      return words.test(await textOf(page))
    },
    async () => `${words} is not at ${page.url()}: ${await textOf(page)}`,
  )
}

/** Goes back; a page that comes out of the cache loads nothing that could be waited for. */
export async function goBack(page: Page): Promise<void> {
  const before = page.url()
  await page.goBack({ waitUntil: 'commit', timeout: 2_000 }).catch(() => null)
  await until(() => page.url() !== before)
}

function pem(name: string): string {
  return readFileSync(new URL(name, TLS), 'utf8')
}

function breakOff(asked: IncomingMessage): void {
  const { stream } = asked as unknown as Partial<Http2ServerRequest>
  if (stream === undefined) asked.socket.destroy()
  else stream.session?.destroy()
}
