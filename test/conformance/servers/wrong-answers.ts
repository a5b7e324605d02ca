/**
 * Faults in what is told: refusals, and looks at a link.
 */
import { emptyAnswer, textAnswer } from './answers.js'
import type { Seen } from './behaviour.js'
import {
  type Fault,
  fault,
  isLook,
  isPage,
  isResult,
  isReuse,
  refielded,
  restated,
  resultOf,
  where,
} from './fault.js'

const isLookBefore = ({ place, state, request }: Seen) =>
  place === 'link' && state === 'unspent' && ['GET', 'HEAD'].includes(request.method ?? '')
const isRefusal = (_seen: Seen, { status }: { readonly status: number }) => status >= 400
const isAtLink = ({ place }: Seen) => place === 'link' || place === 'handler'

/** Faults in the refusal of a repeat, and in refusals as such. */
const REFUSALS: readonly Fault[] = [
  fault(
    'reuse-303',
    'POE-2-4',
    'answers a repeat with 303 to the result',
    where(isReuse, (answer, seen) => {
      const fields = { Location: resultOf(seen), 'Content-Type': null, Link: null }
      return { ...refielded(answer, fields), status: 303, body: null }
    }),
  ),
  ...[400, 403, 409].map(status =>
    fault(
      `reuse-${status}`,
      'POE-2-4',
      `answers a repeat with ${status}`,
      where(isReuse, answer => restated(answer, status)),
    ),
  ),
  fault(
    'reuse-without-allow',
    'POE-2-6 H-405-1',
    'answers a repeat with 405 without Allow',
    where(isReuse, answer => refielded(answer, { Allow: null })),
  ),
  fault(
    'reuse-allows-post',
    'POE-2-5',
    'answers a repeat with 405 and POST in Allow',
    where(isReuse, answer => refielded(answer, { Allow: 'GET, HEAD, POST, OPTIONS' })),
  ),
  fault(
    'allow-in-lower-case',
    'H-405-2',
    'writes the methods of Allow in lower case',
    where(isAtLink, answer => {
      const allow = answer.fields.Allow
      return allow === undefined ? answer : refielded(answer, { Allow: allow.toLowerCase() })
    }),
  ),
  fault(
    'reuse-with-location',
    'H-LOC-1',
    'puts Location on the 405',
    where(isReuse, (answer, seen) => refielded(answer, { Location: resultOf(seen) })),
  ),
  fault(
    'reuse-without-anchor',
    'H-LINK-1',
    'links to the result without saying whose it is',
    where(isReuse, answer =>
      refielded(answer, { Link: answer.fields.Link?.replace(/; anchor=.*/, '') ?? null }),
    ),
  ),
  fault(
    'reuse-412',
    'POE-2-4 H-412-2',
    'looks at If-Match before it looks at the state',
    where(
      seen => isReuse(seen) && seen.request.headers['if-match'] !== undefined,
      answer => restated(answer, 412),
    ),
  ),
  fault('reuse-asks-for-content', 'H-100-1', 'says 100 (Continue) before it says 405', {
    refusesAtHead: false,
  }),
  fault(
    'refusals-cacheable',
    'H-405-1 H-CACHE-3',
    'says nothing of caches on refusals',
    where(
      (seen, answer) => isAtLink(seen) && isRefusal(seen, answer),
      answer => refielded(answer, { 'Cache-Control': null }),
    ),
  ),
  fault(
    'problem-as-text',
    'H-PROB-1',
    'calls its problem documents text/plain',
    where(
      (_seen, { fields }) => fields['Content-Type'] === 'application/problem+json',
      answer => refielded(answer, { 'Content-Type': 'text/plain' }),
    ),
  ),
  fault('html-gets-json', 'POE-6-2', 'has problem documents only, also for readers of HTML', {
    wantsHtml: () => false,
  }),
  fault(
    '409-without-retry-after',
    'POE-2-15 H-RA-1',
    'does not say when to come back',
    where(isRefusal, answer => refielded(answer, { 'Retry-After': null })),
  ),
  fault('poe-malformed-400', 'POE-4-4 POE-4-5', 'refuses a malformed POE', {
    refusesUnseen: ({ headers: { poe } }) =>
      poe === undefined || /^\d+$/.test(String(poe))
        ? null
        : textAnswer(400, 'text/plain', 'POE is malformed\n', { 'Cache-Control': 'no-store' }),
  }),
  fault('poe-huge-500', 'POE-4-4 POE-4-5', 'falls over a large number in POE', {
    refusesUnseen: ({ headers: { poe } }) =>
      /^\d+$/.test(String(poe)) && !Number.isSafeInteger(Number(poe))
        ? textAnswer(500, 'text/plain', 'Out of range\n', { 'Cache-Control': 'no-store' })
        : null,
  }),
  fault('odd-target-500', 'POE-2-23', 'falls over a percent sign that encodes nothing', {
    refusesUnseen: ({ url }) =>
      /%(?![0-9a-f]{2})/i.test(url ?? '')
        ? textAnswer(500, 'text/plain', 'URI malformed\n', { 'Cache-Control': 'no-store' })
        : null,
  }),
]

