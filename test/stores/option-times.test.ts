/** Times that no timer can hold: such a one rings at once, so that every call would fail. */
import { expect } from 'chai'
import pg from 'pg'
import { postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'

const TOO_LONG_MS = 2 ** 31
const pool = new pg.Pool()

const MAKERS: readonly (readonly [store: string, option: string, make: (ms: number) => unknown])[] =
  [
    ['sqlite', 'txMaxMs', txMaxMs => sqliteStore({ file: 'never-made.db', txMaxMs })],
    ['sqlite', 'lockWaitMs', lockWaitMs => sqliteStore({ file: 'never-made.db', lockWaitMs })],
    ['postgres', 'txMaxMs', txMaxMs => postgresStore({ pool, txMaxMs })],
    ['postgres', 'lockWaitMs', lockWaitMs => postgresStore({ pool, lockWaitMs })],
    ['redis', 'replicaWaitMs', replicaWaitMs => redisStore({ client: {} as never, replicaWaitMs })],
  ]

describe('times of stores', () => {
  for (const [store, option, make] of MAKERS) {
    it(`[FALSE-3507] ${store}: a ${option} that no timer holds is refused`, () => {
      expect(() => make(TOO_LONG_MS)).to.throw(RangeError, `${option} must be at most 86400000`)
    })
  }
})
