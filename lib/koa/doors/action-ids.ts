/**
 * Hands out the id of an action: an empty POST, answered 201. Harmless to repeat, and to lose.
 */
import type { Context } from 'koa'
import { json, NO_STORE } from '../../answers/answer.js'
import { STORE_DOWN_NOW } from '../../answers/findings.js'
import type { Core } from '../core.js'
import { principalsOf } from '../principal.js'
import { contentOf } from '../request-content.js'
import { poeOf } from '../request-poe.js'
import type { Responder } from './responder.js'

/**
 * Answers with a fresh id: 201, `Location`, JSON `{ id, action, expires }`.
 *
 * @param name - of the actions
 */
export async function issueAction(
  core: Core,
  responder: Responder,
  name: string,
  ctx: Context,
): Promise<void> {
  const [principal] = principalsOf(ctx, core.options.principal)
  if (principal === undefined) return responder.refuse(ctx, 'nobody')
  const content = await contentOf(ctx, 0)
  if (content.kind !== 'bytes') return responder.refuse(ctx, 'not-empty')
  const offered = poeOf(ctx).mintOf(core, name, ctx.params ?? {})
  if (offered === null || offered.expiresAtMs === null) {
    return responder.found(ctx, STORE_DOWN_NOW)
  }
  const { link, expiresAtMs } = offered
  const id = decodeURIComponent(link.slice(link.lastIndexOf('/') + 1))
  const made = { id, action: link, expires: new Date(expiresAtMs).toISOString() }
  responder.send(ctx, json(201, [['Location', link], NO_STORE], made))
}
