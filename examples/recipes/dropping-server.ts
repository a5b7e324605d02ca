/**
 * Two servers that carry out a POST and then drop the answer: one as people write them, and one
 * with a POE resource.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** A running server. */
export interface Dropping {
  readonly origin: string
  /** How often a POST took effect. */
  readonly effects: number
  /** How often a POST arrived. */
  readonly posts: number
  /** Whether a link can be asked by GET. */
  isMute: boolean
  close(): Promise<void>
}

/** What the server with links does to POSTs, in order; then it answers as it should. */
export type Trick =
  | ('pass' | 'cut' | 'drop' | 'refuse' | 'forbid')
  | ('busy' | 'unavailable' | 'closed for today')

/** Carries out every POST, and drops every answer. */
export async function plainServer(): Promise<Dropping> {
  let effects = 0
  const server = createServer((asked, answer) => {
    asked.resume().on('end', () => {
      effects += 1
      answer.destroy()
    })
  })
  const origin = await listen(server)
  return {
    origin,
    get effects() {
      return effects
    },
    get posts() {
      return effects
    },
    isMute: false,
    close: () => close(server),
  }
}

/**
 * Has a page at `/` that announces a link. `cut` destroys the connection; `drop` carries the POST
 * out first, or refuses it as used.
 */
export async function linkServer(tricks: readonly Trick[], isEndless = false): Promise<Dropping> {
  const left = [...tricks]
  const counts = { effects: 0, posts: 0 }
  const once = poe({ store: memoryStore(), principal: anyone })
  const router = new Router()
  router.get('/', ctx => {
    ctx.body = { link: ctx.poe?.link('order') }
  })
  async function trick(ctx: Context, next: () => Promise<unknown>): Promise<void> {
    if (ctx.method !== 'POST') {
      if (server.isMute && ctx.path !== '/') ctx.req.socket.destroy()
      await next()
      return
    }
    counts.posts += 1
    const now = isEndless ? left[0] : left.shift()
    if (now === 'busy' || now === 'unavailable' || now === 'closed for today') {
      ctx.status = now === 'busy' ? 409 : 503
      ctx.set('Retry-After', now === 'closed for today' ? '86400' : '1')
    } else if (now === 'refuse') {
      ctx.throw(422, 'no such tea')
    } else if (now === 'forbid') {
      ctx.throw(403, 'not today')
    } else if (now === 'cut') {
      ctx.req.socket.destroy()
    } else {
      await next()
      if (now === 'drop') ctx.req.socket.destroy()
    }
  }
  const app = new Koa()
  app.silent = true
  app.use(trick)
  app.use(once.middleware())
  once.resource(router, { name: 'order', path: '/orders/:token' }, ctx => {
    counts.effects += 1
    ctx.status = 201
    ctx.body = 'order 7'
  })
  app.use(router.routes())
  const listening = createServer(app.callback())
  const origin = await listen(listening)
  const server: Dropping = {
    origin,
    get effects() {
      return counts.effects
    },
    get posts() {
      return counts.posts
    },
    isMute: false,
    async close() {
      await close(listening)
      await once.close()
    },
  }
  return server
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function close(server: Server): Promise<void> {
  const done = new Promise(resolve => server.close(resolve))
  server.closeAllConnections()
  await done
}
