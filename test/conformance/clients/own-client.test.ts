/**
 * The client of this package passes every check, as a program and in a browser; retry helpers as
 * they are do not.
 */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axios from 'axios'
import axiosRetry from 'axios-retry'
import { expect } from 'chai'
import { handleAll, retry } from 'cockatiel'
import fetchRetry from 'fetch-retry'
import pRetry from 'p-retry'
import {
  type ClientFunction,
  type ClientReport,
  type ClientTask,
  checkClient,
} from 'post-once-exactly/conformance'
import { bundle, startBrowser } from '../../browser/chromium.js'
import { describeWith } from '../../support/servers/programs.js'
import { strippedModule } from '../../support/stripped-tree.js'
import { sideBySide } from '../side-by-side.js'

const ORDER = JSON.stringify({ sku: 'tea', qty: 1 })
const PAGE = new URL('../../../examples/client-page/index.html', import.meta.url)

describe('poe check-client of the client of this package', () => {
  it('as a program, it passes everything', async function () {
    this.timeout(120_000)
    const main = strippedModule('lib/cli/main.ts')
    const command = [process.execPath, main, 'post', '{url}', '--json', ORDER]
    const report = await checkClient({ client: { command }, jobs: 6 })
    expect(unlike(report)).to.deep.equal([])
    expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
  })

  it('given links instead of pages, it passes what can be asked then', async function () {
    this.timeout(120_000)
    const main = strippedModule('lib/cli/main.ts')
    const command = [process.execPath, main, 'post', '--link', '{link}', '--json', ORDER]
    const only = ['POE-5-1', 'POE-2-11', 'POE-3-4']
    const report = await checkClient({ client: { command }, takes: 'link', only })
    expect(unlike(report)).to.deep.equal(['skipped POE-3-4/comma'])
  })
})

describeWith(['chromium'], 'poe check-client of the client in Chromium', () => {
  it('as a page, it passes everything that a page can do', async function () {
    this.timeout(180_000)
    const folder = await mkdtemp(join(tmpdir(), 'poe-page-'))
    await copyFile(PAGE, join(folder, 'index.html'))
    await writeFile(join(folder, 'client.js'), await bundle())
    const browser = await startBrowser()
    const client: ClientFunction = async ({ url, signal }) => {
      const context = await browser.newContext()
      const page = await context.newPage()
      signal.addEventListener('abort', () => void context.close())
      await page.goto(url)
      return 'failed'
    }
    try {
      const report = await checkClient({ client, serve: folder, jobs: 4 })
      // A browser hides where a redirect of a POST leads; this page does not ask for links by POST.
      expect(unlike(report)).to.deep.equal([
        'skipped POE-5-3/by-get',
        'skipped H-303-2/same-post',
        'skipped POE-2-10/pinned',
        'skipped H-FRM-1/empty',
      ])
    } finally {
      await browser.close()
      await rm(folder, { recursive: true })
    }
  })
})

/** As people use them; what they answer counts as success if it is 2xx. */
const HELPERS: Readonly<Record<string, (link: string) => Promise<boolean>>> = {
  'plain fetch': async link => (await fetch(link, init())).ok,
  'fetch-retry': async link => (await fetchRetry(fetch)(link, init())).ok,
  'axios-retry': async link => {
    const api = axios.create({ adapter: 'http' })
    axiosRetry(api)
    await api.post(link, ORDER, { headers: { 'Content-Type': 'application/json' } })
    return true
  },
  'p-retry': async link => {
    const send = async () => {
      const answer = await fetch(link, init())
      if (!answer.ok) throw new Error(String(answer.status))
      return answer
    }
    return (await pRetry(send, { minTimeout: 40, maxTimeout: 200 })).ok
  },
  cockatiel: async link => {
    const answer = await retry(handleAll, { maxAttempts: 3 }).execute(() => fetch(link, init()))
    return answer.ok
  },
}

/** Taken for a refusal by whoever reads the status only. */
const BY_STATUS: readonly string[] = [
  'POE-2-10/pinned',
  'POE-2-24/no-allow',
  'POE-4-1/field',
  'POE-5-1/lost-after',
  'POE-5-3/found',
  'POE-5-5/allow-with-post',
  'POE-5-5/bare-draft',
  'POE-5-6/gateway-error',
  'POE-5-6/gone-later',
  'POE-5-6/running',
]

/** What each of them does wrong; what throws has told nothing, and is only warned about. */
const FOUND: Readonly<Record<string, readonly string[]>> = {
  'plain fetch': ['POE-4-1/field', 'POE-5-3/found', 'POE-5-6/gateway-error'],
  'fetch-retry': [...BY_STATUS, 'POE-8-2/grow'],
  'axios-retry': [
    'POE-2-10/pinned',
    'POE-4-1/field',
    'POE-5-3/found',
    'POE-8-1/pauses',
    'POE-8-2/grow',
  ],
  'p-retry': [
    'H-RA-1/date',
    'H-RA-1/seconds',
    'POE-2-10/pinned',
    'POE-4-1/field',
    'POE-5-3/found',
    'POE-5-6/login',
    'POE-5-6/refused',
  ],
  cockatiel: [...BY_STATUS, 'POE-8-1/pauses', 'POE-8-2/grow'],
}

describe('poe check-client of retry helpers as they are', () => {
  const reports = new Map<string, ClientReport>()

  before('judges all of them side by side', async function () {
    this.timeout(60_000)
    const helpers = Object.entries(HELPERS)
    await sideBySide(helpers, helpers.length, async ([name, send]) => {
      const client = async ({ link }: ClientTask) => ((await send(link)) ? 'accepted' : 'refused')
      const options = { client: client as ClientFunction, takes: 'link' as const }
      reports.set(name, await checkClient(options))
    })
  })

  for (const name of Object.keys(HELPERS)) {
    it(`${name}: what it does wrong is found`, () => {
      const faults = reports.get(name)?.results.filter(({ result }) => result === 'fail')
      expect(faults?.map(({ id }) => id).sort()).to.deep.equal(FOUND[name])
    })
  }
})

function init(): RequestInit {
  return { method: 'POST', body: ORDER, headers: { 'Content-Type': 'application/json' } }
}

function unlike({ results }: ClientReport): string[] {
  return results
    .filter(({ result }) => result !== 'pass')
    .map(({ id, result, expected, seen }) =>
      result === 'skipped' ? `skipped ${id}` : `${result} ${id}: ${expected}, ${seen}`,
    )
}
