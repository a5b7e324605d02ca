/**
 * Faults that one check alone finds, as rows: without it the server would pass.
 */
import type { IncomingMessage } from 'node:http'
import { prefersHtml } from './answers.js'
import { type Behaviour, pathOf, RIGHT } from './behaviour.js'
import { faultOf } from './exchange.js'
import {
  fieldOf,
  isLook,
  isPage,
  isResult,
  isReuse,
  refielded,
  replayed,
  restated,
  resultOf,
  where,
} from './fault.js'
import type { Link } from './link-book.js'
import type { MeantRow } from './wrong-ours.js'
import { again } from './wrong-twice.js'

const LINK_SHAPE = /^\/accounts\/bob\/orders\/\d+-[\w-]{22}$/
/** A check uses fewer links than this between two looks at one of them; a run uses more. */
const MANY = 60

/** Faults in what is remembered, and for how long. */
const MEMORY: readonly MeantRow[] = [
  ['reissues-once', 'POE-A-2/apart', 'hands a spent link out again, once', reissuesOnce],
  [
    'other-body-replayed',
    'POE-2-1/other-body',
    'replays the first answer to a repeat with more content',
    () => ({
      refusesAtHead: false,
      ...where(seen => isReuse(seen) && isLonger(seen.request, seen.link), replayed),
    }),
  ],
  [
    'remembers-sixty',
    'POE-2-1/later',
    'knows of the last sixty links only that they were used',
    () => afterMany(isOld => again((_, { link }) => isOld(link))),
  ],
  [
    'compares-old',
    'POE-2-1/later-other-body',
    'keeps of old links the content only, and compares that',
    () => afterMany(isOld => again((_, { link, text }) => isOld(link) && text !== textOf(link))),
  ],
  [
    'shows-sixty',
    'POE-2-7/later',
    'keeps the last sixty results',
    () =>
      afterMany(isOld =>
        where(
          seen => isResult(seen) && seen.link !== null && isOld(seen.link),
          answer => restated(refielded(answer, { Location: null }), 404),
        ),
      ),
  ],
  [
    'expired-again',
    'POE-2-18/expired-spent',
    'runs what was used in time once more when its life is over',
    () => again((_, { link }) => Date.now() >= link.expiresAtMs),
  ],
  ['order-lost', 'POE-A-1/restart', 'loses the last order by a restart', orderLost],
  [
    'result-lost',
    'POE-2-7/restart',
    'knows after a restart that a link was used, and not what for',
    resultLost,
  ],
  ['repeats-a-name', 'POE-A-2/distinct', 'gives every sixtieth link its old name', repeatsName],
  [
    'changed-runs',
    'POE-2-18/changed',
    'takes a link with another last letter for a fresh one',
    () => adopts((path, name) => unlikeness(path, name) === 1),
  ],
  [
    'invented-runs',
    'POE-2-18/invented',
    'takes a link that is like none for a fresh one',
    () => adopts((path, name) => unlikeness(path.toLowerCase(), name.toLowerCase()) > 5, true),
  ],
]

/** Faults of what comes at once, or in pieces. */
const AT_ONCE: readonly MeantRow[] = [
  [
    'queue-overflows',
    'POE-2-2/race',
    'lets those run who find more than eight waiting',
    queueOverflows,
  ],
  [
    'upload-overtaken',
    'POE-2-2/slow-upload',
    'looks whether a link is spent before a long upload, and not after it',
    uploadOvertaken,
  ],
  [
    'lock-by-content',
    'POE-2-2/race-other-body',
    'lets a POST with other content run beside the first one',
    lockByContent,
  ],
  [
    'waiting-refused',
    'POE-2-15/fails',
    'tells those who have waited for a failure that the link is used',
    () => ({ whenFreed: 'refuse' }),
    { waitMs: 2_500 },
  ],
  [
    'waiting-all-run',
    'POE-2-15/waiting',
    'lets all run who have waited for a failure',
    () => ({ whenFreed: 'run', handlerPauseMs: 20 }),
    { waitMs: 2_500 },
  ],
  [
    'failed-unlocked',
    'POE-2-2/race-after-failure',
    'lets all run at once at a link whose order has failed',
    failedUnlocked,
  ],
  [
    'burnt-by-second-failure',
    'POE-2-3/failure',
    'uses the link up when its order fails for the second time',
    burntBySecond,
  ],
  [
    'held-303',
    'POE-2-15/running',
    'leads those who have waited to the result, as if it were theirs',
    () => where(seen => isReuse(seen) && seen.waited, redirected),
    { waitMs: 2_500 },
  ],
  [
    'draft-orders',
    'POE-2-3/invalid-effects',
    'keeps a refused order as a draft, and counts it',
    draftOrders,
  ],
]

