/**
 * A POE server of plain Koa, without this package: pages for people and JSON for programs, results
 * by redirect. Written from draft-nottingham-http-poe-00.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'

/** Makes the server; it does not listen yet. */
export function koaPlainServer(): Server {
  const app = new Koa()
  app.silent = true
  const router = new Router()
  const rooms: string[] = []
  const bookings = new Map<string, number>()

  router.get('/count', ctx => {
    ctx.body = { rooms: rooms.length }
  })
  router.get('/book', ctx => {
    const path = `/book/${randomUUID()}`
    bookings.set(path, 0)
    ctx.set({ 'POE-Links': `"${path}"`, 'Cache-Control': 'private, no-cache', Vary: 'Accept' })
    ctx.body =
      ctx.accepts('json', 'html') === 'html'
        ? `<form method="post" action="${path}"><input name="room"><button>Book</button></form>`
        : { book: path }
  })
  router.get('/rooms/:number', ctx => {
    ctx.body = { room: rooms[Number(ctx.params.number) - 1] }
  })
  router.all('/book/:token', ctx => {
    ctx.set('Cache-Control', 'no-store')
    const number = bookings.get(ctx.path)
    if (number === undefined) return
    if (ctx.method === 'GET' && number > 0) return ctx.redirect(`/rooms/${number}`)
    if (ctx.method !== 'POST' || number > 0) {
      ctx.status = 405
      ctx.set('Allow', number > 0 ? 'GET' : 'POST')
      ctx.body = number > 0 ? 'This room was booked.' : 'Book by POST.'
      return
    }
    const { room } = (ctx.request.body ?? {}) as { room?: unknown }
    if (typeof room !== 'string' || room === '') return ctx.throw(400, 'Which room?')
    rooms.push(String(room))
    bookings.set(ctx.path, rooms.length)
    ctx.redirect(`/rooms/${rooms.length}`)
    ctx.status = 303
  })
  app.use(bodyParser()).use(router.routes()).use(router.allowedMethods())
  return createServer(app.callback())
}
