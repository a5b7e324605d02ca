/**
 * Messages without a name: one that looks like the last is suspected, and the form is drawn again
 * with a button for those who mean it. A message that carries a key is judged by that instead.
 */
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import escapeHtml from 'escape-html'
import Koa, { type Context } from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

interface Message {
  readonly to: string
  readonly text: string
}

/** Makes the application. */
export function createApp(sent: Message[]): Koa {
  const once = poe({ store: memoryStore(), principal: ctx => ctx.get('X-User') || 'guest' })
  const router = new Router()

  const key = once.idempotencyKey({
    name: 'message',
    required: false,
    retentionMs: 86_400_000,
    // The store forgets at a restart; so do the messages.
    dangerouslyNotDurable: true,
  })
  const alike = once.detectDuplicates({
    name: 'message',
    windowMs: 60_000,
    identity: ctx => {
      const { to, text } = messageOf(ctx)
      return { to, text: text.trim() }
    },
    rerender: (ctx, { override }) => {
      ctx.body = form(messageOf(ctx), override)
    },
  })
  router.post('/messages', key, bodyParser(), alike, ctx => {
    sent.push(messageOf(ctx))
    ctx.status = 201
    ctx.set('Location', `/messages/${sent.length}`)
    ctx.body = { id: sent.length }
  })

  const app = new Koa()
  app.use(once.middleware())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}

function messageOf(ctx: Context): Message {
  const { to, text } = ctx.request.body as Partial<Message>
  const areText = typeof to === 'string' && typeof text === 'string'
  return areText ? { to, text } : ctx.throw(422, 'to and text must be text')
}

function form({ to, text }: Message, override: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8">
    <meta name="viewport" content="width=device-width"><title>Was this sent before?</title>
    <main><h1>Was this sent before?</h1><p>The same message went out a moment ago.</p>
    <form method="post">
      <input type="hidden" name="duplicate-override" value="${override}">
      <label>To <input name="to" value="${escapeHtml(to)}"></label>
      <label>Text <input name="text" value="${escapeHtml(text)}"></label>
      <button type="submit">Send it once more</button>
    </form></main></html>`
}
