/**
 * The two endpoints that hand out links by themselves: one that mints on an empty POST, and one
 * that sends a POST on to a fresh link.
 *
 * @see POE draft 2 (POE resources may use redirects), 3
 */
import type { Context } from 'koa'
import { bare, json, refusalAnswer } from '../../../answers/answer.js'
import { refusalOf, STORE_DOWN_NOW } from '../../../answers/findings.js'
import { DOOR_REFUSALS, LINK_REFUSALS } from '../../../answers/refusals.js'
import type { Core, OfferedLink } from '../../core.js'
import { sendRefusal } from '../../draw-refusal.js'
import { contentOf } from '../../request-content.js'
import { poeOf } from '../../request-poe.js'
import { send, wantsHtml } from '../../send.js'

/** `{}`, which many clients send for nothing. */
const SAYS_NOTHING_BYTES = 2

/**
 * Answers an empty POST with a fresh link: 201, `Location`, `POE-Links`, and JSON
 * `{ link, expires }`. Harmless to repeat: nothing is stored until the link is used. Whoever sends
 * an order there would take the 201 for its success, and is refused.
 */
export async function mintLink(core: Core, name: string, ctx: Context): Promise<void> {
  const content = await contentOf(ctx, SAYS_NOTHING_BYTES)
  const isParsed = content.kind === 'parsed' && Object.keys(Object(content.value)).length > 0
  if (isParsed || content.kind === 'too-large') {
    return send(core, ctx, refusalAnswer(DOOR_REFUSALS['not-empty']), null)
  }
  const offered = await offer(core, name, ctx)
  if (offered === null) return
  const { link, expiresAtMs } = offered
  const expires = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString()
  send(core, ctx, json(201, [['Location', link]], { link, expires }))
}

/**
 * Answers a POST with 307 to a fresh link. It protects repeats at the new URI only: a client that
 * begins again here gets another link.
 *
 * @see RFC 9110 15.4.8
 */
export async function sendOn(core: Core, name: string, ctx: Context): Promise<void> {
  const offered = await offer(core, name, ctx)
  if (offered !== null) send(core, ctx, bare(307, [['Location', offered.link]]))
}

async function offer(core: Core, name: string, ctx: Context): Promise<OfferedLink | null> {
  const offered = poeOf(ctx).mintOf(core, name, ctx.params ?? {})
  if (offered !== null) return offered
  const isDown = core.engine.guard.down || !core.secrets.ready
  const refusal = isDown ? refusalOf(STORE_DOWN_NOW, 'POST') : refusalAnswer(LINK_REFUSALS.nobody)
  const draw = core.resource(name).options.refusal
  const params = ctx.params ?? {}
  const refused = { name, params, draw, outcome: null, content: null }
  if (wantsHtml(ctx)) await sendRefusal(core, ctx, refusal, refused)
  else send(core, ctx, refusal, null)
  return null
}
