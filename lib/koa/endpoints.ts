/**
 * The two endpoints that hand out links by themselves: one that mints on an empty POST, and one
 * that sends a POST on to a fresh link.
 *
 * @see POE draft 2 (POE resources may use redirects), 3
 */
import type { Context } from 'koa'
import type { Core } from './core.js'
import { drainAfterAnswer } from './drain.js'
import { retryAfter } from './fields.js'
import { answerProblem } from './problem.js'
import { refusal } from './refusals.js'
import { missingMiddleware } from './request-poe.js'

/**
 * Answers an empty POST with a fresh link: 201, `Location`, `POE-Links`, and JSON
 * `{ link, expires }`. Harmless to repeat: nothing is stored until the link is used.
 *
 * @param core - of the `poe()` that is asked
 * @param name - of the resource that the link is for
 */
export function mintLink(core: Core, name: string, ctx: Context): void {
  const offered = offer(core, name, ctx)
  drainAfterAnswer(ctx)
  if (offered === null) return
  ctx.status = 201
  ctx.set('Location', offered.link)
  const { link, expiresAtMs } = offered
  ctx.body = { link, expires: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString() }
}

/**
 * Answers a POST with 307 to a fresh link. It protects repeats at the new URI only: a client that
 * begins again here gets another link.
 *
 * @see RFC 9110 15.4.8
 */
export function sendOn(core: Core, name: string, ctx: Context): void {
  const offered = offer(core, name, ctx)
  drainAfterAnswer(ctx)
  if (offered === null) return
  ctx.body = null
  ctx.status = 307
  ctx.set('Location', offered.link)
}

function offer(core: Core, name: string, ctx: Context) {
  if (ctx.poe === undefined) throw missingMiddleware()
  const offered = ctx.poe.mint(name, ctx.params ?? {})
  if (offered !== null) return offered
  const { uriBase } = core.options
  if (core.engine.guard.down || !core.vault.ready) {
    const about = { method: 'POST', result: null, link: null, createForm: null }
    const { problem } = refusal({ kind: 'store-down', retryAfterMs: 1_000 }, about)
    ctx.set('Retry-After', retryAfter(1_000))
    answerProblem(ctx, problem, uriBase)
  } else {
    const title = 'No link for nobody'
    const detail = 'Links are made for somebody; this request does not say for whom. Log in first.'
    answerProblem(ctx, { type: 'nobody', status: 403, title, detail }, uriBase)
  }
  ctx.set('Cache-Control', 'no-store')
  return null
}
