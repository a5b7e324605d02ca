/**
 * Several POSTs at once, and POSTs while another one is running.
 *
 * @see POE draft 2; RFC 9110 10.2.3, 15.5.10
 */
import type { Check, Expectation, Provocation, Step } from '../../catalogue.js'
import {
  FAILURE,
  GET,
  L,
  MINT,
  NO_REDIRECT,
  NOT_2XX,
  NOT_NOW,
  READER,
  SPENT,
  SUCCESS,
} from '../fragments.js'

/** Somebody asks for the answer while the POST is running. */
const ASKED_MEANWHILE: readonly Step[] = [
  MINT,
  { send: { to: L, provoke: 'slow' }, as: 'first', inBackground: true },
  { pause: 'moment' },
  { send: GET, as: 'meanwhile' },
  // Where the answer was held until it was decided, nothing was said meanwhile.
  { await: 'first', setup: [SUCCESS], only: [{ after: 'meanwhile' }] },
]

/** A second POST comes while a first one runs. */
const SECOND_MEANWHILE = (provoke: Provocation): readonly Step[] => [
  MINT,
  { send: { to: L, provoke }, as: 'first', inBackground: true },
  { pause: 'moment' },
  { send: { to: L }, as: 'second', inBackground: true },
  { await: 'second' },
]

/** Done, or done before: it does not say which. */
const EITHER: Expectation = { status: ['202', '301', '302', '303'] }

/** Done, once it is known how the other one ended. */
const DONE: readonly Expectation[] = [SUCCESS, { after: 'first' }]

/** Where the second one was done, the first one was not. */
const ONE_OF_TWO: Expectation = {
  when: [SUCCESS],
  of: 'second',
  demand: [{ status: ['!2xx', '!301', '!302', '!303'] }],
}

/** No success beside the second one's; a redirect to its result is none. */
const NO_SUCCESS_TOO: readonly Expectation[] = [
  NOT_2XX,
  { anyOf: [[NOT_NOW], [NO_REDIRECT], [{ locationOf: 'second' }]] },
]

/** Neither accepted, nor told that it was before that is so. */
const NOT_TOLD: readonly Expectation[] = [NOT_2XX, { anyOf: [[NOT_NOW], [{ after: 'first' }]] }]

const NO_RESULT_YET: readonly Expectation[] = [
  { differsFrom: 'after' },
  { anyOf: [[{ status: ['!2xx', '!3xx'] }], [{ status: ['202'] }]] },
]

/** What all else rests on: one effect for one POST, none for a repeat, each link by itself. */
export const FIRST: readonly Check[] = [
  {
    id: 'POE-2-2/first',
    requirement: 'POE-2-2',
    title: 'the first POST has one effect',
    why: 'Whoever presses the button once has ordered once.',
    needs: ['effects'],
    steps: [...SPENT, { effects: { exactly: 1 } }],
  },
  {
    id: 'POE-A-2/apart',
    requirement: 'POE-A-2',
    title: 'the use of one link leaves the next one usable',
    why: 'A server that looks at a part of the link only takes two for one.',
    steps: [
      MINT,
      { send: { to: L }, expect: [SUCCESS] },
      { mint: 'M' },
      { send: { to: { link: 'M' } }, expect: [SUCCESS] },
    ],
  },
  {
    id: 'POE-2-2/reuse',
    requirement: 'POE-2-2',
    title: 'repeats have no effect, whatever they are told',
    why: 'A refusal that has ordered all the same is the worst answer of all.',
    needs: ['effects'],
    blockedBy: 'POE-2-2/first',
    steps: [
      ...SPENT,
      { send: { to: L }, times: 3 },
      { send: { to: L, body: 'otherValid' } },
      { effects: { exactly: 1 } },
    ],
  },
]

