/**
 * Refusals that are an outcome, and keys that are in use for other content: what the doors ask of
 * the engine besides.
 */
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { digestParts } from '../../lib/engine/fingerprint.js'
import type { Report } from '../../lib/engine/operation.js'
import { engineBench, held, only, refuse, settle } from '../support/engine-bench.js'

const KEEPS = { keepsRefusal: (status: number) => status < 500 }
const refusal = (status: number): Partial<Report> => ({ status, fields: [], hasLocation: false })

describe('a refusal that is kept', () => {
  it('is the outcome: a repeat is told it and does not run', async () => {
    const bench = engineBench()
    const first = await bench.post({ rules: KEEPS, handler: () => refusal(422) })
    expect(first).to.deep.equal({ kind: 'refused' })
    const again = await bench.post({ rules: KEEPS })
    expect(again).to.include({ kind: 'spent' })
    expect(again).to.have.nested.property('outcome.status', 422)
    expect(bench.runs).to.equal(1)
  })

  it('of another kind frees the key', async () => {
    const bench = engineBench()
    await bench.post({ rules: KEEPS, handler: () => refusal(503) })
    expect(await bench.stateOf()).to.equal('none')
  })

  it('has its streamed body kept', async () => {
    const bench = engineBench()
    const client = new PassThrough()
    const source = Readable.from([Buffer.from('no')])
    const handler = () => ({ ...refusal(422), body: { kind: 'stream', source } as const, client })
    await bench.post({ rules: KEEPS, handler })
    expect(await text(client)).to.equal('no')
    await settle()
    const again = await bench.post({ rules: KEEPS })
    expect(again).to.have.nested.property('outcome.body.kind', 'kept')
  })

  it('while the store is down is pending, and told all the same', async () => {
    const bench = engineBench({ recordForMs: 0 })
    bench.faulty.fault = only(['complete'], refuse)
    const verdict = await bench.post({ rules: KEEPS, handler: () => refusal(422) })
    expect(verdict).to.deep.equal({ kind: 'refused' })
    expect(bench.heard()).to.include('unrecorded')
  })

  for (const body of ['none', 'stream'] as const) {
    it(`by an owner that has lost the key, body ${body}: the record tells the answer`, async () => {
      const bench = engineBench()
      const rules = { ...KEEPS, marks: true, waitMs: 0 }
      const source = Readable.from(['too late'])
      const handler = () => ({ ...refusal(422), body: { kind: body, source } })
      const { end, post } = await held(bench, { rules, handler })
      bench.faulty.fault = only(['renew'], refuse)
      await bench.clock.advance(16_000)
      expect(await bench.post({ rules })).to.deep.equal({ kind: 'done' })
      end.open()
      expect(await post).to.include({ kind: 'spent' })
      expect(source.destroyed).to.equal(body === 'stream')
    })
  }

  it('of a run without any protection is told, and nothing more', async () => {
    const bench = engineBench({ dangerouslyRunUnprotected: true })
    bench.faulty.fault = refuse
    const verdict = await bench.post({ rules: KEEPS, handler: () => refusal(422) })
    expect(verdict).to.deep.equal({ kind: 'refused' })
  })
})

describe('a key that refuses other content', () => {
  const OTHER = { fingerprint: 'other', refusesOtherContent: true }

  it('[IK-2.7-2] says so while it runs, without waiting, and afterwards', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    const running = await bench.post({ operation: OTHER })
    expect(running).to.deep.equal({ kind: 'other-content', state: 'running', recorded: 'print' })
    end.open()
    await post
    const spent = await bench.post({ operation: OTHER })
    expect(spent).to.deep.equal({ kind: 'other-content', state: 'spent', recorded: 'print' })
    expect(await bench.post({ operation: { refusesOtherContent: true } })).to.include({
      kind: 'spent',
    })
  })

  it('has nothing to compare where the first came without a fingerprint', async () => {
    const bench = engineBench()
    await bench.post({ operation: { fingerprint: null } })
    expect(await bench.post({ operation: OTHER })).to.include({ kind: 'spent' })
  })
})

describe('a spent key whose place is taken', () => {
  it('runs once more for the claim that names its mark', async () => {
    const bench = engineBench()
    await bench.post()
    const found = await bench.post()
    if (found.kind !== 'spent') throw new Error(`it is ${found.kind}`)
    const again = await bench.post({ operation: { replaces: found.mark } })
    expect([again.kind, bench.runs]).to.deep.equal(['done', 2])
    const late = await bench.post({ operation: { replaces: found.mark } })
    expect([late.kind, bench.runs]).to.deep.equal(['spent', 2])
  })
})

describe('the digest of several parts', () => {
  it('differs wherever the border lies, and takes text for its bytes', () => {
    expect(digestParts(['ab', 'c'])).to.not.equal(digestParts(['a', 'bc']))
    expect(digestParts(['ab', ''])).to.not.equal(digestParts(['ab']))
    expect(digestParts(['é'])).to.equal(digestParts([Buffer.from('é')]))
  })
})
