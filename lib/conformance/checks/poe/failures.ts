/**
 * What must not use a link up, and what must: refusals, uploads cut off, clients that leave, and
 * servers that die.
 *
 * @see POE draft 2, appendix A
 */
import type { Check, Step } from '../../catalogue.js'
import { FAILURE, GIVEN_UP, L, MINT, NOT_2XX, SPENT, STILL_USABLE, SUCCESS } from '../fragments.js'

/** A POST that failed leaves the resource as it was. */
export const NOT_BURNT: readonly Check[] = [
  {
    id: 'POE-2-3/invalid',
    requirement: 'POE-2-3',
    title: 'after a refused content the corrected POST succeeds',
    why: 'A typing error must not cost the link.',
    needs: ['invalid'],
    steps: [MINT, { send: { to: L, body: 'invalid' }, setup: [{ status: ['4xx'] }] }, STILL_USABLE],
  },
  {
    id: 'POE-2-3/invalid-effects',
    requirement: 'POE-2-3',
    title: 'a refused content has no effect',
    why: 'A refusal says that nothing happened.',
    needs: ['invalid', 'effects'],
    blockedBy: 'POE-2-2/first',
    steps: [
      MINT,
      { send: { to: L, body: 'invalid' }, setup: [{ status: ['4xx'] }] },
      { effects: { exactly: 0 } },
    ],
  },
  {
    id: 'POE-2-3/broken',
    requirement: 'POE-2-3',
    title: 'after content that cannot be read the corrected POST succeeds',
    why: 'What never reached the handler cannot have used the link.',
    steps: [MINT, { send: { to: L, body: 'broken' }, only: [{ status: ['4xx'] }] }, STILL_USABLE],
  },
  {
    id: 'POE-2-3/unknown-type',
    requirement: 'POE-2-3',
    title: 'after an unknown media type the corrected POST succeeds',
    why: 'What never reached the handler cannot have used the link.',
    steps: [
      MINT,
      { send: { to: L, body: 'unknownType' }, only: [{ status: ['4xx'] }] },
      STILL_USABLE,
    ],
  },
  {
    id: 'POE-2-3/too-large',
    requirement: 'POE-2-3',
    title: 'after four megabytes the corrected POST succeeds',
    why: 'What never reached the handler cannot have used the link.',
    steps: [
      MINT,
      { send: { to: L, body: 'huge' }, mayBeCut: true, only: [{ status: ['4xx'] }] },
      STILL_USABLE,
    ],
  },
  {
    id: 'POE-2-3/cut-off',
    requirement: 'POE-2-3',
    title: 'after an upload that broke off the whole POST succeeds',
    why: 'Half an order is none.',
    steps: [MINT, { leave: { to: L }, before: 'body' }, { pause: 'arrival' }, STILL_USABLE],
  },
  {
    id: 'POE-2-3/condition',
    requirement: 'POE-2-3',
    title: 'after a condition that is not met the POST without it succeeds',
    why: 'What was refused before the handler cannot have used the link.',
    steps: [
      MINT,
      { send: { to: L, fields: { 'If-Match': '"none"' } }, only: [{ status: ['4xx'] }] },
      STILL_USABLE,
    ],
  },
  {
    id: 'POE-2-3/unauthenticated',
    requirement: 'POE-2-3',
    title: 'after a POST without credentials the one with them succeeds',
    why: 'A session that ran out must not cost the link.',
    needs: ['credentials'],
    steps: [MINT, { send: { to: L, user: 'nobody' }, only: [{ status: ['4xx'] }] }, STILL_USABLE],
  },
  {
    id: 'POE-2-3/failure',
    requirement: 'POE-2-3',
    title: 'after a failure that the handler reports, and a second one, the next POST succeeds',
    why: 'A declined card today may be accepted tomorrow.',
    needs: ['failure'],
    steps: [
      MINT,
      { send: { to: L, provoke: 'failure' }, setup: [FAILURE] },
      { send: { to: L, provoke: 'failure' }, expect: [FAILURE] },
      STILL_USABLE,
    ],
  },
]

/** A client sends a whole POST, and leaves. */
const GONE: readonly Step[] = [MINT, { leave: { to: L }, before: 'answer' }, { pause: 'arrival' }]

