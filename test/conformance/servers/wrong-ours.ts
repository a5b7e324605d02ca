/**
 * Faults that no sentence of the draft or of HTTP forbids, as rows: they are warned of.
 */
import { jsonAnswer } from './answers.js'
import type { Behaviour } from './behaviour.js'
import { fieldOf, isLook, isPage, isReuse, refielded, where } from './fault.js'
import type { IndependentOptions } from './independent.js'

/** Makes a behaviour anew for each server. */
export type Make = () => Partial<Behaviour>
/** A fault as a row; the second cell is the check that is meant for it. */
export type MeantRow = readonly [
  name: string,
  caughtBy: string,
  says: string,
  make: Make,
  options?: IndependentOptions,
]

/** All of them. */
export const OURS: readonly MeantRow[] = [
  [
    'spent-allows-post',
    'H-405-2/spent',
    'lists POST on GET of a spent link',
    () => where(isLook, answer => refielded(answer, { Allow: 'GET, HEAD, POST' })),
  ],
  [
    'created-again',
    'H-LOC-2/created',
    'shows a 201 by GET as 201',
    () =>
      where(
        (seen, { status }) => isLook(seen) && status === 200,
        answer => ({ ...answer, status: 201 }),
      ),
  ],
  [
    '409-empty',
    'H-409-1/running',
    'says 409 and nothing more',
    () =>
      where(
        (_, { status }) => status === 409,
        answer => ({ ...refielded(answer, { 'Content-Type': null }), body: null }),
      ),
  ],
  [
    'running-cacheable',
    'H-CACHE-3/running',
    'lets caches keep what is said meanwhile',
    () =>
      where(
        ({ state }) => state === 'running',
        answer => refielded(answer, { 'Cache-Control': 'max-age=60' }),
      ),
  ],
  [
    'vary-accept-missing',
    'H-VARY-1/negotiated',
    'has JSON for those who ask for it, and does not say so',
    () =>
      where(
        seen => isPage(seen) && fieldOf(seen.request, 'accept') === 'application/json',
        (answer, { link }) => ({
          ...jsonAnswer(200, { link: link?.path }),
          fields: { ...answer.fields, 'Content-Type': 'application/json' },
        }),
      ),
  ],
  [
    'sunset',
    'H-SUN-1/page',
    'gives the life of a link as Sunset of the page',
    () => ({
      pageFields: { 'Cache-Control': 'private, no-cache', Sunset: 'Sat, 01 Jan 2050 00:00:00 GMT' },
    }),
  ],
  [
    'cors-hidden',
    'POE-3-19/exposed',
    'lets scripts read the page and not its links',
    () => where(isPage, answer => refielded(answer, { 'Access-Control-Allow-Origin': '*' })),
  ],
  [
    'newer-untold',
    'POE-4-5/newer',
    'tells a newer client of no links',
    () => ({ announces: (link, { headers }) => (headers.poe === '2' ? null : `"${link}"`) }),
  ],
  [
    'expired-cacheable',
    'H-410-1/expired',
    'lets caches keep what is said of an expired link',
    () =>
      where(
        ({ state }) => state === 'expired',
        answer => refielded(answer, { 'Cache-Control': null }),
      ),
  ],
  [
    'unknown-cacheable',
    'H-CACHE-3/unknown',
    'lets caches keep what is said of an unknown link',
    () =>
      where(
        ({ place, state }) => place === 'link' && state === 'absent',
        answer => refielded(answer, { 'Cache-Control': null }),
      ),
  ],
  [
    'related-without-anchor',
    'H-LINK-1/reuse',
    'links to something related without saying to what',
    () => where(isReuse, answer => refielded(answer, { Link: '</receipts/1>; rel="related"' })),
  ],
]
