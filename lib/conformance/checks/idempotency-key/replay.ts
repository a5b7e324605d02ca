/**
 * What a repeat with the same key is told, after the first request and while it runs.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.2, 2.6, 2.7
 */
import type { Check, Expectation, RequestSpec, Step } from '../../catalogue.js'
import { FAILURE, GIVEN_UP, L, MINT, NOT_2XX, SPENT, SUCCESS } from '../fragments.js'
import { DOCUMENTED, ONE_EFFECT, REFUSED, replayOf, WAITING } from '../sibling-fragments.js'

const OTHER = { to: L, body: 'different' } as const

const NO_COOKIE: Expectation = { lacks: 'Set-Cookie' }

/** Where one of these fails, all that ask for the whole answer would. */
export const REPLAYED = ['IK-2.6-2/status', 'IK-2.6-2/content', 'IK-2.6-2/location'] as const

/** The first request runs, and a second one comes: the same, or one that means something else. */
function meanwhile(second: Pick<RequestSpec, 'body' | 'provoke'>): readonly Step[] {
  return [
    MINT,
    { send: { to: L, provoke: 'slow' }, as: 'first', inBackground: true },
    { pause: 'moment' },
    { send: { to: L, ...second }, as: 'second', inBackground: true },
    { await: 'first', setup: [SUCCESS] },
  ]
}

/** The repeat after the end. */
export const KEY_REPLAY: readonly Check[] = [
  {
    id: 'IK-2.6-2/status',
    requirement: 'IK-2.6-2',
    title: 'a repeat has the status of the first answer',
    why: 'A client that lost the first answer has to be told the same.',
    steps: [...SPENT, { send: { to: L }, times: 2, expect: [{ statusOf: 'first' }] }],
  },
  {
    id: 'IK-2.6-2/content',
    requirement: 'IK-2.6-2',
    title: 'a repeat has the content of the first answer, byte for byte',
    why: 'A receipt that changes is not the receipt.',
    steps: [...SPENT, { send: { to: L }, times: 2, expect: [{ contentOf: 'first' }] }],
  },
  {
    id: 'IK-2.6-2/location',
    requirement: 'IK-2.6-2',
    title: 'a repeat leads to where the first answer led',
    why: 'Without Location the client does not find what it made.',
    steps: [
      MINT,
      { send: { to: L }, as: 'first', setup: [SUCCESS], only: [{ has: 'Location' }] },
      { send: { to: L }, expect: [{ locationOf: 'first' }] },
    ],
  },
  {
    id: 'IK-2.6-2/many',
    requirement: 'IK-2.6-2',
    title: 'twenty-five repeats are told the same',
    why: 'A memory that holds for one repeat only does not hold.',
    blockedBy: REPLAYED,
    steps: [...SPENT, { send: { to: L }, times: 25, expect: replayOf('first') }],
  },
  {
    id: 'IK-2.6-2/later',
    requirement: 'IK-2.6-2',
    title: 'at the end of this run its first and its last keys are told the same',
    why: 'A client may come back later than a moment, and after many others.',
    blockedBy: REPLAYED,
    steps: [{ used: {}, expect: replayOf('first') }],
  },
  {
    id: 'IK-2.6-2/restart',
    requirement: 'IK-2.6-2',
    title: 'a repeat after a restart of the server is told the same',
    why: 'Retries come after the crash that lost the answer.',
    needs: ['restart'],
    blockedBy: REPLAYED,
    steps: [...SPENT, { restart: true }, { send: { to: L }, expect: replayOf('first') }],
  },
  {
    id: 'IK-5-5/cookie',
    requirement: 'IK-5-5',
    title: 'a repeat does not set the cookie of the first answer',
    why: 'A recorded session goes to whoever holds the key.',
    steps: [
      ...SPENT,
      { mint: 'M' },
      { send: { to: { link: 'M' } }, as: 'another' },
      // What everybody is given belongs to nobody; fronts give each answer one of its own.
      { await: 'first', only: [{ anyOf: [[NO_COOKIE], [{ unlike: ['Set-Cookie', 'another'] }]] }] },
      {
        send: { to: L },
        only: [{ statusOf: 'first' }],
        expect: [{ anyOf: [[NO_COOKIE], [{ unlike: ['Set-Cookie', 'first'] }]] }],
      },
    ],
  },
  {
    id: 'IK-x-1/marked',
    requirement: 'IK-x-1',
    title: 'a repeat says that it is one: Idempotent-Replayed',
    why: 'A client can tell that nothing happened now.',
    steps: [
      ...SPENT,
      {
        send: { to: L },
        only: [{ statusOf: 'first' }],
        expect: [{ lists: ['Idempotent-Replayed', 'true'] }],
      },
    ],
  },
  {
    id: 'IK-x-1/unmarked',
    requirement: 'IK-x-1',
    title: 'the first answer does not say that it is a repeat',
    why: 'A mark that is always there says nothing.',
    steps: [MINT, { send: { to: L }, only: [SUCCESS], expect: [{ lacks: 'Idempotent-Replayed' }] }],
  },
]