/** Faults for one kind of person or method. */
const OTHERS: readonly MeantRow[] = [
  [
    'others-post',
    'POE-8-5/bound',
    'lets everybody use any link, once',
    () => ({
      mayUse: (link, who, method) =>
        who === link.principal || (method === 'POST' && link.state === 'unspent'),
    }),
  ],
  [
    'others-look',
    'POE-8-5/result',
    'lets everybody see any result',
    () => ({ mayUse: (link, who, method) => who === link.principal || method === 'GET' }),
  ],
  [
    'page-for-two',
    'H-CACHE-1/two-people',
    'shows one person the page that was made for another one',
    pageForTwo,
  ],
  [
    'head-unspent',
    'H-HEAD-1/unspent',
    'knows nothing of an unspent link when asked by HEAD',
    () =>
      where(
        ({ request, place, state }) =>
          request.method === 'HEAD' && place === 'link' && state === 'unspent',
        answer => restated(answer, 404),
      ),
  ],
]

/** Faults in what is told. */
const TOLD: readonly MeantRow[] = [
  [
    'no-content-told',
    'POE-2-7/no-content',
    'shows a text where the order was answered 204',
    () =>
      where(
        ({ link, ...seen }) => isLook({ ...seen, link }) && link?.outcome?.status === 204,
        answer => ({
          ...refielded(answer, { 'Content-Type': 'text/plain' }),
          status: 200,
          body: Buffer.from('Placed.\n'),
        }),
      ),
    { style: 'header' },
  ],
  [
    'cacheable-elsewhere',
    'POE-2-8/cacheable',
    'lets caches keep an answer at the link, and leads GET to another address',
    cacheableElsewhere,
  ],
  [
    'form-reuse-303',
    'POE-2-4/redirect',
    'leads whoever sends a form twice to the result, as if it were new',
    () => where(seen => isReuse(seen) && prefersHtml(seen.request), redirected),
  ],
]

/** All of them. */
export const SOLE: readonly MeantRow[] = [...MEMORY, ...AT_ONCE, ...OTHERS, ...TOLD]

const redirected: Parameters<typeof where>[1] = (answer, seen) => {
  const fields = { Location: resultOf(seen), 'Content-Type': null, Link: null }
  return { ...refielded(answer, fields), status: 303, body: null }
}

function textOf({ spentBy }: Link): string {
  return spentBy?.text ?? ''
}

function isLonger(request: IncomingMessage, link: Link | null): boolean {
  if (link === null || link.spentBy === null || link.outcome?.status !== 201) return false
  const isAlike = fieldOf(request, 'content-type') === link.spentBy.type
  return isAlike && Number(fieldOf(request, 'content-length')) > link.spentBy.text.length
}

/** A behaviour that knows which links were used long ago. */
function afterMany(make: (isOld: (link: Link) => boolean) => Partial<Behaviour>) {
  const turns = new WeakMap<Link, number>()
  let turn = 0
  const made = make(link => turn - (turns.get(link) ?? turn) >= MANY)
  return {
    ...made,
    amends: (...[answer, seen]: Parameters<Behaviour['amends']>) => {
      if (seen.place === 'handler' && seen.link !== null) turns.set(seen.link, ++turn)
      return made.amends?.(answer, seen) ?? answer
    },
  }
}

function reissuesOnce(): Partial<Behaviour> {
  const spent = new Set<Link>()
  let isDone = false
  return {
    handsOutAgain: link => {
      if (link.state === 'spent') spent.add(link)
      if (isDone || link.state !== 'spent' || [...spent].indexOf(link) !== 1) return false
      isDone = true
      return true
    },
  }
}

function orderLost(): Partial<Behaviour> {
  let last = 0
  return {
    recalls: entry => entry.kind !== 'ordered' || entry.number !== last,
    amends: (answer, { place }) => {
      const [, number] = /^\/receipts\/(\d+)$/.exec(answer.fields.Location ?? '') ?? []
      if (place === 'handler' && number !== undefined) last = Number(number)
      return answer
    },
  }
}

function resultLost(): Partial<Behaviour> {
  const known = new WeakSet<Link>()
  return {
    amends: (answer, seen) => {
      const { link, place } = seen
      if (place === 'handler' && link !== null) known.add(link)
      const isLost = isResult(seen) && link !== null && !known.has(link)
      return isLost ? restated(refielded(answer, { Location: null }), 410) : answer
    },
  }
}

function repeatsName(): Partial<Behaviour> {
  let name = ''
  let unused = 0
  return {
    newName: count => {
      unused = (unused + 1) % MANY
      if (unused !== 0) name = RIGHT.newName(count)
      return name
    },
    amends: (answer, { place }) => {
      if (place === 'handler') unused = 0
      return answer
    },
  }
}

