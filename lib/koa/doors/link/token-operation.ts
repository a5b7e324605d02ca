/**
 * The operation that a token in the path names.
 *
 * @see POE draft 2, 8
 */
import type { Context } from 'koa'
import { type Judged, judge } from '../../../engine/links.js'
import type { Operation } from '../../../engine/operation.js'
import { type Core, TOKEN_PARAM } from '../../core.js'

/** The operation, or why there is none. */
export type TokenIdentity = Operation | Exclude<Judged['kind'], 'genuine'>

/**
 * Judges the token of a request's path.
 *
 * @param core - of the `poe()` that minted it
 * @param route - the name that it must have been minted for
 * @param principals - who presents it
 * @returns what it names; a promise where the store has to be asked for a secret
 */
export function tokenOperation(
  core: Core,
  route: string,
  ctx: Context,
  principals: readonly string[],
): TokenIdentity | Promise<TokenIdentity> {
  if (principals.length === 0) return 'unverifiable'
  const token: string = ctx.params[TOKEN_PARAM]
  const scope = { route, params: Object.entries(otherParams(ctx)) }
  const { vault, engine, options } = core
  const { horizonMs } = options
  const judged = judge(vault, engine.guard, token, scope, principals, horizonMs)
  if (!(judged instanceof Promise)) return operationOf(judged, horizonMs)
  return judged.then(late => operationOf(late, horizonMs))
}

function operationOf(judged: Judged, horizonMs: number): TokenIdentity {
  if (judged.kind !== 'genuine') return judged.kind
  const { key, epoch, expiresAtMs, principal } = judged
  return {
    key,
    epoch,
    expiresAtMs,
    keepUntilMs: expiresAtMs + horizonMs,
    principals: [principal],
    comparePrincipal: false,
    fingerprint: null,
  }
}

/** The parameters that a link is bound to besides its token. */
export function otherParams(ctx: Context): Readonly<Record<string, string>> {
  const params: Record<string, unknown> = ctx.params
  const others: Record<string, string> = {}
  for (const name of Object.keys(params)) {
    if (name !== TOKEN_PARAM) others[name] = String(params[name])
  }
  return others
}

/** A preflight asks the application's CORS layer, not the resource. */
export function isPreflight(ctx: Context): boolean {
  return ctx.method === 'OPTIONS' && ctx.get('Origin') !== '' && ctx.get(PREFLIGHT) !== ''
}

const PREFLIGHT = 'Access-Control-Request-Method'
