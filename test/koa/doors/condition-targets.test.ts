/**
 * What a condition is about: the step of one target is not that of another, wherever the door
 * stands and whatever the parameters of its routes are called.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context, Middleware } from 'koa'
import type { Poe } from 'post-once-exactly/koa'
import { expectProblem } from '../../support/answers.js'
import { latch, until } from '../../support/meeting.js'
import type { WorldOptions } from '../../support/world.js'
import { type DoorWorld, startDoorWorld } from './door-world.js'

const KIND = { store: 'memory', koa: 3, at: 'root' } as const
const ONE = { 'If-Match': '"1"' }

type Extend = NonNullable<WorldOptions['extend']>

describe('the target of a condition', () => {
  let world: DoorWorld
  let versions: Map<string, number>
  let hold: Promise<void> | null
  afterEach(() => world.close())

  /** One name for all spellings of a path. */
  const nameOf = ({ path }: Pick<Context, 'path'>): string =>
    decodeURIComponent(path).toLowerCase().replace(/\/$/, '')
  const save: Middleware = async ctx => {
    await hold
    versions.set(nameOf(ctx), (versions.get(nameOf(ctx)) ?? 1) + 1)
    ctx.status = 201
    ctx.body = { saved: ctx.path }
  }
  const door = (once: Poe<unknown>): Middleware =>
    once.conditional({
      name: 'page',
      validator: (ctx: Context) => ({ etag: `"${versions.get(nameOf(ctx)) ?? 1}"` }),
    })

  const PLACES: Readonly<Record<string, [paths: [string, string], extend: Extend]>> = {
    'a router’s use()': [
      ['/pages/a', '/pages/b'],
      (_app, router, once) => {
        router.use(door(once)).put('/pages/:name', save)
      },
    ],
    'routes with a parameter named token': [
      ['/devices/a', '/devices/b'],
      (_app, router, once) => {
        router.put('/devices/:token', door(once), save)
      },
    ],
    'several routes without parameters': [
      ['/settings', '/profile'],
      (_app, router, once) => {
        const seen = door(once)
        router.put('/settings', seen, save).put('/profile', seen, save)
      },
    ],
    'several routes with equal parameters': [
      ['/pages/a', '/posts/a'],
      (_app, router, once) => {
        const seen = door(once)
        router.put('/pages/:name', seen, save).put('/posts/:name', seen, save)
      },
    ],
    'the whole application': [
      ['/pages/a', '/pages/b'],
      (app, router, once) => {
        app.use(door(once))
        router.put('/pages/:name', save)
      },
    ],
  }

  const put = (path: string, headers: Record<string, string> = ONE) =>
    world.send('PUT', path, { headers, json: { on: true } })
  const start = async (extend: Extend) => {
    versions = new Map()
    hold = null
    world = await startDoorWorld(KIND, () => {}, { extend })
  }

  for (const [place, [[one, other], extend]] of Object.entries(PLACES)) {
    it(`[FALSE-4001] a change of one is not told as that of the other: ${place}`, async () => {
      await start(extend)
      const first = await put(one)
      expect([first.status, await first.json()]).to.deep.equal([201, { saved: one }])
      // Somebody else has changed the other one, so this would be made to a state never seen.
      versions.set(other, 2)
      await expectProblem(await put(other), 412, 'precondition-failed')
      expect(versions.get(other)).to.equal(2)
      const again = await put(one)
      expect([again.headers.get('Idempotent-Replayed'), await again.json()]).to.deep.equal([
        'true',
        { saved: one },
      ])
    })
  }

  for (const place of Object.keys(PLACES).filter(name => !name.includes('equal'))) {
    it(`[FALSE-4001] nor is one in the way of the other: ${place}`, async () => {
      const [[one, other], extend] = PLACES[place] as (typeof PLACES)[string]
      await start(extend)
      const gate = latch()
      hold = gate.opened
      const held = put(one)
      await until(() => world.events.some(({ type }) => type === 'claimed'), 'a claim')
      hold = null
      const second = await put(other, { ...ONE, 'X-User': 'bob' })
      gate.open()
      expect([(await held).status, second.status]).to.deep.equal([201, 201])
    })
  }

  const SPELLED: Readonly<Record<string, readonly string[]>> = {
    'several routes without parameters': ['/settings', '/Settings/', '/%73ettings'],
    // The door knows nothing of the route there, nor in front of Express.
    'the whole application': ['/pages/a', '/Pages/a/', '/%70ages/%61'],
  }
  for (const [place, paths] of Object.entries(SPELLED)) {
    it(`[FALSE-4001, FALSE-4445] spellings of one path are one target: ${place}`, async () => {
      await start(PLACES[place]?.[1] as Extend)
      const gate = latch()
      hold = gate.opened
      const all = paths.map(path => put(path))
      await until(() => world.events.some(({ type }) => type === 'claimed'), 'a claim')
      await pause(50)
      gate.open()
      const statuses = (await Promise.all(all)).map(({ status }) => status)
      expect(statuses.filter(status => status === 201)).to.have.lengthOf(1)
    })
  }
})
