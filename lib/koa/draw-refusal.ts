/**
 * Lets the application draw a refusal for a person. What HTTP and the draft demand of the answer is
 * put on it afterwards, so that a page cannot change it.
 *
 * @see POE draft 2
 */
import type { Context } from 'koa'
import type { Answer, Problem } from '../answers/answer.js'
import { leadsOn, resultOf } from '../answers/outcomes.js'
import type { LinkRefusal } from '../answers/refusal-kinds.js'
import { placedOf, type Refusal } from '../answers/refusal-view.js'
import { bounded } from '../engine/bounded.js'
import type { Outcome } from '../engine/outcome.js'
import type { Core } from './core.js'
import type { DrawRefusal } from './options.js'
import type { ContentHere } from './request-content.js'
import type { LinkParams } from './request-poe.js'
import { putFields } from './run/late-handler.js'
import { ownPage, type RefusalPage, selfOf, send, type WaysOn, wordsFor } from './send.js'
import { sentForm } from './sent-form.js'

/** How long the application may draw. */
const DRAW_FOR_MS = 5_000

/** What is known of a refused request besides the answer. */
export interface RefusedRequest {
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

/** Sends a refusal to a person: with the application's page where it draws one, else with ours. */
export async function sendRefusal(
  core: Core,
  ctx: Context,
  answer: Answer,
  refused: RefusedRequest,
): Promise<void> {
  const draw = refused.draw ?? core.options.refusal
  const view = await viewOf(core, ctx, answer, refused, draw !== undefined)
  const page = draw === undefined ? null : await drawn(core, ctx, view, draw)
  const own = () => ownPage(core, ctx, answer.body as Problem, view.result, waysOn(view))
  send(core, ctx, answer, page ?? own())
}

async function drawn(
  core: Core,
  ctx: Context,
  view: Refusal,
  draw: DrawRefusal,
): Promise<RefusalPage | null> {
  const { res, body: before } = ctx
  const fieldsBefore = res.getHeaders()
  try {
    const given = await bounded(core.clock, 'refusal', DRAW_FOR_MS, async () => draw(ctx, view))
    // A view engine's `render` puts its page there.
    const page: unknown = given ?? (ctx.body === before ? null : ctx.body)
    if (page === '') return null
    if (typeof page === 'string' || page instanceof Uint8Array) return page
    if (page !== undefined && page !== null) {
      throw new TypeError('refusal(ctx, answer) must give the page as text or bytes, or nothing')
    }
  } catch (cause) {
    core.engine.emit({ type: 'refusal-not-drawn', kind: view.kind, cause })
    putFields(res, fieldsBefore)
  }
  return null
}

async function viewOf(
  core: Core,
  ctx: Context,
  { status, body, members, retryAfterMs }: Answer,
  { name, params, outcome, content }: RefusedRequest,
  isDrawn: boolean,
): Promise<Refusal> {
  const problem = body as Problem & { readonly kind: LinkRefusal }
  const { kind } = problem
  const { language, title, detail } = wordsFor(core, ctx, problem)
  const address = selfOf(core, ctx)
  const result = outcome === null ? null : resultOf(outcome, address)
  const isPost = ctx.method === 'POST'
  // A look at the address that a form was sent to takes the refusal's place in the history.
  const leads = outcome !== null && isPost && leadsOn(outcome, address)
  const isFresh = isDrawn && FRESH.has(kind)
  const sent = isDrawn && isPost ? await sentForm(ctx, content) : null
  return {
    kind,
    status,
    language,
    title,
    detail,
    address,
    result,
    way: leads ? address : result,
    payloadMatches: members?.payloadMatches ?? null,
    placed: outcome === null ? null : placedOf(outcome),
    link: members?.link ?? (isFresh ? ctx.poe.mintOf(core, name, params) : null)?.link ?? null,
    createForm: core.resource(name).options.createForm ?? null,
    fields: sent?.fields ?? null,
    files: sent?.files ?? [],
    retryAfterMs,
  }
}

/** Where another link is of use: nothing was done now, and nothing is under way. */
const FRESH: ReadonlySet<LinkRefusal> = new Set([
  'used-for-other',
  'used-by-any',
  'expired',
  'forgotten',
  'unverifiable',
  'unspent',
])

function waysOn({ kind, address, way, createForm, retryAfterMs }: Refusal): WaysOn {
  return [
    [way, 'result'],
    [retryAfterMs === null ? null : address, 'again'],
    [FRESH.has(kind) ? createForm : null, 'createForm'],
  ]
}
