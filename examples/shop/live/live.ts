/**
 * The live page beside the shop: two forms, experiments on both, and what happens told as it
 * happens. For a shop on a loopback address, started as a demonstration; not part of the shop.
 */
import type Router from '@koa/router'
import type { Context, Next } from 'koa'
import type { Extras } from '../app.js'
import { readBody } from '../body.js'
import { sendPage } from '../pages.js'
import { reading, sendProblem } from '../problems.js'
import type { Storage } from '../storage.js'
import { tryTwice } from './client.js'
import { openFeed } from './feed.js'
import { addOrdinaryRoutes, ORDINARY_PATH, type OrdinaryBook } from './ordinary.js'
import { livePage } from './page.js'
import { recorder } from './record.js'
import { Allowance, Runs } from './runs.js'
import { addStatic } from './static.js'
import { FAULTS, type Fault, type Ledgers, type Step } from './steps.js'

/** How many experiments may be begun, and how often the shop may be killed. */
const RUNS: readonly [number, number] = [30, 60_000]
const CRASHES: readonly [number, number] = [1, 2_000]
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1'])

/** What the live page stands on. */
export interface LiveOptions {
  readonly storage: Storage
  /** Where the ordinary form writes. */
  readonly ordinary: OrdinaryBook
  /** Obey `Demo-Fault` from outside. */
  readonly faults: boolean
  /** What was kept before this process. */
  readonly past?: readonly Step[]
  /** Keeps a step where it outlives this process; default: nowhere. */
  readonly keep?: (step: Step) => Promise<void>
}

/** The live page, to be handed to the shop. */
export interface Live extends Extras {
  /** Tells those whose experiment killed a process that there is another. */
  sayStarted(): Promise<void>
  /** Lets the pages go that look on. */
  close(): void
}

/** Makes it. */
export function createLive(options: LiveOptions): Live {
  const { storage, ordinary, faults, past = [], keep = async () => {} } = options
  const runs = new Runs(past, keep)
  const feed = openFeed(runs)
  const rate = { run: new Allowance(...RUNS), crash: new Allowance(...CRASHES) }
  const canCrash = storage.store.capabilities.durable
  type Run = NonNullable<ReturnType<Runs['of']>>

  async function ledgersOf({ visitor, before }: Run): Promise<Ledgers> {
    const placed = await storage.book.list(visitor)
    const once = placed
      .filter(({ id }) => id > before.once)
      .map(({ id, sku, qty }) => ({ id, sku, qty, path: `/orders/${id}` }))
    return { ordinary: ordinary.list(visitor, before.ordinary), once: once.reverse() }
  }

  async function sayLedgers(run: Run): Promise<void> {
    await runs.say(run, { kind: 'ledgers', ledgers: await ledgersOf(run) })
  }

  async function begin(ctx: Context): Promise<void> {
    const fault = faultOf(ctx)
    if (fault === null) return sendProblem(ctx, 422, { detail: `fault: ${FAULTS.join(', ')}` })
    if (fault === 'crash' && !canCrash) {
      return sendProblem(ctx, 409, { detail: 'This store keeps nothing over a crash.' })
    }
    const waitMs = (fault === 'crash' && rate.crash.take()) || rate.run.take()
    if (waitMs > 0) {
      ctx.set('Retry-After', String(Math.ceil(waitMs / 1000)))
      return sendProblem(ctx, 429, { detail: 'Too many experiments: wait a moment.' })
    }
    const visitor = String(ctx.state.user)
    const [newest] = await reading(ctx, storage.book.list(visitor))
    const before = { ordinary: ordinary.last(visitor), once: newest?.id ?? 0 }
    const link = ctx.poe.link('order')
    if (link === null) return sendProblem(ctx, 503, { detail: 'Orders cannot be taken now.' })
    ctx.body = {
      run: await runs.begin(visitor, fault, before),
      ordinary: ORDINARY_PATH,
      once: link,
    }
    ctx.status = 201
  }

  /** Runs the rest of a request with the visitor's experiment, if it is still the one named. */
  const inRun = (work: (ctx: Context, run: Run) => Promise<void>) => async (ctx: Context) => {
    const run = runs.of(String(ctx.state.user))
    if (run === null || run.run !== ctx.params.run) {
      return sendProblem(ctx, 404, { detail: 'This experiment is over.' })
    }
    await work(ctx, run)
  }

  function addRoutes(router: Router): void {
    router.use('/live', ownPagesOnly)
    addStatic(router)
    addOrdinaryRoutes(router, ordinary)
    router.get('/live', ctx => {
      sendPage(ctx, livePage({ link: ctx.poe.link('order'), canCrash }))
    })
    router.get('/live/events', feed.open)
    router.post('/live/runs', readBody, begin)
    router.post(
      '/live/runs/:run/client',
      readBody,
      inRun(async (ctx, run) => {
        if (run.fault !== 'client') return sendProblem(ctx, 409)
        await tryTwice(ctx)
        ctx.status = 204
      }),
    )
    router.post(
      '/live/runs/:run/end',
      inRun(async (ctx, run) => {
        await sayLedgers(run)
        await runs.say(run, { kind: 'end' })
        ctx.body = await ledgersOf(run)
      }),
    )
  }

  return {
    around: recorder({ runs, faults, onEffect: sayLedgers }),
    addRoutes,
    async sayStarted() {
      for (const run of runs.killed()) {
        await runs.say(run, { kind: 'started', pid: process.pid })
        await sayLedgers(run)
      }
    },
    close: () => feed.close(),
  }
}

function faultOf(ctx: Context): Fault | null {
  const { fault } = (ctx.request.body ?? {}) as { readonly fault?: unknown }
  return FAULTS.find(known => known === fault) ?? null
}

/** No page of another site may run experiments here, under whatever name it has found us. */
async function ownPagesOnly(ctx: Context, next: Next): Promise<void> {
  if (!LOOPBACK.has(ctx.hostname) || (ctx.method !== 'GET' && !isFromOwnPage(ctx))) {
    return sendProblem(ctx, 403, { detail: 'Only pages of this shop may do that.' })
  }
  await next()
}

/** A form of a page without a referrer has the origin `null`; browsers say the site as well. */
function isFromOwnPage(ctx: Context): boolean {
  const site = ctx.get('Sec-Fetch-Site')
  if (site !== '') return site === 'same-origin'
  const origin = ctx.get('Origin')
  return origin === '' || origin === `http://${ctx.host}`
}
