/**
 * The client of this package passes every check in a browser, and ends as it should as a program;
 * retry helpers as they are do not.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axios from 'axios'
import axiosRetry from 'axios-retry'
import { expect } from 'chai'
import { handleAll, retry } from 'cockatiel'
import fetchRetry from 'fetch-retry'
import pRetry from 'p-retry'
import {
  type ClientCheckOptions,
  type ClientFunction,
  type ClientTask,
  checkClient,
  SCENARIOS,
} from 'post-once-exactly/conformance'
import { bundle, startBrowser } from '../../client/browser/chromium.js'
import { describeWith } from '../../support/servers/programs.js'
import { sideBySide } from '../../support/side-by-side.js'
import { strippedModule } from '../../support/stripped-tree.js'
import { unlike } from './unlike.js'

const ORDER = JSON.stringify({ sku: 'tea', qty: 1 })
const PAGE = new URL('../../../examples/client-page/index.html', import.meta.url)

/** One of each way to end, and what is sent: the rest is judged in the file beside. */
const AS_PROGRAM = [...['POE-2-14/told', 'POE-4-1/field', 'POE-5-1/lost-after', 'POE-5-6/refused']]
/** A page is asked every third check, and what a browser does itself; or `POE_BROWSER_ALL=1`. */
const AS_PAGE = SCENARIOS.flatMap(({ checks }) => checks.map(({ id }) => id)).filter(
  (id, index) =>
    process.env.POE_BROWSER_ALL === '1' || index % 3 === 0 || /^(?:H-|POE-2-10|POE-5-3)/.test(id),
)

describe('poe check-client of the client of this package', () => {
  it('as a program, it ends as it does within a process', async function () {
    this.timeout(120_000)
    const main = strippedModule('lib/cli/main.ts')
    const command = [process.execPath, main, 'post', '{url}', '--json', ORDER]
    const report = await checkClient({ client: { command }, only: AS_PROGRAM, jobs: 4 })
    expect(unlike(report)).to.deep.equal([])
    expect(report.results).to.have.lengthOf(AS_PROGRAM.length)
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
    const context = await browser.newContext()
    const client: ClientFunction = async ({ url, signal }) => {
      // Each scenario has an origin of its own, and so a page that knows of no other.
      const page = await context.newPage()
      signal.addEventListener('abort', () => void page.close())
      await page.goto(url)
      return 'failed'
    }
    try {
      const report = await checkClient({ client, serve: folder, jobs: 6, only: AS_PAGE })
      // A browser hides where a redirect of a POST leads; this page does not ask for links by POST.
      expect(unlike(report)).to.deep.equal([
        'skipped H-303-2/same-post',
        'skipped H-303-2/permanent',
        'skipped POE-2-10/pinned',
        'skipped H-FRM-1/empty',
      ])
    } finally {
      await browser.close()
      await rm(folder, { recursive: true })
    }
  })
})

