/**
 * What all doors have in common: their options and the checks of these, and how they answer.
 */
import type { Context } from 'koa'
import { type Dialect, PLAIN } from '../../answers/dialects.js'
import { checkNumber, checkReference, refuseUnknown } from '../../engine/checks.js'
import { digestParts } from '../../engine/fingerprint.js'
import type { Operation, ResourceRules } from '../../engine/operation.js'
import { checkFingerprint } from '../../engine/request-fingerprint.js'
import { makeRules, RULE_OPTIONS, type RuleOptions } from '../../engine/rules.js'
import type { Core } from '../core.js'
import { Responder } from './responder.js'

/**
 * Options that every door has. Times are milliseconds; those left out are taken from `poe()`. What
 * `transactional`, `marks`, `releaseOnThrow`, `reconcile` and `success` mean is the same as for a
 * POE resource.
 */
export interface DoorOptions extends RuleOptions {
  /** Names the operation, in every process alike. One door may stand on several routes. */
  readonly name: string
  /** Where the rules are written: a URI-reference, linked as `describedby` from each refusal. */
  readonly documentation?: string | undefined
  /** The largest request content that is taken, in bytes. Default 1,048,576 (1 MiB). */
  readonly contentLimitBytes?: number | undefined
}

/**
 * What of the content counts. `raw`: its bytes. `semantic`: what JSON, a form or multipart parts
 * say, however they are written. `content-digest`: the bytes, by the client's own `Content-Digest`,
 * which must be there and right. JSON Pointers: those members of JSON only. A function: its text.
 */
export type FingerprintRule =
  | 'raw'
  | 'semantic'
  | 'content-digest'
  | readonly string[]
  | ((ctx: Context) => string)

/** A door, its options complete. */
export interface ResolvedDoor {
  readonly core: Core
  readonly name: string
  /** What to call it in errors. */
  readonly where: string
  readonly rules: ResourceRules
  readonly documentation: string | null
  readonly contentLimitBytes: number
  readonly fingerprint: FingerprintRule
  readonly responder: Responder
  /** What the keys of its records begin with. */
  readonly keyPrefix: string
}

/** What the keys of records begin with, by the method of `Poe` that makes the door. */
const SCHEMES = {
  idempotencyKey: 'key',
  replay: 'replay',
  actions: 'action',
  conditional: 'step',
  detectDuplicates: 'content',
} as const

const CONTENT_LIMIT_BYTES = 1_048_576
const MOST_BYTES = 64 * 1024 * 1024
const DOOR_OPTIONS = ['name', 'documentation', 'contentLimitBytes', ...RULE_OPTIONS]

/**
 * Checks the common options and enters the door's name in the book.
 *
 * @param method - of `Poe`, for errors
 * @param own - the names of the door's own options
 * @param waitMs - how long a twin waits where the options do not say
 * @throws TypeError or RangeError that says what to do
 */
export function makeDoor(
  core: Core,
  method: keyof typeof SCHEMES,
  options: DoorOptions & { readonly fingerprint?: FingerprintRule | undefined },
  own: readonly string[],
  waitMs: number = core.options.waitMs,
  dialect: Dialect = PLAIN,
): ResolvedDoor {
  if (typeof options !== 'object' || options === null || typeof options.name !== 'string') {
    throw new TypeError(`${method}() needs options with a name for the operation`)
  }
  refuseUnknown(options, [...DOOR_OPTIONS, ...own], `${method}()`)
  const { name, contentLimitBytes = CONTENT_LIMIT_BYTES, fingerprint = 'raw' } = options
  const { documentation = null } = options
  const where = `${method} ${JSON.stringify(name)}`
  if (name === '') throw new TypeError(`${method}() needs a name for the operation`)
  checkReference(where, 'documentation', documentation)
  checkNumber(where, 'contentLimitBytes', contentLimitBytes, 0, MOST_BYTES)
  checkFingerprint(where, fingerprint)
  const rules = makeRules(where, options, core.options, waitMs)
  if (core.doors.has(where)) {
    throw new TypeError(`${where} is there already; let one door stand on several routes`)
  }
  core.doors.add(where)
  const responder = new Responder(core, documentation, dialect)
  const keyPrefix = `${SCHEMES[method]}:${encodeURIComponent(name)}:`
  const common = { core, name, where, rules, documentation, contentLimitBytes, fingerprint }
  return { ...common, responder, keyPrefix }
}

/**
 * The operation that a request at a door is.
 *
 * @param parts - what tells it from others at this door; hashed, so that neither stores nor logs
 *   see what a client has sent
 * @param keepForMs - how long its record is kept, in milliseconds; `null` for ever
 * @param keepUntilMs - until when it is, in place of that; no new record is made after it
 */
export function operationAt(
  { keyPrefix }: ResolvedDoor,
  keepForMs: number | null,
  principals: Operation['principals'],
  fingerprint: string | null,
  parts: readonly string[],
  keepUntilMs: number | null = null,
): Operation {
  return {
    key: keyPrefix + digestParts(parts),
    epoch: null,
    expiresAtMs: keepUntilMs,
    keepUntilMs,
    keepForMs,
    principals,
    comparePrincipal: false,
    fingerprint,
  }
}
