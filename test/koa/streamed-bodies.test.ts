/**
 * A body that comes in pieces: whole to the client also where one claim is inside another, and
 * closed where nobody reads it.
 */
import { PassThrough, Readable } from 'node:stream'
import { expect } from 'chai'
import type { Context } from 'koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Store } from '../../lib/engine/store.js'
import { aroundStore } from '../support/around-store.js'
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

  for (const kind of [KOA_3, KOA_2] as const) {
    it(`[FALSE-4292] is whole where another body was there before, Koa ${kind.koa}`, async () => {
      world = await startWorld(kind, {
        outside: [
          async (ctx, next) => {
            ctx.status = 500
            ctx.body = 'sorry'
            await next()
          },
        ],
        handler: ctx => {
          ctx.body = Readable.from(PIECES)
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {} })
      expect([first.status, await first.text()]).to.deep.equal([200, WHOLE])
      expect(await (await world.send('GET', link)).text()).to.equal(WHOLE)
    })

    it(`[FALSE-4382] leaves its type to whoever answers in its place, ${kind.koa}`, async () => {
      world = await startWorld(kind, {
        outside: [
          async (ctx, next) => {
            await next().catch((error: Error) => {
              ctx.status = 422
              ctx.body = { error: error.message }
            })
          },
        ],
        handler: ctx => {
          ctx.body = Readable.from(PIECES)
          ctx.set('Content-Type', 'application/vnd.tea+json')
          ctx.throw(422, 'no tea')
        },
      })
      const answer = await world.send('POST', await world.link(), { json: {} })
      // Koa 2 says so of every object.
      const type = kind.koa === 2 ? 'application/json; charset=utf-8' : 'application/vnd.tea+json'
      expect(answer.headers.get('Content-Type')).to.equal(type)
      expect([answer.status, await answer.json()]).to.deep.equal([422, { error: 'no tea' }])
    })

    it(`[FALSE-4300] breaks with its source while the store is slow, ${kind.koa}`, async () => {
      world = await startWorld(kind, {
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            if (method === 'complete') await new Promise(done => setTimeout(done, 30))
            return call()
          }),
        handler: ctx => {
          ctx.body = Readable.from(
            (async function* () {
              yield 'one'
              await new Promise(done => setTimeout(done, 5))
              throw new Error('planted')
            })(),
          )
        },
        extend: (app, _router, once) => {
          app.use(once.conditional({ name: 'seen', validator: () => ({ etag: '"a"' }) }))
        },
      })
      const link = await world.link()
      const signal = AbortSignal.timeout(5_000)
      const first = await world.send('POST', link, { json: {}, headers: NAMED, signal })
      const failure: unknown = await first.text().catch((error: unknown) => error)
      expect([first.status, String(failure)]).to.deep.equal([200, 'TypeError: terminated'])
      await until(async () => (await world.once.status()).atWork === 0, 'nothing is at work')
    })

    const CHANGES: Readonly<Record<string, (ctx: Context) => void>> = {
      'another body': ctx => {
        ctx.body = WHOLE
      },
      'a refusal': ctx => {
        ctx.status = 422
      },
      'an error': ctx => ctx.throw(422, WHOLE),
    }
    for (const [what, act] of Object.entries(CHANGES)) {
      it(`[FALSE-4293] the request as a body, and then ${what}, Koa ${kind.koa}`, async () => {
        world = await startWorld(kind, {
          handler: ctx => {
            ctx.body = ctx.req
            act(ctx)
          },
        })
        const headers = { 'Content-Type': 'text/plain' }
        const answer = await world.send('POST', await world.link(), { body: WHOLE, headers })
        expect(answer.status).to.equal(what === 'another body' ? 200 : 422)
        expect(await answer.text()).to.include(WHOLE)
      })
    }
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

/** What a handler does once it has set a stream as its body. */
const ENDS: Readonly<Record<string, (ctx: Context) => unknown>> = {
  'a refusal': ctx => ctx.throw(422),
  'an error': () => Promise.reject(new Error('planted')),
  'another body': ctx => {
    ctx.body = { done: true }
  },
  'another stream': ctx => {
    ctx.body = Readable.from(PIECES)
  },
  'no body': ctx => {
    ctx.body = null
  },
  'a status without a body': ctx => {
    ctx.status = 204
  },
}

describe('a stream that nobody reads', () => {
  let world: World
  afterEach(() => world.close())

  for (const [end, act] of Object.entries(ENDS)) {
    it(`[FALSE-3505] is closed after ${end}`, async () => {
      const sources: Readable[] = []
      world = await startWorld(KOA_3, {
        handler: async ctx => {
          const source = new Readable({ read() {} })
          sources.push(source)
          ctx.status = 201
          ctx.body = source
          await act(ctx)
        },
      })
      await (await world.send('POST', await world.link(), { json: {} })).text()
      await until(() => sources[0]?.destroyed === true, 'it is closed')
    })
  }

  it('[FALSE-3505] is closed where its success cannot be told', async () => {
    const store = memoryStore() as Store<unknown>
    const sources: Readable[] = []
    world = await startWorld(KOA_3, {
      resource: {
        success: () => {
          throw new Error('planted')
        },
      },
      wrapStore: () => store,
      handler: ctx => {
        const source = new Readable({ read() {} })
        source.push('one')
        sources.push(source)
        ctx.body = source
      },
    })
    expect((await world.send('POST', await world.link(), { json: {} })).status).to.equal(500)
    await until(() => sources[0]?.destroyed === true, 'it is closed')
  })

  it('[FALSE-3505] is closed where it has not begun when the run is over', async () => {
    const sources: PassThrough[] = []
    world = await startWorld(KOA_3, {
      poe: { leaseMs: 200, maxRunMs: 200 },
      handler: ctx => {
        const source = new PassThrough()
        sources.push(source)
        ctx.body = source
      },
    })
    expect((await world.send('POST', await world.link(), { json: {} })).status).to.equal(409)
    await until(() => sources[0]?.destroyed === true, 'it is closed')
    expect(await world.once.close({ graceMs: 0 })).to.deep.equal({ running: [], unwritten: [] })
  })

  it('[FALSE-3505] goes on where it flows into the one that is sent', async () => {
    const sources: Readable[] = []
    world = await startWorld(KOA_3, {
      handler: ctx => {
        const source = Readable.from(PIECES)
        sources.push(source)
        ctx.body = source
        ctx.body = (ctx.body as Readable).pipe(new PassThrough())
      },
    })
    const link = await world.link()
    expect(await (await world.send('POST', link, { json: {} })).text()).to.equal(WHOLE)
    await until(() => sources[0]?.destroyed === true, 'it is closed')
  })

  for (const kind of [KOA_3, KOA_2] as const) {
    for (const end of ['a refusal', 'an error'] as const) {
      it(`[FALSE-3506] is not waited for after ${end}, caught, Koa ${kind.koa}`, async () => {
        world = await startWorld(kind, {
          outside: [
            async (ctx, next) => {
              try {
                await next()
              } catch {
                ctx.status = 500
              }
            },
          ],
          handler: async ctx => {
            ctx.body = Readable.from(PIECES)
            await ENDS[end]?.(ctx)
          },
        })
        const link = await world.link()
        const signal = AbortSignal.timeout(5_000)
        const answer = await world.send('POST', link, { json: {}, signal })
        expect([answer.status, await answer.text()]).to.deep.equal([500, ''])
      })
    }
  }
})
