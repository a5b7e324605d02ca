/**
 * Profiles: the rules that published schemes give the same exchange, as data.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07; Stripe API, Idempotent requests; OASIS
 *   Repeatable Requests 1.0
 */
import type { KeySyntax } from './key.js'

/** The profiles by name. */
export type KeyProfileName = 'draft-07' | 'stripe' | 'repeatable-requests'

/**
 * Which answers of a handler are kept and repeated. `success`: only those; after a refusal the key
 * is free. `below-500`: refusals too, but no 5xx. `every`: whatever was answered.
 */
export type KeptAnswers = 'success' | 'below-500' | 'every'

/** The rules of one profile. */
export interface KeyProfile {
  readonly name: KeyProfileName
  readonly title: string
  /** The request field that carries the key. */
  readonly field: string
  readonly syntax: KeySyntax
  /** The request carries the date of its first try, and keys are forgotten by it. */
  readonly datesFirstTry: boolean
  readonly kept: KeptAnswers
  /** How long a key is remembered, in milliseconds; `null` where the application has to say. */
  readonly retentionMs: number | null
  /** How long a repeat waits for the end of the first, in milliseconds. */
  readonly waitMs: number
  /** A field that marks an answer as a repetition. */
  readonly replayMark: readonly [name: string, value: string] | null
  /** A field that tells whether the request was taken; `null` for none. */
  readonly resultField: string | null
  /** The status for a known key with another request. */
  readonly mismatchStatus: number
  /** What its clients read besides the problem document: an `error` member and a retry hint. */
  readonly speaksStripe: boolean
}

const DAY_MS = 86_400_000

/** Every profile. */
export const KEY_PROFILES: Readonly<Record<KeyProfileName, KeyProfile>> = {
  'draft-07': {
    name: 'draft-07',
    title: 'The Idempotency-Key HTTP Header Field, draft 07',
    field: 'Idempotency-Key',
    syntax: 'lenient',
    datesFirstTry: false,
    kept: 'success',
    retentionMs: null,
    waitMs: 0,
    replayMark: ['Idempotent-Replayed', 'true'],
    resultField: null,
    mismatchStatus: 422,
    speaksStripe: false,
  },
  stripe: {
    name: 'stripe',
    title: 'Idempotent requests as Stripe has them',
    field: 'Idempotency-Key',
    syntax: 'text',
    datesFirstTry: false,
    kept: 'every',
    retentionMs: DAY_MS,
    waitMs: 0,
    replayMark: ['Idempotent-Replayed', 'true'],
    resultField: null,
    mismatchStatus: 400,
    speaksStripe: true,
  },
  'repeatable-requests': {
    name: 'repeatable-requests',
    title: 'OASIS Repeatable Requests 1.0',
    field: 'Repeatability-Request-ID',
    syntax: 'text',
    datesFirstTry: true,
    kept: 'below-500',
    retentionMs: DAY_MS,
    waitMs: 0,
    replayMark: null,
    resultField: 'Repeatability-Result',
    mismatchStatus: 400,
    speaksStripe: false,
  },
}

/**
 * Tells whether a refusal is kept.
 *
 * @param kept - the profile's rule
 * @param status - of the refusal
 */
export function keepsRefusal(kept: KeptAnswers, status: number): boolean {
  return kept === 'every' || (kept === 'below-500' && status < 500)
}