/** Faults in what GET, HEAD and OPTIONS tell of a link. */
const LOOKS: readonly Fault[] = [
  fault(
    'get-same-before',
    'POE-2-16',
    'answers GET before the order as after it',
    where(isLookBefore, () =>
      emptyAnswer(204, {
        'Cache-Control': 'no-store',
        'Referrer-Policy': 'no-referrer',
        Allow: 'GET, HEAD, POST, OPTIONS',
      }),
    ),
    { style: 'header' },
  ),
  fault(
    'get-without-allow',
    'POE-2-6 H-405-1',
    'answers GET before the order with 405 without Allow',
    where(isLookBefore, answer => refielded(answer, { Allow: null })),
  ),
  fault(
    'get-other-bytes',
    'POE-2-7',
    'writes the result anew for GET',
    where(
      (seen, { status }) => isResult(seen) && status === 200,
      answer => ({ ...answer, body: Buffer.from(`${answer.body}\n`) }),
    ),
  ),
  fault(
    'get-other-type',
    'POE-2-7',
    'shows the result as another media type',
    where(
      (seen, { status }) => isResult(seen) && status === 200,
      answer => refielded(answer, { 'Content-Type': 'text/plain' }),
    ),
  ),
  fault(
    'get-404',
    'POE-2-7 POE-2-9 POE-6-2',
    'knows nothing of the link after the order',
    where(isResult, answer =>
      restated(refielded(answer, { Location: null, 'Content-Type': null }), 404),
    ),
  ),
  fault(
    'get-303-forgotten',
    'POE-2-9 H-303-1',
    'shows a text where the order was answered 303',
    where(
      seen => isResult(seen) && seen.link?.outcome?.status === 303,
      answer => {
        const fields = { Location: null, 'Content-Type': 'text/plain' }
        return { ...refielded(answer, fields), status: 200, body: Buffer.from('Placed.\n') }
      },
    ),
  ),
  fault(
    'get-while-running-200',
    'POE-2-16',
    'answers GET with 200 while the order runs',
    where(
      ({ state, request }) => state === 'running' && request.method === 'GET',
      answer => restated(refielded(answer, { 'Retry-After': null }), 200),
    ),
  ),
  fault(
    'head-differs',
    'POE-2-17 H-HEAD-1',
    'answers HEAD after the order with 404',
    where(
      ({ place, state, request }) =>
        place === 'link' && state === 'spent' && request.method === 'HEAD',
      answer => restated(answer, 404),
    ),
  ),
  fault(
    'options-lists-post',
    'POE-2-17 H-OPT-1 H-405-2',
    'lists POST in OPTIONS after the order',
    where(
      ({ place, state, request }) =>
        place === 'link' && state === 'spent' && request.method === 'OPTIONS',
      answer => refielded(answer, { Allow: 'GET, HEAD, POST, OPTIONS' }),
    ),
  ),
  fault(
    'result-cacheable',
    'H-CACHE-3',
    'lets caches keep the result',
    where(isLook, answer => refielded(answer, { 'Cache-Control': 'max-age=600' })),
  ),
  fault(
    'answer-cacheable',
    'H-POST-1 H-CACHE-3',
    'lets caches keep what the order was answered',
    where(
      ({ place }) => place === 'handler',
      answer => refielded(answer, { 'Cache-Control': 'public, max-age=600' }),
    ),
  ),
  fault(
    'referrer',
    'POE-8-5',
    'lets links leak in Referer',
    where(
      seen => isPage(seen) || isAtLink(seen),
      answer => refielded(answer, { 'Referrer-Policy': null }),
    ),
  ),
]

/** Faults in what is told. */
export const WRONG_ANSWERS: readonly Fault[] = [...REFUSALS, ...LOOKS]
