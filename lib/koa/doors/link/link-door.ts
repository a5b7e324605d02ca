/**
 * The middleware of one resource, step by step: recognise the segment, run what stands outside,
 * find out who asks, judge the token, and serve the method.
 */
import type { Context, Middleware, Next } from 'koa'
import compose from 'koa-compose'
import { isTokenShaped } from '../../../protocols/poe/index.js'
import { type Core, type Resource, TOKEN_PARAM } from '../../core.js'
import type { AppKey } from '../../options.js'
import { principalsOf } from '../../principal.js'
import { missingMiddleware } from '../../request-poe.js'
import { ResourceState } from '../../resource-state.js'
import { type Exchange, serve } from './serve.js'
import { isPreflight, otherParams, type TokenIdentity, tokenOperation } from './token-operation.js'

const APP_KEY_LIMIT = 512

/**
 * Makes the middleware that a router runs at a resource's path.
 *
 * @param core - of the `poe()` that the resource belongs to
 * @param find - gives the resource, which is registered together with this middleware
 * @param outside - runs before the claim, and is not part of what is done once
 * @param handler - what is done once
 */
export function makeLinkDoor(
  core: Core,
  find: () => Resource,
  outside: readonly Middleware[],
  handler: Middleware,
): Middleware {
  const inside: Middleware = (ctx, next) => enter(core, find(), handler, ctx, next)
  const steps = compose([...outside, inside])
  return async function poeResource(ctx, next) {
    if (!isOurs(find(), ctx) || isPreflight(ctx)) return await next()
    if (ctx.poe === undefined) throw missingMiddleware()
    ctx.poe.naming = 'link'
    ctx.poe.state ??= new ResourceState(ctx.res)
    return await steps(ctx, next)
  }
}

function isOurs(resource: Resource, ctx: Context): boolean {
  return resource.options.key !== undefined || isTokenShaped(ctx.params[TOKEN_PARAM] ?? '')
}

async function enter(
  core: Core,
  resource: Resource,
  handler: Middleware,
  ctx: Context,
  next: Next,
): Promise<void> {
  const principals = principalsOf(ctx, core.options.principal)
  const identified = identify(core, resource, ctx, principals)
  // Nearly always known at once, and then not waited for.
  const operation = identified instanceof Promise ? await identified : identified
  const exchange: Exchange = { core, resource, ctx, params: otherParams(ctx), content: null }
  const { inner } = ctx.poe
  const steps = inner.length === 0 ? handler : compose([...inner, handler])
  await serve(exchange, operation, async () => steps(ctx, next))
}

function identify(
  core: Core,
  resource: Resource,
  ctx: Context,
  principals: readonly string[],
): TokenIdentity | Promise<TokenIdentity> {
  const [first, ...others] = principals
  if (first === undefined) return 'unverifiable'
  const { horizonMs } = core.options
  if (resource.options.key !== undefined) {
    const named = appKey(resource.options.key(ctx))
    if (named === null) return 'unverifiable'
    return {
      key: `${encodeURIComponent(resource.name)}=${named.key}`,
      epoch: null,
      expiresAtMs: named.expiresAtMs,
      keepUntilMs: named.expiresAtMs === null ? null : named.expiresAtMs + horizonMs,
      principals: [first, ...others],
      comparePrincipal: true,
      fingerprint: null,
    }
  }
  return tokenOperation(core, resource.name, ctx, principals)
}

function appKey(given: AppKey): { key: string; expiresAtMs: number | null } | null {
  if (given === null || given === undefined) return null
  const key = typeof given === 'string' ? given : given.key
  const expiresAtMs = typeof given === 'string' ? null : given.expiresAt.getTime()
  if (typeof key !== 'string' || (expiresAtMs !== null && Number.isNaN(expiresAtMs))) {
    throw new TypeError('key(ctx) must give a string, { key, expiresAt: Date }, or null')
  }
  // Whatever the application takes from the path, a store sees no oversized or odd key.
  if (key === '' || key.length > APP_KEY_LIMIT || hasControl(key)) return null
  return { key, expiresAtMs }
}

function hasControl(text: string): boolean {
  return /[\p{Cc}\p{Cs}]/u.test(text)
}
