/** An answer of which chance decides, by an application on Koa. */
import { createServer } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import * as fc from 'fast-check'
import Koa, { type Context, type Middleware } from 'koa'
import Koa2 from 'koa2'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { AnyAnswer, ServeAnswer } from './random-answer.js'
import { KOAS } from './random-koa.js'

/** What a handler does, step by step. */
const STEPS: Readonly<Record<string, (ctx: Context) => unknown>> = {
  'waits a tick': () => null,
  'waits a moment': () => pause(2),
  'reads the content': async ctx => {
    if (Reflect.get(ctx.request, 'body') === undefined) for await (const _ of ctx.req);
  },
  'removes its type': ctx => ctx.remove('Content-Type'),
  'removes its length': ctx => ctx.remove('Content-Length'),
  'is an attachment': ctx => ctx.attachment('a.txt'),
  redirects: ctx => ctx.redirect('/orders/9'),
  'throws a refusal': ctx => ctx.throw(422, 'bad tea', { expose: true }),
  'throws with fields': ctx => ctx.throw(401, { headers: { 'WWW-Authenticate': 'Basic' } }),
  'type html': ctx => {
    ctx.type = 'html'
  },
  'past Koa': ctx => {
    ctx.respond = false
    ctx.res.statusCode = 200
    ctx.res.end('done')
  },
  ...Object.fromEntries(
    Object.entries({
      Location: '/orders/1',
      'X-App': 'a',
      'Content-Language': 'de',
      'Content-Type': 'application/vnd.tea+json',
      ETag: '"h"',
      'Set-Cookie': 'a=b',
      'Content-Disposition': 'inline',
    }).map(([name, value]) => [`sets ${name}`, (ctx: Context) => ctx.set(name, value)]),
  ),
  ...Object.fromEntries(
    [200, 201, 202, 204, 205, 206, 304, 307, 400, 404, 409, 422, 503].map(status => [
      `status ${status}`,
      (ctx: Context) => {
        ctx.status = status
      },
    ]),
  ),
}

/** What it may set as its body. */
const BODIES: Readonly<Record<string, (ctx: Context) => unknown>> = {
  object: () => ({ id: 1, list: [1, { a: null }] }),
  array: () => [1, 'b'],
  text: () => 'it is done',
  html: () => '<p>done</p>',
  bytes: () => Buffer.from([0, 1, 255, 128]),
  stream: () => Readable.from([Buffer.from('one'), Buffer.from('two')]),
  slow: () =>
    Readable.from(
      (async function* () {
        yield Buffer.from('one')
        await pause(8)
        yield Buffer.from('two')
      })(),
    ),
  'a stream that has ended': () => new PassThrough().end('whole'),
  null: () => null,
  empty: () => '',
  number: () => 7,
  zero: () => 0,
  false: () => false,
  'more than ASCII': () => 'grüße ✓ \u{1F600}',
  large: () => 'y'.repeat(70_000),
  'the request': ctx => ctx.req,
}

/** Middleware around, as applications have it. */
const AROUND: Readonly<Record<string, Middleware>> = {
  time: async (ctx, next) => {
    await next()
    if (!ctx.headerSent) ctx.set('X-Time', '1')
  },
  catches: async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const { status, message } = error as { status?: number; message: string }
      ctx.status = status ?? 500
      ctx.body = { error: message }
    }
  },
  // Its status would not count for the handler's here.
  defaults: async (ctx, next) => {
    ctx.body = 'sorry'
    await next()
  },
  type: async (ctx, next) => {
    ctx.type = 'text/plain'
    await next()
  },
  helmet: async (ctx, next) => {
    ctx.set({ 'X-Frame-Options': 'DENY', Vary: 'Accept-Encoding' })
    await next()
  },
  looks: async (ctx, next) => {
    await next()
    String([ctx.status, ctx.length, ctx.type, ctx.body])
  },
}

/** What chance has decided. */
interface KoaAnswer extends AnyAnswer {
  readonly parses: boolean
  readonly outside: readonly string[]
  readonly inside: readonly string[]
}

const step = fc.oneof(
  fc.constantFrom(...Object.keys(STEPS)),
  fc.constantFrom(...Object.keys(BODIES).map(name => `body ${name}`)),
)
const around = fc.uniqueArray(fc.constantFrom(...Object.keys(AROUND)), { maxLength: 2 })

/** All of them. */
export const koaAnswers: fc.Arbitrary<KoaAnswer> = fc.record({
  on: fc.constantFrom(...KOAS),
  door: fc.constantFrom('link' as const, 'key' as const),
  parses: fc.boolean(),
  outside: around,
  inside: around,
  steps: fc.array(step, { minLength: 1, maxLength: 5 }),
})

/** Whether the handler says anything of its own; else Koa's words are replaced. */
export function isKoaWord({ steps }: AnyAnswer): boolean {
  return steps.some(what => /^body |past|throws/.test(what))
}

/** Serves one. */
export const serveKoaAnswer: ServeAnswer<KoaAnswer> = (given, isOurs) => {
  const app = given.on === 'Koa 2' ? new Koa2() : new Koa()
  app.silent = true
  const router = new Router()
  const handler = async (ctx: Context) => {
    for (const what of given.steps) {
      const body = BODIES[what.replace('body ', '')]
      if (what.startsWith('body ')) ctx.body = body?.(ctx)
      else await STEPS[what]?.(ctx)
      if (what === 'past Koa') return
    }
  }
  for (const name of given.outside) app.use(AROUND[name] as never)
  const once = poe({ store: memoryStore(), principal: () => 'ann' })
  if (isOurs) app.use(once.middleware())
  router.get('/page', ctx => {
    ctx.body = ctx.poe.link('order')
  })
  const inside = given.inside.map(name => AROUND[name] as never)
  if (given.parses) inside.unshift(bodyParser() as never)
  once.resource(router, { name: 'order', path: '/orders/:token' }, ...inside, handler as never)
  const key = once.idempotencyKey({ name: 'key', retentionMs: 60_000, dangerouslyNotDurable: true })
  router.post('/key', ...inside, ...(isOurs ? [key] : []), handler as never)
  app.use(router.routes())
  return { server: createServer(app.callback()), once }
}
