/**
 * The middleware of one resource, step by step: recognise the segment, run what stands outside,
 * find out who asks, judge the token, and serve the method.
 *
 * No step is asynchronous of itself: a link that is nobody's is refused without a promise.
 */
import type { Context, Middleware, Next } from 'koa'
import compose from 'koa-compose'
import { hearFailure } from '../../../engine/hear-failure.js'
import { type Core, type Resource, TOKEN_PARAM } from '../../core.js'
import type { AppKey } from '../../options.js'
import { principalsOf } from '../../principal.js'
import { LinkRequest, serve } from './serve.js'
import { isAtLink, type TokenIdentity, tokenOperation } from './token-operation.js'

const APP_KEY_LIMIT = 512

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
  const principals = principalsOf(ctx, core.options.principal)
  const operation = identify(core, resource, ctx, principals)
  const exchange = new LinkRequest(core, resource, ctx, handler, next)
  // Nearly always known at once, and then not waited for.
  if (operation instanceof Promise) return operation.then(late => serve(exchange, late))
  return serve(exchange, operation)
}

function identify(
  core: Core,
  resource: Resource,
  ctx: Context,
  principals: readonly string[],
): TokenIdentity | Promise<TokenIdentity> {
  if (principals.length === 0) return 'unverifiable'
  if (resource.options.key === undefined) {
    return tokenOperation(core, resource.name, ctx, principals)
  }
  const named = appKey(resource.options.key(ctx))
  if (named === null) return 'unverifiable'
  const { key, expiresAtMs } = named
  return {
    key: `${encodeURIComponent(resource.name)}=${key}`,
    epoch: null,
    expiresAtMs,
    keepUntilMs: expiresAtMs === null ? null : expiresAtMs + core.options.horizonMs,
    principals: principals as readonly [string, ...string[]],
    comparePrincipal: true,
    fingerprint: null,
  }
}

function appKey(given: AppKey): { key: string; expiresAtMs: number | null } | null {
  if (given === null || given === undefined) return null
  hearFailure(given)
  const key = typeof given === 'string' ? given : given.key
  const expiresAtMs = typeof given === 'string' ? null : timeOf(given.expiresAt)
  if (typeof key !== 'string' || Number.isNaN(expiresAtMs)) {
    throw new TypeError('key(ctx) must give a string, { key, expiresAt: Date }, or null')
  }
  // Whatever the application takes from the path, a store sees no oversized or odd key.
  if (key === '' || key.length > APP_KEY_LIMIT || hasControl(key)) return null
  return { key, expiresAtMs }
}

function timeOf(date: unknown): number {
  return date instanceof Date ? date.getTime() : Number.NaN
}

function hasControl(text: string): boolean {
  return /[\p{Cc}\p{Cs}]/u.test(text)
}
