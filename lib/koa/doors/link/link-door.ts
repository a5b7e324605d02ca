/**
 * The middleware of one resource, step by step: recognise the segment, run what stands outside,
 * find out who asks, judge the token, and serve the method.
 *
 * No step is asynchronous of itself: a link that is nobody's is refused without a promise.
 */
import type { Context, Middleware, Next } from 'koa'
import compose from 'koa-compose'
import { namedOperation } from '../../../engine/links.js'
import { type Core, type Resource, TOKEN_PARAM } from '../../core.js'
import { principalsOf } from '../../principal.js'
import { LinkRequest, serve } from './serve.js'
import { isAtLink, tokenOperation } from './token-operation.js'

/**
 * Completes a resource with the middleware that a router runs at its path.
 *
 * @param outside - runs before the claim, and is not part of what is done once
 * @param handler - what is done once
 */
export function linkResource(
  core: Core,
  given: Omit<Resource, 'door'>,
  outside: readonly Middleware[],
  handler: Middleware,
): Resource {
  const inside: Middleware = (ctx, next) => enter(core, resource, handler, ctx, next)
  const steps = outside.length === 0 ? inside : compose([...outside, inside])
  const isNamed = given.options.key !== undefined
  const door: Middleware = function poeResource(ctx, next) {
    return isAtLink(ctx, isNamed ? null : ctx.params[TOKEN_PARAM]) ? steps(ctx, next) : next()
  }
  const resource: Resource = { ...given, door }
  return resource
}

function enter(
  core: Core,
  resource: Resource,
  handler: Middleware,
  ctx: Context,
  next: Next,
): void | Promise<void> {
  const { name, options } = resource
  const { principal, horizonMs } = core.options
  const principals = principalsOf(ctx, principal)
  // Nobody has no operation, and the application is not asked for its key.
  const isNamed = options.key !== undefined && principals.length > 0
  const operation = isNamed
    ? namedOperation(name, options.key(ctx), principals, horizonMs)
    : tokenOperation(core, name, ctx, principals)
  const exchange = new LinkRequest(core, resource, ctx, handler, next)
  // Nearly always known at once, and then not waited for.
  if (operation instanceof Promise) return operation.then(late => serve(exchange, late))
  return serve(exchange, operation)
}
