import { expect } from 'chai'
import type { Reconciled } from '../../lib/engine/operation.js'
import { decodeOutcome } from '../../lib/engine/outcome.js'
import { outcomeOf } from '../../lib/engine/reconciled.js'
import {
  engineBench,
  gate,
  loseReply,
  only,
  PLAIN_RULES,
  type Posting,
  refuse,
  times,
} from '../support/engine-bench.js'

/** A key whose handler threw something unexpected. */
async function undecided(options: Parameters<typeof engineBench>[0] = {}) {
  const bench = engineBench(options)
  await bench.post({
    handler: () => {
      throw new Error('boom')
    },
  })
  expect(await bench.stateOf()).to.equal('undecided')
  bench.events.length = 0
  const asked: string[] = []
  const ask = (answer: () => Reconciled | Promise<Reconciled>): Posting => ({
    rules: {
      reconcile: key => {
        asked.push(key)
        return answer()
      },
    },
  })
  return { bench, asked, ask }
}

describe('a POST to an undecided key', () => {
  it('[POE-2-20] is told so, and runs nothing', async () => {
    const { bench } = await undecided()
    const sinceMs = bench.clock.now()
    await bench.clock.advance(60_000)
    expect(await bench.post()).to.deep.equal({ kind: 'undecided', sinceMs })
    expect(bench.runs).to.equal(1)
  })

  it('that happened is spent with what the application knows', async () => {
    const { bench, asked, ask } = await undecided()
    const outcome = { location: '/orders/9' }
    const verdict = await bench.post(ask(() => ({ verdict: 'happened', outcome })))
    expect(verdict).to.deep.equal({
      kind: 'spent',
      outcome: { status: 201, fields: [['location', '/orders/9']], body: { kind: 'none' } },
      payloadMatches: true,
      mark: 'decided for owner-1',
    })
    expect([asked, bench.runs]).to.deep.equal([['order:1'], 1])
    const event = { type: 'reconciled', key: 'order:1', verdict: 'happened' }
    expect(bench.events).to.deep.equal([event])
  })

  it('that did not happen runs again, once', async () => {
    const { bench, ask } = await undecided()
    const posting = ask(async () => ({ verdict: 'did-not-happen' }))
    const verdicts = await Promise.all([bench.post(posting), bench.post(posting)])
    expect(verdicts.map(verdict => verdict.kind).sort()).to.deep.equal(['done', 'spent'])
    expect(bench.runs).to.equal(2)
  })

  it('is looked at by a door: the application is asked, and the claim is given back', async () => {
    const answers: readonly (readonly [Reconciled, string])[] = [
      [{ verdict: 'did-not-happen' }, 'unspent'],
      [{ verdict: 'happened', outcome: {} }, 'spent'],
      [{ verdict: 'unknown' }, 'undecided'],
    ]
    for (const [answer, found] of answers) {
      const { bench, asked, ask } = await undecided()
      const { rules } = ask(() => answer)
      const complete = { ...PLAIN_RULES, ...rules }
      const finding = await bench.engine.lookAndAsk(bench.operation(), complete)
      expect([finding.kind, asked.length, bench.runs]).to.deep.equal([found, 1, 1])
    }
    const { bench } = await undecided()
    const finding = await bench.engine.lookAndAsk(bench.operation(), PLAIN_RULES)
    expect(finding.kind, 'nobody to be asked').to.equal('undecided')
  })

  it('that is unknown stays undecided', async () => {
    const { bench, asked, ask } = await undecided()
    const posting = ask(() => ({ verdict: 'unknown' }))
    expect((await bench.post(posting)).kind).to.equal('undecided')
    expect((await bench.post(posting)).kind).to.equal('undecided')
    expect(asked).to.have.lengthOf(2)
  })

  it('asks one question at a time, for all who wait', async () => {
    const { bench, asked, ask } = await undecided()
    const answer = gate<Reconciled>()
    const posting = ask(() => answer.promise)
    const all = Promise.all([bench.post(posting), bench.post(posting), bench.post(posting)])
    await bench.clock.advance(1_000)
    answer.open({ verdict: 'happened', outcome: { status: 202 } })
    expect((await all).map(verdict => verdict.kind)).to.deep.equal(['spent', 'spent', 'spent'])
    expect(asked).to.have.lengthOf(1)
  })

  it('waits for the answer at most 5 s, and a late one decides nothing', async () => {
    const { bench, ask } = await undecided()
    const answer = gate<Reconciled>()
    const post = bench.post(ask(() => answer.promise))
    await bench.clock.advance(5_000)
    expect((await post).kind).to.equal('undecided')
    const [event] = bench.events
    expect(event).to.include({ type: 'reconciled', verdict: 'unknown' })
    expect(event).to.have.nested.property('cause.code', 'ERR_POE_RUN_TOO_LONG')
    answer.open({ verdict: 'did-not-happen' })
    await bench.clock.advance(1_000)
    expect(await bench.stateOf()).to.equal('undecided')
    expect(bench.clock.sleeping).to.equal(0)
  })

  it('an application that throws or answers nonsense has said nothing', async () => {
    const { bench, ask } = await undecided()
    const answers: (() => Promise<unknown>)[] = [
      () => {
        throw new Error('at once')
      },
      () => Promise.reject(new Error('later')),
      async () => undefined,
      async () => ({ verdict: 'happened' }),
    ]
    for (const answer of answers) {
      const posting = ask(answer as () => Promise<Reconciled>)
      expect((await bench.post(posting)).kind).to.equal('undecided')
    }
    expect(await bench.stateOf()).to.equal('undecided')
    for (const event of bench.events) {
      expect(event)
        .to.include({ type: 'reconciled', verdict: 'unknown' })
        .and.have.property('cause')
    }
  })

  it("[LOCK-05] the answer counts only while the record is still that owner's", async () => {
    const { bench, ask } = await undecided()
    const answer = gate<Reconciled>()
    const post = bench.post(ask(() => answer.promise))
    await bench.clock.advance(10)
    const late = { head: '[201,[["location","/by-the-owner"]],"n"]', body: null }
    await bench.real.complete('order:1', 'owner-1', late)
    answer.open({ verdict: 'did-not-happen' })
    const verdict = await post
    if (verdict.kind !== 'spent') throw new Error(verdict.kind)
    expect(verdict.outcome.fields).to.deep.equal([['location', '/by-the-owner']])
    expect(bench.runs).to.equal(1)
  })

  it('a verdict that cannot be written, or whose reply is lost, is asked for again', async () => {
    const { bench, ask } = await undecided()
    bench.faulty.fault = only(['settle'], refuse)
    const posting = ask(() => ({ verdict: 'did-not-happen' }))
    expect((await bench.post(posting)).kind).to.equal('undecided')
    expect(bench.runs).to.equal(1)
    bench.faulty.fault = only(['settle'], loseReply)
    expect((await bench.post(posting)).kind).to.equal('undecided')
    expect(await bench.stateOf()).to.equal('none')
    expect((await bench.post(posting)).kind).to.equal('done')
    expect(bench.runs).to.equal(2)
  })

  it('a settlement that never takes effect is tried once a POST', async () => {
    const { bench, asked, ask } = await undecided()
    const stale = async () => ({ nowMs: bench.clock.now(), state: 'stale' })
    bench.faulty.fault = only(['settle'], times(3, stale))
    const verdict = await bench.post(ask(() => ({ verdict: 'did-not-happen' })))
    expect([verdict.kind, asked.length]).to.deep.equal(['undecided', 1])
  })

  it('[BIND-01] somebody else is not told, and makes nobody be asked', async () => {
    const { bench, asked, ask } = await undecided()
    const verdict = await bench.post({
      ...ask(() => ({ verdict: 'did-not-happen' })),
      operation: { comparePrincipal: true, principals: ['mallory'] },
    })
    expect([verdict.kind, asked]).to.deep.equal(['foreign', []])
  })

  it('a GET asks nobody', async () => {
    const { bench, asked } = await undecided()
    expect((await bench.engine.look(bench.operation())).kind).to.equal('undecided')
    expect(asked).to.deep.equal([])
  })

  it('dangerouslyRetryUndecided runs it again, and says so', async () => {
    const { bench, ask } = await undecided({ dangerouslyRetryUndecided: true })
    expect((await bench.post(ask(() => ({ verdict: 'unknown' })))).kind).to.equal('done')
    expect(bench.runs).to.equal(2)
    expect(bench.heard()).to.include('undecided-retried')
  })

  it('dangerouslyRetryUndecided does nothing where the store does not answer', async () => {
    const { bench } = await undecided({ dangerouslyRetryUndecided: true })
    bench.faulty.fault = only(['settle'], refuse)
    expect((await bench.post()).kind).to.equal('undecided')
    expect(bench.runs).to.equal(1)
  })
})

describe('an outcome that an application knows', () => {
  it('a location alone makes it 201, nothing at all 200', () => {
    expect(outcomeOf({ location: '/o/1' }).status).to.equal(201)
    expect(outcomeOf({}).status).to.equal(200)
    expect(outcomeOf({ body: 'four' }, 3).body).to.deep.equal({ kind: 'not-kept' })
    expect(outcomeOf({ status: 303, location: '/o/1' }).status).to.equal(303)
  })

  it('keeps its body, as text or bytes, with its type', () => {
    const text = outcomeOf({ contentType: 'text/plain', body: 'h\u00e9' })
    expect(text.fields).to.deep.equal([['content-type', 'text/plain']])
    expect(text.body).to.deep.equal({ kind: 'kept', bytes: Buffer.from('h\u00e9') })
    const bytes = outcomeOf({ body: Uint8Array.of(255, 0) })
    expect(bytes.body).to.deep.equal({ kind: 'kept', bytes: Buffer.from([255, 0]) })
    const stored = { head: '[200,[],"n"]', body: null }
    expect(decodeOutcome(stored, 0)).to.deep.equal(outcomeOf({}))
  })
})
