/**
 * `poe check --door idempotency-key`, tested: right servers pass, and each wrong one is caught by
 * the checks that are meant for its fault, and by no others.
 */
import { expect } from 'chai'
import { type Adapter, type ConformanceReport, runConformance } from 'post-once-exactly/conformance'
import { sideBySide } from '../../support/side-by-side.js'
import { KEYS_ADAPTER } from './adapters.js'
import { skippedIn, unlike } from './judged.js'
import { KEY_FAULTS, WAITS } from './key-faults.js'
import { type KeyBehaviour, RIGHT_KEYS, startKeyServer } from './key-server.js'

const LENIENT: Partial<KeyBehaviour> = {
  ...WAITS,
  required: false,
  reads: lines => {
    const bare = lines.length === 1 && /^[\w-]{8,}$/.test(lines[0] ?? '')
    return bare ? lines[0] : RIGHT_KEYS.reads(lines)
  },
}
/** A run is pauses, most of the time. */
const AT_ONCE = 50

describe('poe check --door idempotency-key', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all servers, several at once', async () => {
    const right = [
      { name: 'right', behaviour: {}, adapter: KEYS_ADAPTER },
      { name: 'lenient', behaviour: LENIENT, adapter: { ...KEYS_ADAPTER, door: {} } },
    ]
    const wrong = KEY_FAULTS.map(({ name, behaviour }) => ({
      name,
      behaviour,
      adapter: KEYS_ADAPTER,
    }))
    await sideBySide([...right, ...wrong], AT_ONCE, async ({ name, behaviour, adapter }) => {
      reports.set(name, await judged(behaviour, adapter))
    })
  })

  it('a right server passes every check', () => {
    const report = reports.get('right')
    expect(unlike(report)).to.deep.equal([])
    expect(report).to.include({ door: 'idempotency-key', verdict: 'conformant', exitCode: 0 })
    expect(skippedIn(report)).to.deep.equal(['IK-2.1-4/bare'])
  })

  it('so does one that lets repeats wait, demands no key and takes bare ones', () => {
    const report = reports.get('lenient')
    expect(unlike(report)).to.deep.equal([])
    expect(skippedIn(report)).to.deep.equal([
      'IK-2.1-4/number',
      'IK-2.5.2-1/published',
      'IK-2.7-1/documented',
      'IK-2.7-1/missing',
      'IK-2.7-1/required',
      'IK-2.7-3/running',
    ])
  })

  it('there are at least twenty wrong servers, and no two with one name', () => {
    expect(KEY_FAULTS.length).to.be.at.least(20)
    expect(new Set(KEY_FAULTS.map(({ name }) => name)).size).to.equal(KEY_FAULTS.length)
  })

  for (const { name, says, caughtBy } of KEY_FAULTS) {
    it(`${name}: ${says}`, () => {
      const report = reports.get(name)
      expect(unlike(report)).to.deep.equal([...caughtBy].sort())
    })
  }
})

async function judged(
  behaviour: Partial<KeyBehaviour>,
  adapter: Adapter,
): Promise<ConformanceReport> {
  const server = await startKeyServer(behaviour)
  try {
    return await runConformance({
      url: `${server.origin}/payments`,
      door: 'idempotency-key',
      adapter,
      rounds: 1,
      timeoutMs: 5_000,
      restart: server.restart,
    })
  } finally {
    await server.close()
  }
}
