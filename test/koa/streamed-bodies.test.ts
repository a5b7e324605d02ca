/** A body that comes in pieces is whole to the client also where one claim is inside another. */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { Context } from 'koa'
import { until } from '../support/meeting.js'
import { startWorld, type World } from '../support/world.js'

const KOA_3 = { store: 'memory', koa: 3, at: 'root' } as const
const KOA_2 = { store: 'memory', koa: 2, at: 'root' } as const
const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }
const PIECES = ['one ', 'two ', 'three']
const WHOLE = PIECES.join('')
const NAMED = { 'If-Match': '"a"', 'Idempotency-Key': '"k"' }

describe('a body that comes in pieces', () => {
  let world: World
  afterEach(() => world.close())

  for (const kind of [KOA_3, KOA_2] as const) {
    const pieces = async (ctx: Context) => {
      ctx.status = 201
      ctx.body = Readable.from(PIECES)
    }

    it(`[FALSE-3504] is whole where a condition is judged at a link, Koa ${kind.koa}`, async () => {
      const validator = () => ({ etag: '"a"' })
      world = await startWorld(kind, {
        handler: pieces,
        extend: (app, _router, once) => {
          app.use(once.conditional({ name: 'seen', validator }))
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {}, headers: NAMED })
      expect([first.status, await first.text()]).to.deep.equal([201, WHOLE])
      await until(
        () => world.events.filter(({ type }) => type === 'body-kept').length === 2,
        'kept',
      )
      expect(await (await world.send('GET', link)).text()).to.equal(WHOLE)
    })

    it(`[FALSE-3504] is whole where a key and a condition meet, Koa ${kind.koa}`, async () => {
      world = await startWorld(kind, {
        extend: (_app, router, once) => {
          const key = once.idempotencyKey({ name: 'pay', ...KEPT })
          const step = once.conditional({ name: 'step', validator: () => ({ etag: '"a"' }) })
          router.post('/pay', key, step, pieces)
        },
      })
      const send = () => world.send('POST', '/pay', { json: {}, headers: NAMED })
      const first = await send()
      expect([first.status, await first.text()]).to.deep.equal([201, WHOLE])
      await until(
        () => world.events.filter(({ type }) => type === 'body-kept').length === 2,
        'kept',
      )
      const again = await send()
      expect(again.headers.get('Idempotent-Replayed')).to.equal('true')
      expect([again.status, await again.text()]).to.deep.equal([201, WHOLE])
    })
  }

  it('[FALSE-3504] is whole where somebody has set it in front of the handler', async () => {
    world = await startWorld(KOA_3, {
      outside: [
        async (ctx, next) => {
          if (ctx.method === 'POST') ctx.body = Readable.from(PIECES)
          await next()
        },
      ],
      handler: ctx => {
        ctx.status = 201
      },
    })
    const link = await world.link()
    const first = await world.send('POST', link, { json: {} })
    expect([first.status, await first.text()]).to.deep.equal([201, WHOLE])
  })
})
