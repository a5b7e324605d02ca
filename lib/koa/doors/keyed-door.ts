/**
 * A door where requests carry a name of their own: the first under a name runs, every other is told
 * what became of it. Idempotency-Key and response replay by an application's id are both this.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.5.2, 2.6
 */
import type { Context, Next } from 'koa'
import { NO_STORE, type Problem } from '../../answers/answer.js'
import type { RefusedFinding } from '../../answers/findings.js'
import { filled } from '../../answers/refusals.js'
import { checkNumber, YEAR_MS } from '../../engine/checks.js'
import { digestParts } from '../../engine/fingerprint.js'
import type { Operation, ResourceRules } from '../../engine/operation.js'
import { demandDurable } from '../../engine/rules.js'
import { PoeError } from '../../errors.js'
import {
  type KeptAnswers,
  keepsRefusal,
  type NameReading,
} from '../../protocols/idempotency-key/index.js'
import { isLinks } from '../link-first.js'
import { poeOf } from '../request-poe.js'
import { isUntouched } from '../run/handler-work.js'
import { runClaimed } from '../run/run-claimed.js'
import { answeredStatus, isReportedFailure, statusToKeep } from '../run/thrown.js'
import { SAFE_METHODS } from '../safe-methods.js'
import { type DoorOptions, type FingerprintRule, operationAt, type ResolvedDoor } from './door.js'
import { callersOf, fingerprintAt } from './request-identity.js'

/** Options of doors where requests carry a name of their own. */
export interface KeyedDoorOptions extends DoorOptions {
  /** Whether a request without a name is refused. Default `true`. */
  readonly required?: boolean | undefined
  /** What makes a repeat the same request. Default `raw`. */
  readonly fingerprint?: FingerprintRule | undefined
  /** Allows a store that forgets at a restart: effects may then happen twice. */
  readonly dangerouslyNotDurable?: boolean | undefined
}

/** Their names. */
export const KEYED_OPTIONS: readonly string[] = ['required', 'fingerprint', 'dangerouslyNotDurable']

/** A door of this kind. */
export interface KeyedDoor extends ResolvedDoor {
  readonly kept: KeptAnswers
  /** How long a name is remembered; `null` for ever. */
  readonly retentionMs: number | null
  /** What a request without a name is told; `null` lets it pass unprotected. */
  readonly demands: Problem | null
  /** Reads the name. */
  read(ctx: Context): NameReading
  /** Answers a repeat, where that is not the stored answer. */
  readonly repeat:
    | ((ctx: Context, finding: Extract<RefusedFinding, { kind: 'spent' }>) => unknown)
    | null
}

/**
 * Completes a door.
 *
 * @param wanted - what a request without a name lacks
 * @throws TypeError or RangeError that says what to do
 */
export function makeKeyedDoor(
  door: Omit<KeyedDoor, 'demands'>,
  { required = true, dangerouslyNotDurable }: KeyedDoorOptions,
  wanted: string,
): KeyedDoor {
  const { core, where, kept, retentionMs, rules } = door
  if (retentionMs !== null) checkNumber(where, 'retentionMs', retentionMs, 1_000, 10 * YEAR_MS)
  demandDurable(`${where} remembers keys`, core.options.store, dangerouslyNotDurable)
  return {
    ...door,
    rules:
      kept === 'success' ? rules : { ...rules, keepsRefusal: status => keepsRefusal(kept, status) },
    demands: required ? filled('key-missing', `This request must carry ${wanted}`) : null,
  }
}

/** Serves a request at the door; what it gives is a promise where anything has to be waited for. */
export function passKeyedDoor(door: KeyedDoor, ctx: Context, next: Next): unknown {
  const poe = poeOf(ctx)
  // A link, or another key in front, names the operation.
  const isNamed = poe.naming === 'key' || isLinks(door.core, ctx)
  if (SAFE_METHODS.has(ctx.method) || isNamed) return next()
  const { responder, demands } = door
  const reading = door.read(ctx)
  if (reading.kind === 'absent') return demands === null ? next() : responder.refuse(ctx, demands)
  if (reading.kind === 'malformed') {
    return responder.refuse(ctx, filled('key-malformed', reading.why))
  }
  if (reading.kind !== 'named') return responder.refuse(ctx, reading.kind)
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
  { name, also, keepUntilMs }: Extract<NameReading, { kind: 'named' }>,
  callers: Operation['principals'],
  made: string | null,
): unknown {
  if (made === null) return null
  const fingerprint = also === undefined ? made : digestParts([made, also])
  ctx.poe.naming = 'key'
  const operationOf = (caller: string): Operation => {
    const parts = [caller, ctx.method, name]
    return {
      refusesOtherContent: true,
      // Content may come long after a date was judged: what is forgotten by then must not run.
      ...operationAt(door, door.retentionMs, [caller], fingerprint, parts, keepUntilMs),
    }
  }
  const operation = operationOf(callers[0])
  if (callers.length === 1) return run(door, ctx, operation, next)
  return runUnlessBegun(door, ctx, operation, callers.slice(1).map(operationOf), next)
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
    const finding = await door.core.engine.lookAndAsk(other, door.rules)
    if (finding.kind !== 'unspent') return await answer(door, ctx, finding)
  }
  return await run(door, ctx, operation, next)
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
    typeof end === 'string' ? responder.mark(served, 'accepted') : answer(door, served, end),
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
  if (finding.kind === 'forgotten') return responder.refuse(ctx, 'too-old')
  if (finding.kind !== 'spent' || repeat === null) return responder.found(ctx, finding)
  const draw = async () => {
    await repeat(ctx, finding)
    // A 404 would say that there is nothing, though it was carried out.
    if (isUntouched(ctx)) throw new TypeError('current(ctx) set neither a status nor a body')
    if (!ctx.res.hasHeader('Cache-Control')) ctx.set(...NO_STORE)
    responder.mark(ctx, 'repeated')
  }
  return draw()
}

function misordered(): TypeError {
  return new TypeError(
    'A key names this request, but it was judged by its content first. Put once.idempotencyKey() ' +
      'or once.replay() before once.detectDuplicates().',
  )
}
