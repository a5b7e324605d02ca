/**
 * Servers with conditional requests and one fault each, and the checks that catch it: these and no
 * others.
 */
import {
  type ConditionBehaviour,
  type Conditions,
  membersOf,
  RIGHT_CONDITIONS,
} from './condition-server.js'
import type { DoorFault } from './key-faults.js'
import { refused, type Told } from './plain.js'

type Row = readonly [
  name: string,
  says: string,
  behaviour: Partial<ConditionBehaviour>,
  caughtBy: readonly string[],
]

/** Sees conditions otherwise than they are. */
function seeing(change: (conditions: Conditions) => Partial<Conditions>) {
  return {
    holds: (conditions: Conditions) => {
      return RIGHT_CONDITIONS.holds({ ...conditions, ...change(conditions) })
    },
  }
}

function with428(change: Partial<Told>): Partial<ConditionBehaviour> {
  return { whenMissing: () => ({ ...refused(428, 'Send If-Match'), ...change }) }
}

const ROWS: readonly Row[] = [
  [
    'any-tag',
    'takes any tag for the current one',
    {
      holds: ({ match, ...rest }) => match !== null || RIGHT_CONDITIONS.holds({ match, ...rest }),
    },
    [
      'COND-01/lost-answer',
      'COND-01/other-content',
      'COND-01/other-user',
      'COND-01/stale',
      'COND-01/stale-effects',
      'COND-01/stranger',
      'COND-01/unquoted',
      'COND-01/weak',
    ],
  ],
  ['race', 'compares first and writes then', { writePauseMs: 20 }, ['COND-01/race']],
  [
    'weak',
    'compares weakly',
    seeing(({ match }) => ({
      match: match?.replaceAll('W/', '') ?? null,
    })),
    ['COND-01/weak'],
  ],
  [
    'unquoted',
    'takes tags without quotes',
    seeing(({ match }) => ({
      match: match !== null && /^\w+$/.test(match) ? `"${match}"` : match,
    })),
    ['COND-01/unquoted'],
  ],
  [
    'unquoted-none',
    'takes what it cannot read for no condition, and does it',
    {
      holds: conditions => {
        const { match } = conditions
        const isOdd = match !== null && match !== '*' && membersOf(match).length === 0
        return isOdd || RIGHT_CONDITIONS.holds(conditions)
      },
    },
    ['COND-01/unquoted'],
  ],
  [
    'no-star',
    'does not know If-Match: *',
    seeing(({ match }) => ({
      match: match === '*' ? '"*"' : match,
    })),
    ['COND-01/any'],
  ],
  [
    'no-list',
    'reads one tag only',
    seeing(({ match }) => ({
      match: match === null ? null : (membersOf(match)[0] ?? match),
    })),
    ['COND-01/listed'],
  ],
  [
    'stale-409',
    'says 409 of an old tag',
    { whenFalse: () => refused(409, 'No') },
    [
      'COND-01/other-content',
      'COND-01/other-user',
      'COND-01/stale',
      'COND-01/stranger',
      'COND-01/unquoted',
      'COND-01/weak',
      'COND-03/absent',
      'COND-03/unlike',
    ],
  ],
  [
    'replays-to-all',
    'replays the last answer to everybody',
    {
      replays: ({ text }, match, last) => match === last.match && text === last.text,
    },
    ['COND-01/other-user'],
  ],
  [
    'replays-anything',
    'replays whatever was sent',
    {
      replays: ({ user }, match, last) => match === last.match && user === last.user,
    },
    ['COND-01/other-content'],
  ],
  [
    'none-match-dropped',
    'drops If-None-Match',
    {
      holds: conditions => {
        const { match, noneMatch } = conditions
        return match === null && noneMatch !== null ? true : RIGHT_CONDITIONS.holds(conditions)
      },
    },
    ['COND-03/absent', 'COND-03/unlike'],
  ],
  [
    'none-match-star',
    'compares * as a tag',
    seeing(({ noneMatch }) => ({
      noneMatch: noneMatch === '*' ? '"*"' : noneMatch,
    })),
    ['COND-03/absent'],
  ],
  [
    'missing-runs',
    'does without a condition what it demands one for',
    {
      whenMissing: () => 'run',
    },
    ['COND-05/required'],
  ],
  [
    'missing-400',
    'says 400 of a missing condition',
    { whenMissing: () => refused(400, 'No') },
    ['warn H-428-1/told'],
  ],
  [
    'missing-adds',
    'does what it refuses for want of a condition',
    { addsMissing: true },
    ['COND-05/missing'],
  ],
  [
    '428-cacheable',
    'lets caches keep 428',
    with428({
      fields: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'max-age=60' },
    }),
    ['H-428-1/explained'],
  ],
  ['428-silent', 'says nothing with 428', with428({ fields: {}, text: '' }), ['H-428-1/explained']],
  [
    'forgets',
    'counts its versions anew after a restart',
    { remembers: false },
    ['COND-01/restart'],
  ],
  [
    'refusal-counts',
    'takes a refused content for a change',
    { counts: 'all' },
    ['COND-05/invalid'],
  ],
  ['adds-twice', 'adds twice for each request', { addsToo: 1 }, ['COND-01/current']],
  [
    'again-409',
    'says 409 of the request that was done last',
    { whenFalse: last => refused(last === null ? 412 : 409, 'No') },
    ['COND-01/stale'],
  ],
  [
    'third-adds',
    'adds at the third repeat, and says 412',
    { addsAnyway: ({ repeats }) => repeats === 3 },
    ['COND-01/stale-effects'],
  ],
  [
    'stranger',
    'takes a tag in another form than its own for the current one',
    seeing(({ match, tag }) => ({ match: /^"[^",]*-[^",]*"$/.test(match ?? '') ? tag : match })),
    ['COND-01/stranger'],
  ],
  [
    'begins',
    'takes a tag that begins as the current one does for that',
    seeing(({ match, tag }) => ({
      match: match?.startsWith(tag.slice(0, -1)) === true ? tag : match,
    })),
    ['COND-01/part'],
  ],
  [
    'gone',
    'adds for a client that left, and keeps the tag',
    { comparePauseMs: 100, changes: asked => !asked.isGone() },
    ['COND-01/lost-answer'],
  ],
  [
    'left-unlocked',
    'does it once more when the client of the first request has left',
    { whenRunning: first => (first.isGone() ? 'run' : refused(409, 'It is running')) },
    ['COND-01/given-up'],
  ],
  [
    'none-match-tags',
    'knows no If-None-Match but *',
    seeing(({ noneMatch }) => ({ noneMatch: noneMatch === '*' ? '*' : noneMatch && '"none"' })),
    ['COND-03/unlike'],
  ],
  ['anywhere', 'takes every path for the target', { isAnywhere: true }, ['COND-05/elsewhere']],
]

/** All of them. */
export const CONDITION_FAULTS: readonly DoorFault<ConditionBehaviour>[] = ROWS.map(
  ([name, says, behaviour, caughtBy]) => ({ name, says, behaviour, caughtBy }),
)
