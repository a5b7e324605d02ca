/**
 * Each check of the doors is needed: without what it demands, a wrong server that it alone convicts
 * would pass.
 */
import { expect } from 'chai'
import {
  type Check,
  DOOR_CHECKS,
  type Door,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import { runCheck } from '../../../lib/conformance/run-check.js'
import { Subject } from '../../../lib/conformance/subject.js'
import { Http1Wire } from '../../../lib/conformance/wire.js'
import { sideBySide } from '../../support/side-by-side.js'
import { withoutDemands } from '../without-demands.js'
import { ACTION_FAULTS } from './action-faults.js'
import { startActionServer } from './action-server.js'
import { ACTIONS_ADAPTER, CONDITIONS_ADAPTER, KEYS_ADAPTER } from './adapters.js'
import { aloneFor } from './alone.js'
import { CONDITION_FAULTS } from './condition-faults.js'
import { startConditionServer } from './condition-server.js'
import { type DoorFault, KEY_FAULTS } from './key-faults.js'
import { startKeyServer } from './key-server.js'
import type { DoorServer } from './plain.js'

interface Proof {
  readonly door: Door
  readonly path: string
  readonly adapter: ServerAdapter
  /** By each check: how the servers that it alone convicts are started. */
  readonly startsFor: (id: string) => readonly (() => Promise<DoorServer>)[]
}

const AT_ONCE = 16
const TRIES = 3

function startsOf<B>(
  faults: readonly DoorFault<B>[],
  start: (behaviour: Partial<B>) => Promise<DoorServer>,
): Proof['startsFor'] {
  return id =>
    aloneFor(faults, id).map(
      ({ behaviour }) =>
        async () =>
          await start(behaviour),
    )
}

const PROOFS: readonly Proof[] = [
  {
    door: 'idempotency-key',
    path: '/payments',
    adapter: KEYS_ADAPTER,
    startsFor: startsOf(KEY_FAULTS, startKeyServer),
  },
  {
    door: 'action-id',
    path: '/actions',
    adapter: ACTIONS_ADAPTER,
    startsFor: startsOf(ACTION_FAULTS, startActionServer),
  },
  {
    door: 'conditional',
    path: '/stock/tea',
    adapter: CONDITIONS_ADAPTER,
    startsFor: startsOf(CONDITION_FAULTS, startConditionServer),
  },
]

describe('the checks of the doors, without what they demand', function () {
  this.timeout(120_000)

  for (const proof of PROOFS) {
    it(`${proof.door}: for each, a server passes that it alone convicts`, async () => {
      const idle: string[] = []
      // What looks at what others have used sees nothing where it is alone.
      const alone = DOOR_CHECKS[proof.door].filter(({ steps }) => !steps.some(one => 'used' in one))
      await sideBySide(alone, AT_ONCE, async check => {
        const starts = proof.startsFor(check.id).slice(0, TRIES)
        // Each once more: a busy machine may have hidden what is wrong.
        for (const start of [...starts, ...starts]) {
          const whole = await resultOf(check, await start(), proof, true)
          const bare = await resultOf(withoutDemands(check), await start(), proof, false)
          if (whole === 'fail' && bare !== 'fail') return
        }
        idle.push(check.id)
      })
      expect(idle).to.deep.equal([])
    })
  }
})

/** How one check ends, by itself; a race counts effects besides what it demands. */
async function resultOf(
  check: Check,
  server: DoorServer,
  proof: Proof,
  counts: boolean,
): Promise<string> {
  const { door, path } = proof
  const { effects, ...uncounted } = proof.adapter
  const adapter = counts && effects !== undefined ? { ...uncounted, effects } : uncounted
  const wire = new Http1Wire({ timeoutMs: 5_000, tls: {} })
  const { restart } = server
  const subject = new Subject(new URL(path, server.origin), adapter, wire, { restart, door })
  try {
    return (await runCheck(check, subject, { rounds: 1, unmetIs: 'fail' })).result
  } finally {
    await server.close()
  }
}
