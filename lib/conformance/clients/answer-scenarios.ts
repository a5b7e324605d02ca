/**
 * Answers that are no success: refusals, links that are over, redirects.
 *
 * @see POE draft 2, 5; RFC 9110 15.4
 */
import {
  CREATED,
  LOST_AFTER,
  NOT_TOLD_AS_ACCEPTED,
  NOT_TOLD_AS_REFUSED,
  PROVEN,
  refusal,
  scenario,
  TOLD_AS_NOT_DONE,
  TOLD_AS_NOT_DONE_OR_ANEW,
} from './reactions.js'
import type { Scenario } from './scenario.js'

/** The scenarios. */
export const ANSWERS: readonly Scenario[] = [
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
      expect: [TOLD_AS_NOT_DONE, { blindRepeats: 'none' }],
    },
  ),
  scenario(
    'the link is over',
    { link: [{ answer: { status: 410 } }], get: { status: 410 } },
    {
      id: 'POE-5-6/gone-first',
      title: '410 to the first try is told as not done',
      why: 'Nothing was sent before that could have been accepted.',
      expect: [TOLD_AS_NOT_DONE_OR_ANEW],
    },
  ),
  scenario(
    'the link is not known',
    { link: [{ answer: { status: 404 } }], get: { status: 404 } },
    {
      id: 'POE-5-6/unknown-first',
      title: '404 to the first try is told as not done',
      why: 'Nothing was sent before that could have been accepted.',
      expect: [TOLD_AS_NOT_DONE_OR_ANEW],
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
      expect: [NOT_TOLD_AS_ACCEPTED],
    },
  ),
  scenario(
    'another page is in the way for good',
    { link: [{ answer: { status: 301, fields: { Location: '/login' } } }] },
    {
      id: 'POE-5-3/moved-permanently',
      title: '301 to a page that works is not told as success',
      why: 'Only 303 says that it took effect.',
      expect: [NOT_TOLD_AS_ACCEPTED],
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
    'moved for good',
    {
      link: [
        { answer: { status: 308, fields: { Location: '{moved}', 'POE-Links': '"{moved}"' } } },
      ],
      moved: [CREATED, PROVEN],
    },
    {
      id: 'H-303-2/permanent',
      title: '308 is followed by the same POST, or not at all',
      why: 'Method and content stay as they are.',
      arises: [{ asked: ['moved', 'POST'] }],
      expect: [{ alike: true }, { only: ['moved', 'POST'] }],
    },
  ),
  scenario(
    'moved to another origin',
    {
      link: [{ answer: { status: 307, fields: { Location: 'http://{foreign}/once/order' } } }],
    },
    {
      id: 'POE-8-4/redirect',
      title: '307 to another origin is not followed, nor told as success',
      why: 'The order, and what is in it, was meant for this server.',
      expect: [{ never: 'foreign' }, NOT_TOLD_AS_ACCEPTED],
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
      expect: [{ effects: { atMost: 1 } }, NOT_TOLD_AS_REFUSED],
    },
  ),
]
