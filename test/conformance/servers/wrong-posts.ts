/**
 * Faults in what a POST does: effects, states, claims and restarts.
 */

import { type Posted, pathOf, rawPathOf } from './behaviour.js'
import { type Fault, fault, fieldOf, isReuse, replayed, restated, where } from './fault.js'
import type { Link } from './link-book.js'

const LINK_SHAPE = /^\/(?:accounts\/bob\/orders|links|once)\/\d+-[\w-]{22}$/

/** Runs an order again at a spent link, when it meets a condition. */
function again(meets: (posted: Posted) => boolean) {
  return {
    refusesAtHead: false,
    whenSpent: (posted: Posted) => (meets(posted) ? ('run' as const) : ('refuse' as const)),
  }
}

/** Keeps another state for each spelling of a target. */
function apart(plain: (target: string) => string, spelt: (target: string) => string) {
  return { resolve: (target: string) => ({ path: plain(target), record: spelt(target) }) }
}

const withoutSlash = (path: string) => path.replace(/\/$/, '')
const withoutDoubles = (path: string) => path.replace(/\/{2,}/g, '/')
const isPastLife = ({ expiresAtMs }: Link) => Date.now() >= expiresAtMs

/** Faults by which an order is taken twice. */
const TWICE: readonly Fault[] = [
  fault(
    'second-2xx',
    'POE-2-1 POE-2-2 POE-2-4 POE-2-5',
    'runs every POST',
    again(() => true),
  ),
  fault(
    'second-2xx-replayed',
    'POE-2-1 POE-2-4',
    'answers a repeat with the first 2xx, without a second effect',
    where(seen => isReuse(seen) && !seen.waited, replayed),
  ),
  fault(
    'second-2xx-other-body',
    'POE-2-1 POE-2-2 POE-2-21',
    'runs a second POST with another body of the same type',
    again(({ link, text, type }) => link.spentBy?.type === type && link.spentBy.text !== text),
  ),
  fault(
    'second-2xx-other-type',
    'POE-2-1 POE-2-2',
    'runs a second POST with another media type',
    again(({ link, type }) => link.spentBy !== null && link.spentBy.type !== type),
  ),
  fault(
    'second-2xx-after-restart',
    'POE-2-1 POE-2-2 POE-A-1',
    'keeps in memory only which links are spent',
    { recalls: entry => entry.kind !== 'spent' },
  ),
  fault(
    'second-2xx-without-poe',
    'POE-1-3 POE-2-1 POE-2-2 POE-4-4 POE-6-1',
    'refuses a repeat only if it has the field POE; announces links only to those who send it',
    again(({ request }) => request.headers.poe === undefined),
    { fieldDecides: true },
  ),
  fault(
    '303-does-not-spend',
    'POE-2-2 POE-2-4 POE-2-9 POE-2-19',
    'takes 303 for no success, so that a form can be sent twice',
    { isSuccess: ({ status }) => status !== 303 },
  ),
  fault(
    '204-does-not-spend',
    'POE-2-1 POE-2-2 POE-2-19',
    'takes 204 for no success',
    { isSuccess: ({ status }) => status !== 204 },
    { style: 'header' },
  ),
  fault('race-check-then-act', 'POE-2-2', 'looks whether the link is unspent, pauses, and runs', {
    claimPauseMs: 30,
  }),
  fault(
    'runs-while-running',
    'POE-2-2 POE-2-15',
    'marks the link when the order is done, so that a second one runs beside it',
    { whenRunning: () => 'run' },
  ),
  fault('put-runs', 'POE-1-1 POE-2-17', 'treats PUT as POST', {
    runs: method => method === 'POST' || method === 'PUT',
  }),
  fault('delete-reopens', 'POE-2-1 POE-2-2 POE-2-17', 'DELETE at a spent link opens it again', {
    reopens: method => method === 'DELETE',
  }),
  fault(
    'spelling-percent',
    'POE-2-1 POE-2-2 POE-2-23',
    'takes a percent-encoded spelling of a link for another link',
    apart(pathOf, rawPathOf),
  ),
  fault(
    'spelling-query',
    'POE-2-1 POE-2-2 POE-2-23',
    'takes a link with another query for another link',
    apart(pathOf, target => pathOf(target) + (/\?[^#]*/.exec(target)?.[0] ?? '')),
  ),
  fault(
    'spelling-slash',
    'POE-2-1 POE-2-2 POE-2-23',
    'takes a link with a slash at its end for another link',
    apart(target => withoutSlash(pathOf(target)), pathOf),
  ),
  fault(
    'spelling-double-slash',
    'POE-2-1 POE-2-2 POE-2-23',
    'takes a link with a doubled slash for another link',
    apart(target => withoutDoubles(pathOf(target)), pathOf),
  ),
  fault(
    'spelling-absolute',
    'POE-2-1 POE-2-2 POE-2-23',
    'takes a request target in absolute form for another link',
    apart(pathOf, target => (target.startsWith('http') ? `absolute ${target}` : pathOf(target))),
  ),
  fault(
    'client-gone-lost',
    'POE-2-2 POE-2-22',
    'forgets to mark the link when nobody is there to read the answer; the order stays',
    { whenClientIsGone: 'lost', handlerPauseMs: 40 },
  ),
  fault(
    'client-gone-undone',
    'POE-2-22',
    'takes the order back when nobody is there to read the answer',
    { whenClientIsGone: 'undone', handlerPauseMs: 40 },
  ),
  fault('forged-runs', 'POE-2-18 POE-8-5', 'takes a link that it never made for a fresh one', {
    adoptsUnknown: path => LINK_SHAPE.test(path),
  }),
  fault('other-user', 'POE-8-5', 'lets every user use and read any link', {
    mayUse: () => true,
  }),
  fault(
    'expired-runs',
    'POE-2-18',
    'says when a link expires and takes it afterwards',
    { isExpired: () => false },
    { style: 'mint', lifetimeMs: 1000 },
  ),
  fault(
    'expired-forgets',
    'POE-2-4 POE-2-18',
    'tells of a spent link, once its life is over, that it expired',
    where(
      seen => isReuse(seen) && seen.link !== null && isPastLife(seen.link),
      answer => restated(answer, 410),
    ),
    { style: 'mint', lifetimeMs: 1000 },
  ),
]

/** Faults by which a link is used up without an order, or told wrongly while one runs. */
const BURNT: readonly Fault[] = [
  fault('burnt-by-400', 'POE-2-3', 'a broken document uses the link up', {
    burns: why => why === 'syntax',
  }),
  fault('burnt-by-401', 'POE-2-3 POE-2-10', 'unknown credentials, or a reported 401, use it up', {
    burns: why => why === 'credentials' || why === 401,
  }),
  fault('burnt-by-403', 'POE-2-3 POE-2-10', 'a reported 403 uses the link up', {
    burns: why => why === 403,
  }),
  fault('burnt-by-413', 'POE-2-3', 'too large an order uses the link up', {
    burns: why => why === 'size',
  }),
  fault('burnt-by-415', 'POE-2-3', 'an unknown media type uses the link up', {
    burns: why => why === 'type',
  }),
  fault('burnt-by-422', 'POE-2-3', 'an invalid order uses the link up', {
    burns: why => why === 'content',
  }),
  fault('burnt-by-429', 'POE-2-3 H-429-1', 'a reported 429 uses the link up', {
    burns: why => why === 429,
  }),
  fault('burnt-by-307', 'POE-2-10 POE-2-19 H-303-2', 'a reported 307 or 308 uses the link up', {
    burns: why => why === 307 || why === 308,
  }),
  fault('burnt-by-5xx', 'POE-2-3 POE-2-19 POE-2-20', 'a reported 5xx uses the link up', {
    burns: why => typeof why === 'number' && why >= 500,
  }),
  fault('burnt-by-cut-off', 'POE-2-3', 'half an order uses the link up', {
    burns: why => why === 'cut-off',
  }),
  fault('burnt-by-get', 'POE-2-16 POE-2-17', 'GET uses the link up', {
    spends: ({ method }) => method === 'GET',
  }),
  fault('burnt-by-head', 'POE-2-16 POE-2-17', 'HEAD uses the link up', {
    spends: ({ method }) => method === 'HEAD',
  }),
  fault('burnt-by-options', 'POE-2-17', 'OPTIONS uses the link up', {
    spends: ({ method }) => method === 'OPTIONS',
  }),
  fault('burnt-by-prefetch', 'POE-2-16', 'a GET that is a prefetch uses the link up', {
    spends: request => request.method === 'GET' && /prefetch/.test(fieldOf(request, 'sec-purpose')),
  }),
  fault(
    'running-405',
    'POE-2-15',
    'tells a second POST while the first one runs that it was placed',
    where(
      ({ state, request }) => state === 'running' && request.method === 'POST',
      answer => restated(answer, 405),
    ),
  ),
  fault(
    'running-202',
    'POE-2-15',
    'tells a second POST while the first one runs that it was accepted',
    where(
      ({ state, request }) => state === 'running' && request.method === 'POST',
      answer => restated(answer, 202),
    ),
  ),
  fault(
    'waiting-2xx',
    'POE-2-1 POE-2-15',
    'tells a second POST, which waited for the first one, what that one was told',
    where(seen => isReuse(seen) && seen.waited, replayed),
  ),
]

/** Faults in what a POST does. */
export const WRONG_POSTS: readonly Fault[] = [...TWICE, ...BURNT]
