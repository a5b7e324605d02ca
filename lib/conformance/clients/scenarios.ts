/**
 * The scenarios: what a server may do to a client, and what the client must make of it. In all of
 * them a client must not tell what is not so, and must not cause a second effect
 * (`judge-client.ts`).
 *
 * @see POE draft 2, 5, 8; RFC 9110 9.2.2, 10.2.3, 15.4
 */
import { ANSWERS } from './answer-scenarios.js'
import {
  CREATED,
  LOST,
  LOST_AFTER,
  NOT_TOLD_AS_ACCEPTED,
  NOT_TOLD_AS_REFUSED,
  PROVEN,
  REPEATED,
  refusal,
  scenario,
  TOLD_AS_UNKNOWN,
} from './reactions.js'
import type { Scenario } from './scenario.js'
import { SPELLINGS } from './spelling-scenarios.js'
import { WAITING } from './waiting-scenarios.js'

/** The rehearsal: nothing goes wrong. */
export const REHEARSAL: Scenario = scenario(
  'all goes well',
  { link: [CREATED, PROVEN] },
  {
    id: 'POE-5-2/accepted',
    title: 'a 2xx to the first try is success',
    why: 'Everything else builds on it.',
    expect: [{ ended: ['accepted'] }, { effects: { exactly: 1 } }, { posts: { atMost: 1 } }],
  },
  {
    id: 'POE-4-1/field',
    title: 'every request to the server says POE: 1',
    why: 'A server may hand out links to those only who say that they know them.',
    expect: [{ everywhere: ['poe', '1'] }],
  },
  {
    id: 'POE-A-4/derived',
    title: 'no other URI is asked than those that were handed out',
    why: 'Links are taken as they are.',
    expect: [{ noOtherPlace: true }],
  },
  {
    id: 'POE-3-11/never-sent',
    title: 'no request has the field POE-Links',
    why: 'It is a field of answers.',
    expect: [{ nowhere: 'poe-links' }],
  },
)

const LOST_ANSWERS: readonly Scenario[] = [
  scenario(
    'the request is lost',
    { link: [LOST, CREATED, PROVEN] },
    {
      id: 'POE-2-11/lost-before',
      title: 'after a lost request it is sent again, or told as unknown',
      why: 'Nobody can tell a lost request from a lost answer.',
      expect: [NOT_TOLD_AS_REFUSED],
    },
    {
      id: 'POE-5-8/alike',
      title: 'a further try has the same bytes and the same media type',
      why: 'Another content would be another order.',
      arises: [REPEATED],
      expect: [{ alike: true }],
    },
    {
      id: 'POE-2-11/fields',
      title: 'a further try has the same fields',
      why: 'A server may tell a repetition from another order by them.',
      arises: [REPEATED],
      expect: [{ sameFields: true }],
      warns: true,
    },
  ),
  scenario(
    'the answer is lost',
    { link: [LOST_AFTER, PROVEN] },
    {
      id: 'POE-5-1/lost-after',
      title: 'a proven 405 to a further try is told as accepted',
      why: 'It took effect; whoever is told otherwise orders again.',
      arises: [REPEATED],
      expect: [{ ended: ['accepted'] }],
    },
    {
      id: 'POE-5-7/result',
      title: 'the result is fetched after an acceptance that was inferred',
      why: 'The answer that was lost is still to be had.',
      arises: [{ ended: ['accepted'] }],
      expect: [{ asked: ['link', 'GET'] }],
      warns: true,
    },
  ),
  scenario(
    'the answer breaks off',
    { link: [{ executes: true, answer: 'broken' }, PROVEN] },
    {
      id: 'POE-5-2/broken',
      title: 'an answer that breaks off is not told as a failure',
      why: 'Its status says that it took effect.',
      expect: [{ ended: ['accepted', 'unknown', 'failed'] }],
    },
  ),
  scenario(
    'a gateway loses the answer',
    { link: [{ executes: true, answer: { status: 502 } }, PROVEN] },
    {
      id: 'POE-5-6/gateway-error',
      title: 'a 502 is not told as a failure',
      why: 'The server behind the gateway may have accepted it.',
      expect: [NOT_TOLD_AS_REFUSED],
    },
  ),
  scenario(
    'a gateway does not wait for the server',
    { link: [{ answer: { status: 504 } }, CREATED, PROVEN] },
    {
      id: 'POE-5-6/gateway-timeout',
      title: 'a 504 is not told as a failure',
      why: 'The server behind the gateway may be at work on it.',
      expect: [NOT_TOLD_AS_REFUSED],
    },
  ),
  scenario(
    'the server breaks after its work',
    { link: [{ executes: true, answer: { status: 500 } }, PROVEN] },
    {
      id: 'POE-5-6/server-error',
      title: 'a 500 is not told as a failure',
      why: 'What broke may have come after the effect; the link can be asked.',
      expect: [NOT_TOLD_AS_REFUSED],
    },
  ),
  scenario(
    'a twin is running',
    { link: [LOST_AFTER, refusal(409, { 'Retry-After': '1' }), PROVEN] },
    {
      id: 'POE-5-6/running',
      title: '409 with Retry-After to a further try is waited out',
      why: 'The first try is still at work.',
      arises: [REPEATED],
      expect: [NOT_TOLD_AS_REFUSED],
    },
  ),
  scenario(
    'the link is gone after a lost answer',
    {
      link: [LOST_AFTER, { answer: { status: 410 } }],
      get: { status: 410 },
    },
    {
      id: 'POE-5-6/gone-later',
      title: '410 to a further try is told as unknown',
      why: 'The first try may have been accepted before the link went away.',
      arises: [REPEATED],
      expect: [TOLD_AS_UNKNOWN],
    },
  ),
]

