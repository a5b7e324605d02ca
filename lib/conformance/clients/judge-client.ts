/**
 * Whether a client did as expected, and what to say where it did not.
 */
import { type Unmet, unmet } from '../unmet.js'
import type { ClientEnding, ClientExpectation, Place } from './scenario.js'
import type { Seen } from './scripted-server.js'

/** What a client did in one scenario. */
export interface Performance {
  /** `late`: it had not ended when its time was over. */
  readonly ending: ClientEnding | 'late'
  readonly seen: readonly Seen[]
  readonly effects: number
}

/**
 * How much longer the later half of the pauses is on average than the earlier one, at least. Where
 * they double it is four times as long; single pauses tell little, since there is jitter.
 */
const GROWTH = 1.3
/** Those that may differ from try to try: of the connection, and of tracing. */
const PASSING_FIELDS =
  /^(?:connection|keep-alive|date|host|traceparent|tracestate|baggage|x-request-id|x-b3-.*)$/

/** Judges what holds in every scenario: never a false word, never a second effect. */
export function judgeAlways({ ending, effects }: Performance): Unmet | null {
  if (effects > 1) return unmet('one effect at most', `${effects}`)
  if (ending === 'accepted' && effects === 0) return unmet('no word of success', 'accepted')
  if (ending === 'refused' && effects === 1) return unmet('no word of failure', 'refused')
  return null
}

/** The first demand that is not met, `null` where all are. */
export function firstUnmetBy(
  expectations: readonly ClientExpectation[],
  performance: Performance,
): Unmet | null {
  for (const expectation of expectations) {
    const found = judge(expectation, performance)
    if (found !== null) return found
  }
  return null
}

/** Whether what is not met now stays so, whatever the client does afterwards. */
export function isLasting(expectation: ClientExpectation): boolean {
  if ('posts' in expectation) return expectation.posts.atLeast === undefined
  if ('effects' in expectation) return 'atMost' in expectation.effects
  return !['ended', 'ends', 'asked', 'meanPauseMs', 'pausesGrow'].some(name => name in expectation)
}

function judge(expectation: ClientExpectation, performance: Performance): Unmet | null {
  const { ending, seen, effects } = performance
  const posts = seen.filter(isOrder)
  if ('ended' in expectation) {
    const isIn = ending !== 'late' && expectation.ended.includes(ending)
    return isIn ? null : unmet(`told as ${expectation.ended.join(' or ')}`, `told as ${ending}`)
  }
  if ('ends' in expectation) return ending === 'late' ? unmet('an end', 'none in time') : null
  if ('effects' in expectation) return judgeCount('effects', expectation.effects, effects)
  if ('posts' in expectation) return judgeCount('POSTs', expectation.posts, posts.length)
  if ('oneLink' in expectation) {
    const links = new Set(seen.filter(isLinkPost).map(({ target }) => target))
    return links.size <= 1 ? null : unmet('one link', `${links.size} links`)
  }
  if ('alike' in expectation) return judgeAlike(posts)
  if ('sameFields' in expectation) return judgeFields(posts)
  if ('nowhere' in expectation) {
    const one = seen.find(each => fieldOf(each, expectation.nowhere) !== undefined)
    return one === undefined ? null : unmet(`no ${expectation.nowhere}`, `${one.method} with it`)
  }
  if ('everywhere' in expectation) return judgeEverywhere(expectation.everywhere, seen)
  if ('saysLength' in expectation) {
    const lacking = seen.find(
      one => one.method === 'POST' && one.body.length === 0 && !hasLength(one),
    )
    return lacking === undefined ? null : unmet('Content-Length: 0', 'no length')
  }
  if ('firstPauseMs' in expectation) {
    return judgePause(pausesOf(posts).slice(0, 1), expectation.firstPauseMs.atLeast)
  }
  if ('meanPauseMs' in expectation) {
    return judgePause([mean(pausesOf(posts))], expectation.meanPauseMs.atLeast)
  }
  if ('pausesGrow' in expectation) return judgeGrowth(pausesOf(posts))
  return judgePlaces(expectation, seen)
}

