/**
 * Whether a client did as expected, and what to say where it did not.
 */
import { type UnmetExpectation, unmet } from '../unmet-expectation.js'
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
export function judgeAlways({ ending, effects }: Performance): UnmetExpectation | null {
  if (effects > 1) return unmet('one effect at most', `${effects}`)
  if (ending === 'accepted' && effects === 0) return unmet('no word of success', 'accepted')
  if (ending === 'refused' && effects === 1) return unmet('no word of failure', 'refused')
  return null
}

/** The first demand that is not met, `null` where all are. */
export function firstUnmetBy(
  expectations: readonly ClientExpectation[],
  performance: Performance,
): UnmetExpectation | null {
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

type DemandName = NameIn<ClientExpectation>
type NameIn<E> = E extends unknown ? keyof E : never
type Demand<N> = Extract<ClientExpectation, { readonly [K in N & PropertyKey]: unknown }>
type Judges = {
  readonly [N in DemandName]: (demand: Demand<N>, did: Performance) => UnmetExpectation | null
}

/** How each kind of demand is judged. A kind that lacks here does not compile. */
const JUDGES: Judges = {
  ended({ ended }, { ending }) {
    const isIn = ending !== 'late' && ended.includes(ending)
    return isIn ? null : unmet(`told as ${ended.join(' or ')}`, `told as ${ending}`)
  },
  ends: (_, { ending }) =>
    ending === 'late' ? unmet('an end within --timeout', 'none in time') : null,
  effects: ({ effects }, did) => judgeCount('effects', effects, did.effects),
  posts: ({ posts }, { seen }) => judgeCount('POSTs', posts, seen.filter(isOrder).length),
  oneLink(_, { seen }) {
    const links = new Set(seen.filter(isLinkPost).map(({ target }) => target))
    return links.size <= 1 ? null : unmet('one link', `${links.size} links`)
  },
  alike: (_, { seen }) => judgeAlike(seen.filter(isOrder)),
  sameFields: (_, { seen }) => judgeFields(seen.filter(isOrder)),
  nowhere({ nowhere }, { seen }) {
    const one = seen.find(each => fieldOf(each, nowhere) !== undefined)
    return one === undefined ? null : unmet(`no ${nowhere}`, `${one.method} with it`)
  },
  everywhere: ({ everywhere }, { seen }) => judgeEverywhere(everywhere, seen),
  blindRepeats(_, { seen }) {
    const posts = seen.filter(isOrder)
    const again = posts.slice(1).find((post, index) => loginOf(post) === loginOf(posts[index]))
    return again === undefined ? null : unmet('no POST as before', `${posts.length} POSTs`)
  },
  saysLength(_, { seen }) {
    const isSilent = (one: Seen) =>
      one.method === 'POST' && one.body.length === 0 && !hasLength(one)
    return seen.some(isSilent) ? unmet('Content-Length: 0', 'no length') : null
  },
  firstPauseMs({ firstPauseMs: { atLeast } }, { seen }) {
    return judgePause(pausesOf(seen).slice(0, 1), atLeast)
  },
  meanPauseMs({ meanPauseMs: { atLeast } }, { seen }) {
    return judgePause([mean(pausesOf(seen))], atLeast, ' on average')
  },
  pausesGrow: (_, { seen }) => judgeGrowth(pausesOf(seen)),
  only({ only: [place, method] }, { seen }) {
    const there = at(seen, place)
    const postedAt = there.findIndex(one => one.method === 'POST')
    const other = there.find((one, index) => {
      const isLook = one.method === 'GET' && postedAt >= 0 && index > postedAt
      return one.method !== method && !isLook && !['OPTIONS', 'HEAD'].includes(one.method)
    })
    return other === undefined ? null : unmet(`${method} only`, `${other.method} ${other.target}`)
  },
  asked({ asked: [place, method] }, { seen }) {
    const isAsked = at(seen, place).some(one => one.method === method)
    return isAsked ? null : unmet(`a ${method} of the ${place}`, 'none')
  },
  never: ({ never }, { seen }) => judgeStray(at(seen, never)),
  noOtherPlace: (_, { seen }) => judgeStray(at(seen, 'elsewhere')),
}

/** @throws TypeError for a demand with no kind, with an unknown one, or with two */
function judge(expectation: ClientExpectation, performance: Performance): UnmetExpectation | null {
  const [name, ...more] = Object.keys(expectation)
  if (name === undefined || more.length > 0 || !Object.hasOwn(JUDGES, name)) {
    throw new TypeError(`A demand of unknown kind: ${JSON.stringify(expectation)}`)
  }
  const one = JUDGES[name as DemandName] as (
    demand: ClientExpectation,
    did: Performance,
  ) => UnmetExpectation | null
  return one(expectation, performance)
}

/** A preflight is a browser's own question, and nothing of the order is in it. */
function judgeStray(there: readonly Seen[]): UnmetExpectation | null {
  const stray = there.find(({ method }) => method !== 'OPTIONS')
  return stray === undefined ? null : unmet('no such request', `${stray.method} ${stray.target}`)
}

function judgeCount(
  what: string,
  wanted: { readonly atMost?: number; readonly atLeast?: number; readonly exactly?: number },
  count: number,
): UnmetExpectation | null {
  const { atMost = Number.POSITIVE_INFINITY, atLeast = 0, exactly = count } = wanted
  if (count <= atMost && count >= atLeast && count === exactly) return null
  const words = Object.entries(wanted).map(([name, value]) => `${name} ${value}`)
  return unmet(`${what}: ${words.join(', ')}`.replace('atMost', 'at most'), `${count}`)
}

function judgeAlike(posts: readonly Seen[]): UnmetExpectation | null {
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

function judgeFields(posts: readonly Seen[]): UnmetExpectation | null {
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

function judgePause(pauses: readonly number[], atLeast: number, how = '') {
  const short = pauses.find(pause => pause < atLeast)
  if (short === undefined) return null
  return unmet(`${atLeast} ms or more${how}`, `${Math.round(short)} ms${how}`)
}

function judgeGrowth(pauses: readonly number[]): UnmetExpectation | null {
  const half = Math.floor(pauses.length / 2)
  const isGrown = mean(pauses.slice(-half)) >= mean(pauses.slice(0, half)) * GROWTH
  const words = pauses.map(pause => `${Math.round(pause)} ms`).join(', ')
  return isGrown ? null : unmet('pauses that become longer', words)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

function pausesOf(seen: readonly Seen[]): number[] {
  const posts = seen.filter(isOrder)
  return posts.slice(1).map((post, index) => post.atMs - (posts[index]?.atMs ?? 0))
}

/** A POST that may be an order: an empty one asks for a link, but only where links are made so. */
function isOrder({ place, method, body, isMint }: Seen): boolean {
  if (method !== 'POST') return false
  if (place === 'page') return body.length > 0 || !isMint
  return place === 'link' || place === 'moved'
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

function loginOf(seen: Seen | undefined): string {
  const names = ['authorization', 'proxy-authorization', 'cookie']
  return JSON.stringify(names.map(name => seen && fieldOf(seen, name)))
}

function fieldOf({ fields }: Seen, name: string): string | undefined {
  return fields.find(([each]) => each.toLowerCase() === name)?.[1]
}
