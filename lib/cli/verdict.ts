/**
 * How a POST ended, as the command tells it: the exit code, one line, and one object.
 */
import type { PostAborted, PostOutcome, Unknown } from '../client/index.js'
import type { Interrupted } from './command.js'
import { quotedForShell } from './shown.js'
import { failureInWords, statusInWords, tries } from './words.js'

/** Why the outcome is what it is; `null` where the outcome says it all. */
export type Reason =
  | 'answered'
  | 'redirected'
  | 'not-sent'
  | 'no-link'
  | 'interrupted'
  | 'gave-up'
  | 'unproven'
  | 'forgotten'
  | 'not-repeatable'
  | 'failed'

/** What `--output json` prints, but for the content of the answer. */
export interface CliVerdict {
  readonly outcome: PostOutcome['outcome']
  readonly reason: Reason | null
  readonly link: string | null
  readonly idempotencyKey: string | null
  readonly attempts: number
  readonly status: number | null
  readonly location: string | null
  /** The line that tells it to a person. */
  readonly message: string
  /** What may be done now; not part of the object. */
  readonly advice: string | null
  readonly exitCode: number
  /** Members that only some outcomes have. */
  readonly more: Readonly<Record<string, unknown>>
}

/** How a command that is done exits. */
export const EXIT_CODES: Readonly<Record<PostOutcome['outcome'], number>> = {
  accepted: 0,
  'accepted-earlier': 0,
  refused: 1,
  'used-before': 1,
  gone: 1,
  unknown: 3,
}

const DOUBT = 'it may or may not have taken effect'
const USED = 'the link was used, and the server does not say whether by this POST'
const KEY_SENT_BEFORE =
  'Was this key sent before, with other content? Then look first what became of that. Else mend ' +
  'it, and send it with a key of its own.'
const LOOK = 'Asking again cannot tell: look there before you send it anew.'

/**
 * Tells an outcome.
 *
 * @param outcome - of the client
 * @param journal - the file that holds the POST as long as it is not settled, `null` for none
 */
export function verdictOf(outcome: PostOutcome, journal: string | null): CliVerdict {
  const { link, idempotencyKey, attempts, status, location } = outcome
  const hasReason = outcome.outcome === 'refused' || outcome.outcome === 'unknown'
  const common = {
    reason: hasReason ? outcome.reason : null,
    link,
    idempotencyKey,
    attempts,
    status,
    location,
    message: `${outcome.outcome}: ${sentence(outcome)}.`,
    advice: advice(outcome, journal),
    more: moreOf(outcome),
  }
  return { outcome: outcome.outcome, exitCode: EXIT_CODES[outcome.outcome], ...common }
}

/**
 * Tells that nothing was sent, and why.
 *
 * @param reason - for programs
 * @param why - for a person
 * @param status - of the page, where that is it
 */
export function nothingSent(
  reason: 'no-link' | 'not-sent' | 'interrupted',
  why: string,
  status: number | null = null,
): CliVerdict {
  return {
    outcome: 'refused',
    reason,
    link: null,
    idempotencyKey: null,
    attempts: 0,
    status,
    location: null,
    message: `refused: nothing was sent. ${why}`,
    advice: null,
    exitCode: EXIT_CODES.refused,
    more: {},
  }
}

/** Tells that it was interrupted before there was anything to send. */
export function interruptedBefore({ message, code }: Interrupted): CliVerdict {
  return { ...nothingSent('interrupted', message), exitCode: code }
}

/** Tells what is known of a POST that was interrupted. */
export function interrupted(
  { outcome, link, attempts }: Pick<PostAborted, 'outcome' | 'link' | 'attempts'>,
  { message, code }: Interrupted,
  { key, journal }: { readonly key: string | null; readonly journal: string | null },
): CliVerdict {
  const isUnknown = outcome === 'unknown'
  const known = isUnknown ? `${DOUBT} (${tries(attempts)})` : 'it did not take effect'
  const name = isUnknown ? 'unknown' : 'refused'
  return {
    outcome: name,
    reason: 'interrupted',
    link,
    idempotencyKey: key,
    attempts,
    status: null,
    location: null,
    message: `${name}: ${message} ${capital(known)}.`,
    advice: isUnknown ? howToSettle(link, key, journal) : null,
    exitCode: isUnknown ? EXIT_CODES.unknown : code,
    more: isUnknown ? { isFinal: false } : {},
  }
}

