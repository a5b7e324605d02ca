/**
 * The scenarios: what a server may do to a client, and what the client must make of it. In all of
 * them a client must not tell what is not so, and must not cause a second effect
 * (`judge-client.ts`).
 *
 * @see POE draft 2, 5, 8; RFC 9110 9.2.2, 10.2.3, 15.4
 */
import type { ClientCheck, Reaction, Scenario, Script } from './scenario.js'
import { SPELLINGS } from './spelling-scenarios.js'

const CREATED: Reaction = {
  executes: true,
  answer: { status: 201, fields: { Location: '/orders/1' }, content: { order: 1 } },
}
const LOST: Reaction = { answer: 'cut' }
const LOST_AFTER: Reaction = { executes: true, answer: 'cut' }
const PROVEN: Reaction = { answer: 'proven' }

/** It was accepted, and either that or nothing is known. */
const NOT_TOLD_AS_FAILED = { ended: ['accepted', 'unknown', 'failed'] } as const
const TOLD_AS_UNKNOWN = { ended: ['unknown'] } as const
const TOLD_AS_NOT_DONE = { ended: ['refused', 'failed'] } as const
const REPEATED = { posts: { atLeast: 2 } } as const
const GAVE_UP = { ended: ['unknown', 'failed', 'refused'] } as const

function scenario(name: string, script: Script, ...checks: ClientCheck[]): Scenario {
  return { name, script, checks }
}

function refusal(status: number, fields: Readonly<Record<string, string>> = {}): Reaction {
  return { answer: { status, fields, content: { status, title: 'Not like this' } } }
}

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
)

