/**
 * The live page beside the shop: two forms, experiments on both, and what happens told as it
 * happens. For a shop on a loopback address, started as a demonstration; not part of the shop.
 */
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
  const runs = new Runs(options.past ?? [], options.keep ?? (async () => {}))
  const feed = openFeed(runs)
  const experiments = new Experiments(options, runs)
  const onEffect = (run: Run) => experiments.sayLedgers(run)
  return {
    around: recorder({ runs, faults: options.faults, onEffect }),
    addRoutes(router) {
      router.use('/live', ownPagesOnly)
      addStatic(router)
      addOrdinaryRoutes(router, options.ordinary)
      router.get('/live', ctx => {
        const { canCrash } = experiments
        sendPage(ctx, livePage({ link: ctx.poe.link('order'), canCrash }))
      })
      router.get('/live/events', feed.open)
      router.post('/live/runs', readBody, ctx => experiments.begin(ctx))
      router.post('/live/runs/:run/client', readBody, ctx => experiments.retry(ctx))
      router.post('/live/runs/:run/end', ctx => experiments.end(ctx))
    },
    async sayStarted() {
      for (const run of runs.killed()) {
        await runs.say(run, { kind: 'started', pid: process.pid })
        await experiments.sayLedgers(run)
      }
    },
    close: () => feed.close(),
  }
}

type Run = NonNullable<ReturnType<Runs['of']>>

/** What pages ask for. */
class Experiments {
  readonly canCrash: boolean
  readonly #options: LiveOptions
  readonly #runs: Runs
  readonly #rate = { run: new Allowance(...RUNS), crash: new Allowance(...CRASHES) }

  constructor(options: LiveOptions, runs: Runs) {
    this.#options = options
    this.#runs = runs
    this.canCrash = options.storage.store.capabilities.durable
  }

  async begin(ctx: Context): Promise<void> {
    const fault = faultOf(ctx)
    if (fault === null) return sendProblem(ctx, 422, { detail: `fault: ${FAULTS.join(', ')}` })
    if (fault === 'crash' && !this.canCrash) {
      return sendProblem(ctx, 409, { detail: 'This store keeps nothing over a crash.' })
    }
    const waitMs = (fault === 'crash' && this.#rate.crash.take()) || this.#rate.run.take()
    if (waitMs > 0) {
      ctx.set('Retry-After', String(Math.ceil(waitMs / 1000)))
      return sendProblem(ctx, 429, { detail: 'Too many experiments: wait a moment.' })
    }
    const { storage, ordinary } = this.#options
    const visitor = String(ctx.state.user)
    const [newest] = await reading(ctx, storage.book.list(visitor))
    const before = { ordinary: ordinary.last(visitor), once: newest?.id ?? 0 }
    const once = ctx.poe.link('order')
    if (once === null) return sendProblem(ctx, 503, { detail: 'Orders cannot be taken now.' })
    const run = await this.#runs.begin(visitor, fault, before)
    ctx.body = { run, ordinary: ORDINARY_PATH, once }
    ctx.status = 201
  }

  async retry(ctx: Context): Promise<void> {
    const run = this.#runOf(ctx)
    if (run === null) return
    if (run.fault !== 'client') return sendProblem(ctx, 409)
    await tryTwice(ctx)
    ctx.status = 204
  }

  async end(ctx: Context): Promise<void> {
    const run = this.#runOf(ctx)
    if (run === null) return
    await this.sayLedgers(run)
    await this.#runs.say(run, { kind: 'end' })
    ctx.body = await this.#ledgersOf(run)
  }

  async sayLedgers(run: Run): Promise<void> {
    await this.#runs.say(run, { kind: 'ledgers', ledgers: await this.#ledgersOf(run) })
  }

  async #ledgersOf({ visitor, before }: Run): Promise<Ledgers> {
    const { storage, ordinary } = this.#options
    const placed = await storage.book.list(visitor)
    const once = placed
      .filter(({ id }) => id > before.once)
      .map(({ id, sku, qty }) => ({ id, sku, qty, path: `/orders/${id}` }))
    return { ordinary: ordinary.list(visitor, before.ordinary), once: once.reverse() }
  }

  /** The visitor's experiment, if it is still the one that is named; else that is answered. */
  #runOf(ctx: Context): Run | null {
    const run = this.#runs.of(String(ctx.state.user))
    if (run?.run === ctx.params.run) return run
    sendProblem(ctx, 404, { detail: 'This experiment is over.' })
    return null
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
