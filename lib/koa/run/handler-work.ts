/**
 * Runs a resource's handler for the engine, and tells what it did.
 */
import type { ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import type { Context } from 'koa'
import type { Report, ResourceRules, Run, Work } from '../../engine/operation.js'
import type { RecordedField } from '../../engine/outcome.js'
import { arrivalOf } from '../request-content.js'
import type { RequestPoe } from '../request-poe.js'
import { BodySlot } from './body-slot.js'
import { type Fields, Overtaking, partFromClient, putFields } from './late-handler.js'
import { answerThrown, isReportedFailure } from './thrown.js'

/** What is needed to run a handler. */
export interface HandlerWorkOptions {
  readonly ctx: Context
  readonly poe: RequestPoe
  readonly key: string
  readonly handler: () => Promise<unknown>
  readonly rules: ResourceRules
  /** Names of the fields to record, in lower case. */
  readonly recordedFields: readonly string[]
  /** Whether what a handler throws becomes its answer here, and not in middleware around it. */
  readonly keepsThrown: (error: unknown) => boolean
}

/** A handler as the engine's work. */
export class HandlerWork implements Work {
  readonly #options: HandlerWorkOptions
  #fieldsBefore: Fields | null = null
  #running: Promise<Report> | null = null
  #bodyLost = false

  constructor(options: HandlerWorkOptions) {
    this.#options = options
  }

  /** Whether the handler's body has no JSON form, so that its answer goes without one. */
  get bodyLost(): boolean {
    return this.#bodyLost
  }

  /** The handler's end, where it is still at work; else `null`. */
  get running(): Promise<unknown> | null {
    return this.#running
  }

  /** Runs the handler. @throws what the handler throws */
  perform(run: Run): Promise<Report> {
    const running = this.#perform(run)
    this.#running = running
    return running
  }

  /** Takes back the fields that a handler has set, once it is at its end: the answer is another. */
  takeBack(): void {
    const { res } = this.#options.ctx
    if (this.#fieldsBefore === null || this.#running !== null || res.headersSent) return
    putFields(res, this.#fieldsBefore)
  }

  /** As {@link partFromClient}, for a handler that is still at work. */
  partFromClient(): Context | null {
    return partFromClient(this.#options.ctx, this.#fieldsBefore ?? {})
  }

  async #perform(run: Run): Promise<Report> {
    const { ctx, poe, key } = this.#options
    // While the store was asked, its content was cut off: a reader may take none for an empty one.
    if (arrivalOf(ctx) === 'cut-off') ctx.throw(400, 'The content was cut off.')
    forgetEarlierStatus(ctx)
    this.#fieldsBefore = ctx.res.getHeaders()
    poe.enter({ key, run })
    const overtaking = new Overtaking(ctx)
    const slot = new BodySlot(ctx)
    try {
      await this.#handle()
      const reporting = this.#report(slot, overtaking)
      const report = reporting instanceof Promise ? await reporting : reporting
      this.#bodyLost = report.body.kind === 'unreadable'
      return report
    } finally {
      slot.close()
      overtaking.close()
      this.#running = null
    }
  }

  async #handle(): Promise<void> {
    const { ctx, handler, rules, keepsThrown } = this.#options
    try {
      await handler()
      if (saidNothing(ctx)) throw new SaidNothing()
    } catch (error) {
      if (isOwnAbort(ctx, error) || ctx.res.headersSent || !keepsThrown(error)) throw error
      putFields(ctx.res, this.#fieldsBefore ?? {})
      answerThrown(ctx, error, rules)
    }
  }

  #report(slot: BodySlot, overtaking: Overtaking): Report | Promise<Report> {
    const { happened, sent } = overtaking
    if (!happened && isBypassed(this.#options.ctx)) return this.#bypassed(sent)
    // Nobody takes the pieces of its body any more.
    if (happened) slot.client?.resume()
    return reported(this.#options, slot)
  }

  async #bypassed(sent: boolean): Promise<Report> {
    const report = await bypassed(this.#options)
    // A refusal that somebody outside has sent, out of patience, is not this handler's.
    if (sent && !this.#options.rules.success(report)) throw new SaidNothing()
    return report
  }

  /** Whether an error is a failure that the handler reports, or the end of a cut-off upload. */
  isReported(error: unknown): boolean {
    const { ctx, rules } = this.#options
    return isReportedFailure(error, rules) || isOwnAbort(ctx, error)
  }
}

/**
 * Makes Koa send what was recorded, where Koa would put words of its own: an answer without a body
 * stays without one, and one that has no JSON form becomes one without a body.
 */
export function settleBody(ctx: Context, bodyLost: boolean): void {
  if (ctx.respond === false || ctx.res.headersSent) return
  if (!bodyLost && ctx.body !== null && ctx.body !== undefined) return
  const { status } = ctx
  // Koa 3 would send the text `null` for JSON.
  ctx.remove('Content-Type')
  ctx.body = null
  ctx.status = status
}

function reported({ ctx, recordedFields }: HandlerWorkOptions, slot: BodySlot): Report {
  const { res } = ctx.response
  const empty = [204, 205, 304].includes(ctx.status)
  return {
    status: ctx.status,
    fields: fieldsOf(res, recordedFields),
    hasLocation: res.hasHeader('Location'),
    passedOn: slot.passedOn === ctx.status,
    body: empty ? { kind: 'none' } : slot.produced(),
    client: slot.client,
  }
}

/** The handler writes the response itself: its end is the answer. */
async function bypassed({ ctx, recordedFields }: HandlerWorkOptions): Promise<Report> {
  const { res } = ctx
  // A client that left does not undo what the handler said.
  await finished(res).catch(() => {})
  // Another response stands in the context where we have answered in its place.
  const isOwn = res.headersSent && res === ctx.res
  if (!isOwn) throw new Error('The handler took over the response and gave no answer.')
  return {
    status: res.statusCode,
    fields: fieldsOf(res, recordedFields),
    hasLocation: res.hasHeader('Location'),
    body: { kind: 'elsewhere' },
    client: null,
  }
}

function isBypassed(ctx: Context): boolean {
  return ctx.respond === false || ctx.res.headersSent || ctx.res.writableEnded
}

/** What middleware outside has set is not what this handler says. */
function forgetEarlierStatus(ctx: Context): void {
  if (ctx.res.headersSent) return
  ctx.res.statusCode = 404
  Reflect.set(ctx.response, '_explicitStatus', false)
}

function fieldsOf(res: ServerResponse, names: readonly string[]): RecordedField[] {
  const fields: RecordedField[] = []
  for (const name of names) {
    const value = res.getHeader(name)
    if (value === undefined) continue
    fields.push([name, Array.isArray(value) ? value.join(', ') : String(value)])
  }
  return fields
}

/**
 * Whether an error is the abort of this very request: whoever was reading its content got it in
 * place of the rest. Another error may come after the effect, even where the client has left.
 */
function isOwnAbort({ req }: Context, error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // Over HTTP/2 the error stays with the stream, where a handler may read as well.
  const { stream } = req as { readonly stream?: { readonly errored: Error | null } }
  return req.errored === error || stream?.errored === error
}

/** A handler that did its work, perhaps, and left Koa's 404 as it was. */
class SaidNothing extends Error {
  constructor() {
    super(
      'The handler set neither a status nor a body, so it is not known whether it did anything. ' +
        'Say what became of the request: ctx.status = 204 where it was done and there is nothing ' +
        'to tell, ctx.status = 404 where nothing was done.',
    )
  }
}

function saidNothing(ctx: Context): boolean {
  if (ctx.status !== 404 || isBypassed(ctx)) return false
  return Reflect.get(ctx.response, '_explicitStatus') !== true && !isUnrouted(ctx)
}

/** A router looked for a route and found none: nobody was there who could have done anything. */
function isUnrouted(ctx: Context): boolean {
  return Array.isArray(ctx.matched) && ctx._matchedRoute === undefined
}
