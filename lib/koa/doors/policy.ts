/**
 * The policy document: the published rules of every `idempotencyKey` door.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.3, 2.5.2, 5
 */
import type { Context } from 'koa'
import { POLICY_ALLOW } from '../../answers/allow.js'
import { type AnswerField, bare, json, NO_STORE } from '../../answers/answer.js'
import { checkText } from '../../engine/checks.js'
import type { ResourceRules } from '../../engine/operation.js'
import { KEY_LIMIT, type NameRules, WANTED } from '../../protocols/idempotency-key/index.js'
import type { Core } from '../core.js'
import { type RouterPort, serveAt } from '../link-paths.js'
import { send } from '../send.js'
import type { FingerprintRule } from './door.js'
import type { KeyedDoor } from './keyed-door.js'

const CACHED: readonly AnswerField[] = [['Cache-Control', 'public, max-age=300']]
const ONLY_READ: readonly AnswerField[] = [['Allow', POLICY_ALLOW], NO_STORE]

/** Serves the policy document at a path, and makes refusals lead there. */
export function servePolicy(core: Core, router: RouterPort, path: string): void {
  checkText('policy()', 'path', path)
  if (core.policy !== null) throw new TypeError('policy() is served already')
  const door = async function poePolicy(ctx: Context): Promise<void> {
    if (ctx.method === 'GET' || ctx.method === 'HEAD') {
      send(core, ctx, json(200, CACHED, { operations: core.policies }, 2))
    } else send(core, ctx, bare(ctx.method === 'OPTIONS' ? 204 : 405, ONLY_READ))
  }
  core.policy = { router, door }
  serveAt(path, core.policy)
}

/** A door of `idempotencyKey`. */
export interface KeyDoor extends KeyedDoor, NameRules {}

/** What is published of a key door. */
export function keyPolicy(door: KeyDoor): object {
  const { profile, retentionMs, rules } = door
  const { mismatchStatus, field, replayMark, resultField } = profile
  return {
    operation: door.name,
    door: 'idempotency-key',
    profile: profile.name,
    specification: profile.title,
    field,
    required: door.demands !== null,
    keyFormat: {
      syntax: `${field} ${WANTED[door.syntax]}`,
      characters: `1 to ${KEY_LIMIT}, printable ASCII`,
      pattern: door.format?.source ?? null,
      advice: 'Use a random UUID: one for each operation, the same one on each try.',
    },
    scope: 'the caller, this operation and the method',
    expiry: {
      retentionSeconds: retentionMs === null ? null : Math.floor(retentionMs / 1_000),
      afterwards: expiryWords(door),
    },
    fingerprint: fingerprintWords(door.fingerprint),
    kept: KEPT_WORDS[door.kept],
    notKept: 'Set-Cookie, challenges and what belongs to one exchange; refusals before the handler',
    repeats: {
      afterTheEnd: 'the first answer again, byte for byte',
      whileRunning: rules.waitMs === 0 ? '409 at once' : `held up to ${rules.waitMs} ms, then 409`,
      otherRequest: mismatchStatus,
      mark: replayMark === null ? null : replayMark.join(': '),
      resultField,
    },
    refusals: { missing: 400, malformed: 400, storeDown: 503 },
    interrupted: rules.transactional
      ? 'nothing was done: the same request runs'
      : `409 until it is known whether it was done; so after a 5xx but for ${reported(rules)}`,
    documentation: door.documentation,
  }
}

const KEPT_WORDS = {
  success: 'Successes (2xx, and 301, 302, 303 with Location). After a refusal the key is free.',
  'below-500': 'Every answer below 500, and no 5xx.',
  every: 'Every answer of the operation, 5xx included.',
} as const

/** The 5xx after which the same request runs. */
function reported({ reports }: ResourceRules): string {
  return [...new Set([501, 503, ...reports])].sort((one, other) => one - other).join(', ')
}

function expiryWords({ profile, retentionMs }: KeyDoor): string {
  if (retentionMs === null) return 'A key never expires.'
  if (profile.datesFirstTry) return 'A later Repeatability-First-Sent is 412; it never runs again.'
  return 'The key is new: the same request runs again, and its answer is not marked.'
}

function fingerprintWords(rule: FingerprintRule): string {
  if (rule === 'raw') return 'method, path, query, media type, and the content byte for byte'
  if (rule === 'semantic') return 'method, path, query, media type, and what the content says'
  if (rule === 'content-digest') return 'method, path, query, media type, and Content-Digest'
  if (typeof rule === 'function') return 'method, path, query, and a choice of the application'
  return `method, path, query, media type, and these members: ${rule.join(' ')}`
}
