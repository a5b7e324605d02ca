/**
 * What a POE resource answers, state by state, as data: how a link gets into each state, and every
 * cell of the table of states and methods.
 *
 * @see POE draft 2
 */
import { PassThrough } from 'node:stream'
import type { Context } from 'koa'
import { readToken, recordKey } from '../../lib/protocols/poe/index.js'
import { type Switch, storeSwitch } from './around-store.js'
import { ask, post } from './ask.js'
import { type Latch, latch, until } from './meeting.js'
import { placeOrder, startWorld, type World, type WorldKind, type WorldOptions } from './world.js'

/** What one method is answered with. What is left out must be absent. */
export interface Cell {
  readonly status: number
  /** The last part of the problem type. */
  readonly type?: string
  /** Bounds of `Retry-After`, in seconds. */
  readonly retryAfterS?: readonly [least: number, most: number]
  readonly location?: string | RegExp
  /** Target of the `Link` to the result; `self` is the link. */
  readonly result?: string
  readonly body?: string
  readonly fields?: Readonly<Record<string, string | null>>
  /** Where this answer tells of another state than the row's. */
  readonly allow?: string
}

/** One state: the way into it, and its row of the table. */
export interface StateRow {
  readonly title: string
  /** The stores that can be in that state; both by default. */
  readonly store?: WorldKind['store']
  readonly world?: WorldOptions
  readonly handler?: (ctx: Context, world: World, stage: Stage) => unknown
  /** Makes a link and brings it into the state. */
  readonly reach: (stage: Stage, headers: Readonly<Record<string, string>>) => Promise<string>
  /** Undoes what would keep the world from closing, or the next link from being made. */
  readonly leave?: (stage: Stage) => unknown
  /** `null`: the field is absent. */
  readonly allow: string | null
  readonly POST: Cell
  readonly GET: Cell
  /** 204 where the state has an `Allow`, else as GET. */
  readonly OPTIONS?: Cell
}

/** A world with levers to bring links into states. */
export interface Stage {
  readonly world: World
  readonly lever: Switch
  /** What runs in a handler may wait for it; opened at the end. */
  readonly door: Latch
  /** Bodies that are still flowing. */
  readonly streams: PassThrough[]
  /** Lets time pass for the store. */
  pass(ms: number): void
}

/** The methods that are never an effect. */
export const OTHER_METHODS = ['PUT', 'PATCH', 'DELETE', 'TRACE'] as const

const LIFE_MS = 60_000
const HORIZON_MS = 3_600_000
const SPENT = 'GET, HEAD, OPTIONS'

/** Starts a world that can be in a row's state. */
export async function openStage(kind: WorldKind, row: StateRow): Promise<Stage> {
  const lever = storeSwitch()
  const door = latch()
  const streams: PassThrough[] = []
  let passedMs = 0
  const { world: given, handler } = row
  const world = await startWorld(kind, {
    now: () => Date.now() + passedMs,
    wrapStore: lever.wrap,
    handler: (ctx, world) => handler?.(ctx, world, stage) ?? placeOrder(ctx, world),
    ...given,
    poe: { lifetimeMs: LIFE_MS, horizonMs: HORIZON_MS, waitMs: 0, ...given?.poe },
  })
  const pass = (ms: number) => {
    passedMs += ms
  }
  const stage: Stage = { world, lever, door, streams, pass }
  return stage
}

/** Reads a link's record, past all faults and without what changes with time alone. */
export async function recordAt({ world }: Stage, link: string): Promise<unknown> {
  const parsed = readToken(link.split('/').at(-1) ?? '')
  if (parsed === null) return null
  const reply = await world.store.read(recordKey('order', parsed.nonce), parsed.epoch)
  return { ...reply, nowMs: 0, leaseLeftMs: 0 }
}

const fresh: StateRow['reach'] = ({ world }, headers) => world.link({ headers })

const spent: StateRow['reach'] = async (stage, headers) => {
  const link = await fresh(stage, headers)
  const { status } = await post(stage.world, link, {}, headers)
  if (status >= 400) throw new Error(`The first POST got ${status}`)
  return link
}

