/**
 * The conditions of a request that creates or changes something: the fields of HTTP, and
 * `If-None-Exist`, a search that must find nothing.
 *
 * A state is what one step leads out of: an entity tag, a date of change, absence, or a search
 * without a result. Its text is what records of that step are found by.
 *
 * @see RFC 9110 13.1, 13.2.2; FHIR R5 3.2.0.13 (conditional create)
 */
import {
  failedPrecondition,
  type Preconditions,
  readPreconditions,
  readTag,
} from './preconditions.js'

/** What a request demands. `unjudged`: a field that nobody here can tell the truth of. */
export type Conditions =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly field: string }
  | { readonly kind: 'unjudged'; readonly field: string }
  | {
      readonly kind: 'given'
      readonly preconditions: Exclude<Preconditions, { readonly kind: 'malformed' }>
      /** The value of `If-None-Exist`; `null` where it is absent. */
      readonly search: string | null
      /** All of it, in one spelling. */
      readonly text: string
    }

/** What is there now. */
export interface Situation {
  /** `null`: nothing. */
  readonly current: {
    readonly etag?: string | null | undefined
    readonly modifiedMs?: number | null | undefined
  } | null
  /** What the search has found; `null` where there was none. */
  readonly found: readonly string[] | null
  readonly search: string | null
}

/** Which fields an application can judge. */
export interface JudgedFields {
  readonly validators: boolean
  readonly search: boolean
}

/** Conditions that there are. */
export type GivenConditions = Extract<Conditions, { readonly kind: 'given' }>

const VALIDATED = ['If-Match', 'If-None-Match', 'If-Unmodified-Since']
const SEARCH_LIMIT = 2_048
/** So many named states are looked up for a change of the caller's own. */
const MOST_STATES = 8

/**
 * Reads the conditions of a request.
 *
 * A condition is judged, or the request is refused: none is skipped. `If-Modified-Since` and
 * `If-Range` are no conditions of such a request. RFC 9110 13.1.3, 13.1.5
 *
 * @param field - gives a field's value; `undefined` where it is absent
 * @param judged - which fields an application can judge
 */
export function readConditions(
  field: (name: string) => string | undefined,
  judged: JudgedFields,
): Conditions {
  const others = [
    ...(judged.validators ? [] : VALIDATED),
    ...(judged.search ? [] : ['If-None-Exist']),
    'If',
  ]
  const unjudged = others.find(name => field(name) !== undefined)
  if (unjudged !== undefined) return { kind: 'unjudged', field: unjudged }
  const of = (name: string) => field(name) ?? null
  const preconditions = readPreconditions({
    ifMatch: of('If-Match'),
    ifNoneMatch: of('If-None-Match'),
    ifUnmodifiedSince: of('If-Unmodified-Since'),
  })
  if (preconditions.kind === 'malformed') return preconditions
  const search = field('If-None-Exist')?.trim().replace(/^\?/, '') ?? null
  if (search !== null && (search === '' || search.length > SEARCH_LIMIT)) {
    return { kind: 'malformed', field: 'If-None-Exist' }
  }
  if (preconditions.kind === 'none' && search === null) return { kind: 'none' }
  return { kind: 'given', preconditions, search, text: JSON.stringify([preconditions, search]) }
}

/** What a field takes, in words. */
export function syntaxOf(field: string): string {
  if (field === 'If-Unmodified-Since') return 'a date as in RFC 9110 5.6.7'
  if (field === 'If-None-Exist') return 'a search of 1 to 2048 characters, such as email=a@b.c'
  return 'quoted entity tags, separated by commas, or *'
}

/**
 * Whether conditions hold.
 *
 * @returns the first field that does not, in the order of RFC 9110 13.2.2; `null` where all do
 */
export function failedCondition(conditions: GivenConditions, situation: Situation): string | null {
  const { preconditions } = conditions
  const { current, found } = situation
  if (preconditions.kind === 'given') {
    const { etag = null, modifiedMs = null } = current ?? {}
    const failed = failedPrecondition(preconditions, current && { etag, modifiedMs })
    if (failed !== null) return failed
  }
  return found !== null && found.length > 0 ? 'If-None-Exist' : null
}

/**
 * Names a condition whose truth nobody can tell: a date, where what is there has none.
 *
 * @returns `null` where all can be told
 * @see RFC 9110 13.1.4 (such a date decides nothing)
 */
export function undecidable(
  { preconditions }: GivenConditions,
  { current }: Situation,
): string | null {
  if (preconditions.kind === 'none' || preconditions.unmodifiedSinceMs === null) return null
  const isDated = current === null || typeof current.modifiedMs === 'number'
  return isDated ? null : 'If-Unmodified-Since'
}

/**
 * Names the state that a step leads out of. Whoever gives a search alone may have it beside any
 * change of what is there: two of one search are one step all the same.
 *
 * @throws TypeError where what is there has neither tag nor date: its change could not be seen
 */
export function stateOf(
  { preconditions }: GivenConditions,
  { current, search }: Situation,
): string {
  if (search !== null && preconditions.kind === 'none') return searched(search)
  const parts: string[] = []
  if (search !== null) parts.push(searched(search))
  if (current === null) {
    if (search === null) parts.push(ABSENT)
  } else if (current.etag !== null && current.etag !== undefined) {
    const tag = readTag(current.etag)
    if (tag === null) {
      throw new TypeError(`validator(ctx) gave ${JSON.stringify(current.etag)}: no entity tag`)
    }
    parts.push(tagged(tag.opaque))
  } else if (typeof current.modifiedMs === 'number' && Number.isFinite(current.modifiedMs)) {
    parts.push(changed(current.modifiedMs))
  } else {
    throw new TypeError('validator(ctx) must give an etag or modifiedMs, or null for nothing')
  }
  return parts.join('\n')
}

/**
 * The states that conditions name, in which a change of the caller's own may have begun.
 *
 * A date is found only where that is all that the application gives.
 */
export function namedStates({ preconditions, search }: GivenConditions): readonly string[] {
  const begin = search === null ? [] : [searched(search)]
  if (preconditions.kind === 'none') return begin
  const { ifMatch, ifNoneMatch, unmodifiedSinceMs } = preconditions
  const states: (string | null)[] = []
  if (ifMatch !== null && !ifMatch.any) {
    for (const { opaque } of ifMatch.tags.slice(0, MOST_STATES)) states.push(tagged(opaque))
  }
  if (ifNoneMatch?.any === true) states.push(search === null ? ABSENT : null)
  if (unmodifiedSinceMs !== null) states.push(changed(unmodifiedSinceMs))
  return states.map(state => [...begin, ...(state === null ? [] : [state])].join('\n'))
}

const ABSENT = 'absent'

function tagged(opaque: string): string {
  return `tag ${opaque}`
}

/** Dates in fields have whole seconds. */
function changed(ms: number): string {
  return `changed ${Math.floor(ms / 1_000)}`
}

function searched(search: string): string {
  return `search ${search}`
}
