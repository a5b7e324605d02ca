/** A journal is resumed by whoever starts next, who may not be logged in yet. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { createClient, fileJournal, type PostOutcome } from 'post-once-exactly/client'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { JournalFolder } from './journal-process.js'

describe('a journal that is resumed before the login', () => {
  const place = new JournalFolder()
  let server: Server
  let origin: string
  let effects = 0

  before(async () => {
    const guarded = poe({ store: memoryStore(), principal: ctx => ctx.get('x-user') })
    const router = new Router()
    router.get('/link', ctx => {
      ctx.body = ctx.poe.link('order') ?? ''
    })
    guarded.resource(router, { name: 'order', path: '/orders/:token' }, ctx => {
      effects += 1
      ctx.status = 201
      ctx.body = { order: effects }
    })
    const app = new Koa().use(guarded.middleware()).use(router.routes())
    server = createServer(app.callback()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  after(async () => {
    server.close()
    await place.remove()
  })

  /** Goes on with what the journal holds. */
  async function resumed(headers: Readonly<Record<string, string>>): Promise<PostOutcome[]> {
    const client = createClient({ headers, journal: await fileJournal(journalPath()) })
    return (await client.resume()).map(({ outcome }) => outcome)
  }

  const journalPath = () => join(place.folder, 'orders.journal')

  it('[FALSE-3702] is not at its end: with the login it is told how the POST ended', async () => {
    const headers = { 'x-user': 'ann' }
    const link = await (await fetch(`${origin}/link`, { headers })).text()
    const losing = createClient({
      ...{ headers, tries: 1, journal: await fileJournal(journalPath()) },
      fetch: async (input, init) => {
        await fetch(input, init)
        throw new TypeError('the answer was lost')
      },
    })
    const expiresAtMs = Date.now() + 60_000
    const lost = await losing.post(origin + link, 'tea', { expiresAtMs })
    expect(lost).to.include({ reason: 'gave-up' })
    for (const other of [{}, { 'x-user': 'bob' }]) {
      const [told] = await resumed(other)
      expect(told).to.include({ outcome: 'unknown', reason: 'forgotten', isFinal: false })
    }
    const [known] = await resumed(headers)
    expect(known).to.include({ outcome: 'accepted-earlier', status: 405 })
    expect(await resumed(headers)).to.deep.equal([])
    expect(effects).to.equal(1)
  })
})
