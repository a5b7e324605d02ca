/**
 * The refusals that tell what was found at a link, a key or an action: each in its words, once.
 *
 * @see POE draft 2; RFC 9110 15.5.6, 15.5.10, 15.5.11, 15.6.4
 */
import type { Finding } from '../engine/operation.js'
import type { Problem } from './answer.js'
import { MISMATCH } from './door-refusals.js'

/** A finding that is answered by a refusal, also for a method that is not offered at all. */
export type Refused = Finding | { readonly kind: 'unverifiable' }

/** When it is worth asking again where nothing better is known, in milliseconds. */
const SOON_MS = 1_000

/** The same request is under way, and nobody knows how long. */
export const RUNNING_NOW: Refused = { kind: 'running', retryAfterMs: SOON_MS }

/** It is not known what became of it. */
export const UNDECIDED_NOW: Refused = { kind: 'undecided', sinceMs: 0 }

/** The store, or what is kept in it, cannot be asked now. */
export const STORE_DOWN_NOW: Refused = { kind: 'store-down', retryAfterMs: SOON_MS }

/** As {@link STORE_DOWN_NOW}; what the handler wrote in its transaction was undone. */
export const UNDONE_NOW: Refused = { kind: 'store-down', retryAfterMs: SOON_MS, undone: true }

/**
 * Puts a finding into words.
 *
 * @param finding - what was found
 * @param method - of the request: a page speaks of sending only to those who have sent something
 */
export function problemOf(finding: Refused, method: string): Problem {
  switch (finding.kind) {
    case 'spent':
      return (method === 'POST' ? SENT : USED)[`${finding.payloadMatches}`]
    case 'running':
      return RUNNING
    case 'undecided':
      return UNDECIDED
    case 'unspent':
      return UNSPENT
    case 'expired':
      return EXPIRED
    case 'forgotten':
      return FORGOTTEN
    case 'store-down':
    case 'store-full':
      return STORE[finding.kind][finding.undone === true ? 'undone' : 'untouched']
    case 'other-content':
      return MISMATCH
    case 'foreign':
    case 'unverifiable':
    case 'gone':
      return UNVERIFIABLE
  }
}

/** When to ask again after a finding, in milliseconds; `null` where that is of no use. */
export function retryTimeOf(finding: Refused): number | null {
  if (finding.kind === 'undecided') return UNDECIDED.retryAfterMs ?? null
  return 'retryAfterMs' in finding ? finding.retryAfterMs : null
}

/** The answer of a spent link whose body is not kept. */
export const BODY_NOT_KEPT: Problem = {
  type: 'body-not-kept',
  status: 410,
  title: 'It is done',
  detail: 'This request was carried out. Its answer is no longer kept.',
}

/** The answer of a spent link whose body is kept in a coding that the client does not take. */
export const CODING_REFUSED: Problem = {
  type: 'coding-refused',
  status: 406,
  title: 'It is done',
  detail:
    'This request was carried out. Its answer is kept in a content coding only that ' +
    'Accept-Encoding does not name.',
}

/** The answer of a spent link whose body is still being written. */
export const BODY_PENDING: Problem = {
  type: 'body-pending',
  status: 503,
  title: 'It is done',
  detail: 'This request was carried out. Its answer is still being written; ask again shortly.',
  retryAfterMs: SOON_MS,
}

const RUNNING: Problem = {
  type: 'running',
  status: 409,
  title: 'Still being carried out',
  detail: 'The same request is being carried out now. Ask again shortly to learn how it ended.',
}

const UNDECIDED: Problem = {
  type: 'undecided',
  status: 409,
  title: 'Not known yet',
  detail:
    'An earlier request at this address was interrupted, and it may or may not have taken ' +
    'effect. It will not be carried out again until that is known.',
  retryAfterMs: 30_000,
}

const UNSPENT: Problem = {
  type: 'unspent',
  status: 405,
  title: 'Nothing has been sent here yet',
  detail: 'This address takes one POST. Nothing has happened so far.',
}

const EXPIRED: Problem = {
  type: 'expired',
  status: 410,
  title: 'This address has expired',
  detail: 'It was not used in time, and nothing was done. Start again to get a fresh one.',
}

const FORGOTTEN: Problem = {
  type: 'forgotten',
  status: 410,
  title: 'This cannot be told any more',
  detail: 'This address is too old to know whether it was used. It will not be carried out now.',
}

const UNVERIFIABLE: Problem = {
  type: 'unverifiable',
  status: 404,
  title: 'No such address',
  detail: 'This address was never given out, or it was given to somebody else.',
}

/** What the store does not tell. */
const STORE = {
  'store-down': storeRefusals('store-down'),
  'store-full': storeRefusals('store-full'),
}

function storeRefusals(type: string): Readonly<Record<'untouched' | 'undone', Problem>> {
  const words = { type, status: 503, title: 'Not possible right now' }
  const untouched =
    'What became of this address cannot be told now. It is safe to send the same request again ' +
    'shortly: it will not be carried out twice.'
  // What the handler did outside of its transaction is not known here, so nothing is promised.
  const undone =
    'This request could not be finished, and what was written for it in the database was undone. ' +
    'The same request can be sent again shortly.'
  return { untouched: { ...words, detail: untouched }, undone: { ...words, detail: undone } }
}

const SENT = spentRefusals('This was already sent')
const USED = spentRefusals('This address was already used')

/** Only what is known: whether the content was the same, another, or nobody can tell. */
function spentRefusals(title: string): Readonly<Record<'true' | 'false' | 'null', Problem>> {
  const words = { type: 'used', status: 405, title }
  return {
    true: {
      ...words,
      detail: 'This request was carried out once, and is not carried out again.',
    },
    false: {
      ...words,
      detail:
        'This address was used before, with other content. What was sent now was not carried out.',
    },
    null: {
      ...words,
      detail:
        'This address was used before, and what was sent then was carried out. What was sent now ' +
        'was not carried out; whether it is the same cannot be told here.',
    },
  }
}

/** PUT, PATCH, DELETE and the like at a link: never an effect, in any state. */
export const POST_ONLY: Problem = {
  type: 'method-not-allowed',
  status: 405,
  title: 'Not with this method',
  detail: 'This address takes one POST. The Allow field tells what it takes now.',
}

/** Links are minted for somebody. */
export const NO_LINK_FOR_NOBODY: Problem = {
  type: 'nobody',
  status: 403,
  title: 'No link for nobody',
  detail: 'Links are made for somebody; this request does not say for whom. Log in first.',
}
