/**
 * Keys that are missing, and keys as they are written.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.1, 2.5, 2.7; RFC 9651 3.3
 */
import type { Check, KeyForm, Step } from '../../catalogue.js'
import { L, MINT, SPENT } from '../fragments.js'
import { DOCUMENTED, NO_EFFECT, ONE_EFFECT, REFUSED, replayOf } from '../sibling-fragments.js'
import { REPLAYED } from './replay.js'

/** A request without a key, that is refused because of that. */
const MISSING: readonly Step[] = [
  MINT,
  { send: { to: L, key: 'none' }, as: 'missing', only: [REFUSED] },
]

/** No key, where one is demanded. */
export const KEY_MISSING: readonly Check[] = [
  {
    id: 'IK-2.7-1/required',
    requirement: 'IK-2.7-1',
    title: 'where a key is demanded, a request without one is refused and has no effect',
    why: 'A demand that is not enforced protects nobody.',
    needs: ['required'],
    steps: [MINT, { send: { to: L, key: 'none' }, expect: [REFUSED] }, NO_EFFECT],
  },
  {
    id: 'IK-2.7-1/missing',
    requirement: 'IK-2.7-1',
    title: 'where a request without a key is refused, it is answered 400, and has no effect',
    why: 'The client has to learn that it is the request that is at fault.',
    steps: [...MISSING, { await: 'missing', expect: [{ status: ['400'] }] }, NO_EFFECT],
  },
  {
    id: 'IK-2.7-1/documented',
    requirement: 'IK-2.7-1',
    title: 'the refusal of a request without a key explains itself, or leads to the documentation',
    why: 'Whoever meets it for the first time does not know what a key is.',
    steps: [...MISSING, { await: 'missing', expect: [DOCUMENTED] }],
  },
  {
    id: 'IK-2.5.2-1/published',
    requirement: 'IK-2.5.2-1',
    title: 'the documentation that a refusal leads to can be read',
    why: 'How long a key is kept is written there, or nowhere.',
    steps: [
      ...MISSING,
      { send: { to: { linked: 'missing', rel: 'describedby' } }, expect: [{ status: ['2xx'] }] },
    ],
  },
]

/** How keys are written. */
export const KEY_SYNTAX: readonly Check[] = [
  {
    id: 'IK-2.1-3/parameters',
    requirement: 'IK-2.1-3',
    title: 'parameters behind the key are no part of it',
    why: 'A later version of the scheme may add some on one try and not on the other.',
    needs: ['quoted'],
    blockedBy: REPLAYED,
    steps: [
      ...SPENT,
      { send: { to: L, key: 'parameters' }, expect: replayOf('first') },
      ONE_EFFECT,
    ],
  },
  {
    id: 'IK-2.1-4/bare',
    requirement: 'IK-2.1-4',
    title: 'where a key without quotes is accepted, it is the same key',
    why: 'A proxy or a library that drops the quotes must not lead to a second effect.',
    needs: ['quoted'],
    steps: [
      ...SPENT,
      {
        send: { to: L, key: 'bare' },
        only: [{ status: ['2xx', '301', '302', '303'] }],
        expect: replayOf('first'),
      },
      ONE_EFFECT,
    ],
  },
  {
    id: 'IK-2.1-4/number',
    requirement: 'IK-2.1-4',
    title: 'where a key without quotes is refused, a number is refused, too',
    why: 'Who demands a text in quotes has no use for a number.',
    needs: ['quoted'],
    steps: [
      MINT,
      { send: { to: L, key: 'bare' }, only: [REFUSED] },
      { send: { to: L, key: 'number' }, expect: [{ status: ['400'] }] },
    ],
  },
  odd('unbalanced', 'a quotation mark that is not closed', ['400']),
  odd('number', 'a number', ['400', '2xx']),
  odd('bytes', 'a byte sequence', ['400']),
  odd('list', 'an inner list', ['400']),
  odd('two-lines', 'two keys in two lines', ['400']),
  odd('trailing', 'a key and something behind it', ['400']),
  blank('empty', 'an empty text'),
  blank('blank', 'nothing at all'),
  {
    id: 'IK-5-2/long',
    requirement: 'IK-5-2',
    title: 'a key of ten kilobytes is no failure of the server, and makes no second effect',
    why: 'Keys are looked up and kept, and must not be used to fill or to break that.',
    steps: oddSteps('long', ['4xx']),
  },
]

/** What is no Structured Field String counts as absent. */
function odd(name: KeyForm, what: string, refusal: readonly string[]): Check {
  return {
    id: `IK-2.1-2/${name}`,
    requirement: 'IK-2.1-2',
    title: `${what} is no key: refused where one is demanded, and never two effects`,
    why: 'A value that each side reads in its own way protects nobody.',
    needs: ['quoted'],
    steps: oddSteps(name, refusal),
  }
}

function blank(name: KeyForm, what: string): Check {
  return {
    id: `IK-2.1-5/${name}`,
    requirement: 'IK-2.1-5',
    title: `${what} is no key: refused where one is demanded, and never two effects`,
    why: 'All requests with an empty key would be one.',
    ...(name === 'empty' ? { needs: ['quoted'] as const } : {}),
    steps: oddSteps(name, ['400']),
  }
}

/** Sent twice, as a client does that was not answered; a missing key shows what is demanded. */
function oddSteps(key: KeyForm, refusal: readonly string[]): readonly Step[] {
  const isDemanded = [REFUSED]
  return [
    MINT,
    { send: { to: L, key: 'none' }, as: 'missing' },
    {
      send: { to: L, key },
      times: 2,
      // A front may end a connection over which so long a field comes.
      mayBeCut: key === 'long',
      expect: [
        { status: ['!5xx'] },
        { when: isDemanded, of: 'missing', demand: [{ status: refusal }] },
      ],
    },
    { effects: { atMost: 1 }, where: { answer: 'missing', is: isDemanded } },
  ]
}