/** At most one effect, whatever comes at once. */
export const AT_MOST_ONCE: readonly Check[] = [
  {
    id: 'POE-2-2/redirected',
    requirement: 'POE-2-2',
    title: 'a POST after one that was answered by a redirect is no second success',
    why: 'Forms are answered so, and people send forms twice.',
    blockedBy: 'POE-2-1/same',
    steps: [
      MINT,
      {
        send: { to: L, fields: READER },
        as: 'first',
        setup: [SUCCESS],
        only: [{ status: ['301', '302', '303'] }],
      },
      {
        send: { to: L, fields: READER },
        // A redirect to the result of the first one is none.
        expect: [
          NOT_2XX,
          { anyOf: [[{ status: ['!301', '!302', '!303'] }], [{ locationOf: 'first' }]] },
        ],
      },
    ],
  },
  {
    id: 'POE-2-2/race',
    requirement: 'POE-2-2',
    title: 'of twenty POSTs at once, one succeeds and one takes effect, in every round',
    why: 'Looking first and taking then lets two through now and then.',
    blockedBy: ['POE-2-1/same', 'POE-2-2/reuse', 'POE-2-1/many'],
    steps: [{ race: {}, copies: 20, mostSuccesses: 1, others: [NOT_2XX] }],
  },
  {
    id: 'POE-2-2/slow-upload',
    requirement: 'POE-2-2',
    title: 'a POST that overtakes a slow upload is the only one that succeeds, or waits',
    why: 'A client that gave up on its first try sends a second one while the first still arrives.',
    blockedBy: ['POE-2-1/same', 'POE-2-2/reuse'],
    steps: [
      MINT,
      { send: { to: L, slowly: true }, as: 'slow', inBackground: true },
      { pause: 'moment' },
      { send: { to: L }, as: 'fast', expect: [{ status: ['2xx', '3xx', '4xx', '503'] }] },
      {
        await: 'slow',
        expect: [
          { when: [SUCCESS], of: 'fast', demand: [NOT_2XX] },
          { when: [{ status: ['4xx', '5xx'] }], of: 'fast', demand: [SUCCESS] },
        ],
      },
      { effects: { exactly: 1 } },
    ],
  },
  {
    id: 'POE-2-2/race-other-body',
    requirement: 'POE-2-2',
    title: 'of POSTs with two contents at once, one succeeds and one takes effect',
    why: 'A lock for each content is no lock for the link.',
    blockedBy: ['POE-2-2/race', 'POE-2-1/other-body'],
    steps: [{ race: {}, copies: 8, inTurn: 'otherValid', mostSuccesses: 1, others: [NOT_2XX] }],
  },
  {
    id: 'POE-2-2/race-after-failure',
    requirement: 'POE-2-2',
    title: 'of POSTs at once, after one that the handler reported as failed, one succeeds',
    why: 'A claim that is taken up again, and not made anew, is often not taken by one alone.',
    needs: ['failure'],
    blockedBy: ['POE-2-2/race', 'POE-2-3/failure'],
    steps: [{ race: {}, failedBy: 'failure', copies: 8, mostSuccesses: 1, others: [NOT_2XX] }],
  },
  {
    id: 'POE-2-2/race-cookieless',
    requirement: 'POE-2-2',
    title: 'of POSTs at once without the cookies of the page, one succeeds and one takes effect',
    why: 'A lock on the session, as PHP has one, lets them through side by side.',
    blockedBy: ['POE-2-2/race', 'POE-2-1/nobody'],
    steps: [{ race: { cookies: false }, copies: 8, mostSuccesses: 1, others: [NOT_2XX] }],
  },
  {
    id: 'POE-1-3/race',
    requirement: 'POE-1-3',
    title: 'the same holds for clients that send no POE field',
    why: 'A double click sends no such field.',
    blockedBy: ['POE-2-2/race', 'POE-1-3/reuse'],
    steps: [{ race: { poe: false }, copies: 8, mostSuccesses: 1, others: [NOT_2XX] }],
  },
]

