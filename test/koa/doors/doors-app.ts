/**
 * An application with every door on one store, for tests that put the same situation before all of
 * them. What a handler does is asked for by the field `X-Do`; each operation counts its effects
 * under the name in `X-Op`.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { type Poe, type PoeOptions, poe } from 'post-once-exactly/koa'
import type { Store } from '../../../lib/engine/store.js'
import { type Latch, latch } from '../../support/meeting.js'
import { openStore, type StoreKind } from '../../support/stores.js'

/** An application at work. */
export interface DoorsApp {
  readonly base: string
  readonly port: number
  readonly once: Pick<Poe, 'close'>
}

/** Applications that share a store, as processes do. */
export interface DoorsSite {
  readonly kind: StoreKind
  readonly apps: readonly [DoorsApp, DoorsApp]
  readonly store: Store<unknown>
  /** Counts the effects of an operation. */
  effectsOf(operation: string): number
  /** How often the handler was entered for an operation. */
  runsOf(operation: string): number
  /** Lets a handler go on that was asked to `wait`. */
  letGo(operation: string): void
  close(): Promise<void>
}

/** What may differ. */
export interface DoorsOptions {
  readonly poe?: Partial<PoeOptions<unknown>>
  readonly wrapStore?: (store: Store<unknown>) => Store<unknown>
  /** Makes an application. Default: one on Koa. */
  readonly make?: MakeDoors
}

/** What an application is made of. */
export type DoorsSettings = Pick<
  PoeOptions<unknown>,
  'store' | 'leaseMs' | 'waitMs' | 'recordForMs'
>

/** Makes an application with every door. */
export type MakeDoors = (
  settings: DoorsSettings,
  ledger: Ledger,
) => { readonly once: Pick<Poe, 'close'>; readonly listener: RequestListener }

/** The lease of every claim, in milliseconds: longer than a busy machine forgets a process. */
export const LEASE_MS = 1_200
/** How long the short-lived doors remember, in milliseconds. */
export const SHORT_MS = 1_000
export const DAY_MS = 86_400_000
/** More than an answer that is kept. */
export const LARGE: Buffer = Buffer.alloc(300_000, 'x')
/** Every byte once. */
export const BINARY: Buffer = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

/** Starts two applications on one store. */
export async function startDoors(kind: StoreKind, options: DoorsOptions = {}): Promise<DoorsSite> {
  const { store: real, discard } = await openStore(kind)
  const store = options.wrapStore?.(real) ?? real
  const ledger = new Ledger()
  const servers: Server[] = []
  const start = async (): Promise<DoorsApp> => {
    const timing = { leaseMs: LEASE_MS, waitMs: 60, recordForMs: 300 }
    const { make = onKoa } = options
    const { once, listener } = make({ store, ...timing, ...options.poe }, ledger)
    const server = createServer(listener)
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return { base: `http://127.0.0.1:${port}`, port, once }
  }
  const apps = [await start(), await start()] as const
  return {
    kind,
    apps,
    store,
    effectsOf: operation => ledger.effects.get(operation) ?? 0,
    runsOf: operation => ledger.runs.get(operation) ?? 0,
    letGo: operation => ledger.doorOf(operation).open(),
    async close() {
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map(server => new Promise(done => server.close(done))))
      await Promise.all(apps.map(({ once }) => once.close({ graceMs: 100 })))
      await discard()
    },
  }
}

/** On Koa. */
const onKoa: MakeDoors = (settings, ledger) => {
  const once = poe({ principal: ctx => ctx.get('X-User') || 'guest', ...settings })
  return { once, listener: makeApp(once, ledger).callback() }
}

/** What the handlers did, outside the store. */
export class Ledger {
  readonly effects: Map<string, number> = new Map()
  readonly #doors = new Map<string, Latch>()
  readonly runs: Map<string, number> = new Map()
  readonly versions: Map<string, number> = new Map()
  #things = 0

  run(operation: string): void {
    this.runs.set(operation, (this.runs.get(operation) ?? 0) + 1)
  }

  /** @returns the number of what was made */
  effect(operation: string, target?: string): number {
    this.effects.set(operation, (this.effects.get(operation) ?? 0) + 1)
    if (target !== undefined) this.versions.set(target, this.version(target) + 1)
    this.#things += 1
    return this.#things
  }

  version(target: string): number {
    return this.versions.get(target) ?? 0
  }

  /** What a waiting handler of an operation stands before. */
  doorOf(operation: string): Latch {
    const door = this.#doors.get(operation) ?? latch()
    this.#doors.set(operation, door)
    return door
  }
}

