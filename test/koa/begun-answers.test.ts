/**
 * A handler that lets the fields go with `ctx.flushHeaders()` and sets its body afterwards, as for
 * server-sent events: that is its own answer, and nobody has overtaken it.
 */
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context } from 'koa'
import { expectProblem, expectSpent } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import { openRequest, overHttp2 } from '../support/open-request.js'
import { startWorld, type World } from '../support/world.js'

const KINDS = ([3, 2] as const).map(koa => ({ store: 'memory', koa, at: 'root' }) as const)
const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }
const PIECES = ['one ', 'two ', 'three']
const NAMED = { 'If-Match': '"a"', 'Idempotency-Key': '"k"' }

/** What a handler may set once its fields are gone. */
const BODIES: Readonly<Record<string, () => unknown>> = {
  'a stream that is here': () => Readable.from(PIECES),
  'a stream that comes': () => {
    const body = new PassThrough()
    const write = async () => {
      for (const piece of PIECES) {
        await pause(3)
        body.write(piece)
      }
      body.end()
    }
    void write()
    return body
  },
  text: () => PIECES.join(''),
}

for (const kind of KINDS) {
  describe(`an answer that a handler begins itself, Koa ${kind.koa}`, () => {
    let world: World
    afterEach(() => world.close())

    const begin = (ctx: Context, status: number) => {
      ctx.status = status
      ctx.set({ Location: '/orders/1', 'Content-Type': 'text/event-stream' })
      ctx.flushHeaders()
    }

    for (const [what, bodyOf] of Object.entries(BODIES)) {
      it(`[FALSE-4003] ${what}: sent and recorded as it is`, async () => {
        world = await startWorld(kind, {
          handler: async ctx => {
            begin(ctx, 201)
            await pause(2)
            ctx.body = bodyOf()
          },
        })
        const link = await world.link()
        const first = await world.send('POST', link, { json: {} })
        expect([first.status, await first.text()]).to.deep.equal([201, PIECES.join('')])
        await until(async () => (await world.send('GET', link)).status === 200, 'the result')
        const shown = await world.send('GET', link)
        expect(shown.headers.get('Content-Type')).to.equal('text/event-stream')
        expect(await shown.text()).to.equal(PIECES.join(''))
        await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
      })
    }

    it('[FALSE-4003] a refusal is a refusal: the link stays good', async () => {
      world = await startWorld(kind, {
        handler: (ctx, here) => {
          begin(ctx, here.runs === 1 ? 422 : 201)
          ctx.body = Readable.from(PIECES)
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {} })
      expect([first.status, await first.text()]).to.deep.equal([422, PIECES.join('')])
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    })

    it('[FALSE-4003] also where one claim is inside another', async () => {
      world = await startWorld(kind, {
        extend: (_app, router, once) => {
          const key = once.idempotencyKey({ name: 'pay', ...KEPT })
          const step = once.conditional({ name: 'step', validator: () => ({ etag: '"a"' }) })
          router.post('/pay', key, step, ctx => {
            begin(ctx as Context, 201)
            ctx.body = Readable.from(PIECES)
          })
        },
      })
      const send = () => world.send('POST', '/pay', { json: {}, headers: NAMED })
      const first = await send()
      expect([first.status, await first.text()]).to.deep.equal([201, PIECES.join('')])
      await until(
        () => world.events.filter(({ type }) => type === 'body-kept').length === 2,
        'kept',
      )
      const again = await send()
      expect([again.status, await again.text()]).to.deep.equal([201, PIECES.join('')])
      expect(again.headers.get('Location')).to.equal('/orders/1')
    })

    it('[FALSE-4003] and where middleware has sent the fields before the handler', async () => {
      world = await startWorld(kind, {
        outside: [
          async (ctx, next) => {
            if (ctx.method === 'POST') begin(ctx as Context, 201)
            await next()
          },
        ],
        handler: ctx => {
          ctx.body = Readable.from(PIECES)
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {}, signal: AbortSignal.timeout(9_000) })
      expect([first.status, await first.text()]).to.deep.equal([201, PIECES.join('')])
      expect((await world.send('GET', link)).headers.get('Content-Type')).to.match(/event-stream/)
    })

    const caught = async (_ctx: unknown, next: () => Promise<unknown>) => {
      await next().catch(() => {})
    }
    const ENDS: Readonly<Record<string, (ctx: Context) => void>> = {
      'says nothing': () => {},
      'sets a body under a 404 that nobody chose': ctx => {
        ctx.body = 'done'
      },
      'throws a surprise': () => {
        throw new Error('planted')
      },
    }
    for (const [end, act] of Object.entries(ENDS)) {
      it(`[FALSE-4290] breaks off where the handler then ${end}`, async () => {
        world = await startWorld(kind, {
          outside: [caught],
          handler: ctx => {
            ctx.flushHeaders()
            act(ctx)
          },
        })
        const link = await world.link()
        const signal = AbortSignal.timeout(5_000)
        const first = await world.send('POST', link, { json: {}, signal })
        const failure: unknown = await first.text().catch((error: unknown) => error)
        expect(String(failure))
          .to.match(/terminated|aborted/)
          .and.not.match(/timeout/i)
        await expectProblem(await world.send('POST', link, { json: {} }), 409, 'undecided')
      })
    }

    it('a refusal thrown after a refusal that was begun frees the link', async () => {
      world = await startWorld(kind, {
        handler: (ctx, here) => {
          if (here.runs > 1) return begin(ctx, 201)
          begin(ctx, 422)
          return ctx.throw(422, 'no more tea')
        },
      })
      const link = await world.link()
      // Koa breaks off what has begun.
      await world
        .send('POST', link, { json: {} })
        .then(answer => answer.text())
        .catch(() => {})
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    })

    it('[FALSE-4291] a refusal thrown after a success that was sent frees nothing', async () => {
      const begins: Readonly<Record<string, (ctx: Context) => void>> = {
        'begun by Koa': ctx => begin(ctx, 201),
        'taken over': ctx => {
          ctx.respond = false
          ctx.res.writeHead(201).end('done')
        },
      }
      for (const [how, act] of Object.entries(begins)) {
        world = await startWorld(kind, {
          handler: (ctx, here) => {
            here.effects.push(ctx.poe.key)
            act(ctx)
            ctx.throw(422, 'no more tea')
          },
        })
        const link = await world.link()
        expect((await world.send('POST', link, { json: {} })).status, how).to.equal(201)
        await expectProblem(await world.send('POST', link, { json: {} }), 409, 'undecided')
        expect(world.effects, how).to.have.length(1)
        if (how === 'begun by Koa') await world.close()
      }
    })

    it('[FALSE-4303] a status that comes after the fields were sent is not its word', async () => {
      const begins: Readonly<Record<string, (ctx: Context) => void>> = {
        'begun by Koa': ctx => {
          begin(ctx, 201)
          ctx.res.statusCode = 422
          ctx.body = 'done'
        },
        'taken over': ctx => {
          ctx.respond = false
          ctx.res.writeHead(201, { Location: '/orders/1' })
          ctx.res.statusCode = 422
          ctx.res.end('done')
        },
      }
      for (const [how, handler] of Object.entries(begins)) {
        world = await startWorld(kind, { handler })
        const link = await world.link()
        expect((await world.send('POST', link, { json: {} })).status, how).to.equal(201)
        await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
        if (how === 'begun by Koa') await world.close()
      }
    })

    it('[FALSE-4298] written past Koa for a client that has left, it is its word', async () => {
      const left = latch()
      world = await startWorld(kind, {
        handler: async ctx => {
          begun.open()
          ctx.respond = false
          if (!ctx.res.closed) await new Promise(done => ctx.res.on('close', done))
          ctx.res.statusCode = 201
          ctx.res.setHeader('Location', '/orders/1')
          ctx.res.end('done')
          left.open()
        },
      })
      const begun = latch()
      const link = await world.link()
      const leaving = new AbortController()
      const gone = world.send('POST', link, { json: {}, signal: leaving.signal }).catch(() => {})
      await begun.opened
      leaving.abort()
      await Promise.all([gone, left.opened])
      await until(() => world.events.some(({ type }) => type === 'spent'), 'the record')
      await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
    })

    it('[FALSE-4298] begun past Koa, and left before its end, it is its word', async () => {
      world = await startWorld(kind, {
        handler: ctx => {
          ctx.respond = false
          ctx.res.writeHead(201, { Location: '/orders/1' }).write('do')
        },
      })
      const link = await world.link()
      const leaving = new AbortController()
      const { signal } = leaving
      expect((await world.send('POST', link, { json: {}, signal })).status).to.equal(201)
      leaving.abort()
      await until(() => world.events.some(({ type }) => type === 'spent'), 'the record')
      await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
    })

    it('[FALSE-4351] for a client that has left on HTTP/2 it holds no claim', async () => {
      const begun = latch()
      world = await startWorld(kind, {
        handler: async ctx => {
          begun.open()
          ctx.respond = false
          await new Promise(done => ctx.res.on('close', done))
          ctx.res.end('done')
        },
      })
      const place = await overHttp2(world.server)
      const link = await world.link()
      const { stream } = openRequest(place, 'POST', link, {})
      stream.end()
      await begun.opened
      stream.destroy()
      await until(() => world.events.some(({ type }) => type === 'undecided'), 'it is told')
      place.close()
    })

    it('[FALSE-4299] a throw ends no process where a stream is on its way past Koa', async () => {
      world = await startWorld(kind, {
        handler: ctx => {
          ctx.respond = false
          Readable.from(PIECES).pipe(ctx.res)
          throw new Error('planted')
        },
      })
      // mocha fails a test in which an error goes unheard.
      const link = await world.link()
      const answer = await world.send('POST', link, { json: {} })
      expect(answer.status).to.be.oneOf([200, 500])
      await answer.text().catch(() => {})
      await pause(20)
      await expectProblem(await world.send('POST', link, { json: {} }), 409, 'undecided')
    })

    it('[FALSE-4003] a client that leaves closes what is not kept', async () => {
      const sources: Readable[] = []
      world = await startWorld(kind, {
        poe: { bodyLimitBytes: 10 },
        handler: ctx => {
          begin(ctx, 201)
          const source = new Readable({ read: () => {} })
          source.push('x'.repeat(100))
          sources.push(source)
          ctx.body = source
        },
      })
      const left = new AbortController()
      const { signal } = left
      await world.send('POST', await world.link(), { json: {}, signal })
      left.abort()
      await until(() => sources[0]?.destroyed === true, 'it is closed')
    })
  })
}
