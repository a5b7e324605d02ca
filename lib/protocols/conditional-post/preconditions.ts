/**
 * Preconditions of a request that changes something: which fields there are, and whether they hold
 * for what is there now.
 *
 * @see RFC 9110 8.8.3, 13.1, 13.2.2
 */
import { httpDateMs } from '../http-date.js'

/** The fields of a request that are preconditions, as Node or `Headers.get()` give them. */
export interface PreconditionFields {
  readonly ifMatch: string | null
  readonly ifNoneMatch: string | null
  readonly ifUnmodifiedSince: string | null
}

/** What is there now. */
export interface Validators {
  /** The entity tag of the current representation, with its quotes; `null` where it has none. */
  readonly etag: string | null
  /** When it was last changed, in milliseconds since the Unix epoch; `null` where nobody knows. */
  readonly modifiedMs: number | null
}

/** A field with entity tags. */
export type TagList =
  | { readonly any: true }
  | { readonly any: false; readonly tags: readonly Tag[] }

/** An entity tag. */
export interface Tag {
  readonly isWeak: boolean
  /** With its quotes. */
  readonly opaque: string
}

/**
 * What a request demands. `malformed`: a field that cannot be read, by its name. The RFC would have
 * an unreadable date ignored, and so the change made that a client wanted to guard: decision 0013.
 */
export type Preconditions =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'malformed'
      readonly field: 'If-Match' | 'If-None-Match' | 'If-Unmodified-Since'
    }
  | {
      readonly kind: 'given'
      readonly ifMatch: TagList | null
      readonly ifNoneMatch: TagList | null
      readonly unmodifiedSinceMs: number | null
    }

/** More tags than this are not read. */
export const TAGS_LIMIT = 100

const LIMIT_CHARS = 8_192
/** RFC 9110 8.8.3. Tags may hold commas, and backslashes escape nothing. */
const TAG = /^(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)[ \t]*/

/**
 * Reads the preconditions of a request.
 *
 * `If-Unmodified-Since` is left aside where there is an `If-Match`. An `If-Match` without any tag
 * matches nothing; an `If-None-Match` without any demands nothing, and so cannot be meant.
 *
 * @param fields - as they came
 * @returns what is demanded; never throws
 * @see RFC 9110 13.1.1, 13.1.2, 13.1.4
 */
export function readPreconditions(fields: PreconditionFields): Preconditions {
  const ifMatch = readTags(fields.ifMatch)
  const ifNoneMatch = readTags(fields.ifNoneMatch)
  if (ifMatch === 'malformed') return { kind: 'malformed', field: 'If-Match' }
  if (ifNoneMatch === 'malformed' || isEmpty(ifNoneMatch)) {
    return { kind: 'malformed', field: 'If-None-Match' }
  }
  const date = ifMatch === null ? fields.ifUnmodifiedSince : null
  const unmodifiedSinceMs = date === null ? null : httpDateMs(date)
  if (date !== null && unmodifiedSinceMs === null) {
    return { kind: 'malformed', field: 'If-Unmodified-Since' }
  }
  if (ifMatch === null && ifNoneMatch === null && unmodifiedSinceMs === null)
    return { kind: 'none' }
  return { kind: 'given', ifMatch, ifNoneMatch, unmodifiedSinceMs }
}

/**
 * Whether preconditions hold, in the order of the RFC: `If-Match`, else `If-Unmodified-Since`, and
 * then `If-None-Match`.
 *
 * @param preconditions - what is demanded
 * @param current - what is there; `null` where nothing is
 * @returns the first field that does not hold, `null` where all do
 * @see RFC 9110 13.2.2
 */
export function failedPrecondition(
  preconditions: Extract<Preconditions, { readonly kind: 'given' }>,
  current: Validators | null,
): 'If-Match' | 'If-Unmodified-Since' | 'If-None-Match' | null {
  const { ifMatch, ifNoneMatch, unmodifiedSinceMs } = preconditions
  if (ifMatch !== null && !isAmong(ifMatch, current, 'strong')) return 'If-Match'
  if (unmodifiedSinceMs !== null && isModified(current, unmodifiedSinceMs)) {
    return 'If-Unmodified-Since'
  }
  if (ifNoneMatch !== null && isAmong(ifNoneMatch, current, 'weak')) return 'If-None-Match'
  return null
}

/**
 * Reads an entity tag as an application gives it.
 *
 * @param text - with its quotes, `W/` in front where it is weak
 * @returns `null` where it is none
 * @see RFC 9110 8.8.3
 */
export function readTag(text: string): Tag | null {
  const list = readTags(text)
  if (list === null || list === 'malformed' || list.any) return null
  const [tag, ...others] = list.tags
  return tag === undefined || others.length > 0 ? null : tag
}

function readTags(value: string | null): TagList | 'malformed' | null {
  if (value === null) return null
  let rest = value.trim()
  if (rest === '*') return { any: true }
  if (rest.length > LIMIT_CHARS) return 'malformed'
  const tags: Tag[] = []
  while (rest !== '') {
    // RFC 9110 5.6.1: a recipient skips empty members.
    const empty = /^,[ \t]*/.exec(rest)
    const [whole, weak, opaque] = empty ?? TAG.exec(rest) ?? []
    if (whole === undefined || tags.length === TAGS_LIMIT) return 'malformed'
    if (opaque !== undefined) tags.push({ isWeak: weak !== undefined, opaque })
    rest = rest.slice(whole.length)
  }
  return { any: false, tags }
}

function isEmpty(list: TagList | null): boolean {
  return list !== null && !list.any && list.tags.length === 0
}

function isAmong(
  list: TagList,
  current: Validators | null,
  comparison: 'strong' | 'weak',
): boolean {
  if (current === null) return false
  if (list.any) return true
  const own = current.etag === null ? null : readTag(current.etag)
  if (own === null) return false
  const isStrong = comparison === 'strong'
  if (isStrong && own.isWeak) return false
  return list.tags.some(tag => tag.opaque === own.opaque && !(isStrong && tag.isWeak))
}

/** A date has seconds only, and what is not there has been taken away since. */
function isModified(current: Validators | null, sinceMs: number): boolean {
  if (current === null) return true
  const { modifiedMs } = current
  return modifiedMs !== null && Math.floor(modifiedMs / 1_000) * 1_000 > sinceMs
}
