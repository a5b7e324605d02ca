/**
 * Around the shop: knows each visitor by a cookie, tells what passes between him and the two forms,
 * and does to it what his experiment is there for.
 */
import type { ServerResponse } from 'node:http'
import type { Context, Middleware, Next } from 'koa'
import { nanoid } from 'nanoid'
import { crash } from '../faults.js'
import { ORDINARY_PATH } from './ordinary.js'
import type { Runs } from './runs.js'
import type { Fault, OfExchange, Side, Step } from './steps.js'

/** How long the slow shop takes, in milliseconds. */
export const SLOW_MS = 2_500

/** How many answers of each form an experiment spoils. */
const SPOILT: Readonly<Record<Fault, number>> = {
  none: 0,
  drop: 1,
  slow: 1,
  crash: 1,
  double: 0,
  tabs: 3,
  client: 10,
}
const COOKIE = 'demo-visitor'
/** What the page draws of an answer. */
const FIELDS = ['Location', 'Allow', 'Link', 'Retry-After']

/** What the recorder needs. */
export interface RecordOptions {
  readonly runs: Runs
  /** Obey `Demo-Fault` from outside. */
  readonly faults: boolean
  /** Called when an order was written. */
  readonly onEffect: (run: RunStep) => Promise<void>
}

type RunStep = Extract<Step, { kind: 'run' }>

/** Makes the middleware; it comes before all others. */
export function recorder({ runs, faults, onEffect }: RecordOptions): Middleware {
  const atWork = new AtWork()
  // Numbers of another process are not given again.
  let exchange = Date.now()

  return async function recordLive(ctx: Context, next: Next): Promise<void> {
    ctx.state.live = true
    if (!faults) delete ctx.req.headers['demo-fault']
    const run = runs.of(identify(ctx))
    const side = sideOf(ctx)
    if (run === null || side === null) return await next()
    exchange += 1
    const about = { side, exchange, press: pressOf(ctx) }
    await begin(ctx, run, about)
    await atWork.during(ctx.path, next)
    const order = placedAt(ctx)
    if (order !== null) {
      await runs.say(run, { kind: 'effect', ...about, path: order })
      await onEffect(run)
      if (await spoil(ctx, run, about)) return
    }
    sayAnswer(ctx, run, about)
  }

  /** What has left, or that it did not: some fields are set at the last moment only. */
  function sayAnswer({ res }: Context, run: RunStep, about: OfExchange): void {
    res.once('close', () => {
      const { statusCode: status } = res
      const isSent = res.writableFinished
      void runs.say(
        run,
        isSent
          ? { kind: 'answer', ...about, status, fields: fieldsOf(res) }
          : { kind: 'lost', ...about },
      )
    })
  }

  async function begin(ctx: Context, run: RunStep, about: OfExchange): Promise<void> {
    const { path } = ctx
    const delayMs = run.fault === 'slow' && isOpen(run, about) ? SLOW_MS : 0
    if (delayMs > 0) ctx.req.headers['demo-fault'] = `delay=${delayMs}`
    const waits = about.side === 'once' && atWork.has(path)
    await runs.say(run, { kind: 'request', ...about, path, delayMs, waits })
  }

  /** Takes the answer away, in the way of the experiment; `false`: it is to be sent. */
  async function spoil(ctx: Context, run: RunStep, about: OfExchange): Promise<boolean> {
    if (run.fault === 'slow' || !isOpen(run, about)) return false
    if (run.fault === 'crash') {
      await runs.say(run, { kind: 'killed', ...about, pid: process.pid })
      await crash()
    }
    ctx.respond = false
    ctx.req.socket.destroy()
    await runs.say(run, { kind: 'lost', ...about })
    return true
  }

  /** Each press is spoilt once: what is sent again, by whomever, is answered. */
  function isOpen(run: RunStep, { side, press }: OfExchange): boolean {
    if (press?.endsWith('again')) return false
    const spoilt = runs.spoilt(run, side)
    return spoilt.length < SPOILT[run.fault] && !spoilt.includes(press)
  }
}

/** The addresses at which a request is at work. */
class AtWork {
  readonly #counts = new Map<string, number>()

  has(path: string): boolean {
    return this.#counts.has(path)
  }

  async during(path: string, next: Next): Promise<void> {
    this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1)
    try {
      await next()
    } finally {
      const left = (this.#counts.get(path) ?? 1) - 1
      if (left > 0) this.#counts.set(path, left)
      else this.#counts.delete(path)
    }
  }
}

/** Where the order is that this request has placed, or `null`. */
function placedAt(ctx: Context): string | null {
  const isPlaced = ctx.state.entered === true && ctx.status < 400
  const location = ctx.response.get('Location')
  return isPlaced && /\/orders\/\d+$/.test(location) ? location : null
}

function fieldsOf(res: ServerResponse): Record<string, string> {
  const sent = FIELDS.flatMap(name => {
    const value = res.getHeader(name)
    return value === undefined ? [] : [[name, String(value)]]
  })
  return Object.fromEntries(sent) as Record<string, string>
}

/** Who it is: as the request says, by the cookie, or new where a page is asked for. */
function identify(ctx: Context): string {
  const named = ctx.get('X-Demo-User')
  if (named !== '') return named
  const known = /^visitor-[\w-]{6}$/.exec(ctx.cookies.get(COOKIE) ?? '')?.[0]
  if (known === undefined && (ctx.method !== 'GET' || !ctx.get('Accept').includes('text/html'))) {
    return 'guest'
  }
  const visitor = known ?? `visitor-${nanoid(6)}`
  if (known === undefined) ctx.cookies.set(COOKIE, visitor, { sameSite: 'lax' })
  ctx.req.headers['x-demo-user'] = visitor
  return visitor
}

function sideOf(ctx: Context): Side | null {
  if (ctx.method !== 'POST') return null
  if (ctx.path === ORDINARY_PATH) return 'ordinary'
  return ctx.path.startsWith('/orders/once/') ? 'once' : null
}

/** Words that the page has for a press. */
function pressOf(ctx: Context): string | null {
  return /^[a-z0-9-]{1,20}$/.exec(ctx.get('Demo-Press'))?.[0] ?? null
}
