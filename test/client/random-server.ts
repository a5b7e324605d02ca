/**
 * A server of which chance decides, with links or keys: ours, or one that follows the draft and
 * nothing else. It keeps the rule, and an account of what it really did.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import Router from '@koa/router'
import * as fc from 'fast-check'
import Koa from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** What a server does; what only a bare one decides is under `bare`. */
export interface ServerPlan {
  readonly kind: 'ours' | 'bare'
  readonly door: 'link' | 'key'
  readonly success: 200 | 201 | 202 | 204 | 303
  readonly workMs: number
  /** What becomes of the first POSTs. */
  readonly misses: readonly ('refuses' | 'fails')[]
  readonly bare: {
    /** Whether what tells of a used link has `Allow`. */
    readonly allows: boolean
    /** What another POST is told while one is at work. */
    readonly running: 'waits' | '409' | '409, wait' | '503, wait'
    readonly runningGet: 405 | 409
    readonly unspentGet: 404 | 405 | 200
    readonly spentGet: 200 | 204 | 303 | 401 | 404 | 410 | 500
    readonly usedAllow: 'GET' | '' | null
  }
}

/** All of them. */
export const serverPlans: fc.Arbitrary<ServerPlan> = fc.record({
  kind: fc.constantFrom('ours', 'bare'),
  door: fc.constantFrom('link', 'link', 'key'),
  success: fc.constantFrom(200, 201, 202, 204, 303),
  workMs: fc.constantFrom(0, 0, 4, 70),
  misses: fc.oneof(
    { arbitrary: fc.constant([]), weight: 3 },
    fc.array(fc.constantFrom('refuses' as const, 'fails' as const), { maxLength: 2 }),
  ),
  bare: fc.record({
    allows: fc.boolean(),
    running: fc.constantFrom('waits', '409', '409, wait', '503, wait'),
    runningGet: fc.constantFrom(405, 409),
    unspentGet: fc.constantFrom(404, 405, 405, 200),
    spentGet: fc.constantFrom(200, 200, 200, 204, 303, 401, 404, 410, 500),
    usedAllow: fc.constantFrom('GET', 'GET', '', null),
  }),
})

/** A POST that took effect: what it said, and which call sent it. */
export interface Effect {
  readonly content: string
  readonly call: string
}

/** A running server. */
export interface RandomServer {
  readonly port: number
  /** The path of the one thing to do. */
  readonly path: string
  readonly effects: readonly Effect[]
  /** Answers that tell of the effect, whole. */
  readonly results: readonly string[]
  /** Handlers at work. */
  readonly atWork: number
  close(): Promise<void>
}

/** Starts one. */
export async function startServer(plan: ServerPlan): Promise<RandomServer> {
  return await (plan.kind === 'ours' ? startOurs(plan) : startBare(plan))
}

const RESULT = 'done: '.padEnd(300, 'x')
const ORDER = 'the order '.padEnd(300, 'y')

/** The work that every server does. */
class Account {
  readonly effects: Effect[] = []
  readonly results: readonly string[] = [RESULT, ORDER, '']
  atWork = 0
  readonly #misses: ('refuses' | 'fails')[]
  readonly #workMs: number

  constructor({ misses, workMs }: ServerPlan) {
    this.#misses = [...misses]
    this.#workMs = workMs
  }

