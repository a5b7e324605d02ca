/**
 * Runs a resource's handler for the engine, and tells what it did.
 */
import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { finished } from 'node:stream/promises'
import type { Context, Response as KoaResponse } from 'koa'
import type { Operation, Report, ResourceRules, Run, Work } from '../../engine/operation.js'
import type { RecordedField } from '../../engine/outcome.js'
import { Unsaid } from '../../engine/unsaid.js'
import { arrivalOf, hasNoContent, isClosed } from '../arrival.js'
import type { Core } from '../core.js'
import { isReset } from '../request-content.js'
import type { Held } from '../request-poe.js'
import { BodySlot, breakAnswer, hearPipes, isFedByAnother } from './body-slot.js'
import {
  isTaken,
  Overtaking,
  partFromClient,
  putFields,
  type ResponseFields,
} from './late-handler.js'
import { answerThrown, hearThrow, isReportedFailure, noteParsers } from './thrown.js'

/** A request whose operation is known. */
export interface Claimable {
  readonly core: Core
  readonly ctx: Context
  readonly operation: Operation
  readonly rules: ResourceRules
  readonly handler: () => unknown
  /** What the handler knows the operation by; the record's key by default. */
  readonly handlerKey?: string
  /** Whether what a handler throws is a refusal to be kept, and so has to be an answer first. */
  readonly keepsThrown?: (error: unknown) => boolean
}

/** What a handler has thrown, which may be nothing at all. */
interface Thrown {
  readonly error: unknown
}

/** A handler as the engine's work. It lives as long as the store is waited for. */
export class HandlerWork implements Work, Held {
  readonly core: Core
  readonly ctx: Context
  readonly operation: Operation
  readonly rules: ResourceRules
  readonly key: string
  readonly around: Held | null
  hasTransactionInside = false
  readonly #handler: Claimable['handler']
  readonly #keepsThrown: Claimable['keepsThrown']
  /** Whether a link named the operation before this door: it then keeps what it always keeps. */
  readonly isBehindLink: boolean
  #fieldsBefore: ResponseFields | null = null
  #slot: BodySlot | null = null
  #run: Run | null = null
  #running: Promise<Report> | null = null
  #bodyLost = false
  /** Whether the request's content had been read, or there was none, when the handler began. */
  #isRead = false
  /** The router in front, which has looked for a route before the handler began. */
  #routerBefore: unknown = null
  /** Whether the handler had sent the fields of its answer itself when it threw. */
  #hasBegun = false

  constructor({ core, ctx, operation, rules, handler, handlerKey, keepsThrown }: Claimable) {
    this.core = core
    this.ctx = ctx
    this.operation = operation
    this.rules = rules
    this.#handler = handler
    this.key = handlerKey ?? operation.key
    this.around = ctx.poe.held
    this.#keepsThrown = keepsThrown
    this.isBehindLink = ctx.poe.naming === 'link'
  }

  /** What the engine gives to the handler. */
  get run(): Run {
    return this.#run as Run
  }

  /** Whether the handler's body has no JSON form, so that its answer goes without one. */
  get bodyLost(): boolean {
    return this.#bodyLost
  }

  /** Whether a link below a mount, which the door could not foresee, tells what happened. */
  get toldInside(): boolean {
    return !this.isBehindLink && this.ctx.poe.naming === 'link'
  }

  /** The handler's end, where it is still at work; else `null`. */
  get running(): Promise<unknown> | null {
    return this.#running
  }

  /**
   * Whether the fields are those of another server's answer, passed on with its status: they say
   * when that was made, and of its own answers a server adds that itself, on sending.
   */
  get hasPassedOnFields(): boolean {
    const { res } = this.ctx
    return res.statusCode >= 400 && res.getHeader('date') !== this.#fieldsBefore?.date
  }