describeWith(['chromium'], 'the page of docs/check-client.md', () => {
  it('runs as it is written', async function () {
    this.timeout(180_000)
    const guide = await readFile(new URL('../../../docs/check-client.md', import.meta.url), 'utf8')
    const [, line = ''] =
      /^npx poe (check-client --serve my-page -- chromium .*)$/m.exec(guide) ?? []
    const folder = await mkdtemp(join(tmpdir(), 'poe-guide-'))
    await mkdir(join(folder, 'my-page'))
    await copyFile(PAGE, join(folder, 'my-page', 'index.html'))
    await writeFile(join(folder, 'my-page', 'client.js'), await bundle())
    // Chromium refuses to sandbox for root.
    const own = process.getuid?.() === 0 ? ' --no-sandbox' : ''
    const [front = '', back = ''] = line.split(' -- ')
    const args = [...front.split(' '), '--only', 'POE-5-1,POE-5-2/accepted', '--jobs', '2', '--']
    const browser = `${back}${own}`.split(' ')
    try {
      const ran = spawn(
        process.execPath,
        [strippedModule('lib/cli/main.ts'), ...args, ...browser],
        {
          cwd: folder,
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      let said = ''
      for (const stream of [ran.stdout, ran.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString()
        })
      }
      const [code] = (await once(ran, 'exit')) as [number | null]
      expect(said).to.match(/2 passed/)
      expect(code).to.equal(0)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

/** As people use them, with shorter pauses; what they answer counts as success if it is 2xx. */
const HELPERS: Readonly<Record<string, (link: string) => Promise<boolean>>> = {
  'plain fetch': async link => (await fetch(link, init())).ok,
  'fetch-retry': async link => (await fetchRetry(fetch, { retryDelay: 250 })(link, init())).ok,
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

/** Whoever follows redirects as they come ends at a login page, or at another server. */
const BY_FOLLOWING: readonly string[] = [
  'POE-5-3/found',
  'POE-5-3/moved-permanently',
  'POE-8-4/redirect',
]

/** Whoever reads the status only takes these for refusals. */
const BY_STATUS: readonly string[] = [
  'POE-5-6/gateway-error',
  'POE-5-6/gateway-timeout',
  'POE-5-6/server-error',
]

/** Whoever also tries again takes these for refusals, too. */
const BY_STATUS_AFTER_LOSS: readonly string[] = [
  ...BY_STATUS,
  'POE-2-24/no-allow',
  'POE-5-1/lost-after',
  'POE-5-5/allow-with-post',
  'POE-5-5/bare-draft',
  'POE-5-6/gone-later',
  'POE-5-6/running',
  'POE-5-6/unknown-later',
  'POE-5-7/no-result',
]

const ALWAYS: readonly string[] = ['POE-4-1/field', ...BY_FOLLOWING]

/** What each of them does wrong; what throws has told nothing, and is only warned about. */
const FOUND: Readonly<Record<string, readonly string[]>> = {
  'plain fetch': [...ALWAYS, ...BY_STATUS],
  'fetch-retry': [...ALWAYS, ...BY_STATUS_AFTER_LOSS, 'POE-2-10/pinned'],
  'axios-retry': [...ALWAYS, 'POE-2-10/pinned'],
  'p-retry': [
    ...ALWAYS,
    'H-RA-1/date',
    'H-RA-1/seconds',
    'H-RA-1/too-many',
    'POE-2-10/pinned',
    'POE-5-6/busy',
    'POE-5-6/login',
    'POE-5-6/refused',
    'POE-5-6/refused-later',
  ],
  cockatiel: [...ALWAYS, ...BY_STATUS_AFTER_LOSS, 'POE-2-10/pinned'],
}

/** What their pauses are like is asked apart: it cannot be seen in a process that is busy. */
const PAUSES: readonly string[] = ['POE-8-1', 'POE-8-2']
/** Any of these: how long a pause without a length is, the machine decides. */
const PAUSES_FOUND: Readonly<Record<string, readonly string[]>> = {
  'plain fetch': [],
  'fetch-retry': ['POE-8-2/grow'],
  'axios-retry': ['POE-8-1/pauses', 'POE-8-2/grow'],
  'p-retry': [],
  cockatiel: ['POE-8-1/pauses', 'POE-8-2/grow'],
}

describe('poe check-client of retry helpers as they are', () => {
  const found = new Map<string, string[]>()
  const pausesFound = new Map<string, string[]>()

  before('judges all of them side by side', async () => {
    const helpers = Object.entries(HELPERS)
    const skip = Object.fromEntries(PAUSES.map(id => [id, 'asked apart']))
    await sideBySide(helpers, helpers.length, async ([name, send]) => {
      found.set(name, await faultsOf(send, { skip }))
    })
    await sideBySide(helpers, helpers.length, async ([name, send]) => {
      // Pauses of one length may look as if they grew, where the machine has other work.
      const runs = (PAUSES_FOUND[name] ?? []).length === 0 ? 1 : 4
      for (let run = 0; run < runs && (pausesFound.get(name) ?? []).length === 0; run += 1) {
        pausesFound.set(name, await faultsOf(send, { only: PAUSES }))
      }
    })
  })

  for (const name of Object.keys(HELPERS)) {
    it(`${name}: what it does wrong is found`, () => {
      expect(found.get(name)).to.deep.equal([...(FOUND[name] ?? [])].sort())
      const expected = PAUSES_FOUND[name] ?? []
      const pauses = pausesFound.get(name) ?? []
      if (expected.length === 0) expect(pauses).to.deep.equal([])
      else {
        expect(pauses).to.have.length.above(0)
        expect(expected).to.include.members(pauses)
      }
    })
  }
})

async function faultsOf(
  send: (link: string) => Promise<boolean>,
  options: Pick<ClientCheckOptions, 'only' | 'skip'>,
): Promise<string[]> {
  const client: ClientFunction = async ({ link }: ClientTask) =>
    (await send(link)) ? 'accepted' : 'refused'
  const { results } = await checkClient({ client, takes: 'link', jobs: 8, ...options })
  const faults = results.filter(({ result }) => result === 'fail')
  return faults.map(({ id }) => id).sort()
}

function init(): RequestInit {
  return { method: 'POST', body: ORDER, headers: { 'Content-Type': 'application/json' } }
}
