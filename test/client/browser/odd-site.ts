/**
 * A site whose page has whatever form a test gives it, under a strict policy; what arrives is kept
 * as it was parsed.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import multer from '@koa/multer'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** A POST that took effect: where, and the members of its form. */
export interface Placed {
  readonly at: string
  readonly fields: unknown
}

/** A site of odd forms. */
export interface OddSite {
  readonly origin: string
  readonly placed: Placed[]
  /** Requests as `METHOD /path?query`, and whether a script has sent them. */
  readonly seen: string[]
  /** The page's content: `{link}` is a fresh link, `{other}` one of another resource. */
  markup: string
  /** The page's policy. */
  policy: string
  /** Looks at a POST first; gives the status with which it is refused, or `null`. */
  before: (ctx: Context) => Promise<number | null>
  close(): Promise<void>
}

const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'"

/** Starts a site; with a script, its forms are enhanced. */
export async function startOddSite(script: string): Promise<OddSite> {
  const app = new Koa()
  app.silent = true
  const once = poe({ store: memoryStore(), principal: anyone })
  const router = new Router()
  const seen: string[] = []
  const placed: Placed[] = []
  for (const name of ['order', 'other']) {
    const options = { name, path: `/${name}/once/:token`, createForm: '/page' }
    once.resource(router, options, multer().any(), bodyParser({ formLimit: '4mb' }), async ctx => {
      const refused = await site.before(ctx)
      if (refused !== null) {
        ctx.status = refused
        return
      }
      const { files } = ctx as { readonly files?: readonly { fieldname: string; size: number }[] }
      const sent = (files ?? []).map(({ fieldname, size }) => [fieldname, size])
      placed.push({ at: name, fields: { ...(ctx.request.body as object), files: sent } })
      ctx.status = ctx.accepts('html', 'json') === 'json' ? 201 : 303
      ctx.set('Location', `/placed/${placed.length}`)
    })
  }
  router.get('/page', ctx => {
    const link = (name: string) => ctx.poe.link(name) ?? ''
    ctx.set('Content-Security-Policy', site.policy)
    const content = site.markup.replaceAll(/\{(link|other)\}/g, (_, which) =>
      link(which === 'link' ? 'order' : 'other'),
    )
    ctx.body =
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>Form</title>` +
      `<script type="module" src="/forms.js"></script><main>${content}</main></html>`
  })
  router.get('/placed/:id', ctx => {
    ctx.body = `<!doctype html><title>Placed</title><p>Placed ${ctx.params.id}, once.</p>`
  })
  router.get('/forms.js', ctx => {
    ctx.type = 'text/javascript'
    ctx.body = script
  })
  app.use(async (ctx, next) => {
    seen.push(`${ctx.method} ${ctx.url}${ctx.get('POE') === '' ? '' : ' by script'}`)
    await next()
  })
  app.use(once.middleware()).use(router.routes())
  const server = createServer(app.callback())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const site: OddSite = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    placed,
    seen,
    markup: '',
    policy: POLICY,
    before: async () => null,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await once.close()
    },
  }
  return site
}