const broken: StateRow['reach'] = async (stage, headers) => {
  const link = await fresh(stage, headers)
  await post(stage.world, link, {}, headers)
  return link
}

const running: StateRow['reach'] = async (stage, headers) => {
  const link = await fresh(stage, headers)
  const runs = stage.world.runs + 1
  post(stage.world, link, {}, headers).catch(() => {})
  await until(() => stage.world.runs === runs, 'the handler has begun')
  return link
}

const streaming: StateRow['reach'] = async (stage, headers) => {
  const link = await fresh(stage, headers)
  const { world } = stage
  const { status } = await world.send('POST', link, { json: {}, headers: { ...headers } })
  if (status >= 400) throw new Error(`The first POST got ${status}`)
  return link
}

/** Another link is looked at, so that the process learns the store's time and its epoch. */
const lookAround = async ({ world }: Stage) => {
  await ask(world, 'OPTIONS', await world.link())
}

/** Reaches a state, and lets time pass. */
function later(reach: StateRow['reach'], ms: number): StateRow['reach'] {
  return async (stage, headers) => {
    const link = await reach(stage, headers)
    stage.pass(ms)
    await lookAround(stage)
    return link
  }
}

function handlerOf(set: (ctx: Context) => void): NonNullable<StateRow['handler']> {
  return (ctx, world) => {
    world.effects.push(ctx.poe.key)
    set(ctx)
    return true
  }
}

/** A row of the state "spent": how the handler answers, and what a GET then gives. */
function spentRow(
  title: string,
  set: (ctx: Context) => void,
  result: string,
  get: Cell,
  more: Partial<StateRow> = {},
): StateRow {
  return {
    title: `[POE-2-4, POE-2-5] spent, ${title}`,
    handler: handlerOf(set),
    reach: spent,
    allow: SPENT,
    POST: { status: 405, type: 'used', result },
    GET: get,
    ...more,
  }
}

const gone = (cell: Cell, allow: string | null = 'OPTIONS') => ({ allow, POST: cell, GET: cell })
const unverifiable = gone({ status: 404, type: 'unverifiable' }, null)
const expired = gone({ status: 410, type: 'expired' })
const forgotten = gone({ status: 410, type: 'forgotten' })
const busy = gone({ status: 409, type: 'running', retryAfterS: [1, 15] })
const undecided = gone({ status: 409, type: 'undecided', retryAfterS: [30, 30] })
const down = gone({ status: 503, type: 'store-down', retryAfterS: [1, 5] }, null)
const created = { status: 201, location: /^\/orders\/\d+$/, allow: SPENT } as const

const hang: StateRow['handler'] = async (_ctx, _world, { door }) => door.opened
const explode: StateRow['handler'] = () => {
  throw new Error('the power failed')
}

function openStream(located: boolean): NonNullable<StateRow['handler']> {
  return (ctx, _world, { streams }) => {
    const stream = new PassThrough()
    streams.push(stream)
    stream.write('first part')
    ctx.status = 201
    if (located) ctx.set('Location', '/orders/7')
    ctx.body = stream
    return true
  }
}

const withToken = (link: string, change: (token: string) => string) =>
  link.replace(/[^/]+$/, token => change(token))

