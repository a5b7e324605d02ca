/**
 * One record of the memory store, kept small: there may be hundreds of thousands.
 */

import type { ClaimedBy, OnSilence } from '../../engine/store.js'
import { restoreHead, shortenHead } from '../head-text.js'
import { flatCopy } from './flat-text.js'

/** A principal that has records, shared by all of them. */
export interface Holder {
  readonly principal: string
  records: number
}

/** What is kept while a key has no outcome. */
export interface RunningPart {
  owner: string
  fingerprint: string | null
  leaseUntilMs: number
  onSilence: OnSilence
}

/** What is kept of a spent key, besides its body. */
export interface SpentPart {
  /** Who has spent it; no owner where an operator decided. */
  readonly owner: string
  readonly fingerprint: string | null
  readonly head: string
}

/** Where the body is, in the place of a segment: nowhere. */
export const NO_BODY = -1
/** A body of no bytes, which is kept without room. */
export const EMPTY_BODY = -2
/** The `keepUntilMs` of a record that is never purged. */
export const NEVER = -1

/** A record: running or undecided while `content` is an object, spent once it is text. */
export class Entry {
  readonly key: string
  holder: Holder
  /** Counted from the store's start, so that it is a small integer and needs no box of its own. */
  keepUntilMs: number
  /** `null` when the store has let go of it. */
  content: RunningPart | string | null
  segment: number = NO_BODY
  place = 0

  constructor(key: string, holder: Holder, keepUntilMs: number, content: RunningPart) {
    this.key = key
    this.holder = holder
    this.keepUntilMs = keepUntilMs
    this.content = content
  }

  /** Whether the store has let go of it. */
  get gone(): boolean {
    return this.content === null
  }
}

/**
 * Puts owner, fingerprint and head into one string: each string of its own costs 16 bytes and more.
 *
 * @returns the parts, each of the first two behind a character that tells its length
 */
export function packSpent({ owner, fingerprint, head }: SpentPart): string {
  const print =
    fingerprint === null ? '\0' : String.fromCharCode(fingerprint.length + 1) + fingerprint
  return flatCopy(String.fromCharCode(owner.length) + owner + print + shortenHead(head))
}

/** Takes apart what {@link packSpent} made. */
export function unpackSpent(text: string): SpentPart {
  const ownerEnd = 1 + text.charCodeAt(0)
  const printLength = text.charCodeAt(ownerEnd)
  const printEnd = ownerEnd + Math.max(printLength, 1)
  return {
    owner: text.slice(1, ownerEnd),
    fingerprint: printLength === 0 ? null : text.slice(ownerEnd + 1, printEnd),
    head: restoreHead(text.slice(printEnd)),
  }
}

/**
 * Whether a spent record was made by an owner, without taking it apart.
 *
 * @param text - as {@link packSpent} made it
 */
export function wasSpentBy(text: string, owner: string): boolean {
  return text.charCodeAt(0) === owner.length && text.startsWith(owner, 1)
}

/** What a record tells about the claim that made it. */
export function claimedBy(
  holder: Holder,
  part: { readonly fingerprint: string | null },
): ClaimedBy {
  return { fingerprint: part.fingerprint, principal: holder.principal }
}
