/**
 * A handler that lost its key and then reports a failure: "it did not happen" may be false by then,
 * so its client is told what the record says. Found by the model (spec-notes/model, the variant
 * `stale-failure`).
 */
import { expect } from 'chai'
import type { Report } from '../../lib/engine/operation.js'
import {
  CREATED,
  engineBench,
  gate,
  only,
  refuse,
  reportedError,
  settle,
} from '../support/engine-bench.js'

const RULES = { marks: true, waitMs: 0 }

describe('a stale owner that reports a failure', () => {
  const reports: Readonly<Record<string, () => Partial<Report>>> = {
    'by its status': () => ({ status: 422, hasLocation: false }),
    'by an error with a status': () => {
      throw reportedError(422)
    },
  }

  for (const [name, report] of Object.entries(reports)) {
    it(`${name}: its client is told of the other's success`, async () => {
      const bench = engineBench()
      const door = gate()
      const first = bench.post({
        rules: RULES,
        handler: async () => {
          await door.promise
          return report()
        },
      })
      await settle()
      bench.faulty.fault = only(['renew'], refuse)
      await bench.clock.advance(20_000)
      expect(await bench.post({ rules: RULES, handler: () => CREATED })).to.deep.equal({
        kind: 'done',
      })
      door.open()
      expect((await first).kind).to.equal('spent')
      bench.engine.close()
    })

    it(`${name}: while it is still its own, it is believed`, async () => {
      const bench = engineBench()
      const verdict = await bench.post({ rules: RULES, handler: async () => report() })
      expect(verdict.kind).to.match(/^(?:refused|threw)$/)
      expect(await bench.stateOf()).to.equal('none')
      bench.engine.close()
    })
  }
})
