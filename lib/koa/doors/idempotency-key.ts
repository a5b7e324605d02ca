/**
 * `once.idempotencyKey()`: requests that carry a key of the client's making.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07; decision 0010
 */
import { isRegExp } from 'node:util/types'
import type { Context, Middleware } from 'koa'
import { dialectOf } from '../../answers/dialects.js'
import { checkChoice } from '../../engine/checks.js'
import {
  KEY_PROFILES,
  type KeptAnswers,
  type KeyProfileName,
  type KeySyntax,
  readName,
  WANTED,
} from '../../protocols/idempotency-key/index.js'
import type { Core } from '../core.js'
import { makeDoor } from './door.js'
import { KEYED_OPTIONS, type KeyedDoorOptions, makeKeyedDoor, passKeyedDoor } from './keyed-door.js'
import { type KeyDoor, keyPolicy } from './policy.js'
import { fieldOf } from './request-identity.js'
import { Responder } from './responder.js'

/** Options of `once.idempotencyKey()`. Times are milliseconds. */
export interface IdempotencyKeyOptions extends KeyedDoorOptions {
  /** Whose rules are followed. Default `draft-07`. */
  readonly profile?: KeyProfileName | undefined
  /**
   * How long a key is remembered; then it is new again, and the same request runs again. `null`:
   * for ever. Must be given with `draft-07`; the other profiles have 86,400,000 (24 h).
   */
  readonly retentionMs?: number | null | undefined
  /** How keys may be spelled. Default: the profile's, `lenient` for `draft-07`. */
  readonly syntax?: KeySyntax | undefined
  /** Which refusals are kept and repeated. Default: the profile's, `success` for `draft-07`. */
  readonly kept?: KeptAnswers | undefined
  /** Further demands on a key, on top of 1 to 255 printable ASCII characters. */
  readonly format?: RegExp | undefined
}

const OWN = [...KEYED_OPTIONS, 'profile', 'retentionMs', 'syntax', 'kept', 'format']

/** Makes the door. @throws TypeError or RangeError that says what to do */
export function makeIdempotencyKey(core: Core, options: IdempotencyKeyOptions): Middleware {
  const door = resolve(core, options)
  core.policies.push(keyPolicy(door))
  return function idempotencyKey(ctx, next) {
    return passKeyedDoor(door, ctx, next)
  }
}

/** Makes the middleware for routes that offer no repeatability. */
export function refuseRepeatability(core: Core): Middleware {
  const dialect = dialectOf(KEY_PROFILES['repeatable-requests'])
  const responder = new Responder(core, null, dialect)
  return async function noRepeatability(ctx, next) {
    const fields = ['Repeatability-Request-ID', 'Repeatability-First-Sent']
    if (fields.every(field => ctx.get(field) === '')) return await next()
    responder.refuse(ctx, 'not-repeatable')
  }
}

function resolve(core: Core, options: IdempotencyKeyOptions): KeyDoor {
  const name = options?.profile ?? 'draft-07'
  const profile = Object.hasOwn(KEY_PROFILES, name) ? KEY_PROFILES[name] : undefined
  if (profile === undefined) {
    const known = Object.keys(KEY_PROFILES).join(', ')
    throw new TypeError(`idempotencyKey(): there is no profile ${name}; known are ${known}`)
  }
  const common = makeDoor(core, 'idempotencyKey', options, OWN, profile.waitMs, dialectOf(profile))
  const { where } = common
  const {
    syntax = profile.syntax,
    kept = profile.kept,
    retentionMs = profile.retentionMs,
  } = options
  if (options.retentionMs === undefined && retentionMs === null) {
    throw new TypeError(
      `${where}: say how long a key is remembered, for example retentionMs: 86_400_000. ` +
        'Afterwards the same key is a new request and runs again; null remembers for ever.',
    )
  }
  if (profile.datesFirstTry && retentionMs === null) {
    throw new TypeError(`${where}: this profile forgets keys by their date; give retentionMs`)
  }
  checkChoice(where, 'syntax', syntax, Object.keys(WANTED))
  checkChoice(where, 'kept', kept, ['success', 'below-500', 'every'])
  const rules = { profile, syntax, format: stateless(where, options.format), retentionMs }
  const read = (ctx: Context) =>
    readName(rules, name => fieldOf(ctx, name), core.engine.guard.now())
  const keyed = { ...common, kept, retentionMs, repeat: null, read }
  return { ...rules, ...makeKeyedDoor(keyed, options, profile.field) }
}

/** A pattern that remembers nothing between two keys. */
function stateless(where: string, pattern: RegExp | undefined): RegExp | null {
  if (pattern === undefined) return null
  // Not `instanceof`: Jest runs applications in a realm of its own.
  if (!isRegExp(pattern)) throw new TypeError(`${where}: format must be a RegExp, such as /^ord-/`)
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
}
