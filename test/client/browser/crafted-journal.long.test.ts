/** A journal in IndexedDB into which another script of the same origin has written. */
import { expect } from 'chai'
import type * as Client from '../../../lib/client/browser-journal.js'
import { describeWith } from '../../support/servers/programs.js'
import { bundle, openPage, startBrowser, startStage } from './chromium.js'

/** The module, as a page has it. */
declare const poe: typeof Client

describeWith(['chromium'], 'a crafted journal in Chromium', () => {
  it('[FALSE-2104] what is no entry is passed over, and the others are resumed', async () => {
    const stage = await startStage(await bundle())
    const browser = await startBrowser()
    try {
      const page = await openPage(await browser.newContext(), stage)
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
    } finally {
      await browser.close()
      await stage.close()
    }
  })
})
