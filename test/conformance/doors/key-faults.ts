/**
 * Servers with Idempotency-Key and one fault each, and the checks that catch it: these and no
 * others.
 */
import { type KeyBehaviour, RIGHT_KEYS } from './key-server.js'
import { type KeyRow, NARROW_KEY_ROWS } from './narrow-key-faults.js'
import { refused, type Told, told } from './plain.js'

/** A fault. */
export interface DoorFault<Behaviour> {
  readonly name: string
  readonly says: string
  readonly behaviour: Partial<Behaviour>
  /** The checks that fail, or warn. */
  readonly caughtBy: readonly string[]
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Those who come meanwhile wait. */
export const WAITS: Partial<KeyBehaviour> = { whenRunning: () => null }

/** The key with which a content came first. */
function firstKeys(): Pick<KeyBehaviour, 'scope'> {
  const keys = new Map<string, string>()
  return {
    scope: (asked, key) => {
      const first = keys.get(asked.text) ?? key
      keys.set(asked.text, first)
      return RIGHT_KEYS.scope(asked, first)
    },
  }
}

function plainText(status: number, fields: Readonly<Record<string, string>> = {}): Told {
  return { status, fields: { 'Content-Type': 'text/plain', ...fields }, text: 'No.' }
}

/** Reads what the right server refuses to read; the line without its quotes. */
function also(accepts: RegExp): Pick<KeyBehaviour, 'reads'> {
  return {
    reads: lines => {
      const [line = ''] = lines
      const isOdd = lines.length === 1 && accepts.test(line)
      return isOdd ? `odd ${line}` : RIGHT_KEYS.reads(lines)
    },
  }
}

/** Repeats wait, so that they are repeats in a race, too. */
function replay(change: (answer: Told) => Partial<Told>): Partial<KeyBehaviour> {
  return {
    ...WAITS,
    replays: answer => {
      const right = RIGHT_KEYS.replays(answer)
      return { ...right, ...change(right) }
    },
  }
}

const ROWS: readonly KeyRow[] = [
  [
    'runs-always',
    'does every request, whatever its key',
    { runsAgain: () => true },
    [
      'IK-1-1/corrected',
      'IK-1-1/lost-answer',
      'IK-1-1/repeat',
      'IK-1-1/restart',
      'IK-1-1/slow-upload',
      'IK-2.6-2/content',
      'IK-2.6-2/location',
      'IK-2.6-3/running',
      'IK-2.7-2/accepted',
      'IK-2.7-2/effects',
      'IK-2.7-2/running',
      'warn IK-x-1/marked',
    ],
  ],
  ['race', 'looks first and keeps then', { claimPauseMs: 20 }, ['IK-1-1/race']],
  [
    'claims-late',
    'keeps a key when all is done',
    { claimsLate: true },
    ['IK-1-1/race', 'IK-2.6-3/running', 'IK-2.7-2/running'],
  ],
  ['claims-early', 'keeps a key when the head has come', { claimsEarly: true }, ['IK-1-1/cut-off']],
  ['by-content', 'takes what is alike for a repeat', firstKeys(), ['IK-2.6-1/two-keys']],
  [
    'forgets',
    'loses its keys in a restart',
    { remembers: false },
    ['IK-1-1/restart', 'IK-2.6-2/restart'],
  ],
  [
    'gone',
    'forgets the key of a client that left, and keeps the payment',
    { runPauseMs: 100, keeps: (answer, asked) => answer.status < 400 && !asked.isGone() },
    ['IK-1-1/lost-answer'],
  ],
  [
    'twenty-repeats',
    'remembers twenty repeats',
    { runsAgain: ({ repeats }) => repeats > 20 },
    ['IK-2.6-2/many'],
  ],
  [
    'other-replayed',
    'replays also for other content',
    {
      whenOther: async ({ outcome }) => RIGHT_KEYS.replays((await outcome) as Told),
    },
    ['IK-2.7-2/accepted', 'IK-2.7-2/running'],
  ],
  [
    'other-runs',
    'does other content under the same key',
    {
      scope: (asked, key) => {
        return RIGHT_KEYS.scope(asked, key) + asked.text
      },
    },
    ['IK-2.7-2/accepted', 'IK-2.7-2/effects', 'IK-2.7-2/running'],
  ],
  [
    'other-400',
    'says 400 of other content',
    { whenOther: () => refused(400, 'No') },
    ['IK-2.7-2/running', 'IK-2.7-2/status'],
  ],
  [
    'other-forgets',
    'forgets the first answer when other content comes',
    {
      whenOther: (record, forget) => {
        if (record.isDone) forget()
        return refused(422, 'No')
      },
    },
    ['IK-2.7-2/kept'],
  ],
  [
    'other-as-text',
    'says of other content only "No."',
    { whenOther: () => plainText(422) },
    ['IK-2.7-4/other-content'],
  ],
  [
    'other-cacheable',
    'lets caches keep the refusal',
    {
      whenOther: () => {
        const right = refused(422, 'No')
        return { ...right, fields: { ...right.fields, 'Cache-Control': 'max-age=60' } }
      },
    },
    ['warn IK-x-1/not-stored'],
  ],
  [
    'any-user',
    'has the keys of all users in one',
    { scope: (asked, key) => RIGHT_KEYS.scope({ ...asked, user: '' }, key) },
    ['IK-5-4/other-answer', 'IK-5-4/other-user'],
  ],
  [
    'any-target',
    'has the keys of all targets in one',
    { scope: (asked, key) => RIGHT_KEYS.scope({ ...asked, target: '' }, key) },
    ['warn IK-5-3/query', 'warn IK-5-3/query-answer'],
  ],
  [
    'missing-runs',
    'does without a key, and says that it demands one',
    { required: false },
    ['IK-2.7-1/required'],
  ],
  [
    'missing-422',
    'says 422 of a missing key',
    { whenMissing: () => refused(422, 'No') },
    ['IK-2.7-1/missing'],
  ],
  [
    'missing-as-text',
    'says "No." of a missing key',
    { whenMissing: () => plainText(400) },
    ['IK-2.7-1/documented'],
  ],
  [
    'no-policy',
    'links to rules that are not there',
    { policy: plainText(404) },
    ['IK-2.5.2-1/published'],
  ],
  [
    'raw',
    'takes the whole line for the key',
    {
      reads: lines => (lines.length === 0 ? null : lines.join()),
    },
    [
      'IK-2.1-2/bytes',
      'IK-2.1-2/list',

      'IK-2.1-2/trailing',
      'IK-2.1-2/two-lines',
      'IK-2.1-2/unbalanced',
      'IK-2.1-3/parameters',
      'IK-5-2/long',
      'warn IK-2.1-4/bare',
      'warn IK-2.1-5/blank',
      'warn IK-2.1-5/empty',
    ],
  ],
  ['unbalanced', 'closes quotes by itself', also(/^"[^"]+$/), ['IK-2.1-2/unbalanced']],
  ['number', 'takes numbers for keys', also(/^\d+$/), ['warn IK-2.1-4/number']],
  [
    'number-anew',
    'does a request with a number each time',
    {
      reads: lines => (/^\d+$/.test(lines[0] ?? '') ? `${Math.random()}` : RIGHT_KEYS.reads(lines)),
    },
    ['IK-2.1-2/number', 'warn IK-2.1-4/number'],
  ],
  ['bytes', 'takes byte sequences for keys', also(/^:/), ['IK-2.1-2/bytes']],
  ['list', 'takes lists for keys', also(/^\(/), ['IK-2.1-2/list']],
  ['trailing', 'does not look at what follows', also(/" x$/), ['IK-2.1-2/trailing']],
  ['empty', 'takes an empty text for a key', also(/^""$/), ['warn IK-2.1-5/empty']],
  ['blank', 'takes an empty field for a key', also(/^$/), ['warn IK-2.1-5/blank']],
  [
    'long',
    'takes keys of any length, and fails',
    {
      reads: lines => {
        if ((lines[0]?.length ?? 0) > 5_000) throw new Error('value too long for type')
        return RIGHT_KEYS.reads(lines)
      },
    },
    ['IK-5-2/long'],
  ],
  [
    'long-runs',
    'does a request with a long key as if it had none',
    {
      reads: lines => {
        const isLong = (lines[0]?.length ?? 0) > 5_000
        return isLong ? `${Math.random()}` : RIGHT_KEYS.reads(lines)
      },
    },
    ['IK-5-2/long'],
  ],
  [
    'first-line',
    'takes the first of two lines',
    {
      reads: lines => RIGHT_KEYS.reads(lines.slice(0, 1)),
    },
    ['IK-2.1-2/two-lines'],
  ],
  [
    'odd-500',
    'fails at keys that it cannot read',
    {
      whenUnreadable: () => {
        throw new Error('Unexpected end of input')
      },
    },
    [
      'IK-2.1-2/bytes',
      'IK-2.1-2/list',
      'IK-2.1-2/number',
      'IK-2.1-2/trailing',
      'IK-2.1-2/two-lines',
      'IK-2.1-2/unbalanced',
      'IK-5-2/long',
      'warn IK-2.1-5/blank',
      'warn IK-2.1-5/empty',
    ],
  ],
  [
    'parameters',
    'has the parameters in the key',
    {
      reads: lines => {
        const key = RIGHT_KEYS.reads(lines)
        return typeof key === 'string' && lines[0]?.includes(';') ? lines[0] : key
      },
    },
    ['IK-2.1-3/parameters'],
  ],
  ['bare', 'takes a bare key for another one', also(UUID), ['warn IK-2.1-4/bare']],
  [
    'replay-200',
    'says 200 of a repeat',
    replay(() => ({ status: 200 })),
    ['IK-2.6-2/status', 'IK-2.6-3/running'],
  ],
  [
    'replay-bytes',
    'makes the content of a repeat anew',
    replay(({ text }) => ({ text: `${text} ` })),
    ['IK-2.6-2/content', 'IK-2.6-3/running'],
  ],
  [
    'replay-nowhere',
    'leaves Location out of a repeat',
    replay(({ fields }) => {
      const { Location: _, ...rest } = fields
      return { fields: rest }
    }),
    ['IK-2.6-2/location', 'IK-2.6-3/running'],
  ],
  [
    'replay-cookie',
    'repeats Set-Cookie',
    {
      ...WAITS,
      replays: answer => {
        const right = RIGHT_KEYS.replays(answer)
        const { 'Set-Cookie': cookie = '' } = answer.fields
        return { ...right, fields: { ...right.fields, 'Set-Cookie': cookie } }
      },
    },
    ['IK-5-5/cookie'],
  ],
  [
    'unmarked',
    'does not say that it repeats',
    replay(({ fields }) => {
      const { 'Idempotent-Replayed': _, ...rest } = fields
      return { fields: rest }
    }),
    ['warn IK-x-1/marked'],
  ],
  [
    'marked',
    'always says that it repeats',
    { first: { 'Idempotent-Replayed': 'true' } },
    ['warn IK-x-1/unmarked'],
  ],
  [
    'repeat-409',
    'says 409 of every repeat',
    { replays: () => refused(409, 'No') },
    ['IK-2.6-2/content', 'IK-2.6-2/location', 'IK-2.6-2/status'],
  ],
  [
    'running-202',
    'says 202 while it runs',
    { whenRunning: () => told(202, {}) },
    ['IK-1-1/race', 'IK-2.6-3/running'],
  ],
  [
    'running-text',
    'says "No." while it runs',
    { whenRunning: () => plainText(409) },
    ['IK-2.7-3/running'],
  ],
  [
    'running-other',
    'waits with other content, and replays',
    {
      ...WAITS,
      whenOther: async ({ outcome, isDone }) => {
        const answer = (await outcome) as Told
        return isDone ? refused(422, 'No') : RIGHT_KEYS.replays(answer)
      },
    },
    ['IK-2.7-2/running'],
  ],
  [
    'refusal-burns',
    'keeps the key of a refused request as in use',
    {
      keeps: () => true,
      replays: answer => {
        return answer.status === 422 ? refused(409, 'In use') : RIGHT_KEYS.replays(answer)
      },
    },
    ['IK-2.7-6/invalid', 'warn IK-x-1/failure'],
  ],
  ['pays-twice', 'pays twice for each request', { pays: 2 }, ['IK-2.6-1/first']],
  [
    'failure-kept',
    'replays failures',
    {
      keeps: ({ status }) => status < 400 || status === 500,
    },
    ['warn IK-x-1/failure'],
  ],
]

/** All of them. */
export const KEY_FAULTS: readonly DoorFault<KeyBehaviour>[] = [...ROWS, ...NARROW_KEY_ROWS].map(
  ([name, says, behaviour, caughtBy]) => ({ name, says, behaviour, caughtBy }),
)
