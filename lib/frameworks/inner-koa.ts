/**
 * The Koa application that nobody sees: requests for links and doors are served by it, all others
 * get their `ctx.poe` and go on to whoever serves them.
 *
 * @see decision 0034
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import Koa, { type Context, type Middleware } from 'koa'
import type { ParamData } from 'path-to-regexp'
import { isClosed } from '../koa/arrival.js'
import type { Poe } from '../koa/poe.js'

/** How one request is to be served. */
export interface Visit {
  readonly serve: Middleware
  /** The parameters of the path; `null` where another router has matched it. */
  readonly params: ParamData | null
  /** Goes on to whoever comes next, or tells it of an error; `null` where nobody does. */
  readonly next: ((error?: unknown) => void) | null
}

/** Told of errors that were answered with 500, and of what the store did to a handler. */
export type OnError = (error: unknown, request: IncomingMessage) => void

/**
 * Checks the option that tells of errors.
 *
 * @throws TypeError where it is no function
 */
export function checkOnError(onError: unknown): void {
  if (onError === undefined || onError === null || typeof onError === 'function') return
  throw new TypeError('poe(): onError must be a function that is told of errors')
}

/** What parsers of Express and others leave on a request. */
type Parsed = Readonly<Record<'body' | 'rawBody' | 'file' | 'files', unknown>>

/** A Koa application for one `poe()`. */
export class InnerKoa {
  readonly #app = new Koa()
  readonly #callback: (req: IncomingMessage, res: ServerResponse) => Promise<void>
  readonly #enter: Middleware
  readonly #visits = new WeakMap<IncomingMessage, Visit>()
  readonly #contexts = new WeakMap<IncomingMessage, Context>()

  /**
   * Makes the application.
   *
   * @param onError - by default errors are written to the console, as Koa does
   */
  constructor(once: Pick<Poe, 'middleware'>, onError: OnError | null) {
    const app = this.#app
    this.#enter = once.middleware()
    if (onError !== null) {
      app.on('error', (error: unknown, ctx?: Context) =>
        onError(error, ctx?.req as IncomingMessage),
      )
    }
    app.use((ctx, next) => this.#handOnErrors(ctx as Context, next))
    app.use(this.#enter)
    app.use((ctx, next) => this.#serve(ctx as Context, next))
    const callback = app.callback()
    this.#callback = async (req, res) => {
      try {
        await callback(req, res)
        if (!res.writableEnded) await this.#isSent(req, res)
      } catch (error) {
        giveUp(res, error)
      }
    }
  }

  /** Serves a request. @returns a promise that is kept when it is answered or handed on */
  serve(req: IncomingMessage, res: ServerResponse, visit: Visit): Promise<void> {
    this.#visits.set(req, visit)
    return this.#callback(req, res)
  }

  /**
   * Gives a request its `ctx.poe` and leaves it to somebody else.
   *
   * @throws what `go` throws
   */
  async attend<Result>(
    req: IncomingMessage,
    res: ServerResponse,
    go: (ctx: Context) => Result,
  ): Promise<Awaited<Result>> {
    const ctx = this.#app.createContext(req, res) as Context
    this.#remember(ctx)
    let result: Awaited<Result> | undefined
    await this.#enter(ctx, async () => {
      result = await go(ctx)
    })
    return result as Awaited<Result>
  }

  /** Answers with an error, as Koa does; an answer that has begun is broken off. */
  answerError(req: IncomingMessage, error: unknown): void {
    const ctx = this.#contexts.get(req)
    if (ctx === undefined) return
    const { res } = ctx
    const isBegun = res.headersSent && !res.writableEnded
    try {
      ctx.onerror(error as Error)
      if (isBegun) res.destroy()
    } catch (broken) {
      giveUp(res, broken)
    }
  }

  /** The context of a request; `undefined` where it was never here. */
  contextOf(req: IncomingMessage): Context | undefined {
    return this.#contexts.get(req)
  }

  /** Express takes the front off a path in mounted routers; links begin where this stands. */
  #remember(ctx: Context): void {
    this.#contexts.set(ctx.req, ctx)
    Object.defineProperty(ctx, 'path', { value: ctx.path, configurable: true, writable: true })
  }

  /** Koa leaves what it sends in pieces alone; whoever waits for a door may end the response. */
  async #isSent(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const isAnothers = this.#contexts.get(req)?.respond === false
    if (isAnothers || isClosed(res) === true) return
    // Koa's pipeline leaves room for few listeners before Node warns of a leak: ours takes none.
    const most = res.getMaxListeners()
    if (most > 0) res.setMaxListeners(most + 1)
    await new Promise(resolve => res.once('finish', resolve).once('close', resolve))
  }

  #visitOf(ctx: Context): Visit {
    const visit = this.#visits.get(ctx.req)
    if (visit === undefined) throw new Error('A request came in by another way')
    return visit
  }

  async #handOnErrors(ctx: Context, next: () => Promise<unknown>): Promise<void> {
    const { next: handOn } = this.#visitOf(ctx)
    try {
      await next()
    } catch (error) {
      if (handOn === null || ctx.res.headersSent) throw error
      leaveTo(ctx)
      handOn(error)
    }
  }

  async #serve(ctx: Context, next: () => Promise<unknown>): Promise<void> {
    const { serve, params, next: handOn } = this.#visitOf(ctx)
    const { body, rawBody, file, files } = ctx.req as unknown as Parsed
    if (params !== null) ctx.params = params
    if (body !== undefined || rawBody !== undefined) {
      Object.assign(ctx.request, { body, rawBody, file, files })
    }
    this.#remember(ctx)
    await serve(ctx, async () => {
      if (handOn === null) return await next()
      leaveTo(ctx)
      return handOn()
    })
  }
}

/**
 * Koa could not tell of an error: a log that throws, or an error that nothing can be noted on, must
 * neither end the process nor leave a client waiting.
 */
function giveUp(res: ServerResponse, error: unknown): void {
  console.error(error)
  if (res.headersSent) {
    res.destroy()
    return
  }
  res.statusCode = 500
  res.end()
}

/** Leaves the response to somebody else, as Node's server gives it. */
function leaveTo(ctx: Context): void {
  ctx.respond = false
  const { req, res } = ctx
  if (!res.headersSent) res.statusCode = 200
  // The phrase of an earlier status would stand beside the next one.
  if (req.httpVersionMajor < 2) res.statusMessage = ''
}
