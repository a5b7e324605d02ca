/**
 * A door and a POE link on one request: the link names the operation, wherever the door stands.
 */
import type { Context } from 'koa'
import { NONE } from '../answers/answer.js'
import { isTokenShaped, TOKEN_LENGTH } from '../protocols/poe/index.js'
import { type Core, TOKEN_PARAM } from './core.js'
import { layersOf, type RouterLayer } from './link-paths.js'

/**
 * Whether a request is a link's, or will be once it is routed: a door in front of the router lets
 * it pass.
 */
export function isLinks(core: Core, ctx: Context): boolean {
  if (ctx.poe.naming === 'link') return true
  const { path } = ctx
  const segments = path.length > TOKEN_LENGTH ? path.split('/') : NONE
  const hasToken = segments.some(isTokenShaped)
  for (const resource of core.resources.values()) {
    const isNamed = resource.options.key !== undefined
    if (!hasToken && !isNamed) continue
    for (const layer of layersOf(resource)) {
      if (layer.match?.(path) !== true) continue
      if (isNamed || isTokenShaped(segments[placeOfToken(layer)] ?? '')) return true
    }
  }
  return false
}

function placeOfToken({ path }: RouterLayer): number {
  return String(path)
    .split('/')
    .findIndex(segment => segment.includes(`:${TOKEN_PARAM}`))
}