const LATER_REFUSALS: readonly Scenario[] = [
  scenario(
    'the link is not known after a lost answer',
    { link: [LOST_AFTER, { answer: { status: 404 } }], get: { status: 404 } },
    {
      id: 'POE-5-6/unknown-later',
      title: '404 to a further try is told as unknown',
      why: 'The first try may have been accepted before the link was forgotten.',
      arises: [REPEATED],
      expect: [TOLD_AS_UNKNOWN],
    },
  ),
  scenario(
    'the content is refused after a lost request',
    { link: [LOST, refusal(422)] },
    {
      id: 'POE-5-6/refused-later',
      title: '422 to a further try ends it, and is not told as accepted',
      why: 'The same content is refused every time.',
      arises: [REPEATED],
      expect: [NOT_TOLD_AS_ACCEPTED, { posts: { atMost: 2 } }],
    },
  ),
  scenario(
    'the result cannot be had',
    { link: [LOST_AFTER, PROVEN], get: { status: 500 } },
    {
      id: 'POE-5-7/no-result',
      title: 'it is not told as a failure where its result cannot be fetched',
      why: 'That the result is out of reach says nothing about the order.',
      arises: [REPEATED],
      expect: [NOT_TOLD_AS_REFUSED],
    },
  ),
]

const STRAY_405: readonly Scenario[] = [
  scenario(
    'proof by Allow and GET',
    {
      link: [LOST_AFTER, { answer: { status: 405, fields: { Allow: 'GET, HEAD, OPTIONS' } } }],
    },
    {
      id: 'POE-5-5/bare-draft',
      title: 'a 405 without POST in Allow and a GET that works are proof',
      why: 'Servers that know the draft only say no more.',
      arises: [REPEATED],
      expect: [NOT_TOLD_AS_REFUSED],
    },
  ),
  scenario(
    'a gateway says 405',
    {
      link: [LOST, { answer: { status: 405, fields: { Allow: 'GET, POST' } } }],
      get: { status: 405, fields: { Allow: 'POST, OPTIONS' } },
    },
    {
      id: 'POE-5-5/allow-with-post',
      title: 'a 405 that allows POST proves nothing',
      why: 'Gateways and firewalls say 405, too; nothing was ordered.',
      arises: [REPEATED],
      expect: [TOLD_AS_UNKNOWN],
    },
  ),
  scenario(
    'something says 405 without Allow',
    { link: [LOST, { answer: { status: 405 } }], get: { status: 404 } },
    {
      id: 'POE-2-24/no-allow',
      title: 'a 405 without Allow proves nothing',
      why: 'It is not even an answer that HTTP allows.',
      arises: [REPEATED],
      expect: [TOLD_AS_UNKNOWN],
    },
  ),
  scenario(
    'a gateway says 405 at once',
    {
      link: [{ answer: { status: 405, fields: { Allow: 'GET, POST' } } }],
      get: { status: 405, fields: { Allow: 'POST, OPTIONS' } },
    },
    {
      id: 'POE-5-4/unproven',
      title: 'a 405 to the very first try that allows POST is not told as accepted',
      why: 'Nothing has come before it that could have been accepted.',
      expect: [NOT_TOLD_AS_ACCEPTED],
    },
  ),
  scenario(
    'somebody else used the link',
    { link: [PROVEN], get: { status: 200, content: { order: 'somebody else’s' } } },
    {
      id: 'POE-5-4/first-try',
      title: 'a 405 to the very first try is not told as accepted',
      why: 'What was accepted is not what was sent now, or nobody can tell.',
      expect: [NOT_TOLD_AS_ACCEPTED],
    },
  ),
]

/** All scenarios, the rehearsal first. */
export const SCENARIOS: readonly Scenario[] = [
  REHEARSAL,
  ...LOST_ANSWERS,
  ...LATER_REFUSALS,
  ...STRAY_405,
  ...WAITING,
  ...ANSWERS,
  ...SPELLINGS,
]
