/**
 * Functions of an application that are to answer at once, and are async: nobody awaits what they
 * give, and Node ends a process over a rejection that nobody hears.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Middleware } from 'koa'
import type { Poe } from 'post-once-exactly/koa'
import { startWorld, type World, type WorldOptions } from '../support/world.js'

const MEMORY = { store: 'memory', koa: 3, at: 'root' } as const

describe('an async function in the place of one that answers at once', () => {
  let world: World
  let unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  let others: NodeJS.UnhandledRejectionListener[] = []
  beforeEach(() => {
    unhandled = []
    others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
  })
  afterEach(async () => {
    process.off('unhandledRejection', note)
    for (const other of others) process.on('unhandledRejection', other)
    await world.close()
  })

  const reject = async () => {
    throw new Error('the log is away')
  }
  const fails = reject as never
  const window = { name: 'd', windowMs: 1_000 }
  const kept = { name: 'r', retentionMs: 1_000, dangerouslyNotDurable: true }
  const door = (make: (once: Poe<unknown>) => Middleware): WorldOptions => ({
    extend: (_, router, once) => {
      router.post('/door', make(once), ctx => {
        ctx.status = 204
      })
    },
  })
  const ways: Readonly<Record<string, readonly [WorldOptions, path: string, status: number]>> = {
    onEvent: [{ poe: { onEvent: fails } }, 'link', 201],
    isRefusal: [
      {
        resource: { isRefusal: fails },
        handler: () => {
          throw new Error('boom')
        },
      },
      'link',
      500,
    ],
    principal: [{ poe: { principal: fails } }, '/page', 500],
    key: [{ resource: { path: '/order', key: fails, dangerouslyNotDurable: true } }, '/order', 500],
    identity: [door(once => once.detectDuplicates({ ...window, identity: fails })), '/door', 500],
    'key of replay()': [door(once => once.replay({ ...kept, key: fails })), '/door', 500],
    'etag of a validator': [
      door(once => once.conditional({ name: 'c', validator: () => ({ etag: reject() as never }) })),
      '/door',
      500,
    ],
  }
  for (const [name, [options, path, status]] of Object.entries(ways)) {
    const id = name.includes(' ') ? 'FALSE-4574' : 'FALSE-3901'
    it(`[${id}] ${name} that rejects ends no process`, async () => {
      world = await startWorld(MEMORY, options)
      const to = path === 'link' ? await world.link() : path
      const method = to === '/page' ? 'GET' : 'POST'
      const headers = { 'If-Match': '"a"' }
      const init = method === 'GET' ? {} : { json: { sku: 'a' }, headers }
      expect((await world.send(method, to, init)).status).to.equal(status)
      for (let turn = 0; turn < 10; turn += 1) await nextTurn()
      expect(unhandled).to.deep.equal([])
    })
  }
})
