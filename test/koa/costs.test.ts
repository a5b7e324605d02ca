/**
 * What a request costs, counted and not timed: trips to the store, promises, timers, listeners,
 * writes to the wire, and bytes that outlive it. A busy machine counts the same as an idle one.
 */
import { createHook } from 'node:async_hooks'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Middleware } from 'koa'
import { type Poe, poe } from 'post-once-exactly/koa'
import type { Store } from '../../lib/engine/store.js'
import { within } from '../../lib/stores/within.js'
import { aroundStore } from '../support/around-store.js'
import { INSTALLED_STORES, type OpenStore, openStore, type StoreKind } from '../support/stores.js'

/** Promises that ours makes beyond bare Koa's, at most. */
const PROMISES: Readonly<Record<StoreKind, number>> = {
  memory: 9,
  sqlite: 21,
  redis: 31,
  postgres: 62,
}
/** The same where the store has its reply at once. */
const AT_ONCE = 0
/** Bytes of old space that a wait may leave, or a reuse beyond what bare Koa's POST leaves. */
const LASTING_BYTES = 200

interface Site {
  readonly server: Server
  readonly opened: OpenStore
  readonly once: Poe<unknown>
  /** Methods of the store that were called. */
  readonly trips: string[]
  /** The server's end of each connection. */
  readonly sockets: Socket[]
  writes: number
}

const KEYED = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true }

for (const kind of INSTALLED_STORES) {
  describe(`what a request costs, ${kind}`, function () {
    this.timeout(60_000)
    let site: Site
    let wire: Wire

    before(async () => {
      site = await startSite(await openStore(kind))
      wire = await openWire(site.server)
      for (let count = 0; count < 50; count += 1) {
        const link = await freshLink(wire)
        await wire.send('POST', link)
        await wire.send('POST', link)
        await wire.send('POST', '/keys', `Idempotency-Key: "${count}-0123456789"`)
        await wire.send('POST', '/bare')
      }
    })

    after(async () => {
      wire.close()
      site.server.close()
      await site.once.close()
      await site.opened.discard()
    })

    it('[COST-01] a first use takes two trips, a reuse and a replay one; one write', async () => {
      const link = await freshLink(wire)
      const key = 'Idempotency-Key: "counted-0123456789"'
      expect(await counted(site, () => wire.send('POST', link))).to.deep.equal({
        ...{ status: 201, trips: ['claim', 'complete'], writes: 1 },
      })
      expect(await counted(site, () => wire.send('POST', link))).to.deep.equal({
        ...{ status: 405, trips: ['claim'], writes: 1 },
      })
      expect(await counted(site, () => wire.send('GET', link))).to.deep.equal({
        ...{ status: 200, trips: ['read'], writes: 1 },
      })
      await wire.send('POST', '/keys', key)
      expect(await counted(site, () => wire.send('POST', '/keys', key))).to.deep.equal({
        ...{ status: 201, trips: ['claim'], writes: 1 },
      })
      expect(await counted(site, () => freshLink(wire))).to.include({ writes: 1 })
      expect(site.trips).to.deep.equal([])
    })

    it('[COST-02] promises are few', async () => {
      const [bare, firsts, reuses]: [number[], number[], number[]] = [[], [], []]
      const least = (counts: readonly number[]): number => Math.min(...counts) - Math.min(...bare)
      const isFew = (counts: readonly number[]): boolean => least(counts) <= PROMISES[kind]
      // The least counts: the tick of a clock may fall into one, or an answer come in two pieces.
      for (let round = 0; round < 40; round += 1) {
        const link = await freshLink(wire)
        bare.push(await promisesOf(() => wire.send('POST', '/bare')))
        firsts.push(await promisesOf(() => wire.send('POST', link)))
        reuses.push(await promisesOf(() => wire.send('POST', link)))
        if (round >= 4 && isFew(firsts) && isFew(reuses)) break
      }
      expect(least(firsts), 'first use').to.be.at.most(PROMISES[kind])
      expect(least(reuses), 'reuse').to.be.at.most(PROMISES[kind])
    })

    it('[COST-03] timers and listeners are where they were', async () => {
      const timers = (): number =>
        process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
      const listeners = (): unknown[] => site.sockets.map(each => counts(each))
      const link = await freshLink(wire)
      await wire.send('POST', '/bare')
      const before = [timers(), listeners()]
      await wire.send('POST', link)
      await wire.send('POST', link)
      await wire.send('POST', '/bare')
      expect(await settled(() => [timers(), listeners()], before)).to.deep.equal(before)
    })
  })
}

