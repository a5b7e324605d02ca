/**
 * Servers with Idempotency-Key that are wrong in one situation only, so that one check alone
 * convicts each of them.
 */
import { type KeyBehaviour, type KeyRecord, RIGHT_KEYS } from './key-server.js'
import { type Asked, faultIn, refused, type Told, told } from './plain.js'

/** A fault, as a row of a table. */
export type KeyRow = readonly [
  name: string,
  says: string,
  behaviour: Partial<KeyBehaviour>,
  caughtBy: readonly string[],
]

type Narrow = Pick<KeyBehaviour, 'scope' | 'retells' | 'paysAnyway'>

const isElsewhere = ({ by }: KeyRecord, asked: Asked) => by.target !== asked.target
const isOther = ({ by }: KeyRecord, asked: Asked) => by.user !== asked.user

/** Has the keys of all targets, or users, in one. */
function shared(part: 'target' | 'user'): Pick<Narrow, 'scope'> {
  return { scope: (asked, key) => RIGHT_KEYS.scope({ ...asked, [part]: '' }, key) }
}

/** Makes an answer up, in a situation. */
function madeUp(isSo: KeyBehaviour['paysAnyway']): Pick<Narrow, 'retells'> {
  return {
    retells: (answer, record, asked) =>
      isSo(record, asked) ? { ...answer, text: `${answer.text} ` } : answer,
  }
}

/** A key whose first request was refused is never kept. */
function forgetsCorrected(): Pick<KeyBehaviour, 'keeps'> {
  const refusedOnce = new Set<string>()
  return {
    keeps: ({ status }, asked) => {
      const line = asked.lines(RIGHT_KEYS.field).join()
      if (status >= 400) refusedOnce.add(line)
      return !refusedOnce.has(line)
    },
  }
}

/** A key whose first request has failed is not kept while the next ones run. */
function unlockedByFailure(): Pick<KeyBehaviour, 'keeps' | 'runsAgain'> {
  const failed = new Set<string>()
  const line = (asked: Asked) => asked.lines(RIGHT_KEYS.field).join()
  return {
    keeps: (answer, asked) => {
      if (answer.status >= 500) failed.add(line(asked))
      return RIGHT_KEYS.keeps(answer, asked)
    },
    runsAgain: ({ isDone }, asked) => !isDone && failed.has(line(asked)),
  }
}

/** Changes what is told when all is done; meanwhile a repeat is told 409. */
function later(change: (answer: Told) => Partial<Told>): Pick<KeyBehaviour, 'retells'> {
  return { retells: answer => ({ ...answer, ...change(answer) }) }
}

/** Keys of which all is seen that they are made into. */
function keysAs(made: (key: string) => string): Pick<Narrow, 'scope'> {
  return { scope: (asked, key) => RIGHT_KEYS.scope(asked, made(key)) }
}

/** Tells whether ten other keys have come since a key did. */
function longAgo(make: (isOld: KeyBehaviour['runsAgain']) => Partial<KeyBehaviour>) {
  const keys = new Set<string>()
  const places = new WeakMap<Asked, number>()
  const placeOf = (asked: Asked) => places.get(asked) ?? 0
  return {
    ...make(({ by }) => placeOf(by) + 10 < keys.size),
    scope: (asked: Asked, key: string) => {
      keys.add(key)
      places.set(asked, [...keys].indexOf(key))
      return RIGHT_KEYS.scope(asked, key)
    },
  }
}

