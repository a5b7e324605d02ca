/**
 * A handler that is still at work when its client has been answered: by us, because its time was
 * over, or by middleware around it, which had its own idea of time. What the handler says then is
 * still heard as it is meant, and not mistaken for the answer that the client got.
 */
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { Context, Response as KoaResponse } from 'koa'
import { isClosed } from '../arrival.js'
import { beforeFields, FieldsListener } from '../before-fields.js'

/** Response fields by name, as Node gives them. */
export type ResponseFields = ReturnType<ServerResponse['getHeaders']>

/**
 * Parts a context from its client.
 *
 * @param ctx - what the handler holds; from now on its response leads nowhere
 * @param fieldsBefore - the response fields as they were before the handler ran
 * @returns a context of its own for the client, without anything of the handler's; `null` where
 *   the handler has begun to answer, which then breaks off: nobody may take it for whole
 */
export function partFromClient(ctx: Context, fieldsBefore: ResponseFields): Context | null {
  const { res } = ctx
  // A handler that has kept the response for itself may write to it when it is over.
  res.on('error', () => {})
  if (res.headersSent) {
    if (!res.writableEnded) res.destroy()
    return null
  }
  const apart = responseToNowhere(ctx)
  apart.statusCode = res.statusCode
  putFields(apart, res.getHeaders())
  ctx.res = apart
  ctx.response.res = apart
  putFields(res, fieldsBefore)
  const forClient = ctx.app.createContext(ctx.req, res)
  forClient.originalUrl = ctx.originalUrl
  forClient.poe = ctx.poe
  return forClient
}

/** Makes these the fields of a response, and removes all others. */
export function putFields(res: ServerResponse, fields: ResponseFields): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) res.setHeader(name, value)
  }
}

const LATEST = Symbol('post-once-exactly overtaking')

/** A response that is watched, or was. */
interface Watched extends KoaResponse {
  [LATEST]?: Overtaking | null
}

/**
 * Watches for an answer that is sent while the handler is at work, and hears what the handler says
 * afterwards: Koa would ignore it, and the status that was sent would count for the handler's.
 */
export class Overtaking extends FieldsListener {
  readonly #ctx: Context
  readonly #res: ServerResponse
  /** That of a claim around this one, which hears what is said for both. */
  readonly #around: Overtaking | null
  #apart: ServerResponse | null = null
  #closed = false
  #begun: boolean
  /** What was sent while the handler was at work; `null` for nothing. */
  #statusSent: number | null = null

  constructor(ctx: Context) {
    super()
    const response: Watched = ctx.response
    this.#ctx = ctx
    this.#res = ctx.res
    this.#around = response[LATEST] ?? null
    const isOver = ctx.res.writableEnded || ctx.poe.statusOutside !== null
    this.#begun = ctx.res.headersSent && !isOver
    response[LATEST] = this
    hearAnswers(ctx)
    if (isOver && ctx.res.headersSent) this.beforeFields()
    else beforeFields(ctx.res, this)
  }

  /** Whether the fields have been sent, and the body is still to be set: that overtakes nobody. */
  get begun(): boolean {
    return this.#begun && !this.sent
  }

  /** @internal The handler lets its fields go. */
  begin(): void {
    if (!this.#res.headersSent) this.#begun = true
    this.#around?.begin()
  }

  /** Whether the response was sent before the handler said what it says. */
  get happened(): boolean {
    const { response } = this.#ctx
    if (!this.sent) return false
    return Reflect.get(response, '_explicitStatus') === true || response.body !== undefined
  }

  /** Whether it was sent although the handler has not taken it over with `ctx.respond = false`. */
  get sent(): boolean {
    return this.#around === null ? this.#apart !== null : this.#around.sent
  }

  /** @internal */
  override beforeFields(): void {
    const ctx = this.#ctx
    const { response } = ctx
    this.#statusSent = this.#res.statusCode
    if (this.#around !== null || this.#closed || this.#begun) return
    if (isTaken(ctx) || response.res !== this.#res) return
    const apart = responseToNowhere(ctx)
    apart.statusCode = 404
    response.res = apart
    Reflect.set(response, '_explicitStatus', false)
    Reflect.set(response, '_body', undefined)
    this.#apart = apart
  }

  /** Takes back a status that came after the fields were sent: the client has the earlier one. */
  keepStatus(): void {
    if (this.#res.headersSent) this.#res.statusCode = this.#statusSent ?? this.#res.statusCode
  }

  /** @internal Koa is through, and answers nobody: the client has left. */
  leave(): void {
    if (this.#around === null) this.beforeFields()
    else this.#around.leave()
  }

  /** Gives the context its response back. */
  close(): void {
    this.#closed = true
    const response: Watched = this.#ctx.response
    response[LATEST] = this.#around
    if (this.#apart !== null && response.res === this.#apart) response.res = this.#res
  }
}

const RESPOND = Symbol('post-once-exactly respond')

/** A context whose `respond` is heard. */
interface Heard extends Context {
  [RESPOND]?: boolean
}

/** The prototypes of applications' responses that are heard. */
const heard = new WeakSet<object>()

/**
 * Lets every response of an application tell when a handler begins its answer by itself, and when
 * Koa is about to answer while it is at work.
 */
function hearAnswers(ctx: Context): void {
  const { response } = ctx
  const shared = Object.getPrototypeOf(response) as KoaResponse
  if (heard.has(shared)) return
  heard.add(shared)
  const { flushHeaders } = shared
  shared.flushHeaders = function flush(this: Watched) {
    this[LATEST]?.begin()
    flushHeaders.call(this)
  }
  // Koa asks for it when all middleware is through, before anything else.
  Object.defineProperty(Object.getPrototypeOf(ctx), 'respond', {
    configurable: true,
    get(this: Heard) {
      const isNobodys = !isAsking && (!this.writable || isClosed(this.res) === true)
      if (isNobodys) (this.response as Watched)[LATEST]?.leave()
      return this[RESPOND]
    },
    set(this: Heard, value: boolean) {
      this[RESPOND] = value
    },
  })
}

/** Whether it is this package that looks. */
let isAsking = false

/** Whether a handler has taken the response over. */
export function isTaken(ctx: Context): boolean {
  isAsking = true
  const { respond } = ctx
  isAsking = false
  return respond === false
}

function responseToNowhere({ req }: Context): ServerResponse {
  const response = new ServerResponse(req)
  // Nobody tells a response without a server that its socket has drained, so that is never full.
  const highWaterMark = Number.MAX_SAFE_INTEGER
  const nowhere = new Writable({ highWaterMark, write: (_chunk, _coding, done) => done() })
  response.assignSocket(nowhere as Socket)
  return response
}
