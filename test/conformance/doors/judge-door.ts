/**
 * `poe check --door`, tested: right servers pass, and each wrong one is caught by the checks that
 * are meant for its fault, and by no others.
 */
import { expect } from 'chai'
import {
  type ConformanceReport,
  DOOR_CHECKS,
  type Door,
  runConformance,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import { sideBySide } from '../../support/side-by-side.js'
import { partOf } from '../parts.js'
import { ACTION_FAULTS } from './action-faults.js'
import { type ActionBehaviour, startActionServer } from './action-server.js'
import { ACTIONS_ADAPTER, CONDITIONS_ADAPTER, KEYS_ADAPTER } from './adapters.js'
import { CONDITION_FAULTS } from './condition-faults.js'
import { type ConditionBehaviour, startConditionServer } from './condition-server.js'
import { skippedIn, unlike } from './judged.js'
import { type DoorFault, KEY_FAULTS, WAITS } from './key-faults.js'
import { type KeyBehaviour, RIGHT_KEYS, startKeyServer } from './key-server.js'
import { type DoorServer, refused, told } from './plain.js'

/** A right server, and what does not arise with it. */
interface Right<Behaviour> {
  readonly name: string
  readonly behaviour: Partial<Behaviour>
  readonly adapter?: ServerAdapter
  readonly skipped: readonly string[]
}

interface Judged<Behaviour> {
  readonly door: Door
  readonly path: string
  readonly adapter: ServerAdapter
  readonly start: (behaviour: Partial<Behaviour>) => Promise<DoorServer>
  readonly right: readonly Right<Behaviour>[]
  readonly faults: readonly DoorFault<Behaviour>[]
}

/** A run is pauses, most of the time. */
const AT_ONCE = 16
/** What the stalls of a busy process have changed is judged again, by itself. */
const PLAYS = 3
/** So many wrong servers share the checks that are not meant for their faults. */
const SHARERS = process.env.POE_TEST_WHOLE === '1' ? 1 : 4

const KEYS: Judged<KeyBehaviour> = {
  door: 'idempotency-key',
  path: '/payments',
  adapter: KEYS_ADAPTER,
  start: startKeyServer,
  faults: KEY_FAULTS,
  right: [
    { name: 'a right server', behaviour: {}, skipped: ['IK-2.1-4/bare'] },
    {
      name: 'one that lets repeats wait, demands no key and takes bare ones',
      behaviour: {
        ...WAITS,
        required: false,
        reads: lines => {
          const bare = lines.length === 1 && /^[\w-]{8,}$/.test(lines[0] ?? '')
          return bare ? lines[0] : RIGHT_KEYS.reads(lines)
        },
      },
      adapter: { ...KEYS_ADAPTER, door: {} },
      skipped: [
        'IK-2.1-4/number',
        'IK-2.5.2-1/published',
        'IK-2.7-1/documented',
        'IK-2.7-1/missing',
        'IK-2.7-1/required',
        'IK-2.7-3/running',
      ],
    },
  ],
}

const ACTIONS: Judged<ActionBehaviour> = {
  door: 'action-id',
  path: '/actions',
  adapter: ACTIONS_ADAPTER,
  start: startActionServer,
  faults: ACTION_FAULTS,
  right: [
    { name: 'a right server', behaviour: {}, skipped: [] },
    {
      name: 'one that says the id in its content only',
      behaviour: { issued: id => told(201, { id }) },
      skipped: [],
    },
    {
      name: 'one that cannot call anything off',
      behaviour: { deletes: () => refused(405, 'Only PUT') },
      skipped: ['ACT-05/again', 'ACT-05/put-after', 'ACT-05/told', 'ACT-05/unissued'],
    },
  ],
}

const CONDITIONS: Judged<ConditionBehaviour> = {
  door: 'conditional',
  path: '/stock/tea',
  adapter: CONDITIONS_ADAPTER,
  start: startConditionServer,
  faults: CONDITION_FAULTS,
  right: [
    { name: 'a right server', behaviour: {}, skipped: [] },
    {
      name: 'one that tells the same caller the same again',
      behaviour: {
        replays: ({ user, text }, match, last) =>
          match === last.match && user === last.user && text === last.text,
      },
      skipped: [],
    },
  ],
}

/**
 * Defines the tests of each door.
 *
 * @param oneOf - of so many wrong servers one is judged
 */
export function describeDoors(oneOf: number): void {
  describeDoor(KEYS, oneOf)
  describeDoor(ACTIONS, oneOf)
  describeDoor(CONDITIONS, oneOf)
}

function describeDoor<Behaviour>(judged: Judged<Behaviour>, oneOf: number): void {
  const { door, right, faults } = judged
  const chosen = faults.filter((_, index) => index % oneOf === 0)

  describe(`poe check --door ${door}`, () => {
    const reports = new Map<string, ConformanceReport>()

    before('judges them, several at once', async function () {
      this.timeout(300_000)
      const asked = chosen.map((fault, number) => {
        const meant = fault.caughtBy.map(id => id.replace(/^warn /, ''))
        return { ...fault, only: partOf(DOOR_CHECKS[door], meant, number, SHARERS) }
      })
      await sideBySide<Server<Behaviour>>([...right, ...asked], AT_ONCE, async server => {
        reports.set(server.name, await reportOn(judged, server))
      })
      for (const server of asked) {
        for (let play = 1; play < PLAYS && !isCaught(server, reports); play += 1) {
          reports.set(server.name, await reportOn(judged, server))
        }
      }
    })

    for (const { name, skipped } of right) {
      it(`${name} passes every check`, () => {
        const report = reports.get(name)
        expect(unlike(report)).to.deep.equal([])
        expect(report).to.include({ door, verdict: 'conformant', exitCode: 0 })
        expect(skippedIn(report)).to.deep.equal(skipped)
      })
    }

    it('there are at least fifteen wrong servers, and no two with one name', () => {
      expect(faults.length).to.be.at.least(15)
      expect(new Set(faults.map(({ name }) => name)).size).to.equal(faults.length)
    })

    for (const { name, says, caughtBy } of chosen) {
      it(`${name}: ${says}`, () => {
        expect(unlike(reports.get(name))).to.deep.equal([...caughtBy].sort())
      })
    }
  })
}

function isCaught(
  { name, caughtBy }: Pick<DoorFault<unknown>, 'name' | 'caughtBy'>,
  reports: ReadonlyMap<string, ConformanceReport>,
): boolean {
  return String(unlike(reports.get(name))) === String([...caughtBy].sort())
}

type Server<Behaviour> = Pick<Right<Behaviour>, 'name' | 'behaviour' | 'adapter'> & {
  /** The checks that it is asked; absent for all of them. */
  readonly only?: readonly string[]
}

async function reportOn<Behaviour>(
  { door, path, adapter: usual, start }: Judged<Behaviour>,
  { behaviour, adapter = usual, only }: Server<Behaviour>,
): Promise<ConformanceReport> {
  const server = await start(behaviour)
  const url = `${server.origin}${path}`
  try {
    const common = { rounds: 1, timeoutMs: 5_000, ageMs: 0, restart: server.restart }
    return await runConformance({ url, door, adapter, ...common, ...(only && { only }) })
  } finally {
    await server.close()
  }
}
