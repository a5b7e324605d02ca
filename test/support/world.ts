/**
 * A running application with one POE resource, on a chosen Koa, store and mount, for tests that
 * speak to it over real sockets.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import mount from 'koa-mount'
import Koa2 from 'koa2'
import {
  type Poe,
  type PoeEvent,
  type PoeOptions,
  poe,
  type ResourceMiddleware,
  type ResourceOptions,
} from 'post-once-exactly/koa'
import type { Store } from '../../lib/engine/store.js'
import { INSTALLED_STORES, openStore, type StoreKind } from './stores.js'

/** Which kind of application. */
export interface WorldKind {
  readonly store: StoreKind
  readonly koa: 2 | 3
  /** `prefix`: a router prefix inside a mount, so that links must carry both. */
  readonly at: 'root' | 'prefix'
}

/** What differs from a plain application. */
export interface WorldOptions {
  readonly poe?: Partial<PoeOptions<unknown>>
  readonly resource?: Partial<ResourceOptions>
  /** The wrapped handler; by default it answers 201 with a Location and JSON. */
  readonly handler?: (ctx: Context, world: World) => unknown
  /** Middleware outside the claim. */
  readonly outside?: readonly ResourceMiddleware<unknown>[]
  /** Wraps the store, to slow it down or break it. */
  readonly wrapStore?: (store: Store<unknown>) => Store<unknown>
  /** The store's clock, in milliseconds since the Unix epoch. */
  readonly now?: () => number
  /** Body parser in front; default true. */
  readonly parse?: boolean
  /** Adds to the application before it starts. */
  readonly extend?: (app: Koa, router: Router, once: Poe<unknown>) => void
}

/** A running application. */
export interface World {
  readonly kind: WorldKind
  readonly base: string
  readonly port: number
  readonly server: Server
  readonly once: Poe<unknown>
  readonly store: Store<unknown>
  readonly events: PoeEvent[]
  /** What the handler did; outside the store. */
  readonly effects: string[]
  /** Entries into the handler. */
  runs: number
  /** Gets a fresh link. */
  link(init?: RequestInit): Promise<string>
  /** Sends a request; redirects are not followed. */
  send(method: string, path: string, init?: RequestInit & { json?: unknown }): Promise<Response>
  close(): Promise<void>
}

/** Every store that is installed, on Koa 3 at the root. */
export const EVERY_STORE: readonly WorldKind[] = INSTALLED_STORES.map(
  store => ({ store, koa: 3, at: 'root' }) satisfies WorldKind,
)

/** The stores whose clock is this process's, which a test can turn. */
export const LOCAL_STORES: readonly WorldKind[] = EVERY_STORE.filter(
  ({ store }) => store === 'memory' || store === 'sqlite',
)

/** Every pair of a store, a version of Koa and a mount; on servers, the plain one. */
export const ALL_WORLDS: readonly WorldKind[] = EVERY_STORE.flatMap(kind => {
  const { store } = kind
  if (store === 'memory') return [kind, { store, koa: 2, at: 'prefix' }]
  if (store === 'sqlite')
    return [
      { store, koa: 3, at: 'prefix' },
      { store, koa: 2, at: 'root' },
    ]
  return [kind]
})

/** Names a kind in a test title. */
export function nameOf(kind: WorldKind): string {
  return `${kind.store}, Koa ${kind.koa}, at ${kind.at === 'root' ? 'the root' : 'a prefix'}`
}

/** Starts an application. */
export async function startWorld(kind: WorldKind, options: WorldOptions = {}): Promise<World> {
  const { store, discard } = await openStore(kind.store, options.now)
  const events: PoeEvent[] = []
  const once = poe<unknown>({
    store: options.wrapStore?.(store) ?? store,
    principal: ctx => ctx.get('X-User') || 'guest',
    onEvent: event => events.push(event),
    ...options.poe,
  })
  const app = kind.koa === 3 ? new Koa() : new Koa2()
  app.silent = true
  const router = new Router(kind.at === 'prefix' ? { prefix: '/v1' } : {})
  if (options.parse !== false) app.use(bodyParser({ onError: refuseBody }))
  app.use(once.middleware())
  let world: World | null = null
  router.get('/page', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  once.resource(
    router,
    { name: 'order', path: '/orders/once/:token', ...options.resource },
    ...(options.outside ?? []),
    async ctx => {
      if (world === null) throw new Error('the world is not made yet')
      world.runs += 1
      await (options.handler ?? placeOrder)(ctx, world)
    },
  )
  options.extend?.(app, router, once)
  app.use(router.routes()).use(router.allowedMethods())
  const outer = kind.at === 'root' ? app : mounted(app, kind)
  const server = createServer(outer.callback())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`
  const prefix = kind.at === 'root' ? '' : '/shop/v1'
  world = {
    kind,
    base: base + prefix,
    port,
    server,
    once,
    store,
    events,
    effects: [],
    runs: 0,
    async link(init) {
      const ask = async () => {
        const response = await fetch(`${base}${prefix}/page`, init)
        return ((await response.json()) as { link: string }).link
      }
      // On a busy machine the store's first answer may come too late for a page.
      return (await ask()) ?? (await ask()) ?? (await ask())
    },
    send: (method, path, init) => send(new URL(path, base), method, init),
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await once.close({ graceMs: 100 })
      await discard()
    },
  }
  return world
}

/** Sends a request as it is; redirects are not followed. */
function send(
  url: URL,
  method: string,
  { json, ...init }: RequestInit & { json?: unknown } = {},
): Promise<Response> {
  const headers = new Headers(init.headers)
  if (json !== undefined) headers.set('Content-Type', 'application/json')
  const body = json === undefined ? init.body : JSON.stringify(json)
  return fetch(url, {
    redirect: 'manual',
    ...init,
    method,
    headers,
    ...(body != null && { body, duplex: 'half' }),
  } as RequestInit)
}

/** What cannot be decoded is the client's mistake, also where the parser names no status. */
function refuseBody(error: Error & { status?: number }, ctx: Context): void {
  ctx.throw(error.status ?? 400, 'the body cannot be read')
}

/** The handler by default: one effect, 201, `Location`, JSON. */
export function placeOrder(ctx: Context, world: World): void {
  world.effects.push(ctx.poe.key)
  const id = world.effects.length
  ctx.status = 201
  ctx.set('Location', `/orders/${id}`)
  ctx.body = { id }
}

function mounted(app: Koa, kind: WorldKind): Koa {
  const outer = kind.koa === 3 ? new Koa() : new Koa2()
  outer.silent = true
  outer.use(mount('/shop', app))
  return outer
}