/** What happened counts, whoever was there to see it. */
export const SILENCE: readonly Check[] = [
  {
    id: 'POE-2-22/client-gone',
    requirement: 'POE-2-22',
    title: 'the POST of a client that left before the answer, and comes back, has one effect',
    why: 'Nobody can know how far it came; so it has to be carried out, once.',
    needs: ['effects'],
    blockedBy: ['POE-2-1/same', 'POE-2-2/reuse'],
    // What was taken back as a whole, or never arrived, is done now.
    steps: [...GONE, { send: { to: L }, patiently: true }, { effects: { exactly: 1 } }],
  },
  {
    id: 'POE-2-22/undone',
    requirement: 'POE-2-22',
    title: 'the POST of a client that left before the answer counts',
    why: 'Whoever presses the button and closes the page has ordered.',
    warns: true,
    needs: ['effects'],
    blockedBy: 'POE-2-22/client-gone',
    steps: [
      ...GONE,
      { send: { to: L }, patiently: true, expect: [NOT_2XX] },
      // One that comes late would be found by the next check.
      { effects: { exactly: 1 } },
    ],
  },
  {
    id: 'POE-2-22/given-up',
    requirement: 'POE-2-22',
    title: 'a client that gives up while its POST runs, and sends it again, has no second effect',
    why: 'The next try comes while the first POST is still at work, as with each slow answer.',
    needs: ['slow', 'effects'],
    blockedBy: ['POE-2-15/running', 'POE-2-22/client-gone'],
    steps: GIVEN_UP,
  },
  {
    id: 'POE-A-1/restart',
    requirement: 'POE-A-1',
    title: 'after a restart the effect and the mark are both there',
    why: 'One without the other is a lost order or a second one.',
    needs: ['restart', 'effects'],
    blockedBy: ['POE-2-1/same', 'POE-2-2/reuse', 'POE-2-1/restart'],
    steps: [
      ...SPENT,
      { restart: true },
      { send: { to: L }, expect: [NOT_2XX] },
      { effects: { exactly: 1 } },
    ],
  },
  {
    id: 'POE-2-20/crash',
    requirement: 'POE-2-20',
    title: 'a server that dies in the middle leaves no second effect and no false word',
    why: 'After the crash the client comes back with the same POST.',
    needs: ['restart', 'slow', 'effects'],
    blockedBy: ['POE-2-2/first', 'POE-A-1/restart'],
    steps: [
      MINT,
      { send: { to: L, provoke: 'slow' }, as: 'first', inBackground: true, mayBeCut: true },
      { pause: 'moment' },
      { restart: true },
      {
        send: { to: L },
        as: 'again',
        expect: [{ status: ['2xx', '301', '302', '303', '405', '409', '410', '503'] }],
      },
      { effects: { atMost: 1 } },
      {
        effects: { exactly: 1 },
        where: { answer: 'again', is: [{ status: ['2xx', '301', '302', '303', '405'] }] },
      },
    ],
  },
]

/** Links that never were, are no more, or belong to somebody else. */
export const NOT_YOURS: readonly Check[] = [
  {
    id: 'POE-2-18/changed',
    requirement: 'POE-2-18',
    title: 'a link with one changed character is not answered 2xx',
    why: 'A server that takes what it does not know for fresh has no protection at all.',
    steps: [MINT, { send: { to: { link: 'L', forged: 'changed' } }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-18/invented',
    requirement: 'POE-2-18',
    title: 'an invented link is not answered 2xx',
    why: 'What was never issued cannot be used.',
    steps: [MINT, { send: { to: { link: 'L', forged: 'invented' } }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-18/expired',
    requirement: 'POE-2-18',
    title: 'an expired link is not answered 2xx',
    why: 'Its record may be gone, and with it the knowledge whether it was used.',
    needs: ['shortLived'],
    steps: [
      { mint: 'L', shortLived: true },
      { pause: 'life' },
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-18/expired-spent',
    requirement: 'POE-2-18',
    title: 'a link that was used in time is not answered 2xx after its life',
    why: 'The retry of a POST that succeeded in the last minute comes after it.',
    needs: ['shortLived'],
    blockedBy: 'POE-2-1/same',
    steps: [
      { mint: 'L', shortLived: true },
      { send: { to: L }, setup: [SUCCESS] },
      { pause: 'life' },
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-18/expired-told',
    requirement: 'POE-2-18',
    title: 'a link that was used in time is told as used after its life, too',
    why: 'Whoever retries late is told that it worked, and not that the link is over.',
    needs: ['shortLived'],
    blockedBy: ['POE-2-1/same', 'POE-2-18/expired-spent'],
    steps: [
      { mint: 'L', shortLived: true },
      { send: { to: L }, setup: [SUCCESS] },
      { send: { to: L }, as: 'reuse', setup: [NOT_2XX] },
      { pause: 'life' },
      { send: { to: L }, expect: [{ statusOf: 'reuse' }] },
    ],
  },
  {
    id: 'H-410-1/expired',
    requirement: 'H-410-1',
    title: 'what is said of an expired link is not kept by any cache',
    why: '404 and 410 may be kept by heuristics.',
    warns: true,
    needs: ['shortLived'],
    steps: [
      { mint: 'L', shortLived: true },
      { pause: 'life' },
      {
        send: { method: 'GET', to: L },
        only: [{ status: ['4xx'] }],
        expect: [{ notStored: true }],
      },
    ],
  },
  {
    id: 'POE-8-5/bound',
    requirement: 'POE-8-5',
    title: "another user's POST to an unspent link is not answered 2xx",
    why: 'A link is for the one who got it.',
    needs: ['secondUser'],
    steps: [MINT, { send: { to: L, user: 'second' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-8-5/kept',
    requirement: 'POE-8-5',
    title: "another user's refused POST does not use the link up",
    why: 'Nobody may burn the links of others.',
    needs: ['secondUser'],
    steps: [MINT, { send: { to: L, user: 'second' }, only: [{ status: ['4xx'] }] }, STILL_USABLE],
  },
  {
    id: 'POE-8-5/result',
    requirement: 'POE-8-5',
    title: "another user's GET does not get the result",
    why: 'An order is nobody else’s business.',
    needs: ['secondUser'],
    steps: [...SPENT, { send: { method: 'GET', to: L, user: 'second' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-8-5/unguessable',
    requirement: 'POE-8-5',
    title: 'links cannot be guessed from other links',
    why: 'A counter tells everybody what the next link is.',
    steps: [{ links: 40, are: 'unguessable' }],
  },
  {
    id: 'POE-A-2/distinct',
    requirement: 'POE-A-2',
    title: 'links are all different: a hundred at once, and those that follow one that was used',
    why: 'A link that is issued twice is spent for one of the two.',
    steps: [{ links: 100, are: 'distinct' }],
  },
  {
    id: 'H-CACHE-1/two-people',
    requirement: 'H-CACHE-1',
    title: 'two people do not get the same link',
    why: 'The second one would be told that an order was placed which was not.',
    needs: ['secondUser'],
    steps: [{ links: 2, are: 'distinct', byTwo: true }],
  },
]
