/**
 * A door and a POE link on one request: the link names the operation, wherever the door stands.
 */
import type { Context } from 'koa'
import type { ResourceRules } from '../engine/operation.js'
import { isTokenShaped } from '../protocols/poe/index.js'
import { type Core, TOKEN_PARAM } from './core.js'
import { ownLayerOf, type RouterLayer } from './link-paths.js'

/**
 * Whether a request is a link's, or will be once it is routed: a door in front of the router lets
 * it pass.
 */
export function isLinks(core: Core, ctx: Context): boolean {
  if (ctx.poe.naming === 'link') return true
  const segments = ctx.path.split('/')
  const hasToken = segments.some(isTokenShaped)
  for (const resource of core.resources.values()) {
    const isNamed = resource.options.key !== undefined
    if (!hasToken && !isNamed) continue
    const layer = ownLayerOf(resource)
    if (layer?.match?.(ctx.path) !== true) continue
    if (isNamed || isTokenShaped(segments[placeOfToken(layer)] ?? '')) return true
  }
  return false
}

function placeOfToken({ path }: RouterLayer): number {
  return String(path)
    .split('/')
    .findIndex(segment => segment.includes(`:${TOKEN_PARAM}`))
}

/**
 * The rules of a door in front of a link that it could not foresee, below a mount: the link has
 * told what happened, and the door keeps nothing, so that a repeat gets to the link again. A door
 * behind a link keeps what it always keeps.
 */
export function unlessLinks(ctx: Context, rules: ResourceRules): ResourceRules {
  if (ctx.poe.naming === 'link') return rules
  const { success, keepsRefusal } = rules
  return {
    ...rules,
    success: answer => ctx.poe.naming !== 'link' && success(answer),
    keepsRefusal:
      keepsRefusal === null ? null : status => ctx.poe.naming !== 'link' && keepsRefusal(status),
  }
}
