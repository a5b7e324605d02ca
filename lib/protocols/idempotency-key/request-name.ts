/**
 * What the fields of a request name it by, under the rules of a profile.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.1; OASIS Repeatable Requests 1.0
 */
import { judgeFirstSent } from './first-sent.js'
import { type KeySyntax, readKey } from './key.js'
import type { KeyProfile } from './profiles.js'

/** The name that a request carries, or what is told where it carries none. */
export type NameReading =
  | {
      readonly kind: 'named'
      readonly name: string
      /** What else must be the same in a repeat. */
      readonly also?: string
      /** By the server's clock, in milliseconds; by default as long as names are remembered. */
      readonly keepUntilMs?: number
    }
  | { readonly kind: 'absent' }
  /** `why` is a sentence. */
  | { readonly kind: 'malformed'; readonly why: string }
  | { readonly kind: 'too-old' | 'in-future' }

/** How names are read. */
export interface NameRules {
  readonly profile: KeyProfile
  readonly syntax: KeySyntax
  /** A further demand on keys. */
  readonly format: RegExp | null
  /** How long a name is remembered, in milliseconds; `null` for ever. */
  readonly retentionMs: number | null
}

type FieldOf = (name: string) => string | undefined

/**
 * Reads the name of a request.
 *
 * @param field - gives a field's value, by its name
 * @param nowMs - the server's time, milliseconds since the Unix epoch
 */
export function readName(rules: NameRules, field: FieldOf, nowMs: number): NameReading {
  const { profile, syntax, format, retentionMs } = rules
  const value = field(profile.field)
  const reading = readKey(value, syntax)
  if (reading.kind === 'absent') {
    const isHalf = profile.datesFirstTry && (field('Repeatability-First-Sent') ?? '') !== ''
    if (isHalf) return malformed('Repeatability-First-Sent needs a Repeatability-Request-ID.')
    return value === undefined ? reading : malformed(`${profile.field} is empty.`)
  }
  if (reading.kind === 'malformed') return malformed(`${profile.field} ${reading.why}.`)
  const { key } = reading
  if (format !== null && !format.test(key)) {
    return malformed(`${profile.field} does not have the form that this address asks for.`)
  }
  if (!profile.datesFirstTry) return { kind: 'named', name: key }
  return datedName(field, key, nowMs, Number(retentionMs))
}

/** A key is remembered as long as its date is taken, so none is forgotten and then run again. */
function datedName(field: FieldOf, key: string, nowMs: number, windowMs: number): NameReading {
  const first = judgeFirstSent(field('Repeatability-First-Sent') ?? '', nowMs, windowMs)
  switch (first.kind) {
    case 'missing':
      return malformed('Repeatability-Request-ID needs a Repeatability-First-Sent.')
    case 'malformed':
      return malformed('Repeatability-First-Sent takes a date as in RFC 9110 5.6.7.')
    case 'too-old':
    case 'in-future':
      return { kind: first.kind }
    case 'in-time': {
      const client = field('Repeatability-Client-ID') ?? ''
      const keepUntilMs = first.sentMs + windowMs + FORGETTING_MS
      const also = String(first.sentMs)
      return { kind: 'named', name: JSON.stringify([client, key]), keepUntilMs, also }
    }
  }
}

/** A record outlives the last moment at which its date is taken. */
const FORGETTING_MS = 60_000

function malformed(why: string): NameReading {
  return { kind: 'malformed', why }
}