/** Not one link that was given out is at these addresses. */
const NEVER_ISSUED: readonly StateRow[] = [
  {
    title: '[POE-8-5] unverifiable: forged',
    reach: async (stage, headers) =>
      withToken(await fresh(stage, headers), token => token.slice(0, -1) + swap(token.at(-1))),
    ...unverifiable,
  },
  {
    title: '[POE-8-5] unverifiable: signed by a key that nobody has',
    reach: async (stage, headers) =>
      withToken(await fresh(stage, headers), token => `1____${token.slice(5)}`),
    ...unverifiable,
  },
  {
    title: '[POE-8-5] unverifiable: given to another principal, unspent',
    reach: (stage, headers) => fresh(stage, { ...headers, 'X-User': 'bob' }),
    ...unverifiable,
  },
  {
    title: '[POE-8-5] unverifiable: given to another principal, spent',
    reach: (stage, headers) => spent(stage, { ...headers, 'X-User': 'bob' }),
    ...unverifiable,
  },
  {
    title: '[POE-8-5] unverifiable: asked for by nobody',
    world: { poe: { principal: ctx => ctx.get('X-User') } },
    reach: (stage, headers) => fresh(stage, { ...headers, 'X-User': 'bob' }),
    ...unverifiable,
  },
  {
    title: '[POE-8-5] unverifiable: given out for another route',
    world: {
      extend: (_app, router, once) =>
        once.resource(router, { name: 'other', path: '/others/once/:token' }, () => {}),
    },
    reach: async (stage, headers) => (await fresh(stage, headers)).replace('orders', 'others'),
    ...unverifiable,
  },
]

const NOT_DECIDED: readonly StateRow[] = [
  {
    title: '[POE-2-16] unspent',
    reach: fresh,
    allow: 'POST, OPTIONS',
    POST: created,
    GET: { status: 405, type: 'unspent' },
  },
  {
    title: '[POE-2-16] unspent, with a page',
    world: { resource: { page: ctx => (ctx.body = 'the form') } },
    reach: fresh,
    allow: 'GET, HEAD, POST, OPTIONS',
    POST: created,
    GET: { status: 200, body: 'the form' },
  },
  {
    title: '[POE-2-3] unspent after a POST that failed',
    handler: (ctx, world) => (world.runs % 2 === 1 ? ctx.throw(422) : placeOrder(ctx, world)),
    reach: broken,
    allow: 'POST, OPTIONS',
    POST: created,
    GET: { status: 405, type: 'unspent' },
  },
  { title: '[POE-2-15] running', handler: hang, reach: running, ...busy },
  {
    title: '[POE-2-15] running, beyond the link’s own life',
    handler: hang,
    world: { poe: { lifetimeMs: 2_000 } },
    reach: later(running, 3_000),
    ...busy,
  },
  { title: '[POE-2-20] undecided', handler: explode, reach: broken, ...undecided },
  {
    title: '[POE-2-20] undecided, beyond the link’s own life',
    handler: explode,
    reach: later(broken, LIFE_MS + 1),
    ...undecided,
  },
]

