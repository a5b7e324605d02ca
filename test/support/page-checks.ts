/**
 * What must hold for every page that is shown to people: valid HTML, nothing that axe finds in
 * light and dark, on a desktop and a phone, nothing that moves by itself, no script that blocks.
 *
 * @see WCAG 2.2; WHATWG HTML
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect } from 'chai'
import { HtmlValidate } from 'html-validate'
import type { BrowserContext, Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const VALIDATE = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y'] })
/** What is in order is long, and nobody reads it. */
const FIND = "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => ({ violations }))"
const HEIGHT = 800

/** The widths of a desktop and of a phone, in CSS pixels. */
export const WIDTHS = [1_280, 375] as const
/** What a person may prefer. */
export const SCHEMES = ['light', 'dark'] as const

/** What a page tells of itself, see {@link watch}. */
export interface Watched {
  readonly shifts: number[]
  /** Directives of the page's policy that were violated. */
  readonly violations: string[]
}

/** Gives what is wrong with a page's HTML. */
export async function mistakesIn(html: string): Promise<string[]> {
  const report = await VALIDATE.validateString(html)
  return report.results.flatMap(({ messages }) =>
    messages.map(({ ruleId, message, line }) => `${ruleId}: ${message} (line ${line})`),
  )
}

/** Pages that differ in words and links alone have one shape, and look alike to axe. */
export function shapeOf(html: string): string {
  return html.replaceAll(/>[^<]*</g, '><').replaceAll(/ (?:href|action|value)="[^"]*"/g, '')
}

/** Gives what axe finds on a page as it is shown now; the context must have `bypassCSP`. */
export async function violationsOn(page: Page): Promise<string[]> {
  const isThere = await page.evaluate('typeof axe === "object"')
  if (isThere !== true) await page.evaluate(AXE)
  const { violations } = (await page.evaluate(FIND)) as {
    violations: { id: string; nodes: { target: string[] }[] }[]
  }
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`))
}

/**
 * Looks at a page in each width and in each scheme. No style here depends on both, so in two widths
 * and two schemes it is looked at twice, and with `POE_BROWSER_ALL=1` four times. It stays in the
 * last of them; what moves is told of the width in which it was loaded.
 */
export async function expectGoodLooks(
  page: Page,
  what: string,
  widths: readonly number[] = WIDTHS,
  schemes: readonly (typeof SCHEMES)[number][] = SCHEMES,
): Promise<void> {
  expect(await blockingScripts(page), `${what}: scripts`).to.deep.equal([])
  expect((await watchedOn(page)).shifts, `${what}: shifts`).to.deep.equal([])
  const isPaired = widths.length === schemes.length && process.env.POE_BROWSER_ALL !== '1'
  for (const [at, width] of widths.entries()) {
    await page.setViewportSize({ width, height: HEIGHT })
    for (const colorScheme of isPaired ? schemes.slice(at, at + 1) : schemes) {
      await page.emulateMedia({ colorScheme })
      const where = `${what}, ${colorScheme}, ${width} px`
      expect(await violationsOn(page), where).to.deep.equal([])
    }
    const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
    expect(isWide, `${what}: too wide at ${width} px`).to.equal(false)
  }
}

/** Makes a page that axe must find fault with, and expects that it does. */
export async function expectFaultFound(page: Page): Promise<void> {
  await page.evaluate(() =>
    document.querySelector('h1')?.setAttribute('style', 'color:#888;background:#777'),
  )
  expect(await violationsOn(page), 'a planted fault').to.include('color-contrast: h1')
  const broken = await mistakesIn('<!doctype html><html><p><main></p>')
  expect(broken, 'a planted fault').not.to.deep.equal([])
}

/** Scripts for which the page has to wait. */
export async function blockingScripts(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const scripts = [...document.querySelectorAll('script')]
    const plain = scripts.filter(one => one.type !== 'module' && !one.defer && !one.async)
    const loaded = performance.getEntriesByType('resource').filter(entry => {
      const { initiatorType, renderBlockingStatus } = entry as PerformanceResourceTiming & {
        readonly renderBlockingStatus?: string
      }
      return initiatorType === 'script' && renderBlockingStatus === 'blocking'
    })
    return [...plain.map(one => one.outerHTML), ...loaded.map(({ name }) => name)]
  })
}

/** Notes in each page of a context what moves, and what the page's policy stops. */
export async function watch(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const watched: Watched = { shifts: [], violations: [] }
    Object.assign(window, { watched })
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) {
        watched.shifts.push((entry as PerformanceEntry & { readonly value: number }).value)
      }
    }).observe({ type: 'layout-shift', buffered: true })
    addEventListener('securitypolicyviolation', ({ violatedDirective }) => {
      watched.violations.push(violatedDirective)
    })
  })
}

/** Gives what was noted. */
export async function watchedOn(page: Page): Promise<Watched> {
  return (await page.evaluate('watched')) as Watched
}
