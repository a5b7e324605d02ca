/** A site with one route behind a door for keys, and a ledger of what its handler saw. */
import type { Context, Middleware } from 'koa'
import type { IdempotencyKeyOptions, Poe } from 'post-once-exactly/koa'
import { type Answer, ask } from '../../support/ask.js'
import { startWorld, type World, type WorldKind, type WorldOptions } from '../../support/world.js'

/** What differs from `draft-07` for a day in front of a handler that answers 201. */
export interface KeySiteOptions extends Omit<WorldOptions, 'extend'> {
  readonly kind?: WorldKind
  readonly door?: Partial<IdempotencyKeyOptions>
  /** Another door in the place of that for keys. */
  readonly makeDoor?: (once: Poe<unknown>) => Middleware
  /** In front of the door. */
  readonly front?: readonly Middleware[]
  /** Between the door and the handler. */
  readonly behind?: readonly Middleware[]
  /** What the handler makes of a request; by default nothing. */
  readonly see?: (ctx: Context) => unknown
  /** Answers, after the effect. Default: 201 with a `Location` and JSON. */
  readonly handle?: (ctx: Context, count: number) => unknown
}

/** A running site. */
export interface KeySite {
  readonly world: World
  readonly port: number
  /** One entry for each effect. */
  readonly seen: unknown[]
  /** What Koa was told of. */
  readonly errors: unknown[]
  /** Koa's own server function. */
  readonly callback: () => ReturnType<World['server']['listeners']>[number]
  close(): Promise<void>
}

/** The memory store on Koa 3. */
export const MEMORY: WorldKind = { store: 'memory', koa: 3, at: 'root' }

/** Starts a site that takes every method at `/pay`. */
export async function keySite(options: KeySiteOptions = {}): Promise<KeySite> {
  const { kind = MEMORY, front = [], behind = [], see = () => null, ...rest } = options
  const seen: unknown[] = []
  const errors: unknown[] = []
  let callback: KeySite['callback'] = () => () => {}
  const world = await startWorld(kind, {
    ...rest,
    extend: (app, router, once) => {
      app.on('error', error => errors.push(error))
      callback = () => app.callback()
      const door = options.makeDoor?.(once) ?? once.idempotencyKey(doorOptions(options.door))
      router.all('/pay', ...front, door, ...behind, async ctx => {
        seen.push(await see(ctx))
        await (options.handle ?? answer)(ctx, seen.length)
      })
    },
  })
  return { world, port: world.port, seen, errors, callback, close: () => world.close() }
}

/** Options for a door on any store. */
export function doorOptions(door: Partial<IdempotencyKeyOptions> = {}): IdempotencyKeyOptions {
  return { name: 'pay', retentionMs: 86_400_000, dangerouslyNotDurable: true, ...door }
}

/** Sends content under a key, as it is. */
export function pay(
  site: Pick<KeySite, 'port'>,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  method = 'POST',
): Promise<Answer> {
  return ask(site, method, '/pay', { body, headers: { 'Idempotency-Key': '"k"', ...headers } })
}

/** Whether an answer is marked as a repetition. */
export function isReplay(answer: Pick<Answer, 'field'>): boolean {
  return answer.field('Idempotent-Replayed') === 'true'
}

function answer(ctx: Context, count: number): void {
  ctx.status = 201
  ctx.set('Location', `/payments/${count}`)
  ctx.body = { id: count }
}