/** Tells that the client itself failed after it had begun, so that nothing is known. */
export function failedAfterwards(
  error: unknown,
  { link, key, journal }: { link: string; key: string | null; journal: string | null },
): CliVerdict {
  return {
    outcome: 'unknown',
    reason: 'failed',
    link,
    idempotencyKey: key,
    attempts: 0,
    status: null,
    location: null,
    message: `unknown: ${DOUBT}. ${failureInWords(error)}`,
    advice: howToSettle(link, key, journal),
    exitCode: EXIT_CODES.unknown,
    more: { isFinal: false },
  }
}

function sentence(outcome: PostOutcome): string {
  const { attempts, status, location, idempotencyKey } = outcome
  const numbers = status === null ? tries(attempts) : `${status}, ${tries(attempts)}`
  const where = resultAt(location)
  const what = idempotencyKey === null ? 'link' : 'address'
  switch (outcome.outcome) {
    case 'accepted':
      return `it took effect (${numbers})${where}`
    case 'accepted-earlier':
      return `it took effect by an earlier try, whose answer was lost (${numbers})${where}`
    case 'used-before':
      return `this did not take effect: the link was used before with other content${where}`
    case 'gone':
      return `it did not take effect: the ${what} is not known to the server (${numbers})`
    case 'refused':
      if (outcome.reason === 'not-sent') {
        return `nothing was sent (${numbers}): ${failureInWords(outcome.cause)}`
      }
      if (outcome.reason === 'redirected') {
        return `it did not take effect: the server sends it on to another place (${location})`
      }
      return `it did not take effect (${numbers})`
    case 'unknown':
      return `${DOUBT}: ${whyUnknown(outcome)} (${tries(attempts)})`
  }
}

function resultAt(location: string | null): string {
  return location === null ? '' : `; the result is at ${location}`
}

function whyUnknown(outcome: Unknown): string {
  const { reason, status, location, isFinal, cause, idempotencyKey } = outcome
  // Where the result is, is known: what stays open is whose it is.
  if (isFinal && status === 405 && location !== null) return `${USED}${resultAt(location)}`
  const last = status === null ? failureInWords(cause) : statusInWords(status)
  switch (reason) {
    case 'gave-up':
      return `the tries or the time ran out, and at last ${last}`
    case 'unproven':
      return `${last}, which proves nothing`
    case 'forgotten':
      if (idempotencyKey !== null && status === null) {
        return `the server may have forgotten the key ${quotedForShell(idempotencyKey)} by now`
      }
      if (isFinal) return 'the server does not know the link any more'
      return 'the server does not know the link, or not by this login'
    case 'not-repeatable':
      return 'the answer was lost where a second try is not safe'
  }
}

function advice(outcome: PostOutcome, journal: string | null): string | null {
  const { hint, idempotencyKey } = outcome
  if (hint !== undefined) return outcome.outcome === 'unknown' ? `${hint}\n${LOOK}` : hint
  switch (outcome.outcome) {
    case 'accepted':
    case 'accepted-earlier':
      return null
    case 'used-before':
    case 'gone':
      if (idempotencyKey !== null) return 'Is it the address that takes POSTs with keys?'
      return 'Give the page, not the link, to get a fresh link.'
    case 'refused':
      if (outcome.reason !== 'answered') return null
      if (idempotencyKey !== null) return KEY_SENT_BEFORE
      return 'The link can still be used: mend it, and repeat.'
    case 'unknown':
      if (outcome.isFinal) return LOOK
      return howToSettle(outcome.link, outcome.idempotencyKey, journal)
  }
}

function howToSettle(link: string, key: string | null, journal: string | null): string {
  if (journal !== null) return `To settle it: poe resume --journal ${asWord(journal)}`
  const keyed = key === null ? '' : ` --idempotency-key ${quotedForShell(key)}`
  const again = `--link ${quotedForShell(link)}${keyed}`
  return `To settle it, send exactly the same again: poe post ${again} ...`
}

/** Quoted where a shell would not take it as it is. */
function asWord(path: string): string {
  return /^[\w./:@%+,-]+$/.test(path) ? path : quotedForShell(path)
}

function moreOf(outcome: PostOutcome): Readonly<Record<string, unknown>> {
  if (outcome.outcome === 'unknown') return { isFinal: outcome.isFinal }
  if (outcome.outcome !== 'used-before') return {}
  const { payloadMatches, freshLink } = outcome
  return { payloadMatches, freshLink }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