describe('what a request costs on a memory that knows its reply at once', function () {
  this.timeout(60_000)

  it('[COST-02] a first use, a reuse and a GET of the result make no promise of ours', async () => {
    const site = await startSite(await openStore('memory'), false)
    const wire = await openWire(site.server)
    const bare = await promisesOf(() => wire.send('POST', '/bare'))
    const counts: number[][] = []
    for (let round = 0; round < 6; round += 1) {
      const link = await freshLink(wire)
      const asked = ['POST', 'POST', 'GET'] as const
      const made: number[] = []
      for (const method of asked) made.push(await promisesOf(() => wire.send(method, link)))
      counts.push(made)
    }
    const least = [0, 1, 2].map(at => Math.min(...counts.map(made => made[at] ?? 0)) - bare)
    wire.close()
    site.server.close()
    await site.once.close()
    await site.opened.discard()
    expect(Math.max(...least), `beyond bare Koa: ${least}`).to.be.at.most(AT_ONCE)
  })
})

describe('what a request leaves behind', function () {
  this.timeout(120_000)

  it('[COST-04] a reuse leaves nothing in old space: no hidden class, no closure', async () => {
    const site = await startSite(await openStore('memory'))
    const wire = await openWire(site.server)
    const link = await freshLink(wire)
    await wire.send('POST', link)
    const leaves = async (path: string): Promise<number> => {
      const ask = async (count: number): Promise<void> => {
        for (let done = 0; done < count; done += 1) await wire.send('POST', path)
      }
      await ask(4_000)
      const before = oldBytes('major')
      await ask(10_000)
      return (oldBytes('minor') - before) / 10_000
    }
    // A busy machine keeps requests for longer, and promotes some of them; a leak is in each run.
    let left = Number.POSITIVE_INFINITY
    for (let run = 0; run < 4 && left >= LASTING_BYTES; run += 1) {
      const bare = await leaves('/bare')
      left = Math.min(left, (await leaves(link)) - bare)
    }
    wire.close()
    site.server.close()
    await site.once.close()
    await site.opened.discard()
    expect(left).to.be.below(LASTING_BYTES)
  })
})

describe('what a wait leaves behind', function () {
  this.timeout(120_000)

  it('[COST-06] waits for a store that have ended leave nothing in old space', async () => {
    let [done, isOver] = [0, false]
    const worker = async (): Promise<void> => {
      while (!isOver) {
        await within(60_000, nextTurn({ answer: `${done}` }), 'no answer')
        done += 1
        if (done % 500 === 0) collect({ type: 'minor' })
      }
    }
    // Some are under way at any time, also while all of memory is looked through.
    const workers = Array.from({ length: 64 }, worker)
    const grown: number[] = []
    let before = oldBytes('major')
    for (let round = 1; round <= 6; round += 1) {
      while (done < round * 10_000) await nextTurn()
      const now = oldBytes('minor')
      grown.push((now - before) / 10_000)
      before = now
    }
    isOver = true
    await Promise.all(workers)
    expect(Math.max(...grown), `bytes a wait: ${grown}`).to.be.below(LASTING_BYTES)
  })

  it('[COST-03] a request without content is not waited for: no timer of ours', async () => {
    const site = await startSite(await openStore('memory'), false)
    const wire = await openWire(site.server)
    const link = await freshLink(wire)
    await wire.send('POST', link)
    await wire.send('GET', link)
    const least = async (path: string): Promise<number> => {
      const counts: number[] = []
      for (let round = 0; round < 10; round += 1) {
        counts.push(await createdOf('Timeout', () => wire.send('GET', path)))
      }
      return Math.min(...counts)
    }
    const [ofResult, ofPage] = [await least(link), await least('/link')]
    wire.close()
    site.server.close()
    await site.once.close()
    await site.opened.discard()
    expect(ofResult).to.equal(ofPage)
  })
})

