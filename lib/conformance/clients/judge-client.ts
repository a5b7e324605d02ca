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

/** Pauses below this much of the first one are no growth. */
const GROWTH = 1.2
/** Below this, in milliseconds, there is no pause that could grow. */
const PAUSE_MS = 30

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
  if ('everyPauseMs' in expectation) {
    return judgePause(pausesOf(posts), expectation.everyPauseMs.atLeast)
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
  const [stray] = at(seen, place)
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
  const first = pauses[0] ?? 0
  const last = pauses.at(-1) ?? 0
  const words = pauses.map(pause => `${Math.round(pause)} ms`).join(', ')
  const isGrown = last >= PAUSE_MS && last >= first * GROWTH
  return isGrown ? null : unmet('pauses that become longer', words)
}

function pausesOf(posts: readonly Seen[]): number[] {
  return posts.slice(1).map((post, index) => post.atMs - (posts[index]?.atMs ?? 0))
}

/** A POST with an order in it. */
function isOrder({ place, method }: Seen): boolean {
  return method === 'POST' && (place === 'link' || place === 'moved')
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
