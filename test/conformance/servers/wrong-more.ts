/**
 * More faults of the independent server, as rows: its name, what it breaks, what it does, and the
 * check that is meant for it.
 */
import { type Answer, emptyAnswer } from './answers.js'
import type { Behaviour, Seen } from './behaviour.js'
import {
  type Fault,
  fieldOf,
  isPage,
  isResult,
  isReuse,
  refielded,
  restated,
  where,
} from './fault.js'
import type { Link } from './link-book.js'
import { MEANWHILE } from './wrong-meanwhile.js'
import { type MeantRow, OURS } from './wrong-ours.js'
import { RARE } from './wrong-rare.js'
import { SOLE } from './wrong-sole.js'
import { SPELT } from './wrong-spelt.js'
import { again, TWICE } from './wrong-twice.js'

/** A fault and the check that is meant for it. */
export interface MeantFault extends Fault {
  readonly caughtBy: string
  /** No sentence of the draft or of HTTP forbids it: a warning. */
  readonly isOurs: boolean
}

type Row = MeantRow

const OTHER_ORIGIN = 'http://elsewhere.test'

const isGet = ({ request }: Seen) => request.method === 'GET'
const isDone = ({ place }: Seen) => place === 'handler'

/** Answers with what another link was answered with. */
function answersOf(which: (answers: readonly Answer[]) => Answer | undefined, look: typeof isGet) {
  const answers: Answer[] = []
  return {
    amends: (answer: Answer, seen: Seen) => {
      if (seen.place === 'handler' && answer.body !== null) answers.push(answer)
      const other = look(seen) ? which(answers) : undefined
      return other === undefined ? answer : { ...answer, ...other, status: 200 }
    },
  }
}

const STATES: readonly Row[] = [
  [
    'again-by-other-user',
    'POE-2-1/other-user',
    'runs again what somebody else sends',
    () => ({
      ...again(({ headers }, { link }) => headers['x-user'] !== link.principal),
      mayUse: (link, who, method) =>
        who === link.principal || (who === 'bob' && method === 'POST' && link.state === 'spent'),
    }),
  ],
  ['reopened', 'POE-2-1/invalid-body', 'opens a spent link for an invalid repeat', reopened],
  [
    'runs-without-poe',
    'POE-1-3/race',
    'lets POSTs without the field POE run side by side',
    () => ({
      handlerPauseMs: 30,
      whenRunning: ({ request }) => (request.headers.poe === undefined ? 'run' : 'wait'),
    }),
  ],
  [
    'lock-by-session',
    'POE-2-2/race-cookieless',
    'lets POSTs without the cookie of the page run side by side',
    () => ({
      handlerPauseMs: 30,
      whenRunning: ({ request }) => (request.headers.cookie === undefined ? 'run' : 'wait'),
      ...where(isPage, answer => refielded(answer, { 'Set-Cookie': 'session=1; Path=/' })),
    }),
  ],
  [
    'put-without-allow',
    'H-405-1/put',
    'refuses PUT by 405 without Allow',
    () =>
      where(
        ({ request }, { status }) => request.method === 'PUT' && status === 405,
        answer => refielded(answer, { Allow: null }),
      ),
  ],
  ['burnt-by-other', 'POE-8-5/kept', 'another user uses the link up', () => burntBy('bob')],
  ['two-share', 'POE-A-2/distinct', 'hands out two links in turn', twoInTurn],
]