/** @param isCounted - whether the store's calls are, by a store around it that makes promises */
async function startSite(opened: OpenStore, isCounted = true): Promise<Site> {
  const trips: string[] = []
  const counting: Store<unknown> = aroundStore(opened.store, (method, _key, call) => {
    trips.push(method)
    return call()
  })
  const store = isCounted ? counting : opened.store
  const once = poe({ store, principal: () => 'guest' }) as Poe<unknown>
  const app = new Koa()
  const router = new Router()
  const place: Middleware = ctx => {
    ctx.status = 201
    ctx.body = { placed: true }
  }
  app.use(once.middleware())
  router.get('/link', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  router.post('/bare', place)
  router.post('/keys', once.idempotencyKey(KEYED), place)
  once.resource(router, { name: 'order', path: '/orders/:token' }, place as never)
  app.use(router.routes())
  const server = createServer(app.callback())
  const site: Site = { server, opened, once, trips, sockets: [], writes: 0 }
  server.on('connection', socket => {
    site.sockets.push(socket)
    for (const name of ['_write', '_writev'] as const) {
      const write = socket[name] as (...args: unknown[]) => void
      Object.assign(socket, {
        [name]: (...args: unknown[]) => {
          site.writes += 1
          write.apply(socket, args)
        },
      })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return site
}

/** One connection, one request at a time, one promise for each. */
interface Wire {
  send(method: string, path: string, field?: string): Promise<{ status: number; body: string }>
  close(): void
}

async function openWire(server: Server): Promise<Wire> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.setEncoding('latin1')
  let received = ''
  let take: (answer: { status: number; body: string }) => void = () => {}
  socket.on('data', (chunk: string) => {
    received += chunk
    const end = received.indexOf('\r\n\r\n') + 4
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
    if (end < 4 || received.length < end + length) return
    const answer = { status: Number(received.slice(9, 12)), body: received.slice(end) }
    received = ''
    take(answer)
  })
  await new Promise(resolve => socket.once('connect', resolve))
  return {
    send: (method, path, field = 'Accept: */*') =>
      new Promise(resolve => {
        take = resolve
        const length = method === 'POST' ? 'Content-Length: 0\r\n' : ''
        socket.write(`${method} ${path} HTTP/1.1\r\nHost: here\r\n${field}\r\n${length}\r\n`)
      }),
    close: () => socket.destroy(),
  }
}

async function freshLink(wire: Wire): Promise<string> {
  return JSON.parse((await wire.send('GET', '/link')).body).link
}

async function counted(site: Site, ask: () => Promise<unknown>): Promise<object> {
  site.trips.length = 0
  site.writes = 0
  const answer = await ask()
  const status = typeof answer === 'string' ? 200 : (answer as { status: number }).status
  const found = { status, trips: [...site.trips], writes: site.writes }
  site.trips.length = 0
  return found
}

const promisesOf = (ask: () => Promise<unknown>) => createdOf('PROMISE', ask)

/** How many resources of a type are created meanwhile. */
async function createdOf(wanted: string, ask: () => Promise<unknown>): Promise<number> {
  let count = 0
  const hook = createHook({
    init(_id, type) {
      if (type === wanted) count += 1
    },
  })
  hook.enable()
  await ask()
  hook.disable()
  return count
}

function counts(socket: Socket): object {
  return Object.fromEntries(socket.eventNames().map(name => [name, socket.listenerCount(name)]))
}

/** Waits until a value is what it was, for a second at most; gives what it is then. */
async function settled(read: () => unknown, wanted: unknown): Promise<unknown> {
  for (
    let tries = 0;
    tries < 100 && JSON.stringify(read()) !== JSON.stringify(wanted);
    tries += 1
  ) {
    await new Promise(resolve => setImmediate(resolve))
  }
  return read()
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'major' | 'minor' }) => void

function oldBytes(type: 'major' | 'minor'): number {
  // What has survived two small collections counts.
  for (let round = 0; round < 2; round += 1) collect({ type })
  const old = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')
  return old?.space_used_size ?? 0
}
