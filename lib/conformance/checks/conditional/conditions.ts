/**
 * Requests with If-Match: each is done for one state of the target only.
 *
 * @see RFC 9110 8.8.3, 13.1.1, 13.1.2, 13.2; RFC 6585 3
 */
import type { Check, ConditionForm, Step } from '../../catalogue.js'
import { GIVEN_UP, L, MINT, NOT_2XX, SPENT, SUCCESS } from '../fragments.js'
import { NO_EFFECT, ONE_EFFECT, REFUSED, replayOf, WAITING } from '../sibling-fragments.js'

const FAILED = { status: ['412'] }
const STALE = { anyOf: [[FAILED], replayOf('first')] }
/** A request without a condition, that is refused because of that. */
const MISSING: readonly Step[] = [
  MINT,
  { send: { to: L, condition: 'none' }, as: 'missing', only: [REFUSED] },
]

function done(name: ConditionForm, title: string, why: string): Check {
  return {
    ...{ id: `COND-01/${name}`, requirement: 'COND-01', title, why },
    steps: [MINT, { send: { to: L, condition: name }, expect: [SUCCESS] }, ONE_EFFECT],
  }
}

/** What lets a request through, and what does not. */
export const CONDITION_MATCH: readonly Check[] = [
  done('current', 'a request with the current tag is done', 'Its condition holds.'),
  done('any', 'If-Match: * is true of what exists', 'It asks for nothing but that.'),
  done('listed', 'the current tag among others is enough', 'If-Match is a list.'),
  {
    id: 'COND-01/stale',
    requirement: 'COND-01',
    title: 'the same request again is told 412, or what the first one was told',
    why: 'The state that it was made for is over.',
    steps: [...SPENT, { send: { to: L }, times: 2, expect: [STALE] }],
  },
  {
    id: 'COND-01/stale-effects',
    requirement: 'COND-01',
    title: 'the same request again has no effect, whatever it is told',
    why: 'That is what the condition is for.',
    needs: ['effects'],
    steps: [...SPENT, { send: { to: L }, times: 3 }, ONE_EFFECT],
  },
  {
    id: 'COND-01/other-content',
    requirement: 'COND-01',
    title: 'other content with an old tag is told 412, and has no effect',
    why: 'It is no repeat, and its condition does not hold.',
    needs: ['different'],
    steps: [...SPENT, { send: { to: L, body: 'different' }, expect: [FAILED] }, ONE_EFFECT],
  },
  {
    id: 'COND-01/other-user',
    requirement: 'COND-01',
    title: "another user's request with an old tag is told 412, and has no effect",
    why: 'It is no repeat of the first one, however alike they are.',
    needs: ['secondUser'],
    steps: [...SPENT, { send: { to: L, user: 'second' }, expect: [FAILED] }, ONE_EFFECT],
  },
  {
    id: 'COND-01/stranger',
    requirement: 'COND-01',
    title: 'a tag that was never issued is told 412, and has no effect',
    why: 'A condition that cannot hold does not.',
    steps: [MINT, { send: { to: L, condition: 'stranger' }, expect: [FAILED] }, NO_EFFECT],
  },
  {
    id: 'COND-01/part',
    requirement: 'COND-01',
    title: 'a tag that begins as the current one does, or goes on, has no effect',
    why: 'Tags are compared as a whole: "1" is an old state of "12".',
    needs: ['effects'],
    blockedBy: 'COND-01/stranger',
    // An old tag may be told what it was told at its time.
    steps: [
      MINT,
      { send: { to: L, condition: 'longer' } },
      { send: { to: L, condition: 'shorter' } },
      NO_EFFECT,
    ],
  },
  {
    id: 'COND-01/weak',
    requirement: 'COND-01',
    title: 'a weak tag in If-Match is told 412, and has no effect',
    why: 'If-Match compares strongly: two states may share a weak tag.',
    steps: [MINT, { send: { to: L, condition: 'weak' }, expect: [FAILED] }, NO_EFFECT],
  },
  {
    id: 'COND-01/unquoted',
    requirement: 'COND-01',
    title: 'a tag without quotes is told 400 or 412, and has no effect',
    why: 'It is no entity tag, and a condition that is not understood does not hold.',
    steps: [
      MINT,
      { send: { to: L, condition: 'unquoted' }, expect: [{ status: ['400', '412'] }] },
      NO_EFFECT,
    ],
  },
  {
    id: 'COND-01/race',
    requirement: 'COND-01',
    title:
      'twenty requests with one tag at once: one effect, the others are told 412 or its answer',
    why: 'Comparing first and writing then lets two through now and then.',
    blockedBy: ['COND-01/stale', 'COND-01/stale-effects'],
    steps: [
      {
        race: {},
        copies: 20,
        same: replayOf('accepted'),
        others: [{ anyOf: [[FAILED], [WAITING]] }],
      },
    ],
  },
  {
    id: 'COND-01/lost-answer',
    requirement: 'COND-01',
    title: 'a client that left before the answer and comes back makes no second effect',
    why: 'The state has changed although nobody was told.',
    needs: ['effects'],
    steps: [
      MINT,
      { leave: { to: L }, before: 'answer' },
      { pause: 'moment' },
      { send: { to: L } },
      ONE_EFFECT,
    ],
  },
  {
    id: 'COND-01/given-up',
    requirement: 'COND-01',
    title: 'a client that gives up while its request runs, and comes back, makes no second effect',
    why: 'The next one comes while the first is at work: it has compared, and not written yet.',
    needs: ['slow', 'effects'],
    blockedBy: ['COND-01/stale-effects', 'COND-01/race', 'COND-01/lost-answer'],
    steps: GIVEN_UP,
  },
  {
    id: 'COND-01/restart',
    requirement: 'COND-01',
    title: 'an old tag is old after a restart, too',
    why: 'A count of versions that begins anew makes old tags current.',
    needs: ['effects', 'restart'],
    blockedBy: ['COND-01/stale', 'COND-01/stale-effects'],
    steps: [
      ...SPENT,
      { restart: true },
      { send: { to: L }, times: 2, expect: [STALE] },
      ONE_EFFECT,
    ],
  },
]