function makeApp(once: Poe<unknown>, ledger: Ledger): Koa {
  const app = new Koa()
  app.silent = true
  app.use(once.middleware())
  const router = new Router()
  const handle = (ctx: Context) => act(ctx, ledger)
  const parse = bodyParser()
  router.get('/links', ctx => {
    ctx.body = { link: ctx.poe.link('order'), short: ctx.poe.link('short-order') }
  })
  once.resource(router, { name: 'order', path: '/orders/:token' }, parse, handle)
  const short = { name: 'short-order', path: '/short-orders/:token', lifetimeMs: SHORT_MS }
  once.resource(router, short, parse, handle)
  const memory = { dangerouslyNotDurable: true }
  const keys = { retentionMs: DAY_MS, ...memory }
  router.post('/keys', once.idempotencyKey({ name: 'key', ...keys }), parse, handle)
  router.post('/other-keys', once.idempotencyKey({ name: 'other', ...keys }), parse, handle)
  const shortKey = { name: 'short-key', retentionMs: SHORT_MS, ...memory }
  router.post('/short-keys', once.idempotencyKey(shortKey), parse, handle)
  for (const [path, profile] of [
    ['stripe', 'stripe'],
    ['repeatable', 'repeatable-requests'],
  ] as const) {
    router.post(`/${path}`, once.idempotencyKey({ name: path, profile, ...memory }), parse, handle)
    const door = { name: `short-${path}`, profile, retentionMs: SHORT_MS, ...memory }
    router.post(`/short-${path}`, once.idempotencyKey(door), parse, handle)
    const other = once.idempotencyKey({ name: `other-${path}`, profile, ...memory })
    router.post(`/other-${path}`, other, parse, handle)
  }
  const id = (ctx: Context) => ctx.get('X-Request-Name')
  for (const [path, retentionMs] of [
    ['replay', DAY_MS],
    ['short-replay', SHORT_MS],
    ['other-replay', DAY_MS],
  ] as const) {
    const door = once.replay({ name: path, key: id, retentionMs, ...memory })
    router.all(`/${path}`, door, parse, handle)
  }
  once.actions(router, '/actions', {
    name: 'action',
    do: async ctx => parse(ctx, () => handle(ctx)),
  })
  const shortAction = { name: 'short-action', lifetimeMs: SHORT_MS, do: handle }
  once.actions(router, '/short-actions', shortAction)
  for (const [path, retentionMs] of [
    ['states', DAY_MS],
    ['short-states', SHORT_MS],
  ] as const) {
    const validator = (ctx: Context) => ({ etag: `"v${ledger.version(ctx.params.target)}"` })
    const door = once.conditional({ name: path, required: true, retentionMs, validator })
    router.post(`/${path}/:target`, door, parse, handle)
  }
  for (const [path, windowMs] of [
    ['contents', 60_000],
    ['short-contents', SHORT_MS],
    ['other-contents', 60_000],
  ] as const) {
    const identity = (ctx: Context) => ctx.get('X-Identity')
    const door = once.detectDuplicates({ name: path, windowMs, identity })
    router.post(`/${path}`, door, parse, handle)
  }
  app.use(router.routes()).use(router.allowedMethods())
  return app
}

async function act(ctx: Context, ledger: Ledger): Promise<void> {
  const operation = ctx.get('X-Op')
  ledger.run(operation)
  const [verb, argument] = ctx.get('X-Do').split(' ')
  switch (verb) {
    case 'refuse':
      ctx.status = Number(argument)
      ctx.body = { refused: argument }
      return
    case 'throw':
      return ctx.throw(Number(argument), 'refused')
    case 'boom':
      throw new Error('a surprise')
    case 'slow':
      await pause(Number(argument))
      break
    case 'wait':
      await ledger.doorOf(operation).opened
      break
    case 'hang':
      ledger.effect(operation, ctx.params.target)
      return new Promise<void>(() => {})
    default:
  }
  const thing = ledger.effect(operation, ctx.params.target)
  ctx.status = 201
  ctx.set('Location', `/things/${thing}`)
  shape(ctx, verb ?? '', thing)
}

function shape(ctx: Context, verb: string, thing: number): void {
  switch (verb) {
    case 'empty':
      ctx.remove('Location')
      ctx.status = 204
      return
    case 'binary':
      ctx.body = BINARY
      return
    case 'stream':
      ctx.body = Readable.from([Buffer.from('one '), Buffer.from('two '), Buffer.from('three')])
      return
    case 'large':
      ctx.body = LARGE
      return
    case 'large-bare':
      ctx.remove('Location')
      ctx.body = LARGE
      return
    case 'redirect':
      ctx.body = null
      ctx.status = 303
      return
    case 'cookies':
      ctx.set('Set-Cookie', ['a=1', 'b=2'])
      ctx.set('X-Request-Id', 'r1')
      ctx.set('WWW-Authenticate', 'Basic')
      ctx.body = { thing }
      return
    default:
      ctx.body = { thing }
  }
}
