/**
 * Handlers that do everything that a handler should not: each has its answer, nobody waits past
 * the bound, and there is never a second effect.
 */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { fieldValues, rawRequest, requestBytes } from 'post-once-exactly/testing'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { expectBusy, expectProblem, expectSpent, expectUnspent } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import {
  EVERY_STORE,
  LOCAL_STORES,
  nameOf,
  placeOrder,
  startWorld,
  type World,
  type WorldKind,
  type WorldOptions,
} from '../support/world.js'

type Handler = NonNullable<WorldOptions['handler']>

const MAX_RUN_MS = 2_000
const LEASE_MS = 1_000
const BODY = { json: { sku: 'a' } }

for (const kind of EVERY_STORE) {
  describe(`hostile handlers, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    const odd: Readonly<Record<string, unknown>> = {
      null: null,
      undefined,
      'a string': 'no',
      'an object': {},
      'a status of text': Object.assign(new Error('odd'), { status: '422' }),
      'a status that is a success': Object.assign(new Error('odd'), { status: 200 }),
      'a status that is a redirect': Object.assign(new Error('odd'), { statusCode: 303 }),
      'no such status': Object.assign(new Error('odd'), { status: 999 }),
      'a missing file, which is a 404 to Koa': Object.assign(new Error('odd'), { code: 'ENOENT' }),
    }
    for (const [name, thrown] of Object.entries(odd)) {
      it(`throws ${name}: 500, undecided, and never again`, async () => {
        world = await startWorld(kind, {
          handler: (_ctx, here) => {
            here.effects.push('charged')
            throw thrown
          },
        })
        const link = await world.link()
        expect((await world.send('POST', link, BODY)).status).to.equal(500)
        await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    it('throws a success status where a throw frees: 500, and the retry runs', async () => {
      world = await startWorld(kind, {
        resource: { releaseOnThrow: true },
        handler: (ctx, here) => {
          if (here.runs === 1) throw Object.assign(new Error('odd'), { status: 201 })
          placeOrder(ctx, here)
        },
      })
      const link = await world.link()
      expectUnspent(await world.send('POST', link, BODY), 500)
      expect((await world.send('POST', link, BODY)).status).to.equal(201)
    })

    const unwritable: Readonly<Record<string, () => unknown>> = {
      'a circle': () => {
        const circle: Record<string, unknown> = {}
        circle.self = circle
        return circle
      },
      'a BigInt': () => ({ total: 10n }),
      'what throws when it is read': () => ({
        toJSON: () => {
          throw new Error('no')
        },
      }),
    }
    for (const [name, make] of Object.entries(unwritable)) {
      it(`gives ${name} as its body: the success stands, without it`, async () => {
        world = await startWorld(kind, {
          handler: (ctx, here) => {
            placeOrder(ctx, here)
            ctx.body = make()
          },
        })
        const link = await world.link()
        const first = await world.send('POST', link, BODY)
        expect([first.status, first.headers.get('Location')]).to.deep.equal([201, '/orders/1'])
        expect(await first.text()).to.equal('')
        await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
        expect(world.events.map(({ type }) => type)).to.include('body-unreadable')
      })
    }

    const twice: Readonly<Record<string, Handler>> = {
      'ends the response and sets a body': (ctx, here) => {
        placeOrder(ctx, here)
        ctx.res.statusCode = 201
        ctx.res.end('first')
        ctx.body = 'second'
      },
      'ends the response twice': (ctx, here) => {
        placeOrder(ctx, here)
        ctx.respond = false
        ctx.res.end('first')
        ctx.res.end('second')
      },
      'sets two bodies': (ctx, here) => {
        ctx.body = Readable.from(['second'])
        placeOrder(ctx, here)
        ctx.body = 'first'
      },
    }
    for (const [name, handler] of Object.entries(twice)) {
      it(`answers twice, ${name}: one answer, one effect`, async () => {
        world = await startWorld(kind, { handler })
        const link = await world.link()
        const first = await world.send('POST', link, BODY)
        expect([first.status, await first.text()]).to.deep.equal([201, 'first'])
        expect((await world.send('POST', link, BODY)).status).to.equal(405)
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    it('tears the connection before any answer: undecided, and never again', async () => {
      world = await startWorld(kind, {
        handler: (ctx, here) => {
          here.effects.push('charged')
          ctx.respond = false
          ctx.res.destroy()
        },
      })
      const link = await world.link()
      const lost = await world.send('POST', link, BODY).catch(() => null)
      expect(lost).to.equal(null)
      await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
      expect(world.effects).to.have.lengthOf(1)
    })

    it('gives chunks that are no bytes: the transfer breaks, the link is spent', async () => {
      world = await startWorld(kind, {
        handler: (ctx, here) => {
          placeOrder(ctx, here)
          ctx.body = Readable.from(['good', { no: 'bytes' }])
        },
      })
      const link = await world.link()
      const bytes = requestBytes({ method: 'POST', path: link, body: '' })
      const { response } = await rawRequest({ port: world.port, bytes })
      expect(response?.complete ?? false).to.equal(false)
      await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
    })

    // They are waited for on a clock that is turned, and leases of a server go by its own.
    if (!LOCAL_STORES.includes(kind)) return
    describe('that hang', () => {
      const hangs: Readonly<Record<string, Handler>> = {
        'for ever': () => new Promise(() => {}),
        'after they have begun to answer': (ctx, here) => {
          placeOrder(ctx, here)
          ctx.set('Set-Cookie', 'a=1')
          ctx.set({ ETag: '"1"', 'Content-Encoding': 'gzip' })
          return new Promise(() => {})
        },
        'with the response taken over': ctx => {
          ctx.respond = false
        },
        'with a stream that never gives anything': ctx => {
          ctx.body = new Readable({ read() {} })
        },
      }
      for (const [name, handler] of Object.entries(hangs)) {
        it(`${name}: 409 undecided at the bound, with nothing of theirs`, async () => {
          const { clock } = await start(kind, handler)
          const link = await world.link()
          const waiting = world.send('POST', link, BODY)
          await until(() => world.runs === 1, 'the handler runs')
          await pass(clock)
          const answer = await waiting
          expectBusy(answer)
          for (const field of ['Location', 'ETag', 'Content-Encoding', 'Set-Cookie']) {
            expect(answer.headers.get(field), field).to.equal(null)
          }
          await expectProblem(answer, 409, 'undecided')
          await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
          expect(world.runs).to.equal(1)
        })
      }

      it('in the middle of their own answer: it breaks off, and is not made whole', async () => {
        const { clock } = await start(kind, ctx => {
          ctx.res.statusCode = 201
          ctx.res.write('half')
          return new Promise(() => {})
        })
        const link = await world.link()
        const bytes = requestBytes({ method: 'POST', path: link, body: '' })
        const waiting = rawRequest({ port: world.port, bytes })
        await until(() => world.runs === 1, 'the handler runs')
        await pass(clock)
        const { response } = await waiting
        expect([response?.status, response?.complete]).to.deep.equal([201, false])
        expect(String(response?.body)).to.equal('half')
        expect(fieldValues(response ?? { fields: [] }, 'Retry-After')).to.deep.equal([])
        await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
      })

      it('and come back late with a failure: it is believed, and the retry runs', async () => {
        const door = latch()
        const { clock } = await start(kind, async (ctx, here) => {
          if (here.runs > 1) return placeOrder(ctx, here)
          await door.opened
          return ctx.throw(422)
        })
        const link = await world.link()
        const waiting = world.send('POST', link, BODY)
        await until(() => world.runs === 1, 'the handler runs')
        await pass(clock)
        await expectProblem(await waiting, 409, 'undecided')
        door.open()
        await until(() => world.events.some(({ type }) => type === 'released'), 'the release')
        expect((await world.send('POST', link, BODY)).status).to.equal(201)
        expect(world.effects).to.have.lengthOf(1)
      })

      it('and come back late with a large stream: it is carried to its end', async () => {
        const door = latch()
        let isRead = false
        const { clock } = await start(kind, async (ctx, here) => {
          placeOrder(ctx, here)
          await door.opened
          const body = Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(16_384)))
          ctx.body = body.once('end', () => {
            isRead = true
          })
        })
        const link = await world.link()
        const waiting = world.send('POST', link, BODY)
        await until(() => world.runs === 1, 'the handler runs')
        await pass(clock)
        await expectProblem(await waiting, 409, 'undecided')
        door.open()
        await until(() => isRead, 'all of it is read')
        await until(async () => (await world.send('GET', link)).status === 303, 'the end')
        await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
      })

      it('and come back late: their success counts', async () => {
        const door = latch()
        const { clock } = await start(kind, async (ctx, here) => {
          await door.opened
          placeOrder(ctx, here)
        })
        const link = await world.link()
        const waiting = world.send('POST', link, BODY)
        await until(() => world.runs === 1, 'the handler runs')
        await pass(clock)
        await expectProblem(await waiting, 409, 'undecided')
        door.open()
        await until(() => world.effects.length === 1, 'the late effect')
        await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
        expect(await (await world.send('GET', link)).json()).to.deep.equal({ id: 1 })
        expect(world.runs).to.equal(1)
      })
    })

    /** An application on a fake clock; a store's calls need real time on it. */
    async function start(at: WorldKind, handler: Handler) {
      const clock = fakeClock()
      world = await startWorld(at, {
        now: clock.now,
        handler,
        resource: { maxRunMs: MAX_RUN_MS },
        poe: { clock, leaseMs: LEASE_MS, waitMs: 0 },
      })
      return { clock }
    }

    async function pass(clock: ReturnType<typeof fakeClock>): Promise<void> {
      for (let step = 0; step < 35; step += 1) {
        await clock.advance(100)
        await world.store.epoch()
      }
    }
  })
}
