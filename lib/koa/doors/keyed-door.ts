/**
 * A door where requests carry a name of their own: the first under a name runs, every other is told
 * what became of it. Idempotency-Key and response replay by an application's id are both this.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.5.2, 2.6
 */
import type { Context, Next } from 'koa'
import { NO_STORE, type Problem } from '../../answers/answer.js'
import type { Refused } from '../../answers/findings.js'
import { digestParts } from '../../engine/fingerprint.js'
import type { Operation, ResourceRules } from '../../engine/operation.js'
import { PoeError } from '../../errors.js'
import { type KeptAnswers, keepsRefusal } from '../../protocols/idempotency-key/index.js'
import { isLinks, unlessLinks } from '../link-first.js'
import { poeOf } from '../request-poe.js'
import { runClaimed } from '../run/run-claimed.js'
import { answeredStatus, isReportedFailure, statusToKeep } from '../run/thrown.js'
import { SAFE_METHODS } from '../safe-methods.js'
import { type ContentReader, callersOf, fingerprintAt } from './claimed-content.js'

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
  readonly kind: 'key' | 'replay'
  readonly name: string
  readonly rules: ResourceRules
  readonly kept: KeptAnswers
  /** What a request without a name is told; `null` lets it pass unprotected. */
  readonly demands: Problem | null
  /** Reads the name. */
  read(ctx: Context): NameReading
  /** Answers a repeat, where that is not the stored answer. */
  readonly repeat: ((ctx: Context, finding: Extract<Refused, { kind: 'spent' }>) => unknown) | null
}

/** Whether a method asks for no change. RFC 9110 9.2.1 */
export function isSafe(method: string): boolean {
  return SAFE_METHODS.has(method)
}

/** Serves a request at the door. */
export async function passKeyedDoor(door: KeyedDoor, ctx: Context, next: Next): Promise<void> {
  const poe = poeOf(ctx)
  // A link, or another key in front, names the operation.
  if (isSafe(ctx.method) || poe.naming === 'key' || isLinks(door.core, ctx)) {
    await next()
    return
  }
  const { core, responder } = door
  const reading = door.read(ctx)
  if (reading.kind === 'refused') return responder.refuse(ctx, reading.problem)
  if (reading.kind === 'absent') {
    if (door.demands !== null) return responder.refuse(ctx, door.demands)
    await next()
    return
  }
  if (poe.naming === 'content') throw misordered()
  const callers = callersOf(door, ctx)
  if (callers === null) return
  const made = await fingerprintAt(door, ctx)
  if (made === null) return
  const fingerprint = reading.also === undefined ? made : digestParts([made, reading.also])
  poe.naming = 'key'
  const operation = (principal: string): Operation => ({
    key: keyFor(door, principal, ctx.method, reading.name),
    epoch: null,
    expiresAtMs: null,
    keepUntilMs: reading.keepUntilMs,
    principals: [principal],
    comparePrincipal: false,
    fingerprint,
    refusesOtherContent: true,
  })
  const [first, ...others] = callers
  // Whoever is somebody else by now, after a login, is told what was begun before it.
  for (const other of others) {
    const finding = await core.engine.look(operation(other))
    if (finding.kind !== 'unspent') return await answer(door, ctx, finding)
  }
  await run(door, ctx, operation(first), next)
}

/**
 * The record's key: what the client named joined with what only the server knows, and hashed, so
 * that neither stores nor logs see a client's key.
 */
function keyFor(door: KeyedDoor, principal: string, method: string, name: string): string {
  const digest = digestParts([principal, method, name])
  return `${door.kind}:${encodeURIComponent(door.name)}:${digest}`
}

async function run(door: KeyedDoor, ctx: Context, operation: Operation, next: Next): Promise<void> {
  const { core, kept, responder } = door
  const rules = unlessLinks(ctx, {
    ...door.rules,
    keepsRefusal: kept === 'success' ? null : status => keepsRefusal(kept, status),
  })
  const keepsThrown = (error: unknown) => {
    return ctx.poe.naming !== 'link' && keeps(kept, rules, error)
  }
  const claimable = { core, ctx, operation, rules, handler: next, keepsThrown }
  await runClaimed(claimable, (served, end) =>
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

async function answer(door: KeyedDoor, ctx: Context, finding: Refused): Promise<void> {
  if (finding.kind !== 'spent' || door.repeat === null) return door.responder.found(ctx, finding)
  ctx.set(...NO_STORE)
  await door.repeat(ctx, finding)
  door.responder.mark(ctx)
}

function misordered(): TypeError {
  return new TypeError(
    'A key names this request, but it was judged by its content first. Put once.idempotencyKey() ' +
      'or once.replay() before once.detectDuplicates().',
  )
}
