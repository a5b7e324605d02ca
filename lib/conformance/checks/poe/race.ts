/**
 * Several POSTs at once, and POSTs while another one is running.
 *
 * @see POE draft 2; RFC 9110 10.2.3, 15.5.10
 */
import type { Check, Expectation, Step } from '../../catalogue.js'
import { FAILURE, L, MINT, NOT_2XX, NOT_NOW, READER, SPENT, SUCCESS } from '../fragments.js'

const GET = { method: 'GET', to: L }

/** Somebody asks for the answer while the POST is running. */
const ASKED_MEANWHILE: readonly Step[] = [
  MINT,
  { send: { to: L, provoke: 'slow' }, as: 'first', inBackground: true },
  { pause: 'moment' },
  { send: GET, as: 'meanwhile' },
  // Where the answer was held until it was decided, nothing was said meanwhile.
  { await: 'first', setup: [SUCCESS], only: [{ after: 'meanwhile' }] },
]

const NO_RESULT_YET: readonly Expectation[] = [
  { differsFrom: 'after' },
  { anyOf: [[{ status: ['!2xx', '!3xx'] }], [{ status: ['202'] }]] },
]

/** A repeat has no effect. */
export const REPEATED: readonly Check[] = [
  {
    id: 'POE-2-2/reuse',
    requirement: 'POE-2-2',
    title: 'repeats have no effect, whatever they are told',
    why: 'A refusal that has ordered all the same is the worst answer of all.',
    needs: ['effects'],
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
    title: 'a POST after one that was answered by a redirect has no effect',
    why: 'Forms are answered so, and people send forms twice.',
    needs: ['effects'],
    steps: [
      MINT,
      {
        send: { to: L, fields: READER },
        setup: [SUCCESS],
        only: [{ status: ['301', '302', '303'] }],
      },
      { send: { to: L, fields: READER }, expect: [NOT_2XX] },
      { effects: { exactly: 1 } },
    ],
  },
  {
    id: 'POE-2-2/race',
    requirement: 'POE-2-2',
    title: 'of twenty POSTs at once, one succeeds and one takes effect, in every round',
    why: 'Looking first and taking then lets two through now and then.',
    steps: [{ race: {}, copies: 20, mostSuccesses: 1, others: [NOT_2XX] }],
  },
  {
    id: 'POE-2-2/slow-upload',
    requirement: 'POE-2-2',
    title: 'a POST that overtakes a slow upload is the only one that succeeds, or waits',
    why: 'A client that gave up on its first try sends a second one while the first still arrives.',
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
    id: 'POE-1-3/race',
    requirement: 'POE-1-3',
    title: 'the same holds for clients that send no POE field',
    why: 'A double click sends no such field.',
    blockedBy: 'POE-2-2/race',
    steps: [{ race: { poe: false }, copies: 8, mostSuccesses: 1, others: [NOT_2XX] }],
  },
]

/** While the first one runs. */
export const RUNNING: readonly Check[] = [
  {
    id: 'POE-2-15/running',
    requirement: 'POE-2-15',
    title: 'while the first POST runs, a second one is neither accepted nor told that it was',
    why: '405 says "accepted", and the first one may still fail.',
    needs: ['slow'],
    steps: [
      MINT,
      { send: { to: L, provoke: 'slow' }, as: 'first', inBackground: true },
      { pause: 'moment' },
      { send: { to: L }, as: 'second', inBackground: true },
      { await: 'first', setup: [SUCCESS] },
      { await: 'second', expect: [NOT_2XX, { anyOf: [[NOT_NOW], [{ after: 'first' }]] }] },
    ],
  },
  {
    id: 'POE-2-15/fails',
    requirement: 'POE-2-15',
    title: 'where the first POST fails in the end, a second one was not told that it is used up',
    why: 'The client would stop, and nothing was ordered.',
    needs: ['slowFailure'],
    steps: [
      MINT,
      { send: { to: L, provoke: 'slowFailure' }, as: 'first', inBackground: true },
      { pause: 'moment' },
      { send: { to: L }, as: 'second', inBackground: true },
      { await: 'first', setup: [FAILURE] },
      {
        await: 'second',
        expect: [{ anyOf: [[NOT_NOW], [SUCCESS, { after: 'first' }]] }],
      },
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
    needs: ['slow'],
    steps: [...ASKED_MEANWHILE, { await: 'meanwhile', expect: [{ notStored: true }] }],
  },
]