/** Takes what it has never made for fresh, by what it is like. */
function adopts(isLike: (path: string, name: string) => boolean, all = false): Partial<Behaviour> {
  const names: string[] = []
  return {
    newName: count => {
      const name = RIGHT.newName(count)
      names.push(name)
      return name
    },
    adoptsUnknown: path => {
      const last = path.slice(path.lastIndexOf('/') + 1)
      if (!LINK_SHAPE.test(path)) return false
      return all ? names.every(one => isLike(last, one)) : names.some(one => isLike(last, one))
    },
  }
}

/** In how many places two texts differ. */
function unlikeness(one: string, other: string): number {
  const length = Math.max(one.length, other.length)
  return Array.from({ length }, (_, at) => one.charAt(at) !== other.charAt(at)).filter(Boolean)
    .length
}

/** Counts those who are there at once. */
function queueOverflows(): Partial<Behaviour> {
  const flying = new Map<string, number>()
  return {
    handlerPauseMs: 200,
    refusesUnseen: ({ url = '' }) => {
      flying.set(url, (flying.get(url) ?? 0) + 1)
      return null
    },
    whenRunning: ({ request: { url = '' } }) => ((flying.get(url) ?? 0) > 8 ? 'run' : 'wait'),
    amends: (answer, { request: { url = '' } }) => {
      flying.set(url, (flying.get(url) ?? 1) - 1)
      return answer
    },
  }
}

/** Those who wait for a failure that takes long are let in one by one all the same. */
function failedUnlocked(): Partial<Behaviour> {
  const failed = new WeakSet<Link>()
  return {
    handlerPauseMs: 20,
    whenRunning: ({ link }) => (failed.has(link) ? 'run' : 'wait'),
    amends: (answer, { request, link, place, state }) => {
      const isFailure = place === 'link' && request.method === 'POST' && state === 'unspent'
      if (isFailure && link !== null && faultOf(request, 'slow') === null) failed.add(link)
      return answer
    },
  }
}

function burntBySecond(): Partial<Behaviour> {
  const failed = new WeakSet<Link>()
  return {
    burns: (why, link) => {
      if (typeof why !== 'number') return false
      const isSecond = failed.has(link)
      failed.add(link)
      return isSecond
    },
  }
}

function uploadOvertaken(): Partial<Behaviour> {
  const pieces = new WeakMap<IncomingMessage, number>()
  return {
    refusesUnseen: request => {
      const isPost = request.method === 'POST' && request.headers.expect === undefined
      if (isPost) request.on('data', () => pieces.set(request, (pieces.get(request) ?? 0) + 1))
      return null
    },
    whenSpent: ({ request }) => ((pieces.get(request) ?? 0) > 3 ? 'run' : 'refuse'),
  }
}

function lockByContent(): Partial<Behaviour> {
  const lengths = new Map<string, string>()
  return {
    handlerPauseMs: 30,
    refusesUnseen: request => {
      const { method, url = '' } = request
      if (method === 'POST' && !lengths.has(url)) lengths.set(url, lengthOf(request))
      return null
    },
    whenRunning: ({ request }) =>
      lengths.get(request.url ?? '') === lengthOf(request) ? 'wait' : 'run',
  }
}

function lengthOf(request: IncomingMessage): string {
  return fieldOf(request, 'content-length')
}

function draftOrders(): Partial<Behaviour> {
  const drafts = new Set<Link>()
  return {
    amends: (answer, { link, place, state, request: { url } }) => {
      if (link !== null && place === 'handler') drafts.delete(link)
      if (link !== null && answer.status === 422 && state === 'unspent') drafts.add(link)
      if (url !== '/ledger') return answer
      const { orders } = JSON.parse(String(answer.body)) as { readonly orders: number }
      return { ...answer, body: Buffer.from(JSON.stringify({ orders: orders + drafts.size })) }
    },
  }
}

function pageForTwo(): Partial<Behaviour> {
  let last: Link | null = null
  return {
    amends: (answer, seen) => {
      const { link, request } = seen
      if (!isPage(seen) || link === null) return answer
      if (fieldOf(request, 'x-user') !== 'bob') last = link
      if (last === null || last === link || last.state !== 'unspent') return answer
      const { path } = last
      const body = Buffer.from(String(answer.body).replaceAll(link.path, path))
      return { ...refielded(answer, { 'POE-Links': `"${path}"` }), body }
    },
  }
}

function cacheableElsewhere(): Partial<Behaviour> {
  return {
    amends: (answer, seen) => {
      const path = pathOf(seen.request.url ?? '')
      if (seen.place === 'handler' && answer.status === 201) {
        return refielded(answer, { 'Content-Location': path, 'Cache-Control': 'max-age=60' })
      }
      if (!isLook(seen) || answer.status !== 200) return answer
      const fields = { Location: resultOf(seen), 'Content-Type': null, 'Content-Location': null }
      return { ...refielded(answer, fields), status: 303, body: null }
    },
  }
}
