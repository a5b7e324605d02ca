/**
 * Lets the application draw a refusal for a person. What HTTP and the draft demand of the answer is
 * put on it afterwards, so that a page cannot change it.
 *
 * @see POE draft 2
 */
import type { Context } from 'koa'
import type { Answer, Problem } from '../answers/answer.js'
import type { LinkRefusal } from '../answers/refusal-kinds.js'
import { placedOf, type Refusal } from '../answers/refusal-view.js'
import type { Outcome } from '../engine/outcome.js'
import type { Core } from './core.js'
import type { DrawRefusal } from './options.js'
import type { ContentHere } from './request-content.js'
import type { LinkParams } from './request-poe.js'
import { putFields } from './run/late-handler.js'
import { type Drawn, selfOf, send, wantsHtml } from './send.js'
import { sentFields } from './sent-fields.js'

/** What is known of a refused request besides the answer. */
export interface Refused {
  /** The name of its resource. */
  readonly name: string
  readonly params: LinkParams
  /** The resource's own way to draw; the one of `poe()` where it has none. */
  readonly draw: DrawRefusal | undefined
  /** The recorded answer, where there is one. */
  readonly outcome: Outcome | null
  /** What is known of the content; `null` where nobody has looked. */
  readonly content: ContentHere | null
}

/**
 * Sends a refusal: to a person with the application's page where it draws one, else as ever.
 *
 * @param answer - a refusal
 */
export async function sendRefusal(
  core: Core,
  ctx: Context,
  answer: Answer,
  refused: Refused,
): Promise<void> {
  const draw = refused.draw ?? core.options.refusal
  if (draw === undefined || !wantsHtml(ctx)) return send(core, ctx, answer)
  send(core, ctx, answer, await drawn(core, ctx, answer, refused, draw))
}

async function drawn(
  core: Core,
  ctx: Context,
  answer: Answer,
  refused: Refused,
  draw: DrawRefusal,
): Promise<Drawn | null> {
  const { kind } = answer.body as Problem
  const { res } = ctx
  const fieldsBefore = res.getHeaders()
  try {
    const page: unknown = await draw(ctx, await viewOf(core, ctx, answer, refused))
    if (typeof page === 'string' || page instanceof Uint8Array) return page
    if (page !== undefined && page !== null) {
      throw new TypeError('refusal(ctx, answer) must give the page as a string or bytes, or null')
    }
  } catch (cause) {
    core.engine.emit({ type: 'refusal-not-drawn', kind, cause })
    putFields(res, fieldsBefore)
  }
  return null
}

async function viewOf(
  core: Core,
  ctx: Context,
  { status, body, members, retryAfterMs }: Answer,
  { name, params, outcome, content }: Refused,
): Promise<Refusal> {
  const { kind, title, detail } = body as Problem & { readonly kind: LinkRefusal }
  return {
    kind,
    status,
    title,
    detail,
    address: selfOf(core, ctx),
    result: members?.result ?? null,
    payloadMatches: members?.payloadMatches ?? null,
    placed: outcome === null ? null : placedOf(outcome),
    link: members?.link ?? (FRESH.has(kind) ? ctx.poe.link(name, params) : null),
    createForm: core.resource(name).options.createForm ?? null,
    fields: ctx.method === 'POST' ? await sentFields(ctx, content) : null,
    retryAfterMs,
  }
}

/** Where another link is of use: what was sent now was not done, and nothing is under way. */
const FRESH: ReadonlySet<LinkRefusal> = new Set([
  'used-for-other',
  'used-by-any',
  'expired',
  'forgotten',
  'unverifiable',
  'unspent',
])