  /** Has the effect, unless it refuses; where `isSilent`, it fails after the effect. */
  async work(call: string, content: string, isSilent: boolean) {
    this.atWork += 1
    try {
      if (this.#workMs > 0) await pause(this.#workMs)
      const miss = this.#misses.shift() ?? null
      if (miss === null || (miss === 'fails' && isSilent)) this.effects.push({ content, call })
      return miss
    } finally {
      this.atWork -= 1
    }
  }
}

async function startOurs(plan: ServerPlan): Promise<RandomServer> {
  const account = new Account(plan)
  const app = new Koa()
  app.silent = true
  const router = new Router()
  const store = memoryStore()
  const instance = poe({ store, principal: anyone, waitMs: 10, leaseMs: 1_000, onEvent: () => {} })
  app.use(instance.middleware())
  router.get('/page', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  router.get('/orders/1', ctx => {
    ctx.body = ORDER
  })
  const work = async (ctx: Koa.Context) => {
    const content = await text(ctx.req)
    const miss = await account.work(ctx.get('x-call'), content, true)
    if (miss === 'refuses') ctx.throw(422, 'no stock')
    if (miss === 'fails') throw new Error('planted')
    ctx.status = plan.success
    if (plan.success === 201 || plan.success === 303) ctx.set('Location', '/orders/1')
    if (plan.success < 204) ctx.body = RESULT
  }
  instance.resource(router, { name: 'order', path: '/once/:token' }, work)
  const key = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true } as const
  router.post('/pay', instance.idempotencyKey(key), work)
  app.use(router.routes()).use(router.allowedMethods())
  const server = createServer(app.callback())
  const port = await listen(server)
  const page = await fetch(`http://127.0.0.1:${port}/page`)
  const { link } = (await page.json()) as { readonly link: string }
  return Object.assign(account, {
    port,
    path: plan.door === 'key' ? '/pay' : link,
    close: async () => {
      await closed(server)
      await instance.close()
      await store.close()
    },
  })
}

/** How something ended that is to be done once. */
interface Ended {
  readonly status: number
}

async function startBare(plan: ServerPlan): Promise<RandomServer> {
  const account = new Account(plan)
  const path = plan.door === 'key' ? '/pay' : '/once/Xb7dQ2mR8kT4wZ9p'
  const bare = new BareServer(plan, path, account)
  const server = createServer((asked, answer) => {
    bare.meet(asked, answer).catch(() => asked.socket.destroy())
  })
  const port = await listen(server)
  return Object.assign(account, { port, path, close: () => closed(server) })
}

class BareServer {
  readonly #plan: ServerPlan
  readonly #path: string
  readonly #account: Account
  #running: Promise<Ended> | null = null
  #isSpent = false

  constructor(plan: ServerPlan, path: string, account: Account) {
    this.#plan = plan
    this.#path = path
    this.#account = account
  }

  async meet(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method, url, headers } = asked
    const content = await text(asked)
    if (!asked.complete) return
    if (url === '/orders/1') say(answer, 200, {}, ORDER)
    else if (url !== this.#path) say(answer, 404)
    else if (method === 'POST') await this.#post(answer, String(headers['x-call']), content)
    else this.#get(answer)
  }

  async #post(answer: ServerResponse, call: string, content: string): Promise<void> {
    const { door, bare } = this.#plan
    while (this.#running !== null) {
      if (bare.running === 'waits') {
        await this.#running
        continue
      }
      const status = Number(bare.running.slice(0, 3))
      return say(answer, status, bare.running.includes('wait') ? { 'retry-after': '1' } : {})
    }
    if (this.#isSpent && door === 'link') {
      return say(answer, 405, bare.usedAllow === null ? {} : { allow: bare.usedAllow })
    }
    if (this.#isSpent) return this.#succeed(answer)
    this.#running = this.#work(call, content)
    const { status } = await this.#running
    this.#running = null
    if (status < 400) this.#succeed(answer)
    else say(answer, status)
  }

  async #work(call: string, content: string): Promise<Ended> {
    const miss = await this.#account.work(call, content, false)
    if (miss !== null) return { status: miss === 'refuses' ? 422 : 500 }
    this.#isSpent = true
    return { status: this.#plan.success }
  }

  #succeed(answer: ServerResponse): void {
    const { success, bare, door } = this.#plan
    const allow = bare.allows && door === 'link' ? { allow: 'GET' } : {}
    const leads = success === 201 || success === 303 ? { location: '/orders/1' } : {}
    say(answer, success, { ...allow, ...leads }, success < 204 ? RESULT : '')
  }

  #get(answer: ServerResponse): void {
    const { bare, door } = this.#plan
    const allow = bare.allows ? { allow: 'GET' } : {}
    if (door === 'key') say(answer, 405, { allow: 'POST' })
    else if (this.#isSpent) {
      const leads = bare.spentGet === 303 ? { location: '/orders/1' } : {}
      const isResult = bare.spentGet === 200
      say(answer, bare.spentGet, { ...allow, ...leads }, isResult ? RESULT : '')
    } else {
      const isBusy = this.#running !== null && bare.runningGet === 409
      const status = isBusy ? 409 : bare.unspentGet
      const offers = { 200: { allow: 'GET, POST' }, 405: { allow: 'POST' } }
      say(answer, status, Reflect.get(offers, status) ?? {}, 'a form')
    }
  }
}

function say(
  answer: ServerResponse,
  status: number,
  fields: Readonly<Record<string, string>> = {},
  body = '',
): void {
  for (const [name, value] of Object.entries(fields)) answer.setHeader(name, value)
  answer.writeHead(status).end(status === 204 ? '' : body)
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
