/**
 * One effect for one key, whatever happens to the requests; and whose key it is.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 1, 2.6, 5
 */
import type { Check, KeyForm } from '../../catalogue.js'
import { FAILURE, L, MINT, NOT_2XX, SPENT, SUCCESS } from '../fragments.js'
import { AGAIN, NO_EFFECT, ONE_EFFECT, REFUSED } from '../sibling-fragments.js'

/** At most one effect for a key. */
export const KEY_ONCE: readonly Check[] = [
  {
    id: 'IK-2.6-1/first',
    requirement: 'IK-2.6-1',
    title: 'a first request is done as usual',
    why: 'A key makes a request safe to repeat, and changes nothing else.',
    steps: [MINT, { send: { to: L }, expect: [SUCCESS] }, ONE_EFFECT],
  },
  {
    id: 'IK-1-1/repeat',
    requirement: 'IK-1-1',
    title: 'repeats have no effect, whatever they are told',
    why: 'That is all that a key is for.',
    needs: ['effects'],
    steps: [...SPENT, { send: { to: L }, times: 3 }, ONE_EFFECT],
  },
  {
    id: 'IK-1-1/slow-upload',
    requirement: 'IK-1-1',
    title: 'a request that overtakes a slow upload with the same key makes no second effect',
    why: 'A client that gave up on its first try sends a second one while the first still arrives.',
    needs: ['effects'],
    steps: [
      MINT,
      { send: { to: L, slowly: true }, as: 'slow', inBackground: true },
      { pause: 'moment' },
      { send: { to: L }, as: 'fast', expect: [{ status: ['2xx', '3xx', '4xx', '503'] }] },
      { await: 'slow', expect: [{ status: ['2xx', '3xx', '4xx', '503'] }] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'IK-1-1/lost-answer',
    requirement: 'IK-1-1',
    title: 'a client that left before the answer and comes back makes no second effect',
    why: 'That a lost answer can be asked for again is what keys were invented for.',
    needs: ['effects'],
    steps: [
      MINT,
      { leave: { to: L }, before: 'answer' },
      { pause: 'moment' },
      { send: { to: L }, expect: [{ status: ['2xx', '301', '302', '303', '409'] }] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'IK-1-1/cut-off',
    requirement: 'IK-1-1',
    title: 'after an upload that broke off, the whole request with the same key is done once',
    why: 'A key that is kept for half a request can never be used.',
    steps: [
      MINT,
      { leave: { to: L }, before: 'body' },
      { pause: 'arrival' },
      { send: { to: L }, patiently: true, expect: [SUCCESS] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'IK-1-1/corrected',
    requirement: 'IK-1-1',
    title: 'a corrected request with the key of a refused one is refused, or done once',
    why: 'People correct a field and send the form again, and then once more.',
    needs: ['invalid'],
    steps: [
      MINT,
      { send: { to: L, body: 'invalid' }, setup: [REFUSED] },
      {
        send: { to: L },
        as: 'corrected',
        expect: [{ anyOf: [[SUCCESS], [{ status: ['400', '409', '422'] }]] }],
      },
      AGAIN,
      { effects: { exactly: 1 }, where: { answer: 'corrected', is: [SUCCESS] } },
      { effects: { atMost: 1 } },
    ],
  },
  {
    id: 'IK-1-1/later',
    requirement: 'IK-1-1',
    title: 'requests with the first and the last keys of this run have no effect at its end',
    why: 'A memory that lasts some seconds, or for the last few keys, does not hold.',
    needs: ['effects'],
    blockedBy: 'IK-1-1/repeat',
    steps: [{ used: {}, expect: [{ status: ['!5xx'] }] }, NO_EFFECT],
  },
  {
    id: 'IK-1-1/restart',
    requirement: 'IK-1-1',
    title: 'a repeat after a restart of the server has no effect',
    why: 'Retries come after the crash that lost the answer.',
    needs: ['effects', 'restart'],
    steps: [...SPENT, { restart: true }, AGAIN, ONE_EFFECT],
  },
  {
    id: 'IK-2.6-1/two-keys',
    requirement: 'IK-2.6-1',
    title: 'two requests with two keys are done both, also if they are alike',
    why: 'Whoever pays the same amount twice, with two keys, means to.',
    steps: [
      ...SPENT,
      { mint: 'M', like: 'L' },
      { send: { to: { link: 'M' } }, expect: [SUCCESS] },
      { effects: { exactly: 2 } },
    ],
  },
  twoOf('case', ['word', 'capitals'], 'two keys that differ in the case of their letters'),
  twoOf('end', ['long-a', 'long-b'], 'two long keys that differ in their last letter'),
]

/** What databases and indexes take for one key, as some compare or cut short by themselves. */
function twoOf(name: string, [one, other]: readonly [KeyForm, KeyForm], what: string): Check {
  return {
    id: `IK-2.6-1/${name}`,
    requirement: 'IK-2.6-1',
    title: `where they are taken, ${what} are two: both requests are done`,
    why: 'Whoever is told the answer of another request believes that it was done.',
    needs: ['effects'],
    blockedBy: 'IK-2.6-1/two-keys',
    steps: [
      MINT,
      { send: { to: L, key: one }, only: [SUCCESS] },
      { send: { to: L, key: other }, expect: [SUCCESS] },
      { effects: { exactly: 2 } },
    ],
  }
}

/** Keys belong to somebody, and to an operation. */
export const KEY_SCOPE: readonly Check[] = [
  {
    id: 'IK-5-3/query',
    requirement: 'IK-5-3',
    title: 'the same key at another target is no repeat: it is refused, or done',
    why: 'What was never done must not be told as done.',
    // A server may heed no parameter that it does not know.
    warns: true,
    needs: ['effects'],
    steps: [
      ...SPENT,
      { send: { to: { link: 'L', spelling: 'query' } }, as: 'elsewhere' },
      { effects: { exactly: 2 }, where: { answer: 'elsewhere', is: [SUCCESS] } },
    ],
  },
  {
    id: 'IK-5-3/query-answer',
    requirement: 'IK-5-3',
    title: 'the same key at another target does not get the answer of the first one',
    why: 'An answer belongs to the request that it was given to.',
    warns: true,
    steps: [
      ...SPENT,
      { mint: 'M' },
      { send: { to: { link: 'M' } }, as: 'another' },
      { await: 'first', only: [{ differsFrom: 'another' }] },
      {
        send: { to: { link: 'L', spelling: 'query' } },
        as: 'elsewhere',
        expect: [{ when: [{ status: ['2xx'] }], demand: [{ differsFrom: 'first' }] }],
      },
    ],
  },
  {
    id: 'IK-5-4/other-user',
    requirement: 'IK-5-4',
    title: "another user's request with the same key is no repeat: it is refused, or done",
    why: 'Keys of two people may be equal by chance or by malice.',
    needs: ['effects', 'secondUser'],
    steps: [
      ...SPENT,
      { send: { to: L, user: 'second' }, as: 'other' },
      { effects: { exactly: 2 }, where: { answer: 'other', is: [SUCCESS] } },
    ],
  },
  {
    id: 'IK-5-4/other-answer',
    requirement: 'IK-5-4',
    title: 'another user with the same key does not get the answer of the first one',
    why: 'Whoever guesses a key reads what was meant for somebody else.',
    needs: ['secondUser'],
    steps: [
      ...SPENT,
      { mint: 'M' },
      { send: { to: { link: 'M' } }, as: 'another' },
      { await: 'first', only: [{ differsFrom: 'another' }] },
      {
        send: { to: L, user: 'second' },
        expect: [{ when: [{ status: ['2xx'] }], demand: [{ differsFrom: 'first' }] }],
      },
    ],
  },
]

/** What a refusal leaves behind. */
export const KEY_FAILURES: readonly Check[] = [
  {
    id: 'IK-2.7-6/invalid',
    requirement: 'IK-2.7-6',
    title: 'a request that was refused is refused in the same way again, without an effect',
    why: 'A key that is "in use" for ever tells nobody what is wrong.',
    needs: ['invalid'],
    steps: [
      MINT,
      { send: { to: L, body: 'invalid' }, as: 'refused', setup: [REFUSED] },
      { send: { to: L, body: 'invalid' }, expect: [NOT_2XX, { statusOf: 'refused' }] },
      NO_EFFECT,
    ],
  },
  {
    id: 'IK-x-1/failure',
    requirement: 'IK-x-1',
    title: 'after a failure that the handler reports, the repeat is done',
    why: 'A client that keeps its key through an outage is told of the outage for ever.',
    needs: ['failure'],
    steps: [
      MINT,
      { send: { to: L, provoke: 'failure' }, setup: [FAILURE] },
      // 422: the failure was provoked by a content of its own.
      { send: { to: L }, only: [{ status: ['!422'] }], expect: [SUCCESS] },
      ONE_EFFECT,
    ],
  },
]