const LOST_ANSWERS: readonly Scenario[] = [
  scenario(
    'the request is lost',
    { link: [LOST, CREATED, PROVEN] },
    {
      id: 'POE-2-11/lost-before',
      title: 'after a lost request it is sent again, or told as unknown',
      why: 'Nobody can tell a lost request from a lost answer.',
      expect: [{ ended: ['accepted', 'unknown'] }],
    },
    {
      id: 'POE-5-8/alike',
      title: 'a further try has the same bytes and the same media type',
      why: 'Another content would be another order.',
      arises: [REPEATED],
      expect: [{ alike: true }],
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
      id: 'POE-2-11/same-link',
      title: 'one link is used for all tries',
      why: 'A fresh link is a fresh order.',
      expect: [{ oneLink: true }],
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
      expect: [NOT_TOLD_AS_FAILED],
    },
  ),
  scenario(
    'a gateway loses the answer',
    { link: [{ executes: true, answer: { status: 502 } }, PROVEN] },
    {
      id: 'POE-5-6/gateway-error',
      title: 'a 502 is not told as a failure',
      why: 'The server behind the gateway may have accepted it.',
      expect: [{ ended: ['accepted', 'unknown'] }],
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
      expect: [NOT_TOLD_AS_FAILED],
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
    {
      id: 'POE-5-6/no-new-link',
      title: 'no other link is used in its place',
      why: 'That would be the second order.',
      expect: [{ oneLink: true }],
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
      expect: [{ ended: ['accepted', 'unknown'] }],
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
    'somebody else used the link',
    { link: [PROVEN], get: { status: 200, content: { order: 'somebody else’s' } } },
    {
      id: 'POE-5-4/first-try',
      title: 'a 405 to the very first try is not told as accepted',
      why: 'What was accepted is not what was sent now, or nobody can tell.',
      expect: [{ ended: ['refused', 'unknown', 'failed'] }],
    },
  ),
]

const WAITING: readonly Scenario[] = [
  scenario(
    'the server is busy for a second',
    { link: [refusal(503, { 'Retry-After': '1' }), CREATED, PROVEN] },
    {
      id: 'H-RA-1/seconds',
      title: 'Retry-After in seconds is waited for',
      why: 'Whoever comes back at once is a part of the load.',
      arises: [REPEATED],
      expect: [{ firstPauseMs: { atLeast: 900 } }],
    },
  ),
  scenario(
    'the server is busy until a date',
    { link: [refusal(503, { 'Retry-After': '{soon}' }), CREATED, PROVEN] },
    {
      id: 'H-RA-1/date',
      title: 'Retry-After as a date is waited for',
      why: 'The field has two forms.',
      arises: [REPEATED],
      expect: [{ firstPauseMs: { atLeast: 900 } }],
    },
  ),
  scenario(
    'four tries are lost',
    { link: [LOST, LOST, LOST, LOST, CREATED, PROVEN] },
    {
      id: 'POE-8-1/pauses',
      title: 'there is a pause before each further try',
      why: 'A server that has trouble is not helped by a hail of requests.',
      arises: [REPEATED],
      expect: [{ everyPauseMs: { atLeast: 30 } }],
    },
    {
      id: 'POE-8-2/grow',
      title: 'pauses become longer',
      why: 'An outage that lasts is not over sooner for being asked more often.',
      arises: [{ posts: { atLeast: 4 } }],
      expect: [{ pausesGrow: true }],
    },
  ),
  scenario(
    'no try ever succeeds',
    { link: [LOST], get: { status: 503 } },
    {
      id: 'POE-2-12/ends',
      title: 'it stops at some time',
      why: 'Nobody waits for ever.',
      expect: [{ ends: true }, { posts: { atMost: 50 } }],
    },
    {
      id: 'POE-8-3/limit',
      title: 'after a limit a person decides',
      why: 'A machine that goes on for ever decides in the place of everybody.',
      expect: [{ ends: true }, GAVE_UP],
    },
    {
      id: 'POE-2-14/told',
      title: 'giving up is told as unknown, and not as a failure',
      why: 'Whoever reads "failed" orders again.',
      expect: [TOLD_AS_UNKNOWN],
    },
  ),
]

const ANSWERS: readonly Scenario[] = [
  scenario(
    'the content is refused',
    { link: [refusal(422)] },
    {
      id: 'POE-5-6/refused',
      title: '422 is told as refused, and is not tried again',
      why: 'The same content is refused every time.',
      expect: [TOLD_AS_NOT_DONE, { posts: { atMost: 1 } }],
    },
  ),
  scenario(
    'a login is asked for',
    { link: [refusal(401, { 'WWW-Authenticate': 'Bearer' })] },
    {
      id: 'POE-5-6/login',
      title: '401 is told as not done, and is not tried again blindly',
      why: 'Without a login it is refused every time.',
      expect: [TOLD_AS_NOT_DONE, { posts: { atMost: 1 } }],
    },
  ),
  scenario(
    'the link is over',
    { link: [{ answer: { status: 410 } }], get: { status: 410 } },
    {
      id: 'POE-5-6/gone-first',
      title: '410 to the first try is told as not done',
      why: 'Nothing was sent before that could have been accepted.',
      expect: [TOLD_AS_NOT_DONE],
    },
  ),
  scenario(
    'see other',
    {
      link: [
        { executes: true, answer: { status: 303, fields: { Location: '/orders/1' } } },
        PROVEN,
      ],
    },
    {
      id: 'POE-5-3/see-other',
      title: '303 is success',
      why: 'The result is elsewhere; it took effect.',
      expect: [{ ended: ['accepted'] }, { effects: { exactly: 1 } }],
    },
    {
      id: 'POE-5-3/by-get',
      title: '303 is followed by GET and never by POST',
      why: 'The place that it leads to is another resource.',
      arises: [{ asked: ['result', 'GET'] }],
      expect: [{ only: ['result', 'GET'] }],
    },
    {
      id: 'POE-5-3/no-post',
      title: 'nothing is posted to where 303 leads',
      why: 'The place that it leads to is another resource.',
      expect: [{ only: ['result', 'GET'] }],
    },
  ),
  scenario(
    'a login page is in the way',
    { link: [{ answer: { status: 302, fields: { Location: '/login' } } }] },
    {
      id: 'POE-5-3/found',
      title: '302 to a page that works is not told as success',
      why: 'Sessions that ran out are answered so; nothing was ordered.',
      expect: [{ ended: ['refused', 'unknown', 'failed'] }],
    },
  ),
  scenario(
    'moved',
    {
      link: [
        { answer: { status: 307, fields: { Location: '{moved}', 'POE-Links': '"{moved}"' } } },
      ],
      moved: [CREATED, PROVEN],
    },
    {
      id: 'H-303-2/same-post',
      title: '307 is followed by the same POST, or not at all',
      why: 'Method and content stay as they are.',
      arises: [{ asked: ['moved', 'POST'] }],
      expect: [{ alike: true }],
    },
    {
      id: 'H-303-2/no-get',
      title: '307 is not followed by GET',
      why: 'Method and content stay as they are.',
      expect: [{ only: ['moved', 'POST'] }],
    },
  ),
  scenario(
    'moved, and then lost',
    {
      link: [
        { answer: { status: 307, fields: { Location: '{moved}', 'POE-Links': '"{moved}"' } } },
      ],
      moved: [LOST_AFTER, PROVEN],
    },
    {
      id: 'POE-2-10/pinned',
      title: 'after a lost answer the further try goes where 307 led',
      why: 'The entry may lead elsewhere the second time.',
      arises: [{ asked: ['moved', 'POST'] }],
      expect: [{ effects: { atMost: 1 } }, { ended: ['accepted', 'unknown'] }],
    },
  ),
]

/** All scenarios, the rehearsal first. */
export const SCENARIOS: readonly Scenario[] = [
  REHEARSAL,
  ...LOST_ANSWERS,
  ...STRAY_405,
  ...WAITING,
  ...ANSWERS,
  ...SPELLINGS,
]