function judgePlaces(
  expectation: Extract<
    ClientExpectation,
    | { readonly only: unknown }
    | { readonly never: unknown }
    | { readonly asked: unknown }
    | { readonly noOtherPlace: unknown }
  >,
  seen: readonly Seen[],
): Unmet | null {
  if ('only' in expectation) {
    const [place, method] = expectation.only
    const other = at(seen, place).find(one => one.method !== method && one.method !== 'OPTIONS')
    return other === undefined ? null : unmet(`${method} only`, `${other.method} ${other.target}`)
  }
  if ('asked' in expectation) {
    const [place, method] = expectation.asked
    const isAsked = at(seen, place).some(one => one.method === method)
    return isAsked ? null : unmet(`a ${method} of the ${place}`, 'none')
  }
  const place = 'never' in expectation ? expectation.never : 'elsewhere'
  // A preflight is a browser's own question, and nothing of the order is in it.
  const stray = at(seen, place).find(({ method }) => method !== 'OPTIONS')
  return stray === undefined ? null : unmet('no such request', `${stray.method} ${stray.target}`)
}

function judgeCount(
  what: string,
  wanted: { readonly atMost?: number; readonly atLeast?: number; readonly exactly?: number },
  count: number,
): Unmet | null {
  const { atMost = Number.POSITIVE_INFINITY, atLeast = 0, exactly = count } = wanted
  if (count <= atMost && count >= atLeast && count === exactly) return null
  const words = Object.entries(wanted).map(([name, value]) => `${name} ${value}`)
  return unmet(`${what}: ${words.join(', ')}`.replace('atMost', 'at most'), `${count}`)
}

function judgeAlike(posts: readonly Seen[]): Unmet | null {
  const [first, ...others] = posts
  if (first === undefined) return null
  for (const post of others) {
    if (!post.body.equals(first.body)) {
      return unmet(`the same ${first.body.length} bytes`, `${post.body.length} bytes that differ`)
    }
    const [one, other] = [first, post].map(each => fieldOf(each, 'content-type'))
    if (one !== other) return unmet(`Content-Type: ${one}`, `Content-Type: ${other}`)
  }
  return null
}

function judgeFields(posts: readonly Seen[]): Unmet | null {
  const [first = [], ...others] = posts.map(linesOf)
  for (const other of others) {
    const lost = first.find(line => !other.includes(line))
    const added = other.find(line => !first.includes(line))
    if (lost !== undefined || added !== undefined) {
      return unmet(lost ?? 'no further field', added ?? 'a try without it')
    }
  }
  return null
}

function linesOf({ fields }: Seen): string[] {
  return fields.flatMap(([given, value]) => {
    const name = given.toLowerCase()
    return PASSING_FIELDS.test(name) ? [] : [`${name}: ${value}`]
  })
}

function judgeEverywhere([name, value]: readonly [string, string], seen: readonly Seen[]) {
  const without = seen.find(one => one.method !== 'OPTIONS' && fieldOf(one, name) !== value)
  if (without === undefined) return null
  return unmet(`${name}: ${value} on every request`, `${without.method} ${without.target} without`)
}

function judgePause(pauses: readonly number[], atLeast: number): Unmet | null {
  const short = pauses.find(pause => pause < atLeast)
  return short === undefined ? null : unmet(`${atLeast} ms or more`, `${Math.round(short)} ms`)
}

function judgeGrowth(pauses: readonly number[]): Unmet | null {
  const half = Math.floor(pauses.length / 2)
  const isGrown = mean(pauses.slice(-half)) >= mean(pauses.slice(0, half)) * GROWTH
  const words = pauses.map(pause => `${Math.round(pause)} ms`).join(', ')
  return isGrown ? null : unmet('pauses that become longer', words)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

function pausesOf(posts: readonly Seen[]): number[] {
  return posts.slice(1).map((post, index) => post.atMs - (posts[index]?.atMs ?? 0))
}

/** A POST with an order in it: an empty one to the page asks for a link. */
function isOrder({ place, method, body }: Seen): boolean {
  if (method !== 'POST') return false
  return place === 'link' || place === 'moved' || (place === 'page' && body.length > 0)
}

function isLinkPost({ place, method }: Seen): boolean {
  return method === 'POST' && place === 'link'
}

function at(seen: readonly Seen[], place: Place): Seen[] {
  return seen.filter(one => one.place === place)
}

function hasLength(seen: Seen): boolean {
  return fieldOf(seen, 'content-length') === '0'
}

function fieldOf({ fields }: Seen, name: string): string | undefined {
  return fields.find(([each]) => each.toLowerCase() === name)?.[1]
}
