/**
 * An answer of which chance decides, by an application with the library and by the same without it:
 * the first answer must be the same, and the repeats must agree with it.
 */
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import * as fc from 'fast-check'
import Koa, { type Context, type Middleware } from 'koa'
import Koa2 from 'koa2'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

const PATIENCE_MS = 5_000
const CONTENT = '{"sku":"tea"}'
const FIELDS = {
  'Idempotency-Key': '"abcdefghijklmnop"',
  ...{ 'Content-Type': 'application/json', 'Content-Length': CONTENT.length },
}

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
export interface RandomAnswer {
  readonly koa: 2 | 3
  readonly door: 'link' | 'key'
  readonly parses: boolean
  readonly outside: readonly string[]
  readonly inside: readonly string[]
  readonly steps: readonly (readonly ['does' | 'body', string])[]
}

const step = fc.oneof(
  fc.tuple(fc.constant('does' as const), fc.constantFrom(...Object.keys(STEPS))),
  fc.tuple(fc.constant('body' as const), fc.constantFrom(...Object.keys(BODIES))),
)
const around = fc.uniqueArray(fc.constantFrom(...Object.keys(AROUND)), { maxLength: 2 })

/** All of them. */
export const answers: fc.Arbitrary<RandomAnswer> = fc.record({
  koa: fc.constantFrom(3 as const, 2 as const),
  door: fc.constantFrom('link' as const, 'key' as const),
  parses: fc.boolean(),
  outside: around,
  inside: around,
  steps: fc.array(step, { minLength: 1, maxLength: 5 }),
})

/**
 * Compares the answers.
 *
 * @returns what differs that must not; nothing where all is well
 */
export async function compareAnswers(given: RandomAnswer): Promise<readonly string[]> {
  const bare = await serve(given, false)
  const ours = await serve(given, true)
  try {
    const theirs = await ask(bare.port, 'POST', '/key')
    // That one does not answer it either.
    if (theirs.isBroken) return []
    const path = given.door === 'key' ? '/key' : (await ask(ours.port, 'GET', '/page')).body
    const first = await ask(ours.port, 'POST', path)
    if (!isWord(given)) return []
    const wrong = differences('the first', first, theirs)
    if (first.status >= 300 || given.steps.some(([, what]) => what === 'past Koa')) return wrong
    const repeat = await ask(ours.port, given.door === 'key' ? 'POST' : 'GET', path)
    const isShown = repeat.status === 303 || first.body === ''
    if (isShown || given.steps.some(([, what]) => what === 'status 205')) return wrong
    return [...wrong, ...repeated(repeat, first)]
  } finally {
    bare.close()
    ours.close()
  }
}

/** Whether the handler says anything of its own; else Koa's words are replaced. */
function isWord({ steps }: RandomAnswer): boolean {
  return (
    steps.some(([what]) => what === 'body') || steps.some(([, what]) => /past|throws/.test(what))
  )
}

function differences(which: string, answer: Told, expected: Told): string[] {
  const [here, there] = [answer, expected].map(({ status, body, isBroken, headers }) => {
    const own = Object.entries(headers)
      .filter(([name]) => !OURS.has(name))
      .sort()
    return JSON.stringify([status, isBroken, status < 500 && isWorded(body) ? body : '', own])
  })
  return here === there ? [] : [`${which}: ${here} in place of ${there}`]
}

/** Koa puts the phrase of the status where there is no body, and this library nothing. */
function isWorded(body: string): boolean {
  return !/^[A-Z][A-Za-z -]+$/.test(body)
}

function repeated(repeat: Told, first: Told): string[] {
  const [type, other] = [repeat, first].map(({ headers }) => headers['content-type'])
  const isSame = repeat.body === first.body && type === other && repeat.status < 300
  return isSame ? [] : [`the repeat: ${JSON.stringify([repeat, first])}`]
}

/** Fields that a link's answers have besides, and what framing makes of the others. */
const OURS = new Set([
  ...['allow', 'cache-control', 'referrer-policy', 'date', 'connection', 'keep-alive'],
  ...['content-length', 'transfer-encoding', 'expires'],
])

/** An answer as it came. */
interface Told {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly isBroken: boolean
}

function ask(port: number, method: string, path: string): Promise<Told> {
  return new Promise(resolve => {
    const headers = method === 'POST' ? FIELDS : {}
    const sent = request({ port, host: '127.0.0.1', method, path, headers, agent: false })
    const nothing = { status: 0, headers: {}, body: '', isBroken: true }
    const patience = setTimeout(() => {
      resolve(nothing)
      sent.destroy()
    }, PATIENCE_MS)
    sent.on('close', () => clearTimeout(patience))
    sent.on('error', () => resolve(nothing))
    sent.on('response', response => {
      const pieces: Buffer[] = []
      const { statusCode: status = 0, headers } = response
      const end = (isBroken: boolean) => {
        resolve({ status, headers, body: Buffer.concat(pieces).toString(), isBroken })
      }
      response.on('data', piece => pieces.push(piece))
      response.on('end', () => end(false)).on('error', () => end(true))
    })
    sent.end(method === 'POST' ? CONTENT : undefined)
  })
}

async function serve(given: RandomAnswer, isOurs: boolean) {
  const app = given.koa === 3 ? new Koa() : new Koa2()
  app.silent = true
  const router = new Router()
  const handler = async (ctx: Context) => {
    for (const [what, which] of given.steps) {
      if (what === 'does') await STEPS[which]?.(ctx)
      else ctx.body = BODIES[which]?.(ctx)
      if (which === 'past Koa') return
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
  const server = createServer(app.callback())
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    server.close()
    void once.close({ graceMs: 0 })
  }
  return { port, close }
}