/** While the first one runs. */
export const RUNNING: readonly Check[] = [
  {
    id: 'POE-2-15/running',
    requirement: 'POE-2-15',
    title:
      'while the first POST runs, a second one is neither accepted beside it nor told that it was',
    why: '405 says "accepted", and the first one may still fail.',
    needs: ['slow'],
    steps: [
      ...SECOND_MEANWHILE('slow'),
      { await: 'first', expect: [ONE_OF_TWO] },
      { await: 'second', expect: [{ when: [SUCCESS], of: 'first', demand: NOT_TOLD }] },
    ],
  },
  {
    id: 'POE-2-15/fails',
    requirement: 'POE-2-15',
    title: 'where the first POST fails in the end, a second one was not told that it is used up',
    why: 'The client would stop, and nothing was ordered.',
    needs: ['slowFailure'],
    blockedBy: 'POE-2-15/running',
    steps: [
      ...SECOND_MEANWHILE('slowFailure'),
      { await: 'first', setup: [FAILURE] },
      // Where claims are seen only when they are committed, the second one may be done at once.
      {
        await: 'second',
        expect: [{ anyOf: [[NOT_NOW], [{ status: ['200', '201', '204'] }], [EITHER], DONE] }],
      },
      // What was told done, and was not, can still be done.
      {
        send: { to: L },
        expect: [
          {
            when: [EITHER],
            of: 'second',
            demand: [NOT_2XX, { anyOf: [[NO_REDIRECT], [{ locationOf: 'second' }]] }],
          },
        ],
      },
    ],
  },
  {
    id: 'POE-2-15/waiting',
    requirement: 'POE-2-15',
    title: 'of two POSTs that wait for one that fails in the end, one succeeds',
    why: 'Whoever has waited has to claim as well: it may not be the only one.',
    needs: ['slowFailure'],
    blockedBy: ['POE-2-15/running', 'POE-2-15/fails'],
    steps: [
      MINT,
      { send: { to: L, provoke: 'slowFailure' }, as: 'first', inBackground: true },
      { pause: 'moment' },
      { send: { to: L }, as: 'second', inBackground: true },
      { send: { to: L }, as: 'third', inBackground: true },
      { await: 'first', setup: [FAILURE] },
      { await: 'second' },
      { await: 'third', expect: [{ when: [SUCCESS], of: 'second', demand: NO_SUCCESS_TOO }] },
      { effects: { atMost: 1 } },
    ],
  },
  {
    id: 'POE-2-15/others',
    requirement: 'POE-2-15',
    title: 'whoever looks meanwhile, is refused, or leaves, lets no second POST in',
    why: "A lock that every request takes off, or each that is cut off, is soon nobody's.",
    needs: ['slow'],
    blockedBy: 'POE-2-15/running',
    steps: [
      MINT,
      { send: { to: L, provoke: 'slow' }, as: 'first', inBackground: true },
      { pause: 'moment' },
      { send: GET, as: 'look', inBackground: true },
      { send: { ...GET, method: 'HEAD' }, as: 'head', inBackground: true },
      { send: { ...GET, method: 'OPTIONS' }, as: 'options', inBackground: true },
      { send: { to: L, body: 'broken' }, as: 'broken', inBackground: true },
      { leave: { to: L }, before: 'answer' },
      { pause: 'moment' },
      { send: { to: L, provoke: 'slow' }, as: 'second', inBackground: true },
      { await: 'second' },
      { await: 'first', expect: [ONE_OF_TWO] },
      { effects: { atMost: 1 } },
    ],
  },
  {
    id: 'POE-2-16/running',
    requirement: 'POE-2-16',
    title: 'GET while the POST runs shows no result',
    why: 'There is none yet.',
    warns: true,
    needs: ['slow'],
    steps: [
      ...ASKED_MEANWHILE,
      { send: GET, as: 'after', only: [{ status: ['2xx', '3xx'] }] },
      { await: 'meanwhile', expect: NO_RESULT_YET },
    ],
  },
  {
    id: 'H-RA-1/running',
    requirement: 'H-RA-1',
    title: '"not now" says when to come back',
    why: 'Clients that are told nothing come back at once, all of them.',
    warns: true,
    needs: ['slow'],
    steps: [
      ...ASKED_MEANWHILE,
      { await: 'meanwhile', only: [{ status: ['409', '503'] }], expect: [{ retryAfter: true }] },
    ],
  },
  {
    id: 'H-409-1/running',
    requirement: 'H-409-1',
    title: 'a 409 explains itself',
    why: 'Whoever reads it has to know that waiting helps.',
    warns: true,
    needs: ['slow'],
    steps: [
      ...ASKED_MEANWHILE,
      { await: 'meanwhile', only: [{ status: ['409'] }], expect: [{ notEmpty: true }] },
    ],
  },
  {
    id: 'H-CACHE-3/running',
    requirement: 'H-CACHE-3',
    title: 'what is said while the POST runs is not kept by any cache',
    why: 'It is wrong a moment later.',
    warns: true,
    needs: ['slow'],
    steps: [...ASKED_MEANWHILE, { await: 'meanwhile', expect: [{ notStored: true }] }],
  },
]
