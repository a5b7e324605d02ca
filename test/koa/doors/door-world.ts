/** A world with doors on its routes, and short ways to ask them. */
import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { IdempotencyKeyOptions, Poe } from 'post-once-exactly/koa'
import { startWorld, type World, type WorldKind, type WorldOptions } from '../../support/world.js'

export const DAY_MS = 86_400_000

/** What a test mounts. */
export type Mount = (router: Router, once: Poe<unknown>, act: Middleware) => void

/** A world whose routes are the test's. */
export interface DoorWorld extends World {
  /** Entries into `act`, by path. */
  readonly entered: string[]
}

/**
 * Starts a world with routes of the test's own.
 *
 * @param mount - adds them; `act` is a handler with one effect, 201, `Location` and JSON
 */
export async function startDoorWorld(
  kind: WorldKind,
  mount: Mount,
  options: WorldOptions = {},
): Promise<DoorWorld> {
  const entered: string[] = []
  let world: World | null = null
  const act: Middleware = ctx => {
    entered.push(ctx.path)
    world?.effects.push(ctx.path)
    const id = entered.length
    ctx.status = 201
    ctx.set('Location', `${ctx.path}/${id}`)
    ctx.body = { id }
  }
  world = await startWorld(kind, {
    ...options,
    extend: (app, router, once) => {
      options.extend?.(app, router, once)
      mount(router, once, act)
    },
  })
  return Object.assign(world, { entered })
}

/** Options of a key door that any store takes. */
export function keyOptions(more: Partial<IdempotencyKeyOptions> = {}): IdempotencyKeyOptions {
  return { name: 'key', retentionMs: DAY_MS, dangerouslyNotDurable: true, ...more }
}

/** POSTs JSON under a key; `null` for none. */
export function sendKeyed(
  world: World,
  path: string,
  key: string | null,
  json: unknown = { a: 1 },
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const field = key === null ? {} : { 'Idempotency-Key': key }
  return world.send('POST', path, { json, headers: { ...field, ...headers } })
}

/** What a handler does in turn, once for each entry. */
export function inTurn(...steps: readonly ((ctx: Context) => unknown)[]): Middleware {
  let entries = 0
  return ctx => {
    const step = steps[Math.min(entries, steps.length - 1)]
    entries += 1
    return step?.(ctx as Context)
  }
}
