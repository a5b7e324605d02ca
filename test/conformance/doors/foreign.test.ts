/**
 * A payment service that knows nothing of this project is judged by an adapter file alone; and
 * servers that say nothing, or too little, are neither right nor wrong.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { DOORS, readAdapter, runConformance } from 'post-once-exactly/conformance'
import { startSilent } from '../servers/silent.js'
import { KEYS_ADAPTER } from './adapters.js'
import { startForeignKeys } from './foreign-server.js'
import { skippedIn, unlike } from './judged.js'
import { WAITS } from './key-faults.js'
import { startKeyServer } from './key-server.js'
import { startPlain, told } from './plain.js'

const SIBLINGS = DOORS.filter(door => door !== 'poe')

describe('poe check --door of foreign servers', () => {
  it('one with keys without quotes: core passes, and its habits are told', async () => {
    const file = new URL('./foreign-adapter.json', import.meta.url)
    const server = await startForeignKeys()
    const report = await runConformance({
      url: `${server.origin}/v1/charges`,
      door: 'idempotency-key',
      adapter: readAdapter(readFileSync(file, 'utf8')),
      rounds: 3,
      ageMs: 0,
    })
    await server.close()
    expect(unlike(report)).to.deep.equal([
      'IK-2.7-2/running',
      'IK-2.7-2/status',
      'IK-2.7-3/running',
      'IK-2.7-4/other-content',
      'warn IK-x-1/failure',
    ])
    expect(report.grades.core?.verdict).to.equal('conformant')
    expect(report.verdict).to.equal('not-conformant')
    expect(skippedIn(report)).to.include.members(['IK-2.1-3/parameters', 'IK-2.1-2/number'])
  })

  it('[FALSE-3603] one that answers by 303, and lets repeats wait for it, is right', async () => {
    const paid = () => ({ status: 303, fields: {}, text: '' })
    const server = await startKeyServer({ ...WAITS, paid })
    const report = await runConformance({
      url: `${server.origin}/payments`,
      door: 'idempotency-key',
      adapter: KEYS_ADAPTER,
      rounds: 2,
      ageMs: 0,
    })
    await server.close()
    expect(unlike(report)).to.deep.equal([])
  })

  for (const door of SIBLINGS) {
    for (const name of ['silent', 'status-500', 'status-404', 'garbage'] as const) {
      it(`${door}, a server that is ${name}: exit 2, and one time-out at most`, async () => {
        const server = await startSilent(name)
        const url = `${server.origin}/actions`
        const report = await runConformance({ url, door, timeoutMs: 300 })
        await server.close()
        expect(report).to.include({ verdict: 'undetermined', exitCode: 2 })
        expect(report.results[0]?.seen).to.match(/^Rehearsal: /)
      })
    }
  }

  it('conditional: a weak ETag, or none, cannot be judged', async () => {
    for (const [fields, says] of [
      [{ ETag: 'W/"1"' }, /Only a weak ETag/],
      [{}, /No ETag in the answer/],
    ] as const) {
      const server = await startPlain({
        restarted: () => {},
        answer: async () => told(200, {}, fields),
      })
      const report = await runConformance({ url: server.origin, door: 'conditional' })
      await server.close()
      expect(report.exitCode).to.equal(2)
      expect(report.results[0]?.seen).to.match(says)
    }
  })
})
