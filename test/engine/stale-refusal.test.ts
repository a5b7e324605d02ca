/**
 * A handler that lost its key and then reports a failure: "it did not happen" may be false by then,
 * so its client is told what the record says. Found by the model (spec-notes/model, the variant
 * `stale-failure`).
 */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { Report } from '../../lib/engine/operation.js'
import { CREATED, engineBench, held, only, refuse, reportedError } from '../support/engine-bench.js'

const RULES = { marks: true, waitMs: 0 }

describe('a stale owner that reports a failure', () => {
  const streamed = (): Partial<Report> => ({
    ...reports['by its status']?.(),
    body: { kind: 'stream', source: Readable.from(['too late']) },
  })

  const reports: Readonly<Record<string, () => Partial<Report>>> = {
    'by its status': () => ({ status: 422, hasLocation: false }),
    'by an error with a status': () => {
      throw reportedError(422)
    },
  }

  /** A loses its key to B, which succeeds; tells what A's client is told. */
  async function overtaken(report: () => Partial<Report>): Promise<string> {
    const bench = engineBench()
    const { end, post } = await held(bench, { rules: RULES, handler: report })
    bench.faulty.fault = only(['renew'], refuse)
    await bench.clock.advance(20_000)
    const second = await bench.post({ rules: RULES, handler: () => CREATED })
    expect(second).to.deep.equal({ kind: 'done' })
    end.open()
    const { kind } = await post
    return kind
  }

  it('by a stream: it is dropped, and its client is told of the other’s success', async () => {
    expect(await overtaken(streamed)).to.equal('spent')
  })

  it('an error that is no report says nothing, and is passed on', async () => {
    const broken = () => {
      throw new Error('broken')
    }
    expect(await overtaken(broken)).to.equal('threw')
  })

  for (const [name, report] of Object.entries(reports)) {
    it(`${name}: its client is told of the other's success`, async () => {
      expect(await overtaken(report)).to.equal('spent')
    })

    it(`${name}: while it is still its own, it is believed`, async () => {
      const bench = engineBench()
      const verdict = await bench.post({ rules: RULES, handler: async () => report() })
      expect(verdict.kind).to.match(/^(?:refused|threw)$/)
      expect(await bench.stateOf()).to.equal('none')
    })
  }
})