/** Each is caught by one check. */
export const NARROW_KEY_ROWS: readonly KeyRow[] = [
  [
    'third-pays',
    'pays once more at the third repeat, and replays',
    { paysAnyway: ({ repeats }) => repeats === 2 },
    ['IK-1-1/repeat'],
  ],
  [
    'corrected-forgotten',
    'never keeps a key whose first request was refused',
    forgetsCorrected(),
    ['IK-1-1/corrected'],
  ],
  [
    'slow-runs',
    'does what had begun before the key was kept',
    {
      runPauseMs: 80,
      runsAgain: ({ isDone, sinceMs }, { atMs }) => isDone && atMs < sinceMs - 50,
    },
    ['IK-1-1/slow-upload'],
  ],
  [
    'failed-unlocked',
    'does all that comes at once with a key whose first request has failed',
    unlockedByFailure(),
    ['IK-1-1/race-after-failure'],
  ],
  [
    'later-200',
    'says 200 of a repeat when all is done',
    later(() => ({ status: 200 })),
    ['IK-2.6-2/status'],
  ],
  [
    'later-bytes',
    'makes the content of a repeat anew when all is done',
    later(({ text }) => ({ text: `${text} ` })),
    ['IK-2.6-2/content'],
  ],
  [
    'later-nowhere',
    'leaves Location out of a repeat when all is done',
    later(({ fields: { Location: _, ...fields } }) => ({ fields })),
    ['IK-2.6-2/location'],
  ],
  [
    'other-later-replayed',
    'replays also for other content when all is done',
    {
      whenOther: async ({ isDone, outcome }) =>
        isDone ? RIGHT_KEYS.replays((await outcome) as Told) : refused(409, 'It is running'),
    },
    ['IK-2.7-2/accepted'],
  ],
  [
    'other-later-400',
    'says 400 of other content when all is done',
    { whenOther: ({ isDone }) => refused(isDone ? 400 : 422, 'No') },
    ['IK-2.7-2/status'],
  ],
  [
    'other-pays',
    'pays for other content that it refuses',
    { paysAnyway: ({ isDone, by }, { text }) => isDone && by.text !== text },
    ['IK-2.7-2/effects'],
  ],
  [
    'query-made-up',
    'makes an answer up for another target, and does nothing',
    { ...shared('target'), ...madeUp(isElsewhere) },
    ['warn IK-5-3/query'],
  ],
  [
    'query-replayed',
    'does it at another target, and replays',
    { ...shared('target'), paysAnyway: isElsewhere },
    ['warn IK-5-3/query-answer'],
  ],
  [
    'user-made-up',
    'makes an answer up for another user, and does nothing',
    { ...shared('user'), ...madeUp(isOther) },
    ['IK-5-4/other-user'],
  ],
  [
    'user-replayed',
    'does it for another user, and replays',
    { ...shared('user'), paysAnyway: isOther },
    ['IK-5-4/other-answer'],
  ],
  [
    'other-unlocked',
    'forgets a key while its request runs when other content comes with it',
    {
      whenOther: ({ isDone }, forget) => {
        if (!isDone) forget()
        return refused(422, 'No')
      },
    },
    ['IK-2.7-2/unlocked'],
  ],
  [
    'left-unlocked',
    'does it once more when the client of the first request has left',
    { runsAgain: ({ by, isDone }) => !isDone && by.isGone() },
    ['IK-1-1/given-up'],
  ],
  [
    'slow-202',
    'says 202 while a long one runs',
    {
      whenRunning: ({ by }) =>
        faultIn(by, 'slow') > 0 ? told(202, {}) : refused(409, 'It is running'),
    },
    ['IK-2.6-3/running'],
  ],
  [
    'case-blind',
    'takes keys for one that differ in the case of their letters',
    keysAs(key => key.toLowerCase()),
    ['IK-2.6-1/case'],
  ],
  [
    'cut-short',
    'keeps the first hundred letters of a key',
    keysAs(key => key.slice(0, 100)),
    ['IK-2.6-1/end'],
  ],
  [
    'last-keys-pay',
    'pays once more for a key after which ten others have come, and replays',
    longAgo(isOld => ({ paysAnyway: isOld })),
    ['IK-1-1/later'],
  ],
  [
    'last-keys-200',
    'says 200 of a repeat after ten other keys',
    longAgo(isOld => ({
      retells: (answer, record, asked) =>
        isOld(record, asked) ? { ...answer, status: 200 } : answer,
    })),
    ['IK-2.6-2/later'],
  ],
  [
    'last-keys',
    'forgets a key after which ten others have come',
    longAgo(isOld => ({ runsAgain: isOld })),
    ['IK-1-1/later', 'IK-2.6-2/later'],
  ],
  [
    'restart-pays',
    'pays once more after a restart, and replays',
    { paysAnyway: ({ isOld }) => isOld },
    ['IK-1-1/restart'],
  ],
  [
    'restart-200',
    'says 200 of a repeat after a restart',
    { retells: (answer, { isOld }) => (isOld ? { ...answer, status: 200 } : answer) },
    ['IK-2.6-2/restart'],
  ],
]
