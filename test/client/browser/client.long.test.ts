/**
 * The client in Chromium: lost answers, no network, tabs that close and tabs that compete, on
 * IndexedDB and the browser's own locks; and a journal into which another script of the same origin
 * has written.
 */
import { expect } from 'chai'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type * as Client from '../../../lib/client/browser-journal.js'
import { describeWith } from '../../support/servers/programs.js'
import {
  blockDatabase,
  bundle,
  closePages,
  goTo,
  openPage,
  type Stage,
  startBrowser,
  startStage,
} from './chromium.js'
import { mayBeOverlooked, until } from './form-stage.js'

/** The module, as a page has it. */
declare const poe: typeof Client

/** What a page tells of an outcome. */
interface Told {
  readonly outcome: string
  readonly attempts: number
  readonly text: string
}

describeWith(['chromium'], 'the client in Chromium', () => {
  mayBeOverlooked()
  let browser: Browser
  let stage: Stage
  let context: BrowserContext

  before(async () => {
    browser = await startBrowser(['--host-resolver-rules=MAP shop.test 127.0.0.1'])
    context = await browser.newContext()
  })
  // Of an origin of its own, where nothing is stored yet.
  beforeEach(async () => {
    await context.setOffline(false)
    stage = await startStage(await bundle())
  })
  afterEach(async () => {
    await closePages(context)
    await stage.close()
  })
  after(() => browser.close())

  it('[POE-5-2] an order is accepted, and every request says POE: 1', async () => {
    const page = await openPage(context, stage)
    const told = await order(page, await linkIn(page))
    expect(told).to.include({ outcome: 'accepted', attempts: 1 })
    expect(told.text).to.match(/^\{"id":1,/)
    const ours = stage.seen.filter(({ line }) => /basket|once/.test(line))
    expect(ours.map(({ poe }) => poe)).to.deep.equal(['1', '1'])
  })

  it('[POE-5-1] a lost answer is found again, with one effect', async () => {
    const page = await openPage(context, stage)
    const link = await linkIn(page)
    stage.loseAnswers(1)
    const told = await order(page, link)
    // Chromium sends a POST again by itself where a connection that was in use before is cut.
    expect(told.outcome).to.equal('accepted-earlier')
    expect(told.text).to.match(/^\{"id":1,/)
    expect(await stage.orders()).to.equal(1)
  })

  it('[CL-13] a redirect that the browser hides is asked about, with one effect', async () => {
    const page = await openPage(context, stage)
    const told = await order(page, await linkIn(page), { accept: 'text/html' })
    expect(told.outcome).to.equal('accepted-earlier')
    expect(told.text).to.include('<html')
    expect(await stage.orders()).to.equal(1)
  })

  it('[CL-17] offline and online again: the order is made once, by resuming', async () => {
    const page = await openPage(context, stage)
    const link = await linkIn(page)
    await context.setOffline(true)
    const told = await order(page, link, {}, 2)
    expect(told.outcome).to.equal('unknown')
    expect(await resume(page)).to.deep.equal(['unknown'])
    await context.setOffline(false)
    expect(await stage.orders()).to.equal(0)
    expect(await resume(page)).to.deep.equal(['accepted'])
    expect(await resume(page)).to.deep.equal([])
    expect(await stage.orders()).to.equal(1)
  })

  it('[CL-17] a tab closed in mid-flight: the next one goes on', async () => {
    await closeInMidFlight(context, stage)
    const next = await openPage(context, stage)
    await until(async () => (await stage.orders()) === 1)
    expect(await resume(next)).to.deep.equal(['accepted-earlier'])
    expect(await resume(next)).to.deep.equal([])
    expect(await stage.orders()).to.equal(1)
  })

  it('[CL-17] a page left in mid-flight, and kept for Back: the next one goes on', async () => {
    const page = await openPage(context, stage)
    const link = await linkIn(page)
    await page.evaluate(() => {
      addEventListener('pagehide', ({ persisted }) => {
        sessionStorage.setItem('is kept', String(persisted))
      })
    })
    void order(page, link, { 'demo-fault': 'delay=700' }).catch(() => null)
    await until(async () => stage.seen.some(({ line }) => line.startsWith('POST /orders/once/')))
    await goTo(page, `${stage.origin}/page/2`)
    expect(await page.evaluate(() => sessionStorage.getItem('is kept'))).to.equal('true')
    expect(await resume(page)).to.deep.equal(['accepted-earlier'])
    expect(await stage.orders()).to.equal(1)
  })

  it('a journal that forgets is caught by the same', async () => {
    const forgetful = await startStage(
      await bundle(code => code.replace('entries.add(entry)', 'entries.get(entry.id)')),
    )
    try {
      await closeInMidFlight(context, forgetful)
      const next = await openPage(context, forgetful)
      expect(await resume(next)).to.deep.equal([])
    } finally {
      await forgetful.close()
    }
  })

  for (const who of ['the browser', 'a page']) {
    it(`[FALSE-4407] ${who} clears what is kept: the next order is kept all the same`, async () => {
      const page = await openPage(context, stage)
      await page.evaluate(async () => {
        Object.assign(window, { journal: await poe.indexedDbJournal() })
      })
      const link = await linkIn(page)
      if (who === 'a page') await page.evaluate(clearByPage)
      else await clearByBrowser(context, page, stage)
      await page.evaluate(async link => {
        const { journal } = window as unknown as { journal: Client.Journal }
        const client = poe.createClient({ journal })
        await client.post(link, { sku: 'tea', qty: 1 })
      }, link)
      expect(await stage.orders()).to.equal(1)
      expect(await resume(page)).to.deep.equal([])
    })
  }

  it('[FALSE-4584] a browser that opens no database, and says nothing: an error', async () => {
    const page = await openPage(context, stage)
    await page.evaluate(blockDatabase, 'post-once-exactly')
    const told = await page.evaluate(() => poe.indexedDbJournal().catch(error => error.code))
    expect(told).to.equal('ERR_POE_JOURNAL')
  })

  it('[FALSE-4619] no room is left: the error says so, and nothing is sent', async () => {
    const page = await openPage(context, stage)
    const link = await linkIn(page)
    const session = await context.newCDPSession(page)
    const room = { origin: stage.origin, quotaSize: 1_000 }
    await session.send('Storage.overrideQuotaForOrigin', room)
    const told = await page.evaluate(async link => {
      const client = poe.createClient({ journal: await poe.indexedDbJournal() })
      return await client.post(link, 'tea'.repeat(100_000)).catch(error => error.message)
    }, link)
    expect(told).to.match(/^The journal cannot be used: QuotaExceededError/)
    expect(stage.seen.filter(({ line }) => line.startsWith('POST'))).to.deep.equal([])
  })

  it('[BR-11] two tabs that resume at once send one stored order once', async () => {
    const page = await openPage(context, stage)
    const link = await linkIn(page)
    await context.setOffline(true)
    await order(page, link, {}, 1)
    await context.setOffline(false)
    const other = await openPage(context, stage)
    stage.loseAnswers(1)
    const told = await Promise.all([resume(page), resume(other)])
    expect(told.flat()).to.deep.equal(['accepted-earlier'])
    expect(await stage.orders()).to.equal(1)
  })

  it('[BR-11] two tabs that post to one link at once make one order', async () => {
    const [page, other] = [await openPage(context, stage), await openPage(context, stage)]
    const link = await linkIn(page)
    const told = await Promise.all([order(page, link), order(other, link)])
    expect(told.map(({ outcome }) => outcome).toSorted()).to.deep.equal([
      'accepted',
      'accepted-earlier',
    ])
    expect(await stage.orders()).to.equal(1)
  })

  it('[BR-11] a replay when the link is forgotten is unknown; nothing is posted anew', async () => {
    const page = await openPage(context, stage)
    await context.setOffline(true)
    await order(page, `${stage.origin}/orders/once/${'A'.repeat(70)}`, {}, 1)
    await context.setOffline(false)
    stage.seen.length = 0
    expect(await resume(page)).to.deep.equal(['unknown'])
    expect(await resume(page)).to.deep.equal([])
    const posts = stage.seen.filter(({ line }) => line.startsWith('POST'))
    expect(posts).to.have.length(1)
    expect(await stage.orders()).to.equal(0)
  })

  it('[BR-05] after Back the shop’s button works, and a second submit has no effect', async () => {
    const page = await context.newPage()
    await page.addInitScript(() => {
      addEventListener('pageshow', event => {
        if (event.persisted) sessionStorage.setItem('persisted', 'yes')
      })
    })
    await page.goto(`${stage.origin}/basket`)
    const button = page.locator('button').first()
    await page.fill('#sku', 'tea')
    await page.fill('#qty', '1')
    await Promise.all([page.waitForURL(/\/orders\/\d+$/), button.click()])
    expect(await stage.orders()).to.equal(1)
    // A page that is taken out of the cache loads nothing that could be waited for.
    await page.evaluate(() => history.back())
    const persisted = () => page.evaluate(() => sessionStorage.getItem('persisted'))
    await until(async () => (await persisted().catch(() => null)) === 'yes')
    expect(await button.isEnabled()).to.equal(true)
    await button.click({ noWaitAfter: true })
    await until(async () => /already|before/i.test(await page.content().catch(() => '')))
    expect(await stage.orders()).to.equal(1)
  })

  it('[POE-4-1] another origin is told POE only on request', async () => {
    const page = await openPage(context, stage)
    const other = stage.origin.replace('127.0.0.1', 'localhost')
    for (const crossOrigin of [false, true]) {
      stage.seen.length = 0
      const outcome = await page.evaluate(
        async ({ url, crossOrigin }) => {
          const client = poe.createClient({ crossOrigin })
          return (await client.post(url, 'x')).outcome
        },
        { url: `${other}/elsewhere`, crossOrigin },
      )
      expect(outcome).to.equal('accepted')
      const said = stage.seen.filter(({ line }) => line === 'POST /elsewhere')
      expect(said.map(({ poe }) => poe)).to.deep.equal([crossOrigin ? '1' : undefined])
    }
  })

  it('a page that did not come by https has no journal, and can post all the same', async () => {
    const origin = stage.origin.replace('127.0.0.1', 'shop.test')
    const page = await openPage(context, { ...stage, origin })
    const code = await page.evaluate(async () => {
      return await poe.indexedDbJournal().then(
        () => 'opened',
        (error: { code: string }) => error.code,
      )
    })
    expect(code).to.equal('ERR_POE_JOURNAL')
    const outcome = await page.evaluate(async () => {
      const client = poe.createClient()
      const [found] = await client.links(`${location.origin}/basket`)
      return (await client.post(found?.link ?? '', { sku: 'tea', qty: 1 })).outcome
    })
    expect(outcome).to.equal('accepted')
  })

  it('[FALSE-2104] what is no entry is passed over, and the others are resumed', async () => {
    const page = await openPage(context, stage)
    const told = await page.evaluate(async () => {
      const journal = await poe.indexedDbJournal()
      const [found] = await poe.createClient().links(`${location.origin}/basket`)
      const entry = {
        id: 'whole',
        link: found?.link ?? '',
        isRepeatable: true,
        idempotencyKey: null,
        body: new TextEncoder().encode('{"sku":"tea","qty":1}'),
        headers: [['content-type', 'application/json']] as const,
        createdAtMs: Date.now(),
        expiresAtMs: null,
      }
      await (await journal.begin(entry)).leave()
      const request = indexedDB.open('post-once-exactly')
      await new Promise(resolve => {
        request.onsuccess = resolve
      })
      const transaction = request.result.transaction('entries', 'readwrite')
      const odd = [
        { ...entry, id: '../a' },
        { ...entry, id: 'b', link: 'javascript:alert(1)' },
        { ...entry, id: 'c', headers: [['cookie', 'a=b']] },
        { ...entry, id: 'd', body: 'text' },
        { id: 'e' },
      ]
      for (const one of odd) transaction.objectStore('entries').put(one)
      await new Promise(resolve => {
        transaction.oncomplete = resolve
      })
      const listed = (await journal.list()).map(({ id }) => id)
      const taken = await Promise.all(['../a', 'b', 'c', 'd', 'e'].map(id => journal.take(id)))
      const refused = await journal.begin({ ...entry, id: '../x' }).then(
        () => 'begun',
        (error: { code: string }) => error.code,
      )
      const resumed = await poe.createClient({ journal }).resume()
      return { listed, taken, refused, outcomes: resumed.map(({ outcome }) => outcome.outcome) }
    })
    expect(told).to.deep.equal({
      listed: ['whole'],
      taken: [null, null, null, null, null],
      refused: 'ERR_POE_JOURNAL',
      outcomes: ['accepted'],
    })
    expect(await stage.orders()).to.equal(1)
  })
})

/** As a page does that forgets all when somebody logs out. */
async function clearByPage(): Promise<void> {
  for (const { name = '' } of await indexedDB.databases()) {
    await new Promise(resolve => {
      indexedDB.deleteDatabase(name).onsuccess = resolve
    })
  }
}

/** As the field `Clear-Site-Data` does, and the person in the browser's settings. */
async function clearByBrowser(context: BrowserContext, page: Page, stage: Stage): Promise<void> {
  const closed = page.evaluate(async () => {
    const request = indexedDB.open('post-once-exactly')
    await new Promise(resolve => {
      request.onsuccess = resolve
    })
    await new Promise(resolve => {
      request.result.onclose = resolve
    })
  })
  await page.waitForTimeout(100)
  const session = await context.newCDPSession(page)
  const { origin } = stage
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  await closed
}

/** A fresh link, by the client itself. */
async function linkIn(page: Page): Promise<string> {
  return await page.evaluate(async () => {
    const [found] = await poe.createClient().links(`${location.origin}/basket`)
    return found?.link ?? ''
  })
}

/** Orders with a journal, as a page does. */
async function order(
  page: Page,
  link: string,
  headers: Record<string, string> = {},
  tries = 4,
): Promise<Told> {
  return await page.evaluate(
    async ({ link, headers, tries }) => {
      const journal = await poe.indexedDbJournal()
      const client = poe.createClient({ journal, tries, baseMs: 50, timeoutMs: 5_000 })
      const outcome = await client.post(link, { sku: 'tea', qty: 1 }, { headers })
      const text = await outcome.text()
      await journal.close()
      return { outcome: outcome.outcome, attempts: outcome.attempts, text }
    },
    { link, headers, tries },
  )
}

/** Goes on with what the journal holds. */
async function resume(page: Page): Promise<string[]> {
  return await page.evaluate(async () => {
    const journal = await poe.indexedDbJournal()
    const client = poe.createClient({ journal, tries: 3, baseMs: 50 })
    const resumed = await client.resume()
    await journal.close()
    return resumed.map(({ outcome }) => outcome.outcome)
  })
}

/** Orders, and closes the tab while the shop still works. */
async function closeInMidFlight(context: BrowserContext, stage: Stage): Promise<void> {
  const page = await openPage(context, stage)
  const link = await linkIn(page)
  const sent = order(page, link, { 'demo-fault': 'delay=700' }).catch(() => null)
  await until(async () => stage.seen.some(({ line }) => line.startsWith('POST /orders/once/')))
  await page.close()
  await sent
}
