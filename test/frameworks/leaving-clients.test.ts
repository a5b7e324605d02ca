/**
 * A client that leaves while a handler over fetch is at work: the work goes on and counts, also
 * where the handler, or the framework that it is, heeds `request.signal`.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import {
  anyone,
  type FetchDoor,
  type FetchHandler,
  type FetchOnce,
  poe,
} from 'post-once-exactly/fetch'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { until } from '../support/meeting.js'

const ORIGIN = 'http://shop.example'
const RETENTION = { retentionMs: 60_000 }
const KEPT = { ...RETENTION, dangerouslyNotDurable: true }
const NAMED = { 'Idempotency-Key': '"one"' }

type Once = FetchOnce
type Open = (once: Once, handler: FetchHandler) => FetchDoor

/** How each door is opened; a link has a path of its own. */
const DOORS: Readonly<Record<string, Open>> = {
  link: (once, handler) => once.resource({ name: 'order', path: '/once/:token' }, handler),
  key: (once, handler) => once.idempotencyKey({ name: 'pay', ...KEPT }, handler),
  'request id': (once, handler) => once.replay({ name: 'pay', key: () => 'one', ...KEPT }, handler),
  'key around a condition': (once, handler) =>
    once.idempotencyKey(
      { name: 'pay', ...KEPT },
      once.conditional({ name: 'put', exists: () => [], ...RETENTION }, handler),
    ),
}

describe('a client that leaves a handler over fetch', () => {
  for (const [what, open] of Object.entries(DOORS)) {
    it(`[FALSE-4626] does not abort the request that the handler has: ${what}`, async () => {
      let charges = 0
      const gateway = createServer((_request, response) => {
        charges += 1
        setTimeout(() => response.end('charged'), 50)
      }).listen(0)
      const { port } = gateway.address() as AddressInfo
      const once = poe({ store: memoryStore(), principal: anyone, onError: () => {} })
      const door = open(once, async ({ signal }) => {
        const charged = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', signal })
        return new Response(await charged.text(), { status: 201 })
      })
      const page = once.page((_request, links) => new Response(links.link('order')))
      const isLink = what === 'link'
      const path = isLink ? await (await page(new Request(ORIGIN))).text() : '/pay'
      const post = (signal: AbortSignal | null) =>
        door(new Request(ORIGIN + path, { method: 'POST', headers: NAMED, signal, body: 'x' }))

      const left = new AbortController()
      post(left.signal).catch(() => {})
      await until(() => charges === 1, 'the charge')
      left.abort()
      let again = await post(null)
      // A key's twin is told so at once; what is in doubt says the same, and for ever.
      for (let tries = 0; again.status === 409 && tries < 100; tries += 1) {
        await pause(20)
        again = await post(null)
      }
      expect([again.status, charges]).to.deep.equal([isLink ? 405 : 201, 1])
      const result = isLink ? await door(new Request(ORIGIN + path)) : again
      expect(await result.text()).to.equal('charged')
      await once.close()
      gateway.close()
    })
  }
})
