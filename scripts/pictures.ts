/**
 * `npm run pictures`: starts the shop on a file of its own, lets each picture's experiment happen
 * in Chromium, and writes docs/pictures/. Chromium is found in PATH.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startLive } from '../examples/shop/live/support.js'
import { startBrowser } from '../test/client/browser/chromium.js'

/** Name, experiment, light or dark, width and height in pixels. */
const PICTURES = [
  ['crash', 'crash', 'light', 1040, 1230],
  ['retrying-client', 'client', 'dark', 1040, 1000],
  ['phone', 'drop', 'light', 375, 1050],
] as const
const LIMIT_BYTES = 160_000

const target = fileURLToPath(new URL('../docs/pictures/', import.meta.url))
mkdirSync(target, { recursive: true })
const folder = mkdtempSync(join(tmpdir(), 'once-shop-'))
const shop = await startLive({ POE_STORE: `sqlite:${join(folder, 'shop.db')}` })
const browser = await startBrowser()
try {
  for (const [name, fault, colorScheme, width, height] of PICTURES) {
    const viewport = { width, height }
    const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' })
    const page = await context.newPage()
    await page.goto(`${shop.origin}/live`)
    await page.click(`button[data-fault=${fault}]`)
    await page.waitForSelector('.verdict.final', { timeout: 60_000 })
    await page.mouse.move(0, 0)
    if (width < 500) await page.locator('.told').evaluate(place => place.scrollIntoView())
    const path = join(target, `${name}.png`)
    await page.screenshot({ path })
    const { size } = statSync(path)
    console.log(`docs/pictures/${name}.png ${size} bytes`)
    if (size > LIMIT_BYTES) process.exitCode = 1
    await context.close()
  }
} finally {
  await browser.close()
  await shop.end()
  rmSync(folder, { recursive: true })
}
