/**
 * The operation that a token in the path names.
 *
 * @see POE draft 2, 8
 */
import type { Context } from 'koa'
import { type JudgedToken, judge } from '../../../engine/links.js'
import { isTokenShaped, type TokenScope } from '../../../protocols/poe/index.js'
import { type Core, TOKEN_PARAM, textsOf } from '../../core.js'
import { poeOf } from '../../request-poe.js'
import { ResourceState } from '../../resource-state.js'

/** The operation, or why there is none. */
export type TokenIdentity = JudgedToken

/**
 * Tells whether a request is for a link, and notes that it is. A preflight asks the application's
 * CORS layer instead.
 *
 * @param token - the segment that must be of token shape; `null` for a link without one
 * @throws PoeError where `once.middleware()` is missing
 */
export function isAtLink(ctx: Context, token: string | null | undefined): boolean {
  if (token !== null && !isTokenShaped(token ?? '')) return false
  const { req } = ctx
  if (req.method === 'OPTIONS') {
    const { headers } = req
    if (headers['access-control-request-method'] && headers.origin) return false
  }
  const poe = poeOf(ctx)
  poe.naming = 'link'
  poe.state ??= new ResourceState(ctx.res)
  return true
}

/**
 * Judges the token of a request's path.
 *
 * @param route - the name that it must have been minted for
 * @returns what it names; a promise where the store has to be asked for a secret
 */
export function tokenOperation(
  core: Core,
  route: string,
  ctx: Context,
  principals: readonly string[],
): TokenIdentity | Promise<TokenIdentity> {
  if (principals.length === 0) return 'unverifiable'
  const { secrets, engine, options } = core
  const scope = { route, params: otherParams(ctx) }
  const token: string = ctx.params[TOKEN_PARAM]
  return judge(secrets, engine.guard, token, scope, principals, options.horizonMs)
}

/** The parameters that a link is bound to besides its token. */
export function otherParams(ctx: Context): TokenScope['params'] {
  return textsOf(ctx.params)
}