/** If-None-Match, no condition, and conditions that say nothing. */
export const CONDITION_ORDER: readonly Check[] = [
  {
    id: 'COND-03/absent',
    requirement: 'COND-03',
    title: 'If-None-Match: * at what exists is told 412, and has no effect',
    why: 'It asks for something to be made, and not to be changed.',
    steps: [MINT, { send: { to: L, condition: 'absent' }, expect: [FAILED] }, NO_EFFECT],
  },
  {
    id: 'COND-03/unlike',
    requirement: 'COND-03',
    title: 'If-None-Match with the current tag is told 412, and has no effect',
    why: 'A condition that is parsed and dropped protects nobody.',
    steps: [MINT, { send: { to: L, condition: 'unlike' }, expect: [FAILED] }, NO_EFFECT],
  },
  {
    id: 'COND-05/missing',
    requirement: 'COND-05',
    title: 'where a request without a condition is refused, it has no effect',
    why: 'A refusal says that nothing happened.',
    needs: ['effects'],
    steps: [...MISSING, NO_EFFECT],
  },
  {
    id: 'COND-05/required',
    requirement: 'COND-05',
    title: 'where a condition is demanded, a request without one is refused and has no effect',
    why: 'A demand that is not enforced protects nobody.',
    needs: ['required'],
    blockedBy: 'COND-05/missing',
    steps: [MINT, { send: { to: L, condition: 'none' }, expect: [REFUSED] }, NO_EFFECT],
  },
  {
    id: 'COND-05/elsewhere',
    requirement: 'COND-05',
    title: 'a condition on what does not exist is not answered 2xx, and has no effect',
    why: 'If-Match is never true of nothing.',
    steps: [
      MINT,
      { send: { to: { link: 'L', forged: 'invented' } }, expect: [NOT_2XX] },
      NO_EFFECT,
    ],
  },
  {
    id: 'COND-05/invalid',
    requirement: 'COND-05',
    title: 'a refused content uses the tag not up: the corrected request is done',
    why: 'The state is still the one that the client saw.',
    needs: ['invalid'],
    steps: [
      MINT,
      { send: { to: L, body: 'invalid' }, setup: [REFUSED] },
      { send: { to: L }, expect: [SUCCESS] },
      ONE_EFFECT,
    ],
  },
  {
    id: 'H-428-1/told',
    requirement: 'H-428-1',
    title: 'a request that is refused for want of a condition is told 428',
    why: 'The client has to learn what is missing; nothing demands that it does so by this status.',
    warns: true,
    steps: [...MISSING, { await: 'missing', expect: [{ status: ['428'] }] }],
  },
  {
    id: 'H-428-1/explained',
    requirement: 'H-428-1',
    title: 'a 428 explains itself, and is not kept by any cache',
    why: 'Whoever meets it for the first time does not know what to send.',
    steps: [
      ...MISSING,
      {
        await: 'missing',
        only: [{ status: ['428'] }],
        expect: [{ notEmpty: true }, { notStored: true }],
      },
    ],
  },
]
