/**
 * The browser's process is killed at a random moment while an enhanced form is on its way: opened
 * again, there is one order, and what the person reads is so.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Browser, chromium, type Page } from 'playwright-core'
import { describeWith, findProgram } from '../../support/servers/programs.js'
import { SPARED } from './chromium.js'
import { expectText, formScript, type Site, startSite, textOf, until } from './form-stage.js'

/** How often it is killed; `POE_BROWSER_KILLS` says otherwise. */
const KILLS = Number(process.env.POE_BROWSER_KILLS ?? 6)
const MOST_MS = 450
/** Playwright gives the like to a browser that it starts itself. */
const FLAGS = [
  ...SPARED,
  '--headless=new',
  '--remote-debugging-port=0',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-breakpad',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--mute-audio',
  '--password-store=basic',
]

interface Opened {
  readonly process: ChildProcess
  readonly browser: Browser
  readonly page: Page
}

describeWith(['chromium'], 'a browser that is killed', function () {
  this.timeout(60_000 + KILLS * 30_000)
  let site: Site
  let folder = ''
  /** A session that was begun earlier: a new one's cookie would be lost with the process. */
  let session: string[] = []
  const running = new Set<ChildProcess>()

  before(async () => {
    site = await startSite({ store: 'sqlite', http: 1, isScripted: true }, await formScript())
    folder = await mkdtemp(join(tmpdir(), 'poe-browser-'))
    const visited = await fetch(`${site.origin}/order`)
    session = visited.headers.getSetCookie().map(one => one.split(';', 1)[0] ?? '')
  })
  after(async () => {
    for (const child of running) await kill(child)
    await site.close()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  it(`${KILLS} times: one order each, and nothing is told that is not so`, async () => {
    const told = { before: 0, anew: 0 }
    let opened = await open(folder)
    for (let round = 1; round <= KILLS; round += 1) {
      const afterMs = Math.random() * MOST_MS
      site.slowMs = Math.random() * 300
      await enhanced(opened.page)
      opened.page
        .locator('button')
        .click({ noWaitAfter: true })
        .catch(() => {})
      await new Promise(resolve => setTimeout(resolve, afterMs))
      await kill(opened.process)
      opened = await open(folder)
      const { page } = opened
      await enhanced(page)
      const where = `round ${round}, killed after ${afterMs} ms`
      // Whatever was begun is finished by now, or was never kept and never sent, or was over.
      await until(async () => (await page.locator('form[aria-busy]').count()) === 0)
      await page.waitForTimeout(300)
      await until(async () => (await page.locator('form[aria-busy]').count()) === 0)
      const text = await textOf(page)
      if (/What you sent before is done, once/.test(text)) {
        told.before += 1
      } else {
        const asked = `${where}: ${text} ${site.seen.slice(-12).join(' ')}`
        expect(text, asked).not.to.match(/not carried out|not known|cannot be told/)
        if (site.placed.length < round) {
          told.anew += 1
          await page.locator('button').click({ noWaitAfter: true })
          await expectText(page, /placed, once/)
        }
      }
      expect(site.placed.length, where).to.equal(round)
      // It goes on, and is the one that is killed next.
      await page.goto(`${site.origin}/order`)
    }
    process.stderr.write(`    finished ${told.before}, sent anew ${told.anew}\n`)
  })

  async function open(profile: string): Promise<Opened> {
    const portFile = join(profile, 'DevToolsActivePort')
    await rm(portFile, { force: true })
    const given = [...FLAGS, `--user-data-dir=${profile}`, 'about:blank']
    const child = spawn(findProgram('chromium') ?? 'chromium', given, { stdio: 'ignore' })
    running.add(child)
    await until(() => existsSync(portFile) && readFileSync(portFile, 'utf8').includes('\n'))
    const [port] = readFileSync(portFile, 'utf8').split('\n')
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`)
    const [context] = browser.contexts()
    if (context === undefined) throw new Error('the browser has no profile')
    const cookies = session.map(cookie => {
      const at = cookie.indexOf('=')
      return { name: cookie.slice(0, at), value: cookie.slice(at + 1), url: site.origin }
    })
    await context.addCookies(cookies)
    const page = await context.newPage()
    await page.goto(`${site.origin}/order`)
    return { process: child, browser, page }
  }

  async function kill(child: ChildProcess): Promise<void> {
    running.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

/** Waits until the module has taken the form over. */
async function enhanced(page: Page): Promise<void> {
  await page.locator('form [data-poe-status]').waitFor({ state: 'attached' })
}
