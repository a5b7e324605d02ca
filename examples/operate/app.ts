/**
 * A shop that charges cards at a provider: an effect outside of any transaction, so that a crash
 * in its middle leaves a link undecided. It writes what happens to its log, a line of JSON each.
 */
import { createServer, type Server } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import type { Store } from 'post-once-exactly'
import { anyone, poe } from 'post-once-exactly/koa'

/** Charges a card; gives the charge's id. May take its time, and may be cut off. */
export type Charge = (reference: string) => Promise<string>

/** Makes the shop's server. */
export function createShop(store: Store<unknown>, charge: Charge, leaseMs = 15_000): Server {
  const app = new Koa()
  const router = new Router()

  const once = poe({
    store,
    principal: anyone,
    leaseMs,
    onEvent: event => console.log(JSON.stringify(event)),
  })

  router.get('/pay', ctx => {
    ctx.body = { link: ctx.poe.link('payment') }
  })
  once.resource(router, { name: 'payment', path: '/payments/once/:token' }, async ctx => {
    // The provider keeps it with the charge: by this the operator finds out what became of it.
    const id = await charge(ctx.poe.key)
    ctx.status = 201
    ctx.set('Location', `/payments/${id}`)
    ctx.body = { id }
  })

  app.use(once.middleware())
  app.use(router.routes())
  return createServer(app.callback())
}
