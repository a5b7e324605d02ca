/**
 * Hands out the id of an action: an empty POST, answered 201. Harmless to repeat, and to lose.
 */
import type { Context } from 'koa'
import type { Core } from '../core.js'
import { principalsOf } from '../principal.js'
import { contentOf } from '../request-content.js'
import { NOBODY } from './door-problems.js'
import { poeOf } from './keyed-door.js'
import type { DoorVoice } from './voice.js'

const NOT_EMPTY = {
  type: 'not-empty',
  status: 400,
  title: 'Nothing was carried out',
  detail: 'A POST here takes no content: it gives an address. PUT the content there.',
} as const

/**
 * Answers with a fresh id: 201, `Location`, JSON `{ id, action, expires }`.
 *
 * @param name - of the actions
 */
export async function issueAction(
  core: Core,
  voice: DoorVoice,
  name: string,
  ctx: Context,
): Promise<void> {
  const [principal] = principalsOf(ctx, core.options.principal)
  if (principal === undefined) return voice.refuse(ctx, NOBODY)
  // Whoever sends the content here must not take the 201 for its success.
  const content = await contentOf(ctx, 0)
  if (content.kind !== 'bytes') return voice.refuse(ctx, NOT_EMPTY)
  const offered = poeOf(ctx).mint(name, ctx.params ?? {})
  if (offered === null || offered.expiresAtMs === null) {
    return voice.found(ctx, { kind: 'store-down', retryAfterMs: 1_000 })
  }
  const { link, expiresAtMs } = offered
  ctx.status = 201
  ctx.set('Location', link)
  ctx.set('Cache-Control', 'no-store')
  const id = decodeURIComponent(link.slice(link.lastIndexOf('/') + 1))
  ctx.body = { id, action: link, expires: new Date(expiresAtMs).toISOString() }
}