/** Other content under the same key. */
export const KEY_OTHER: readonly Check[] = [
  {
    id: 'IK-2.7-2/accepted',
    requirement: 'IK-2.7-2',
    title: 'the same key with other content is not answered 2xx',
    why: 'The client believes that the second order was placed.',
    needs: ['different'],
    steps: [...SPENT, { send: OTHER, expect: [NOT_2XX] }],
  },
  {
    id: 'IK-2.7-2/effects',
    requirement: 'IK-2.7-2',
    title: 'the same key with other content has no effect',
    why: 'One key stands for one operation.',
    needs: ['effects', 'different'],
    steps: [...SPENT, { send: OTHER }, ONE_EFFECT],
  },
  {
    id: 'IK-2.7-2/status',
    requirement: 'IK-2.7-2',
    title: 'the same key with other content is answered 422',
    why: 'Only then a client knows that it used its key twice.',
    needs: ['different'],
    blockedBy: 'IK-2.7-2/accepted',
    steps: [...SPENT, { send: OTHER, expect: [{ status: ['422'] }] }],
  },
  {
    id: 'IK-2.7-2/kept',
    requirement: 'IK-2.7-2',
    title: 'a refused other content does not change what the repeat is told',
    why: 'The answer belongs to the request that was accepted.',
    needs: ['different'],
    blockedBy: REPLAYED,
    steps: [
      ...SPENT,
      { send: OTHER, only: [REFUSED] },
      { send: { to: L }, expect: replayOf('first') },
    ],
  },
  {
    id: 'IK-2.7-4/other-content',
    requirement: 'IK-2.7-4',
    title: 'the refusal of other content explains itself, or leads to an explanation',
    why: 'Programs need more than a status to tell refusals apart.',
    needs: ['different'],
    steps: [...SPENT, { send: OTHER, only: [REFUSED], expect: [DOCUMENTED] }],
  },
  {
    id: 'IK-x-1/not-stored',
    requirement: 'IK-x-1',
    title: 'the refusal of other content is not kept by any cache',
    why: 'It says nothing about the next request.',
    needs: ['different'],
    steps: [...SPENT, { send: OTHER, only: [REFUSED], expect: [{ notStored: true }] }],
  },
]

/** While the first one runs. */
export const KEY_RUNNING: readonly Check[] = [
  {
    id: 'IK-1-1/race',
    requirement: 'IK-1-1',
    title:
      'twenty requests with one key at once: one effect, and whoever is accepted has its answer',
    why: 'Looking first and keeping then lets two through now and then.',
    blockedBy: ['IK-1-1/repeat', ...REPLAYED],
    steps: [{ race: {}, copies: 20, same: replayOf('accepted'), others: [WAITING] }],
  },
  {
    id: 'IK-1-1/race-after-failure',
    requirement: 'IK-1-1',
    title: 'eight requests at once, after a failure with their key: one effect, and its answer',
    why: 'A key that is taken up again, and not kept anew, is often not taken by one alone.',
    needs: ['failure'],
    blockedBy: 'IK-1-1/race',
    steps: [
      { race: {}, failedBy: 'failure', copies: 8, same: replayOf('accepted'), others: [FAILURE] },
    ],
  },
  {
    id: 'IK-2.6-3/running',
    requirement: 'IK-2.6-3',
    title: 'a repeat while the first request runs is told 409, or waits for its answer',
    why: 'There is no answer yet, and a second run would be a second effect.',
    needs: ['slow'],
    steps: [
      ...meanwhile({ provoke: 'slow' }),
      {
        await: 'second',
        expect: [{ anyOf: [[{ status: ['409'] }], [...replayOf('first'), { after: 'first' }]] }],
      },
      ONE_EFFECT,
    ],
  },
  {
    id: 'IK-1-1/given-up',
    requirement: 'IK-1-1',
    title: 'a client that gives up while its request runs, and comes back, makes no second effect',
    why: 'That is how lost answers are met: the first request is still at work then.',
    needs: ['slow', 'effects'],
    blockedBy: 'IK-2.6-3/running',
    steps: GIVEN_UP,
  },
  {
    id: 'IK-2.7-2/running',
    requirement: 'IK-2.7-2',
    title: 'other content while the first request runs is told 422 or 409, and has no effect',
    why: 'Whoever only waits for the key gives it to the wrong request.',
    needs: ['slow', 'different'],
    steps: [
      ...meanwhile({ body: 'different' }),
      { await: 'second', expect: [{ status: ['409', '422'] }] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'IK-2.7-2/unlocked',
    requirement: 'IK-2.7-2',
    title: 'other content while the first request runs lets no repeat run beside it',
    why: 'A lock that every refusal takes off is not the lock of the one that runs.',
    needs: ['slow', 'different', 'effects'],
    blockedBy: ['IK-2.6-3/running', 'IK-2.7-2/running'],
    steps: [
      MINT,
      { send: { to: L, provoke: 'slow' }, as: 'first', inBackground: true },
      { pause: 'moment' },
      { send: { to: L, body: 'different' }, as: 'second', inBackground: true },
      { pause: 'moment' },
      { send: { to: L, provoke: 'slow' }, as: 'third', inBackground: true },
      { await: 'first' },
      { await: 'third' },
      { effects: { atMost: 1 } },
    ],
  },
  {
    id: 'IK-2.7-3/running',
    requirement: 'IK-2.7-3',
    title: 'a 409 explains itself, or leads to an explanation',
    why: 'Whoever reads it has to know that waiting helps.',
    needs: ['slow'],
    steps: [
      ...meanwhile({ provoke: 'slow' }),
      { await: 'second', only: [{ status: ['409'] }], expect: [DOCUMENTED] },
    ],
  },
]