const DECIDED: readonly StateRow[] = [
  spentRow(
    'by 201 with a body and a Location',
    ctx => {
      ctx.status = 201
      ctx.set({ Location: '/orders/7', 'Content-Language': 'en', ETag: '"7"', 'X-Request-Id': 'a' })
      ctx.cookies.set('seen', '1')
      ctx.body = { id: 7 }
    },
    '/orders/7',
    {
      status: 200,
      body: '{"id":7}',
      result: '/orders/7',
      fields: {
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Language': 'en',
        ETag: '"7"',
        'Set-Cookie': null,
        'X-Request-Id': null,
      },
    },
  ),
  spentRow('by 200 with text', ctx => (ctx.body = 'Käse'), 'self', {
    status: 200,
    body: 'Käse',
    fields: { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': '5' },
  }),
  spentRow('by 202', ctx => Object.assign(ctx, { status: 202, body: 'on it' }), 'self', {
    status: 200,
    body: 'on it',
  }),
  spentRow('by 204', ctx => (ctx.status = 204), 'self', { status: 204, body: '' }),
  spentRow('by an empty 201 with a Location', ctx => createdEmpty(ctx, '/orders/7'), '/orders/7', {
    status: 303,
    location: '/orders/7',
  }),
  spentRow('by an empty 201', ctx => createdEmpty(ctx), 'self', { status: 200, body: '' }),
  ...[301, 302, 303].map(status =>
    spentRow(`by ${status}`, ctx => redirect(ctx, status), '/orders/7', {
      status: 303,
      location: '/orders/7',
    }),
  ),
  spentRow(
    'a stream still on its way',
    () => {},
    'self',
    { status: 503, type: 'body-pending', retryAfterS: [1, 5] },
    { handler: openStream(false), reach: streaming },
  ),
  spentRow(
    'a stream still on its way, with a Location',
    () => {},
    '/orders/7',
    { status: 303, location: '/orders/7' },
    { handler: openStream(true), reach: streaming },
  ),
  spentRow(
    'its body not kept',
    ctx => (ctx.body = 'too long to be kept'),
    'self',
    { status: 410, type: 'body-not-kept' },
    { world: { poe: { bodyLimitBytes: 4 } } },
  ),
  spentRow(
    'its body not kept, with a Location',
    ctx => {
      ctx.set('Location', '/orders/7')
      Object.assign(ctx, { status: 201, body: 'too long to be kept' })
    },
    '/orders/7',
    { status: 303, location: '/orders/7' },
    { world: { poe: { bodyLimitBytes: 4 } } },
  ),
  spentRow('beyond the link’s own life', ctx => (ctx.body = 'done'), 'self', kept(), {
    reach: later(spent, LIFE_MS + 1),
  }),
  spentRow('in a memory that was renamed since', ctx => (ctx.body = 'done'), 'self', kept(), {
    reach: async (stage, headers) => {
      await lookAround(stage)
      const link = await spent(stage, headers)
      await stage.world.store.rotateEpoch()
      return link
    },
  }),
]

const OVER: readonly StateRow[] = [
  { title: '[POE-2-18] expired', reach: later(fresh, LIFE_MS + 1), ...expired },
  {
    title: '[POE-2-18] expired, where the app names a page for a fresh link',
    world: { resource: { createForm: '/basket' } },
    reach: later(fresh, LIFE_MS + 1),
    ...gone({ ...expired.GET, fields: { Link: '</basket>; rel="create-form"' } }),
    OPTIONS: { status: 204 },
  },
  {
    title: '[POE-2-18] past the horizon, unspent',
    reach: later(fresh, LIFE_MS + HORIZON_MS + 1),
    ...forgotten,
    OPTIONS: forgotten.GET,
  },
  {
    title: '[POE-2-18] past the horizon, spent',
    reach: later(spent, LIFE_MS + HORIZON_MS + 1),
    ...forgotten,
    OPTIONS: forgotten.GET,
  },
  {
    title: '[POE-2-18, POE-A-2] minted before the store lost its memory',
    reach: async (stage, headers) => {
      const link = await fresh(stage, headers)
      await stage.world.store.rotateEpoch()
      return link
    },
    ...forgotten,
  },
  {
    title: '[POE-2-18] the store cannot be reached, unspent',
    reach: async (stage, headers) => withoutStore(stage, await fresh(stage, headers), 'down'),
    leave: back,
    ...down,
  },
  {
    title: '[POE-2-18] the store cannot be reached, spent',
    reach: async (stage, headers) => withoutStore(stage, await spent(stage, headers), 'down'),
    leave: back,
    ...down,
  },
  {
    title: '[POE-2-18] the store does not answer',
    store: 'memory',
    world: { poe: { storeTimeoutMs: 10 } },
    reach: async (stage, headers) => withoutStore(stage, await fresh(stage, headers), 'silent'),
    leave: back,
    ...down,
  },
]

/** Every row of the table. */
export const STATES: readonly StateRow[] = [...NEVER_ISSUED, ...NOT_DECIDED, ...DECIDED, ...OVER]

function kept(): Cell {
  return { status: 200, body: 'done' }
}

function createdEmpty(ctx: Context, location?: string): void {
  ctx.body = null
  ctx.status = 201
  if (location !== undefined) ctx.set('Location', location)
}

function redirect(ctx: Context, status: number): void {
  ctx.redirect('/orders/7')
  ctx.status = status
}

function withoutStore({ lever }: Stage, link: string, mode: Switch['mode']): string {
  lever.mode = mode
  return link
}

async function back({ lever, world }: Stage): Promise<void> {
  lever.mode = 'up'
  await until(() => world.events.at(-1)?.type === 'store-back', 'the store is back')
}

function swap(letter: string | undefined): string {
  return letter === 'A' ? 'B' : 'A'
}
