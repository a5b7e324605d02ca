/**
 * Forms of a site with sessions: the link is bound to the session, and so is a CSRF token as well;
 * mistakes lead back to the form by a redirect, and each refusal has the site's own look.
 */
import { bodyParser } from '@koa/bodyparser'
import multer from '@koa/multer'
import Router from '@koa/router'
import Koa, { type Context, type Next } from 'koa'
import CSRF from 'koa-csrf'
import { createSession } from 'koa-session'
import { nanoid } from 'nanoid'
import { poe } from 'post-once-exactly/koa'
import type { Store } from '../../lib/engine/store.js'
import { drawRefusal, orderForm, page } from './pages.js'

/** An order, as it is kept. */
export interface Order {
  readonly sku: string
  readonly qty: number
  readonly files: number
}

/** What the site is made of. */
export interface SiteOptions {
  readonly store: Store<unknown>
  /** Where orders are put. */
  readonly placed: Order[]
  /** The module that enhances forms, served at `/forms.js`; without it forms are plain. */
  readonly script?: string
  /** Waited for before an order is placed. */
  readonly slow?: () => Promise<void>
}

/** Makes the site. */
export function createApp({ store, placed, script = '', slow }: SiteOptions): Koa {
  const app = new Koa()
  app.keys = [nanoid()]
  const once = poe({
    store,
    principal: ctx => ctx.session?.visitor,
    refusal: drawRefusal,
  })
  const router = new Router()
  for (const name of ['order', 'letter']) {
    router.get(`/${name}`, ctx => {
      const { sku = '', qty = '1', wrong } = ctx.query as Record<string, string | undefined>
      const notice = wrong === undefined ? '' : 'The quantity must be a number from 1 to 99.'
      const view = { link: ctx.poe.link(name), sku, qty, notice }
      ctx.body = page(ctx, 'Order', orderForm(ctx, view))
    })
    once.resource(
      router,
      {
        name,
        path: `/${name}/once/:token`,
        createForm: `/${name}`,
        success: ({ status, fields }) =>
          status === 303 && fields.some(([field, at]) => field === 'location' && isOrder(at)),
      },
      ...(name === 'letter' ? guarded : [bodyParser()]),
      async ctx => {
        const { sku = '', qty = '' } = ctx.request.body as Partial<Record<string, string>>
        ctx.status = 303
        if (!/^[1-9]\d?$/.test(qty)) {
          // Back to the form by a redirect, so that Back never asks to send anything again.
          const typed = new URLSearchParams({ sku, qty, wrong: 'qty' })
          ctx.set('Location', `/${name}?${typed}`)
          return
        }
        await slow?.()
        const { files } = ctx as { readonly files?: readonly unknown[] }
        placed.push({ sku, qty: Number(qty), files: files?.length ?? 0 })
        ctx.set('Location', `/orders/${placed.length}`)
      },
    )
  }
  router.get('/orders/:id', ctx => {
    const order = placed[Number(ctx.params.id) - 1]
    if (order === undefined) return ctx.throw(404)
    ctx.body = page(ctx, `Order ${ctx.params.id}`, `<p>${order.qty} placed, once.</p>`)
  })
  router.get('/logout', ctx => {
    ctx.session = null
    ctx.redirect('/order')
  })
  router.get('/forms.js', ctx => {
    ctx.type = 'text/javascript'
    ctx.body = script
  })

  app.use(createSession({ key: 'site' }, app))
  app.use(visitor)
  app.use(once.middleware())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}

/** A session is a visitor's, and its token is in each form. */
async function visitor(ctx: Context, next: Next): Promise<void> {
  if (ctx.session != null) ctx.session.visitor ??= nanoid()
  if (ctx.method === 'GET') return await tokens(ctx, next)
  await next()
}

const tokens = new CSRF({ disableQuery: true })

/** A link that is bound to the session needs no token; where a site demands one, it fits. */
const guarded = [multer({ limits: { fileSize: 10_000_000 } }).any(), tokens]

function isOrder(location: string): boolean {
  return /^\/orders\/\d+$/.test(location)
}
