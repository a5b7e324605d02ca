/**
 * A door where requests carry a name of their own: the first under a name runs, every other is told
 * what became of it. Idempotency-Key and response replay by an application's id are both this.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.5.2, 2.6
 */
import type { Context, Next } from 'koa'
import { NO_STORE, type Problem } from '../../answers/answer.js'
import type { RefusedFinding } from '../../answers/findings.js'
import { digestParts } from '../../engine/fingerprint.js'
import type { Operation, ResourceRules } from '../../engine/operation.js'
import { PoeError } from '../../errors.js'
import { type KeptAnswers, keepsRefusal } from '../../protocols/idempotency-key/index.js'
import { isLinks } from '../link-first.js'
import { poeOf } from '../request-poe.js'
import { isUntouched } from '../run/handler-work.js'
import { runClaimed } from '../run/run-claimed.js'
import { answeredStatus, isReportedFailure, statusToKeep } from '../run/thrown.js'
import { SAFE_METHODS } from '../safe-methods.js'
import { type ContentReader, callersOf, fingerprintAt } from './request-identity.js'

/** The name that a request carries. Times are milliseconds by the store's clock. */
export type NameReading =
  | {
      readonly kind: 'named'
      readonly name: string
      readonly keepUntilMs: number | null
      /** What else must be the same in a repeat. */
      readonly also?: string
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly problem: Problem }

/** A door of this kind. */
export interface KeyedDoor extends ContentReader {
  /** What the records' keys begin with. */
  readonly keyPrefix: string
  readonly rules: ResourceRules
  readonly kept: KeptAnswers
  /** What a request without a name is told; `null` lets it pass unprotected. */
  readonly demands: Problem | null
  /** Reads the name. */
  read(ctx: Context): NameReading
  /** Answers a repeat, where that is not the stored answer. */
  readonly repeat:
    | ((ctx: Context, finding: Extract<RefusedFinding, { kind: 'spent' }>) => unknown)
    | null
}

/** Whether a method asks for no change. RFC 9110 9.2.1 */
export function isSafe(method: string): boolean {
  return SAFE_METHODS.has(method)
}

/** The rules of a door that keeps some refusals. */
export function keeping(kept: KeptAnswers, rules: ResourceRules): ResourceRules {
  if (kept === 'success') return rules
  return { ...rules, keepsRefusal: status => keepsRefusal(kept, status) }
}

type Callers = readonly [string, ...string[]]
type Named = Extract<NameReading, { kind: 'named' }>

/** Serves a request at the door; what it gives is a promise where anything has to be waited for. */
export function passKeyedDoor(door: KeyedDoor, ctx: Context, next: Next): unknown {
  const poe = poeOf(ctx)
  // A link, or another key in front, names the operation.
  if (isSafe(ctx.method) || poe.naming === 'key' || isLinks(door.core, ctx)) return next()
  const { responder, demands } = door
  const reading = door.read(ctx)
  if (reading.kind === 'refused') return responder.refuse(ctx, reading.problem)
  if (reading.kind === 'absent') return demands === null ? next() : responder.refuse(ctx, demands)
  if (poe.naming === 'content') throw misordered()
  const callers = callersOf(door, ctx)
  if (callers === null) return null
  const made = fingerprintAt(door, ctx)
  if (!(made instanceof Promise)) return passNamed(door, ctx, next, reading, callers, made)
  return made.then(late => passNamed(door, ctx, next, reading, callers, late))
}

/** @param made - the content's fingerprint; `null` where the request has been answered */
function passNamed(
  door: KeyedDoor,
  ctx: Context,
  next: Next,
  reading: Named,
  callers: Callers,
  made: string | null,
): unknown {
  if (made === null) return null
  const fingerprint = reading.also === undefined ? made : digestParts([made, reading.also])
  ctx.poe.naming = 'key'
  const operation = operationOf(door, ctx, reading, callers[0], fingerprint)
  if (callers.length === 1) return run(door, ctx, operation, next)
  const others = callers.slice(1).map(each => operationOf(door, ctx, reading, each, fingerprint))
  return runUnlessBegun(door, ctx, operation, others, next)
}

/** Whoever is somebody else by now, after a login, is told what was begun before it. */
async function runUnlessBegun(
  door: KeyedDoor,
  ctx: Context,
  operation: Operation,
  others: readonly Operation[],
  next: Next,
): Promise<unknown> {
  for (const other of others) {
    const finding = await door.core.engine.look(other)
    if (finding.kind !== 'unspent') return await answer(door, ctx, finding)
  }
  return await run(door, ctx, operation, next)
}

/**
 * The record's key is what the client named joined with what only the server knows, and hashed, so
 * that neither stores nor logs see a client's key.
 */
function operationOf(
  door: KeyedDoor,
  ctx: Context,
  { name, keepUntilMs }: Named,
  principal: string,
  fingerprint: string,
): Operation {
  return {
    key: door.keyPrefix + digestParts([principal, ctx.method, name]),
    epoch: null,
    expiresAtMs: null,
    keepUntilMs,
    principals: [principal],
    comparePrincipal: false,
    fingerprint,
    refusesOtherContent: true,
  }
}

function run(
  door: KeyedDoor,
  ctx: Context,
  operation: Operation,
  next: Next,
): void | Promise<void> {
  const { core, kept, responder, rules } = door
  const keepsThrown = (error: unknown) => keeps(kept, rules, error)
  const claimable = { core, ctx, operation, rules, handler: next, keepsThrown }
  return runClaimed(claimable, (served, end) =>
    typeof end === 'string' ? responder.accept(served) : answer(door, served, end),
  )
}

/** Whether what a handler throws is kept as its answer. The store's own failures never are. */
function keeps(kept: KeptAnswers, rules: ResourceRules, error: unknown): boolean {
  if (kept === 'success' || error instanceof PoeError) return false
  if (answeredStatus(error) !== null || isReportedFailure(error, rules)) {
    return keepsRefusal(kept, statusToKeep(error, rules))
  }
  // A surprise is kept where nothing better is known of it than that it is over.
  return kept === 'every' && !rules.transactional && !rules.releaseOnThrow && !rules.marks
}

function answer(door: KeyedDoor, ctx: Context, finding: RefusedFinding): void | Promise<void> {
  const { repeat, responder } = door
  if (finding.kind !== 'spent' || repeat === null) return responder.found(ctx, finding)
  const draw = async () => {
    await repeat(ctx, finding)
    // A 404 would say that there is nothing, though it was carried out.
    if (isUntouched(ctx)) throw new TypeError('current(ctx) set neither a status nor a body')
    if (!ctx.res.hasHeader('Cache-Control')) ctx.set(...NO_STORE)
    responder.mark(ctx)
  }
  return draw()
}

function misordered(): TypeError {
  return new TypeError(
    'A key names this request, but it was judged by its content first. Put once.idempotencyKey() ' +
      'or once.replay() before once.detectDuplicates().',
  )
}
