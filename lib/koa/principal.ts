/**
 * Who sends a request. Links are bound to it, so that one person's link is of no use to another.
 *
 * @see POE draft 8
 */
import type { Context } from 'koa'
import { principalDigests } from '../engine/principals.js'

/** One identity: a non-empty string or a finite number. `null`, `undefined` and `''` are nobody. */
export type Principal = string | number | null | undefined

/** Names who sends a request: one identity or several; the first mints, any of them verifies. */
export type PrincipalOf = (ctx: Context) => Principal | readonly Principal[]

/** The type of {@link anyone}. */
export type Anyone = typeof anyone

/**
 * Says that links are bound to nobody: whoever has a link can use it, and can read the stored
 * answer.
 */
export const anyone: unique symbol = Symbol('post-once-exactly anyone')

const ANYONE_DIGEST = '*'

/**
 * Resolves the principals of a request.
 *
 * @returns their digests; none when nobody is there
 * @throws TypeError with code `ERR_POE_PRINCIPAL` as cause when `principal` gives anything else;
 *   what `principal` throws
 */
export function principalsOf(ctx: Context, principal: PrincipalOf | Anyone): readonly string[] {
  return typeof principal === 'function' ? principalDigests(principal(ctx)) : [ANYONE_DIGEST]
}
