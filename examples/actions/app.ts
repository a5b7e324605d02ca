/**
 * Seats that are taken by actions: an empty POST gives an address, PUT there takes the seat, DELETE
 * gives it back. The seats live in this process, as its store does.
 */
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** Makes the application. */
export function createApp(): Koa {
  const seats = new Map<string, string>()
  const once = poe({ store: memoryStore(), principal: ctx => ctx.get('X-User') || 'guest' })
  const router = new Router()

  once.actions(
    router,
    '/reservations',
    {
      name: 'reservation',
      lifetimeMs: 1_800_000,
      do: ctx => {
        const { seat } = ctx.request.body as { seat?: string }
        if (!seat) return ctx.throw(422, 'Say which seat')
        seats.set(ctx.poe.key, seat)
        ctx.status = 201
        ctx.body = { seat }
      },
      undo: ctx => {
        seats.delete(ctx.poe.key)
        ctx.status = 204
      },
    },
    bodyParser(),
  )

  router.get('/reservations', ctx => {
    ctx.body = [...seats.values()]
  })
  router.get('/plan', ctx => {
    ctx.type = 'html'
    ctx.set('Cache-Control', 'no-store')
    ctx.body = `<!doctype html><html lang="en"><title>Seats</title><main><h1>Seats</h1>
      <form method="post" action="${ctx.poe.link('reservation')}">
      <label>Seat <input name="seat"></label>
      <button type="submit">Take it</button></form></main></html>`
  })

  const app = new Koa()
  app.use(once.middleware())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}
