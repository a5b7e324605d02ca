/**
 * Runs a resource's handler for the engine, and tells what it did.
 */
import { finished } from 'node:stream/promises'
import type { Context } from 'koa'
import type { Report, Run, Work } from '../engine/operation.js'
import type { RecordedField } from '../engine/outcome.js'
import { type BodySlot, openBodySlot } from './body-slot.js'
import type { RequestPoe } from './request-poe.js'

/** What is needed to run a handler. */
export interface HandlerWorkOptions {
  readonly ctx: Context
  readonly poe: RequestPoe
  readonly key: string
  readonly handler: () => Promise<unknown>
  /** Names of the fields to record, in lower case. */
  readonly recordedFields: readonly string[]
}

/** A handler as the engine's work. */
export class HandlerWork implements Work {
  readonly #options: HandlerWorkOptions
  #bodyLost = false

  constructor(options: HandlerWorkOptions) {
    this.#options = options
  }

  /** Whether the handler's body has no JSON form, so that its answer goes without one. */
  get bodyLost(): boolean {
    return this.#bodyLost
  }

  /** Runs the handler. @throws what the handler throws */
  async perform(run: Run): Promise<Report> {
    const { ctx, poe, key, handler } = this.#options
    forgetEarlierStatus(ctx)
    poe.enter({ key, run })
    const slot = openBodySlot(ctx)
    try {
      await handler()
    } finally {
      slot.close()
    }
    const report = isBypassed(ctx) ? await bypassed(this.#options) : reported(this.#options, slot)
    this.#bodyLost = report.body.kind === 'unreadable'
    return report
  }

  /** Whether an error is an answer that the handler chose, or an upload that was cut off. */
  isReported(error: unknown): boolean {
    return hasStatus(error) || isUploadCut(this.#options.ctx)
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

function reported(options: HandlerWorkOptions, slot: BodySlot): Report {
  const { ctx } = options
  const empty = [204, 205, 304].includes(ctx.status)
  return {
    status: ctx.status,
    fields: fieldsOf(options),
    hasLocation: ctx.res.hasHeader('Location'),
    body: empty ? { kind: 'none' } : slot.produced(),
    client: slot.client,
  }
}

/** The handler writes the response itself: its end is the answer. */
async function bypassed(options: HandlerWorkOptions): Promise<Report> {
  const { res } = options.ctx
  // A client that left does not undo what the handler said.
  await finished(res).catch(() => {})
  if (!res.headersSent) throw new Error('The handler took over the response and gave no answer.')
  return {
    status: res.statusCode,
    fields: fieldsOf(options),
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
  if (ctx.status === 404 || ctx.res.headersSent) return
  ctx.res.statusCode = 404
  Reflect.set(ctx.response, '_explicitStatus', false)
}

function fieldsOf({ ctx, recordedFields }: HandlerWorkOptions): RecordedField[] {
  const fields: RecordedField[] = []
  for (const name of recordedFields) {
    const value = ctx.res.getHeader(name)
    if (value === undefined) continue
    fields.push([name, Array.isArray(value) ? value.join(', ') : String(value)])
  }
  return fields
}

/** An error that names its status is an answer that the handler chose. */
function hasStatus(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown }
  return typeof status === 'number' || typeof statusCode === 'number'
}

/** The body never arrived as a whole: whoever was reading it could not have acted on it. */
function isUploadCut(ctx: Context): boolean {
  return !ctx.req.complete && (ctx.req.destroyed || ctx.req.errored !== null)
}
