/**
 * The doors of a server in a process of its own: each has one effect, under the name in `X-Op`.
 */
import type Router from '@koa/router'
import type { Context } from 'koa'
import type { Poe } from 'post-once-exactly/koa'

/** Where effects are noted, so that every process sees them. */
export interface Effects {
  readonly transactional: boolean
  take(name: string, tx: unknown): Promise<void>
  /** How many there are of a name; inside the transaction, if there is one. */
  count(name: string, tx: unknown): Promise<number>
}

/** Adds a route for each door. */
export function addDoors(router: Router, once: Poe<unknown>, effects: Effects): void {
  const { transactional } = effects
  const memory = { dangerouslyNotDurable: true }
  const retentionMs = 3_600_000
  const handle = async (ctx: Context) => {
    const name = nameOf(ctx)
    await effects.take(name, transactional ? ctx.poe.tx : null)
    ctx.status = 201
    ctx.set('Location', `/effects/${name}`)
    ctx.body = { name, by: process.pid, key: ctx.poe.key }
  }
  const key = { name: 'key', retentionMs, transactional, ...memory }
  router.post('/keys', once.idempotencyKey(key), handle)
  const id = (ctx: Context) => ctx.get('X-Request-Name')
  router.post(
    '/replay',
    once.replay({ name: 'replay', key: id, retentionMs, transactional, ...memory }),
    handle,
  )
  once.actions(router, '/actions', { name: 'action', do: handle, transactional })
  const validator = async (ctx: Context, tx: unknown) => {
    return { etag: `"v${await effects.count(nameOf(ctx), tx)}"` }
  }
  router.post(
    '/states/:target',
    once.conditional({ name: 'state', validator, transactional }),
    handle,
  )
  router.post(
    '/contents',
    once.detectDuplicates({ name: 'content', windowMs: 60_000, identity: nameOf, transactional }),
    handle,
  )
}

function nameOf(ctx: Context): string {
  return ctx.get('X-Op')
}
