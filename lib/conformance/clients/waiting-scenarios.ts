/**
 * Servers that are busy, or in trouble for longer: whether a client waits, and whether it ends.
 *
 * @see POE draft 2, 8; RFC 9110 10.2.3
 */
import { CREATED, LOST, PROVEN, REPEATED, refusal, scenario, TOLD_AS_UNKNOWN } from './reactions.js'
import type { ClientExpectation, Scenario } from './scenario.js'

/** Far below any pause that is meant, and above what a retry without one takes. */
const NO_HAIL: ClientExpectation = { meanPauseMs: { atLeast: 30 } }

const SOON = refusal(503, { 'Retry-After': 'soon' })

/** The scenarios. */
export const WAITING: readonly Scenario[] = [
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
    {
      id: 'POE-2-11/same-link',
      title: 'one link is used for all tries',
      why: 'A fresh link is a fresh order, and a gateway may say 503 after the effect.',
      arises: [REPEATED],
      expect: [{ oneLink: true }],
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
    'there were too many requests',
    { link: [refusal(429, { 'Retry-After': '1' }), CREATED, PROVEN] },
    {
      id: 'H-RA-1/too-many',
      title: 'Retry-After of a 429 is waited for',
      why: 'Whoever comes back at once is told the same again.',
      arises: [REPEATED],
      expect: [{ firstPauseMs: { atLeast: 900 } }],
    },
  ),
  scenario(
    'the server is busy until nobody knows when',
    { link: [SOON, SOON, SOON, CREATED, PROVEN] },
    {
      id: 'H-RA-1/garbage',
      title: 'a Retry-After that cannot be read does not take the pause away',
      why: 'What is no number reckons as zero in many languages.',
      arises: [REPEATED],
      expect: [NO_HAIL],
    },
  ),
  scenario(
    'another POST is under way',
    { link: [refusal(409, { 'Retry-After': '1' }), CREATED, PROVEN] },
    {
      id: 'POE-5-6/busy',
      title: '409 with Retry-After to the first try is waited for',
      why: 'The other one may fail, and the link is free then.',
      arises: [REPEATED],
      expect: [{ firstPauseMs: { atLeast: 900 } }, { ended: ['accepted'] }],
    },
    {
      id: 'POE-5-6/no-new-link',
      title: 'no other link is used in its place',
      why: 'The one that is under way may succeed: that would be the second order.',
      arises: [REPEATED],
      expect: [{ oneLink: true }],
    },
  ),
  scenario(
    'four tries are lost',
    { link: [LOST, LOST, LOST, LOST, CREATED, PROVEN] },
    {
      id: 'POE-8-1/pauses',
      title: 'there are pauses between the tries',
      why: 'A server that has trouble is not helped by a hail of requests.',
      arises: [REPEATED],
      expect: [NO_HAIL],
    },
    {
      id: 'POE-8-2/grow',
      title: 'pauses become longer',
      why: 'An outage that lasts is not over sooner for being asked more often.',
      arises: [{ posts: { atLeast: 4 } }, NO_HAIL],
      expect: [{ pausesGrow: true }],
      isByChance: true,
    },
  ),
  scenario(
    'no try ever succeeds',
    { link: [LOST], get: { status: 503 } },
    {
      id: 'POE-2-12/ends',
      title: 'it does not try for ever',
      why: 'More tries do not mend a server.',
      expect: [{ posts: { atMost: 50 } }],
    },
    {
      id: 'POE-8-3/limit',
      title: 'after a limit a person decides',
      why: 'A machine that goes on for ever decides in the place of everybody.',
      expect: [{ ends: true }],
    },
    {
      id: 'POE-2-14/told',
      title: 'giving up is told as unknown, and not as a failure',
      why: 'Whoever reads "failed" orders again.',
      expect: [TOLD_AS_UNKNOWN],
    },
  ),
]
