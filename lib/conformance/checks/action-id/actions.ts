/**
 * Action resources: an empty POST makes one, a PUT to it does what it is for, once, and a DELETE
 * before that calls it off.
 *
 * @see spec-notes/cases.md ACT-01, ACT-03, ACT-05; RFC 9110 9.3.4, 9.3.5
 */
import type { Check, Spelling, Step } from '../../catalogue.js'
import { GIVEN_UP, L, MINT, NOT_2XX, SPENT, SUCCESS } from '../fragments.js'
import { AGAIN, NO_EFFECT, ONE_EFFECT, REFUSED, replayOf, WAITING } from '../sibling-fragments.js'

const DELETE = { method: 'DELETE', to: L }
const NOT_THERE = { status: ['404', '405'] }
const GONE = { status: ['404', '409', '410'] }
/** Somebody calls it off, where that is offered. */
const CALLED_OFF: readonly Step[] = [MINT, { send: DELETE, only: [{ status: ['2xx'] }] }]

const SPELLINGS: readonly Spelling[] = [
  ...(['encoded', 'hex', 'case', 'last-bit', 'query', 'slash', 'slashes', 'dots'] as const),
  ...(['suffix', 'extension', 'segment', 'parameter', 'malformed'] as const),
]

/** Issued, used once, and answered alike. */
export const ACTION_USE: readonly Check[] = [
  {
    id: 'ACT-01/issued',
    requirement: 'ACT-01',
    title: 'an empty POST makes an action resource, and is answered 201',
    why: 'The client has to know what it got.',
    steps: [MINT, { await: 'L', expect: [{ status: ['201'] }] }],
  },
  {
    id: 'ACT-01/unused',
    requirement: 'ACT-01',
    title: 'making action resources and reading them has no effect',
    why: 'A client may ask for as many as it likes and use none.',
    needs: ['effects'],
    steps: [
      MINT,
      { mint: 'M' },
      { send: { method: 'GET', to: L } },
      { send: { method: 'HEAD', to: L } },
      NO_EFFECT,
    ],
  },
  {
    id: 'ACT-01/first',
    requirement: 'ACT-01',
    title: 'a PUT does it, once, also after it was read',
    why: 'That is what the resource is for.',
    steps: [
      MINT,
      { send: { method: 'GET', to: L } },
      { send: { to: L }, expect: [SUCCESS] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'ACT-01/repeat',
    requirement: 'ACT-01',
    title: 'the same PUT again is told the same',
    why: 'A client that lost the first answer finds it here.',
    steps: [...SPENT, { send: { to: L }, times: 2, expect: replayOf('first') }],
  },
  {
    id: 'ACT-01/effects',
    requirement: 'ACT-01',
    title: 'the same PUT again has no effect, whatever it is told',
    why: 'A PUT may be repeated by anybody on the way.',
    needs: ['effects'],
    steps: [...SPENT, { send: { to: L }, times: 3 }, ONE_EFFECT],
  },
  {
    id: 'ACT-01/spelt',
    requirement: 'ACT-01',
    title: 'a PUT to the resource in another spelling of its URI has no further effect',
    why: 'Routers, proxies and stores do not agree on which spellings are one URI.',
    needs: ['effects'],
    blockedBy: 'ACT-01/effects',
    steps: [
      ...SPENT,
      ...SPELLINGS.map(spelling => ({ send: { to: { link: 'L', spelling } } })),
      ONE_EFFECT,
    ],
  },
  {
    id: 'ACT-01/later',
    requirement: 'ACT-01',
    title:
      'a PUT to the first and the last of this run is told the same at its end, without effect',
    why: 'A memory that lasts some seconds, or for the last few, does not hold.',
    blockedBy: ['ACT-01/repeat', 'ACT-01/effects'],
    steps: [{ used: {}, expect: replayOf('first') }, NO_EFFECT],
  },
  {
    id: 'ACT-01/race',
    requirement: 'ACT-01',
    title: 'twenty PUTs at once: one effect, and whoever is accepted has its answer',
    why: 'Looking first and keeping then lets two through now and then.',
    blockedBy: ['ACT-01/repeat', 'ACT-01/effects'],
    steps: [{ race: {}, copies: 20, same: replayOf('accepted'), others: [WAITING] }],
  },
  {
    id: 'ACT-01/lost-answer',
    requirement: 'ACT-01',
    title: 'a client that left before the answer and comes back makes no second effect',
    why: 'The effect is there although nobody was told.',
    needs: ['effects'],
    steps: [MINT, { leave: { to: L }, before: 'answer' }, { pause: 'moment' }, AGAIN, ONE_EFFECT],
  },
  {
    id: 'ACT-01/given-up',
    requirement: 'ACT-01',
    title: 'a client that gives up while its PUT runs, and sends it again, makes no second effect',
    why: 'The next PUT comes while the first one is still at work, as with each slow answer.',
    needs: ['slow', 'effects'],
    blockedBy: ['ACT-01/effects', 'ACT-01/race', 'ACT-01/lost-answer'],
    steps: GIVEN_UP,
  },
  {
    id: 'ACT-01/cut-off',
    requirement: 'ACT-01',
    title: 'after an upload that broke off, the whole PUT is done',
    why: 'Half a request must not use the resource up.',
    steps: [
      MINT,
      { leave: { to: L }, before: 'body' },
      { pause: 'moment' },
      { send: { to: L }, expect: [SUCCESS] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'ACT-01/invalid',
    requirement: 'ACT-01',
    title: 'a refused content has no effect, and the corrected PUT is done',
    why: 'People correct a field and send the form again.',
    needs: ['invalid'],
    steps: [
      MINT,
      { send: { to: L, body: 'invalid' }, setup: [REFUSED] },
      { send: { to: L }, expect: [SUCCESS] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'ACT-01/restart',
    requirement: 'ACT-01',
    title: 'the same PUT after a restart is told the same, and has no effect',
    why: 'Retries come after the crash that lost the answer.',
    needs: ['restart'],
    blockedBy: ['ACT-01/repeat', 'ACT-01/effects'],
    steps: [
      ...SPENT,
      { restart: true },
      { send: { to: L }, expect: replayOf('first') },
      ONE_EFFECT,
    ],
  },
]

/** What is not to be done. */
export const ACTION_REFUSALS: readonly Check[] = [
  {
    id: 'ACT-01/other-content',
    requirement: 'ACT-01',
    title: 'a PUT with other content after the first one is not answered 2xx, and has no effect',
    why: 'New work must not be answered from the old.',
    needs: ['different'],
    steps: [...SPENT, { send: { to: L, body: 'different' }, expect: [NOT_2XX] }, ONE_EFFECT],
  },
  {
    id: 'ACT-01/other-told',
    requirement: 'ACT-01',
    title: 'a PUT with other content after the first one is told 409 or 422',
    why: 'The client has to know that the resource is used up.',
    needs: ['different'],
    steps: [...SPENT, { send: { to: L, body: 'different' }, expect: [{ status: ['409', '422'] }] }],
  },
  {
    id: 'ACT-01/other-user',
    requirement: 'ACT-01',
    title: "another user's PUT is not answered 2xx, and does not use the resource up",
    why: 'An action resource was made for somebody.',
    needs: ['secondUser'],
    steps: [
      MINT,
      { send: { to: L, user: 'second' }, expect: [NOT_2XX] },
      { send: { to: L }, expect: [SUCCESS] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'ACT-01/unissued',
    requirement: 'ACT-01',
    title: 'an id that was never issued is answered 404, and has no effect',
    why: 'Ids that clients make up meet ids of other clients.',
    steps: [
      MINT,
      {
        send: { to: { link: 'L', forged: 'invented' } },
        expect: [{ status: ['404'] }],
      },
      NO_EFFECT,
    ],
  },
  {
    id: 'ACT-01/changed',
    requirement: 'ACT-01',
    title: 'an id with one changed character is not answered 2xx, and has no effect',
    why: 'Ids that follow one another are those of other people.',
    steps: [MINT, { send: { to: { link: 'L', forged: 'changed' } }, expect: [NOT_2XX] }, NO_EFFECT],
  },
  {
    id: 'ACT-01/distinct',
    requirement: 'ACT-01',
    title: 'thirty action resources are all different',
    why: 'Two clients with one id are one.',
    steps: [{ links: 30, are: 'distinct' }],
  },
  {
    id: 'ACT-03/put',
    requirement: 'ACT-03',
    title: 'a PUT with an empty id is answered 404 or 405, and has no effect',
    why: 'An empty text is easily taken for an id like any other.',
    steps: [
      MINT,
      { send: { to: { link: 'L', spelling: 'empty' } }, expect: [NOT_THERE] },
      NO_EFFECT,
    ],
  },
  {
    id: 'ACT-03/delete',
    requirement: 'ACT-03',
    title: 'a DELETE with an empty id is answered 404 or 405',
    why: 'It could call off everything, or tell that something was called off.',
    steps: [
      MINT,
      {
        send: { method: 'DELETE', to: { link: 'L', spelling: 'empty' } },
        expect: [NOT_THERE],
      },
      { send: { to: L }, expect: [SUCCESS] },
    ],
  },
]

/** Calling it off. */
export const ACTION_DELETE: readonly Check[] = [
  {
    id: 'ACT-05/again',
    requirement: 'ACT-05',
    title: 'a DELETE may be repeated, and has no effect',
    why: 'A client that lost the answer asks once more.',
    steps: [
      ...CALLED_OFF,
      { send: DELETE, expect: [{ anyOf: [[{ status: ['2xx'] }], [GONE]] }] },
      NO_EFFECT,
    ],
  },
  {
    id: 'ACT-05/put-after',
    requirement: 'ACT-05',
    title: 'a PUT after a DELETE is not answered 2xx, and has no effect',
    why: 'What was called off must not happen.',
    steps: [...CALLED_OFF, { send: { to: L }, expect: [NOT_2XX] }, NO_EFFECT],
  },
  {
    id: 'ACT-05/told',
    requirement: 'ACT-05',
    title: 'a PUT after a DELETE is told 409 or 410',
    why: 'Whoever asks has to know that it will never happen.',
    steps: [...CALLED_OFF, { send: { to: L }, expect: [{ status: ['409', '410'] }] }],
  },
  {
    id: 'ACT-05/too-late',
    requirement: 'ACT-05',
    title: 'a DELETE after the PUT does not open the resource again',
    why: 'A record that is deleted makes the next PUT the first one.',
    needs: ['effects'],
    // A server may undo it, and count it no more.
    steps: [...SPENT, { send: DELETE }, { send: { to: L } }, { effects: { atMost: 1 } }],
  },
  {
    id: 'ACT-05/unissued',
    requirement: 'ACT-05',
    title: 'a DELETE of an id that was never issued is not answered 2xx',
    why: 'Nothing was called off.',
    steps: [
      ...CALLED_OFF,
      {
        send: { method: 'DELETE', to: { link: 'L', forged: 'invented' } },
        expect: [NOT_2XX],
      },
    ],
  },
]