  /**
   * Runs the handler.
   *
   * @returns at once where the handler does
   * @throws what the handler throws
   */
  perform(run: Run): Report | Promise<Report> {
    const { ctx } = this
    // While the store was asked, its content was cut off: a reader may take none for an empty one.
    if (arrivalOf(ctx) === 'cut-off') ctx.throw(400, 'The content was cut off.')
    forgetEarlierStatus(ctx)
    hearThrow(ctx)
    this.#fieldsBefore = fieldsNow(ctx.res)
    this.#run = run
    this.#routerBefore = ctx.router
    ctx.poe.enter(this)
    const overtaking = new Overtaking(ctx)
    if (this.around === null) hearPipes(ctx.res)
    const slot = new BodySlot(ctx)
    this.#slot = slot
    let handling: unknown
    this.#isRead = hasNoContent(ctx.req) || ctx.req.readableEnded
    try {
      handling = this.#handler()
    } catch (error) {
      return this.#end(slot, overtaking, { error })
    }
    if (!isThenable(handling)) return this.#end(slot, overtaking)
    this.#running = Promise.resolve(handling).then(
      () => this.#end(slot, overtaking),
      (error: unknown) => this.#end(slot, overtaking, { error }),
    )
    return this.#running
  }

  /** Takes back the fields that a handler has set, once it is at its end: the answer is another. */
  takeBack(): void {
    const { res } = this.ctx
    if (this.#fieldsBefore === null || this.#running !== null || res.headersSent) return
    putFields(res, this.#fieldsBefore)
  }

  /**
   * Takes back what was said before an error. Of a body in pieces: nobody sends them, and Koa would
   * wait for them. An answer that has begun breaks off: Koa would leave it open for ever.
   */
  takeBackSaid(error: unknown): void {
    const { ctx } = this
    const client = this.#slot?.client ?? null
    if (client !== null && ctx.body === client) {
      const type = ctx.res.getHeader('Content-Type')
      settleBody(ctx, true)
      // Koa goes by it where somebody outside answers in place of the error.
      if (type !== undefined && !ctx.res.headersSent) ctx.res.setHeader('Content-Type', type)
    }
    const { statusOutside } = ctx.poe
    // Nobody waits who would put the error in the place of what the handler has set.
    if (statusOutside !== null && !ctx.res.headersSent) {
      ctx.body = null
      ctx.status = statusOutside
    }
    // What it goes on writing itself meets an answer that has ended: that must not end the process.
    if (isTaken(ctx)) ctx.res.on('error', () => {})
    else if (this.#hasBegun) breakAnswer(ctx, error)
  }

  /** As {@link partFromClient}, for a handler that is still at work. */
  partFromClient(): Context | null {
    return partFromClient(this.ctx, this.#fieldsBefore ?? {})
  }

  /** The handler is at its end. */
  #end(
    slot: BodySlot,
    overtaking: Overtaking,
    thrown: Thrown | null = null,
  ): Report | Promise<Report> {
    const close = (): void => {
      this.ctx.poe.leave(this)
      slot.close()
      overtaking.close()
      this.#running = null
    }
    let isLate = false
    overtaking.keepStatus()
    try {
      if (thrown !== null) this.#keepThrown(thrown.error, overtaking)
      else if (this.#saidNothing(overtaking)) this.#keepThrown(new SaidNothing(), overtaking)
      const report = this.#report(slot, overtaking)
      if (!(report instanceof Promise)) return this.#noted(report)
      isLate = true
      return report.then(late => this.#noted(late)).finally(close)
    } finally {
      if (!isLate) close()
    }
  }

  #noted(report: Report): Report {
    this.#bodyLost = report.body.kind === 'unreadable'
    return report
  }

  /** Whether the answer is nobody's, or somebody's who did not wait for this handler. */
  #saidNothing(overtaking: Overtaking): boolean {
    const { ctx } = this
    if (isBypassed(ctx, overtaking)) return false
    if (!overtaking.sent && ctx.poe.statusOutside === ctx.status) return true
    return isUntouched(ctx) && (ctx.router === this.#routerBefore || !isUnrouted(ctx))
  }

  /** Makes an answer of an error, where that is to be kept. @throws the error where it is not */
  #keepThrown(error: unknown, overtaking: Overtaking): void {
    const { ctx, rules } = this
    this.#hasBegun = overtaking.begun || (isTaken(ctx) && ctx.res.headersSent)
    const isParsed = ctx.req.readableEnded && Reflect.get(ctx.request, 'body') !== undefined
    noteParsers(ctx, error, this.#isRead || isParsed, this.run.isMarked)
    const isKept = !this.toldInside && !isOwnAbort(ctx, error) && !ctx.res.headersSent
    if (!isKept || this.#keepsThrown?.(error) !== true) throw error
    putFields(ctx.res, this.#fieldsBefore ?? {})
    answerThrown(ctx, error, rules)
  }

  #report(slot: BodySlot, overtaking: Overtaking): Report | Promise<Report> {
    const { happened } = overtaking
    if (!happened && isBypassed(this.ctx, overtaking)) return this.#bypassed(overtaking)
    // Nobody takes the pieces of its body any more.
    if (happened) slot.client?.resume()
    return reported(this, slot)
  }

  async #bypassed(overtaking: Overtaking): Promise<Report> {
    const report = await bypassed(this, overtaking)
    // A refusal that somebody outside has sent, out of patience, is not this handler's.
    if (overtaking.sent && (this.toldInside || !this.rules.success(report))) throw new SaidNothing()
    return report
  }

  /**
   * Whether an error is a failure that the handler reports, or the end of a cut-off upload; or what
   * the link inside has to tell of, and not this door. It is none where the handler has told the
   * client before that it is done.
   */
  isReported(error: unknown): boolean {
    const { ctx, rules } = this
    if (this.toldInside) return true
    if (this.#hasBegun && ctx.res.statusCode < 400) return false
    return isReportedFailure(error, rules) || (!this.run.isMarked && isOwnAbort(ctx, error))
  }
}

/**
 * Makes Koa send what was recorded, where Koa would put words of its own: an answer without a body
 * stays without one, and one that has no JSON form becomes one without a body.
 */
export function settleBody(ctx: Context, bodyLost: boolean): void {
  if (isTaken(ctx) || ctx.res.headersSent) return
  const { body, status } = ctx.response
  if (!bodyLost && body !== null && body !== undefined) return
  // Koa 3 would send the text `null` for JSON.
  ctx.remove('Content-Type')
  ctx.body = null
  ctx.status = status
}

function reported(work: HandlerWork, slot: BodySlot): Report {
  const { ctx, core, toldInside, hasTransactionInside } = work
  const { res } = ctx.response
  const status = res.statusCode
  const empty = status === 204 || status === 205 || status === 304
  return {
    status,
    fields: fieldsOf(res, core.recorded),
    hasLocation: res.hasHeader('location'),
    passedOn: slot.isPassedOn(status) || work.hasPassedOnFields,
    toldInside: toldInside || isPutOff(ctx),
    hasTransactionInside,
    body: empty ? { kind: 'none' } : slot.produced(),
    client: slot.client,
  }
}

/** A door inside has told when to ask again: that is of this moment, and no answer to be kept. */
function isPutOff({ poe, response }: Context): boolean {
  const { res } = response
  return res.statusCode >= 400 && poe.decided === res.statusCode && res.hasHeader('retry-after')
}

/** The handler writes the response itself: its end is the answer. */
async function bypassed(work: HandlerWork, overtaking: Overtaking): Promise<Report> {
  const { ctx, core } = work
  const { res } = ctx
  // A client that left does not undo what the handler said.
  // HTTP/2's response tells nobody who asks later that it is over.
  if (isClosed(res) !== true) await finished(res).catch(() => {})
  overtaking.keepStatus()
  // Another response stands in the context where we have answered in its place.
  // Node sends no fields to a client that has left: the end alone tells that there was an answer.
  const isOwn = (res.headersSent || res.writableEnded) && res === ctx.res
  if (!isOwn) throw new Unsaid('The handler took over the response and gave no answer.')
  return {
    status: res.statusCode,
    fields: fieldsOf(res, core.recorded),
    hasLocation: res.hasHeader('location'),
    passedOn: isFedByAnother(res) || work.hasPassedOnFields,
    toldInside: work.toldInside,
    hasTransactionInside: work.hasTransactionInside,
    body: { kind: 'elsewhere' },
    client: null,
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

function isBypassed(ctx: Context, { begun }: Overtaking): boolean {
  const { res } = ctx
  return isTaken(ctx) || (res.headersSent && !begun) || res.writableEnded
}

/** Where Koa notes that somebody has set a status. */
type Saying = KoaResponse & { _explicitStatus?: boolean }

/** What middleware outside has set is not what this handler says. */
function forgetEarlierStatus(ctx: Context): void {
  if (ctx.res.headersSent || ctx.poe.statusOutside !== null) return
  ctx.res.statusCode = 404
  ;(ctx.response as Saying)._explicitStatus = false
}

/** Reads the fields that are set and recorded, in the order in which they are recorded. */
function fieldsOf(res: ServerResponse, recorded: ReadonlyMap<string, number>): RecordedField[] {
  const fields: RecordedField[] = []
  let lastRank = -1
  for (const name of res.getHeaderNames()) {
    const rank = recorded.get(name)
    const value = rank === undefined ? undefined : res.getHeader(name)
    if (rank === undefined || value === undefined) continue
    const field = [name, Array.isArray(value) ? value.join(', ') : String(value)] as const
    if (rank > lastRank) {
      fields.push(field)
      lastRank = rank
    } else {
      const at = fields.findIndex(([other]) => (recorded.get(other) ?? 0) > rank)
      fields.splice(at, 0, field)
    }
  }
  return fields
}

/** The fields that are set; nearly always none, and then nothing is copied. */
function fieldsNow(res: ServerResponse): ResponseFields {
  return res.getHeaderNames().length === 0 ? NO_FIELDS : res.getHeaders()
}

const NO_FIELDS: ResponseFields = {}

/**
 * Whether an error is the abort of this very request: whoever was reading its content got it in
 * place of the rest. Another error may come after the effect, even where the client has left; and
 * where `pipeline` gives the request the error of what failed behind it, nobody has cut it off.
 */
function isOwnAbort({ req }: Context, error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { stream, socket } = req as Partial<Pick<Context['res'], 'socket'>> & {
    readonly stream?: ServerHttp2Stream
  }
  // Over HTTP/2 the error stays with the stream, where a handler may read as well. That of a stream
  // that the handler destroys is told as INTERNAL_ERROR.
  if (stream !== undefined) {
    const isTold = Reflect.get(error, 'code') === 'ERR_HTTP2_STREAM_ERROR'
    const isPeers = isTold && stream.rstCode !== constants.NGHTTP2_INTERNAL_ERROR
    return isReset(error) || (isPeers && stream.errored === error)
  }
  if (req.errored !== error || socket?.destroyed !== true) return false
  // Deno's connection has the request's own error, and Node's that of a handler that destroys it.
  return socket.errored !== error || (IS_DENO && error.message === 'aborted')
}

const IS_DENO = 'Deno' in globalThis

/** A handler that did its work, perhaps, and left Koa's 404 as it was. */
class SaidNothing extends Unsaid {
  constructor() {
    super(
      'The handler set neither a status nor a body, so it is not known whether it did anything. ' +
        'Say what became of the request: ctx.status = 204 where it was done and there is nothing ' +
        'to tell, ctx.status = 404 where nothing was done.',
    )
  }
}

/** Whether nobody has set a status or a body: Koa's 404 is no word of anybody's. */
export function isUntouched({ response }: Context): boolean {
  return response.status === 404 && (response as Saying)._explicitStatus !== true
}

/** A router looked for a route and found none: nobody was there who could have done anything. */
function isUnrouted(ctx: Context): boolean {
  // New Relic has `null` there from the start.
  return Array.isArray(ctx.matched) && (ctx._matchedRoute ?? null) === null
}
