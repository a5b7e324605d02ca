/**
 * Faults that show at odd moments or by odd requests only, as rows.
 */
import { emptyAnswer, prefersHtml } from './answers.js'
import type { Behaviour } from './behaviour.js'
import { fieldOf, isPage, isReuse, refielded, where } from './fault.js'
import type { Link } from './link-book.js'
import type { MeantRow } from './wrong-ours.js'
import { again } from './wrong-twice.js'

const LINK_SHAPE = /^\/accounts\/bob\/orders\/\d+-[\w-]{22}$/

/** Something that happens to a spent link opens it. */
function opened(by: (...seen: Parameters<Behaviour['amends']>) => boolean): Partial<Behaviour> {
  return {
    amends: (answer, seen) => {
      const { link } = seen
      const isOpened = link?.state === 'spent' && seen.place === 'link' && by(answer, seen)
      if (isOpened && link !== null) link.state = 'unspent'
      return answer
    },
  }
}

/** The first POST does not count as a use where it came in an odd way. */
function unmarked(isOdd: (request: Parameters<Behaviour['spends']>[0]) => boolean) {
  return (): Partial<Behaviour> => ({
    amends: (answer, { link, place, request }) => {
      if (place === 'handler' && link !== null && isOdd(request)) link.state = 'unspent'
      return answer
    },
  })
}

/** All of them. */
export const RARE: readonly MeantRow[] = [
  [
    'head-reopens',
    'POE-2-1/looked',
    'opens a spent link when it is asked by HEAD',
    () => opened((_, { request }) => request.method === 'HEAD'),
  ],
  [
    'broken-reopens',
    'POE-2-1/refused',
    'opens a spent link when what comes cannot be read',
    () => ({ refusesAtHead: false, ...opened(({ status }) => status === 400) }),
  ],
  [
    'cut-off-reopens',
    'POE-2-1/refused',
    'opens a spent link when an upload breaks off',
    cutOffReopens,
  ],
  [
    'failure-reopens',
    'POE-2-1/failed',
    'runs the handler of a spent link, and sets the link free when that fails',
    () => ({
      refusesAtHead: false,
      whenSpent: ({ request }) => (/fail=/.test(fieldOf(request, 'x-fault')) ? 'run' : 'refuse'),
    }),
  ],
  [
    'again-without-session',
    'POE-2-1/nobody',
    'remembers in the session of whoever has ordered',
    () => ({
      ...again(({ headers }) => headers['x-user'] === undefined),
      mayUse: (link, who, method) =>
        who === link.principal || (who === 'guest' && method === 'POST' && link.state === 'spent'),
    }),
  ],
  [
    'chunked-unmarked',
    'POE-2-1/first-chunked',
    'does not remember what came in chunks',
    unmarked(({ headers }) => headers['transfer-encoding'] !== undefined),
  ],
  [
    'form-unmarked',
    'POE-2-1/first-other-type',
    'does not remember what was sent as a form',
    unmarked(request => /urlencoded/.test(fieldOf(request, 'content-type'))),
  ],
  [
    'again-by-cookie',
    'POE-2-1/retried',
    'runs again what has another cookie',
    () => again(request => fieldOf(request, 'cookie') !== ''),
  ],
  [
    'again-deferred',
    'POE-2-1/retried',
    'answers 202 to a repeat that asks for an answer later',
    () =>
      where(
        seen => isReuse(seen) && /respond-async/.test(fieldOf(seen.request, 'prefer')),
        answer => ({ ...answer, status: 202 }),
      ),
  ],
  [
    'condition-orders',
    'POE-2-3/condition',
    'says that a condition is not met, and has ordered',
    conditionOrders,
  ],
  [
    'spelling-burns',
    'POE-2-23/suffix-first',
    'knows nothing at an address that is longer, and uses the link up',
    burntBySuffix,
  ],
  [
    'page-for-cdn',
    'H-CACHE-1/page',
    'lets the cache in front keep a page with a link',
    () => ({
      pageFields: { 'Cache-Control': 'private, no-cache', 'CDN-Cache-Control': 'max-age=60' },
    }),
  ],
  [
    'result-link-dead',
    'H-LINK-1/target',
    'links from a repeat to an address where nothing is',
    () =>
      where(isReuse, answer => {
        const { Link: link = '' } = answer.fields
        return refielded(answer, { Link: link.replace(/<[^>]*>/, '</receipts/0>') })
      }),
  ],
  [
    'unknown-orders',
    'POE-2-18/changed',
    'says that there is no such link, and orders',
    () => ({
      ordersToo: ({ status }, { request: { method, url = '', headers }, state }) => {
        const isUnknown = status === 404 && state === 'absent' && headers['x-user'] === 'ann'
        return isUnknown && method === 'POST' && LINK_SHAPE.test(url)
      },
    }),
  ],
  [
    'page-orders',
    'POE-2-2/first',
    'orders when the form is shown',
    () => ({ ordersToo: (_, seen) => isPage(seen) }),
  ],
  [
    'allow-of-router',
    'POE-2-5/reuse',
    'lists the methods of its router with the refusal of a form',
    () =>
      where(
        seen => isReuse(seen) && prefersHtml(seen.request),
        answer => refielded(answer, { Allow: 'GET, POST, PUT' }),
      ),
  ],
  [
    'links-spaced',
    'POE-3-1/quoted',
    'separates the links of the field by spaces, without quotes',
    () => ({ announces: link => `${link} ${link}-2` }),
  ],
  [
    'links-unclosed',
    'POE-3-1/quoted',
    'leaves a quotation mark of the field open',
    () => ({ announces: link => `"${link}` }),
  ],
]

function cutOffReopens(): Partial<Behaviour> {
  const posts = new Map<string, Link>()
  return {
    refusesUnseen: request => {
      const { method, url = '', headers } = request
      if (method !== 'POST' || headers.expect !== undefined) return null
      request.once('close', () => {
        const link = posts.get(url)
        if (!request.complete && link?.state === 'spent') link.state = 'unspent'
      })
      return null
    },
    amends: (answer, { link, place, request }) => {
      if (place === 'handler' && link !== null) posts.set(request.url ?? '', link)
      return answer
    },
  }
}

function conditionOrders(): Partial<Behaviour> {
  return {
    amends: (answer, { link, place, request }) => {
      if (request.headers['if-match'] === undefined || request.method !== 'POST') return answer
      if (place !== 'handler' || link === null) return answer
      return { ...refielded(answer, { Location: null }), status: 412, body: null }
    },
  }
}

function burntBySuffix(): Partial<Behaviour> {
  const links = new Map<string, Link>()
  return {
    refusesUnseen: ({ method, url = '' }) => {
      const link = links.get(url.replace(/x$/, ''))
      const isBurnt = method === 'POST' && url.endsWith('x') && link?.state === 'unspent'
      if (isBurnt) Object.assign(link, { state: 'spent', outcome: emptyAnswer(204) })
      return null
    },
    amends: (answer, seen) => {
      if (isPage(seen) && seen.link !== null) links.set(seen.link.path, seen.link)
      return answer
    },
  }
}