const TOLD: readonly Row[] = [
  [
    'reissues-spent',
    'POE-A-2/apart',
    'hands out a spent link again',
    () => ({ handsOutAgain: () => true }),
  ],
  [
    'unspent-shows-other',
    'POE-2-16/other',
    'shows at an unspent link what was ordered last',
    () =>
      answersOf(
        all => all.at(-1),
        seen => isGet(seen) && seen.state === 'unspent' && seen.place === 'link',
      ),
  ],
  [
    'result-of-first',
    'POE-2-7/own',
    'shows at each spent link but the latest what was ordered at the latest',
    resultOfNext,
  ],
  [
    'result-after-refusal',
    'POE-2-7/after-reuse',
    'shows the refusal in the place of the result once a repeat was refused',
    resultAfterRefusal,
  ],
  [
    'result-link-latest',
    'H-LINK-1/target',
    'links from a repeat to the latest order',
    () => toLatest((place, link) => ({ Link: link.replace(/<[^>]*>/, `<${place}>`) })),
  ],
  [
    'reuse-location-latest',
    'H-LOC-1/target',
    'puts Location on the 405, and it leads to the latest order',
    () => toLatest(Location => ({ Location })),
  ],
  [
    'range-of-nothing',
    'POE-2-7/range',
    'gives other bytes for a part of the result',
    () =>
      where(
        seen => isResult(seen) && seen.request.headers.range !== undefined,
        answer => ({
          ...refielded(answer, { 'Content-Range': 'bytes 1-3/9' }),
          status: 206,
          body: Buffer.from('abc'),
        }),
      ),
  ],
  [
    'get-by-override',
    'POE-2-16/override',
    'uses a link up by GET that asks for POST in a field',
    () => ({
      spends: request =>
        request.method === 'GET' && fieldOf(request, 'x-http-method-override') === 'POST',
    }),
  ],
  [
    '303-without-location',
    'POE-2-9/location',
    'answers a form 303 without Location',
    () =>
      where(
        (seen, { status }) => isDone(seen) && status === 303,
        answer => refielded(answer, { Location: null }),
      ),
  ],
  [
    'link-elsewhere',
    'POE-3-10/origin',
    'announces a link of another origin',
    () => ({ writes: path => OTHER_ORIGIN + path }),
  ],
  [
    'form-elsewhere',
    'POE-3-10/link',
    'has a form that is sent to another origin',
    () => ({ writes: path => OTHER_ORIGIN + path, announces: () => null }),
  ],
  [
    'reuse-cacheable',
    'H-CACHE-3/reuse',
    'lets caches keep the refusal of a repeat',
    () => where(isReuse, answer => refielded(answer, { 'Cache-Control': 'public, max-age=600' })),
  ],
  [
    'patch-runs',
    'POE-1-1/other-methods',
    'treats PATCH as POST',
    () => ({ runs: method => method === 'POST' || method === 'PATCH' }),
  ],
  [
    'delete-burns',
    'POE-2-17/other-methods',
    'refuses DELETE, and uses the link up',
    () => ({ spends: ({ method }) => method === 'DELETE' }),
  ],
  [
    'burnt-by-stranger',
    'POE-2-3/unauthenticated',
    'a stranger uses the link up',
    () => burntBy('guest'),
  ],
  [
    'other-body-409',
    'POE-2-21/other-body',
    'tells a repeat with other content 409',
    () => ({
      refusesAtHead: false,
      ...where(
        seen => isReuse(seen) && Number(fieldOf(seen.request, 'content-length')) > 32,
        answer => restated(answer, 409),
      ),
    }),
  ],
  [
    'options-hides-post',
    'H-OPT-1/unspent',
    'lists no POST while a link can be used',
    () =>
      where(
        ({ request, state }) => request.method === 'OPTIONS' && state === 'unspent',
        answer => refielded(answer, { Allow: 'OPTIONS' }),
      ),
  ],
  [
    'cacheable-other',
    'POE-2-8/cacheable',
    'lets caches keep an answer that GET does not give',
    cacheableOther,
  ],
  [
    'created-empty',
    'POE-2-9/empty-created',
    'shows a text where a 201 had no content',
    () => where(isDone, answer => ({ ...refielded(answer, { 'Content-Type': null }), body: null })),
    { style: 'mint' },
  ],
]

/** All of them. */
export const WRONG_MORE: readonly MeantFault[] = [
  ...[...TWICE, ...SPELT, ...STATES, ...TOLD, ...SOLE, ...RARE, ...MEANWHILE].map(row =>
    meant(row, false),
  ),
  ...OURS.map(row => meant(row, true)),
]

function meant([name, caughtBy, says, make, options = {}]: Row, isOurs: boolean): MeantFault {
  const breaks = [caughtBy.split('/')[0] ?? '']
  // What a server remembers is its own.
  const own = () => ({ ...options, behaviour: make() })
  return {
    ...{ name, says, breaks, caughtBy, isOurs },
    get options() {
      return own()
    },
  }
}

function resultOfNext(): Partial<Behaviour> {
  const order: Link[] = []
  return {
    amends: (answer, seen) => {
      const { link, place } = seen
      if (place === 'handler' && link !== null) order.push(link)
      if (!isResult(seen) || answer.status !== 200 || link === null) return answer
      const next = order[order.indexOf(link) + 1]
      return { ...answer, body: next?.outcome?.body ?? answer.body }
    },
  }
}

function resultAfterRefusal(): Partial<Behaviour> {
  const refused = new Set<Link>()
  return {
    amends: (answer, seen) => {
      const { link } = seen
      if (link === null) return answer
      if (isReuse(seen)) refused.add(link)
      return isResult(seen) && refused.has(link)
        ? { ...answer, body: Buffer.from('refused') }
        : answer
    },
  }
}

/** Whose result it is does not matter to it. */
function toLatest(
  fields: (place: string, link: string) => Readonly<Record<string, string>>,
): Partial<Behaviour> {
  let latest = 1
  return {
    amends: (answer, seen) => {
      const [, number] = /^\/receipts\/(\d+)$/.exec(answer.fields.Location ?? '') ?? []
      if (isDone(seen) && number !== undefined) latest = Number(number)
      const { Link: link } = answer.fields
      if (!isReuse(seen) || link === undefined) return answer
      return refielded(answer, fields(`/receipts/${latest}`, link))
    },
  }
}

function burntBy(who: string): Partial<Behaviour> {
  return {
    mayUse: (link, principal, method) => {
      if (principal === link.principal) return true
      const isBurnt = principal === who && method === 'POST' && link.state === 'unspent'
      if (isBurnt) Object.assign(link, { state: 'spent', outcome: emptyAnswer(204) })
      return false
    },
  }
}

function cacheableOther(): Partial<Behaviour> {
  return {
    amends: (answer, seen) => {
      if (isDone(seen) && answer.status === 201) {
        const path = seen.link?.path ?? ''
        return refielded(answer, { 'Content-Location': path, 'Cache-Control': 'max-age=60' })
      }
      if (!isResult(seen) || answer.status !== 200) return answer
      return { ...answer, body: Buffer.from(`${answer.body}\n`) }
    },
  }
}

function reopened(): Partial<Behaviour> {
  return {
    refusesAtHead: false,
    amends: (answer, { link, state }) => {
      if (answer.status === 422 && state === 'spent' && link !== null) link.state = 'unspent'
      return answer
    },
  }
}

function twoInTurn(): Partial<Behaviour> {
  let turn = 0
  return { newName: () => `${++turn % 2}-${'x'.repeat(22)}` }
}
