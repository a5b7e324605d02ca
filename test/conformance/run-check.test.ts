/**
 * How one check ends: what is judged, what says nothing, and what is a fault of our own. Checks are
 * made up here, and the server does what its path says.
 */
import { once as emitted } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { Check, ServerAdapter, Step } from 'post-once-exactly/conformance'
import type { CheckEnding } from '../../lib/conformance/ending.js'
import { runCheck } from '../../lib/conformance/run-check.js'
import { Subject } from '../../lib/conformance/subject.js'
import { Http1Wire } from '../../lib/conformance/wire.js'

const L = { link: 'L' }
const MINT: Step = { mint: 'L' }

describe('one check', () => {
  let server: Server
  let origin: string
  let count = 0
  /** How many effects a POST has. */
  let effects = 1
  let statuses: number[] = []
  let shown: string[] = []

  beforeEach(async () => {
    count = 0
    effects = 1
    statuses = []
    server = createServer((request, response) => {
      request.resume()
      if (request.url === '/count') return response.end(JSON.stringify({ orders: count }))
      if (request.url === '/list') return response.end(JSON.stringify(Array(count).fill(0)))
      if (request.method !== 'POST') {
        return response.end(JSON.stringify({ link: shown.shift() ?? `/l/${count}` }))
      }
      const status = statuses.shift() ?? 201
      // What is refused in words has none.
      if (status < 400 || status === 500) count += effects
      if (status === 0) return response.destroy()
      return response.writeHead(status, { 'Content-Type': 'text/plain' }).end('done')
    })
    server.listen(0, '127.0.0.1')
    await emitted(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  async function ending(
    steps: readonly Step[],
    adapter: ServerAdapter = { effects: { url: '/count', pointer: '/orders' } },
    restart: (() => Promise<void>) | null = null,
  ): Promise<CheckEnding> {
    const wire = new Http1Wire({ timeoutMs: 500, tls: {} })
    const subject = new Subject(new URL('/page', origin), adapter, wire, { restart })
    const check: Check = { id: 'X-1/x', requirement: 'X-1', title: '', why: '', steps }
    return await runCheck(check, subject, { rounds: 2, unmetIs: 'fail' })
  }

  it('what is as expected passes, what is not fails, with the exchange', async () => {
    const send = (status: string): Step => ({ send: { to: L }, expect: [{ status: [status] }] })
    expect(await ending([MINT, send('201')])).to.deep.equal({ result: 'pass' })
    const failed = await ending([MINT, send('405')])
    expect(failed).to.include({ result: 'fail', expected: 'status 405', seen: 'status 201' })
    expect(failed.exchange).to.match(/^POST \/l\/1 HTTP\/1\.1\n/)
  })

  for (const status of [502, 503, 504, 401, 407]) {
    it(`${status} where it was not asked for says nothing`, async () => {
      statuses = [status]
      const told = await ending([MINT, { send: { to: L }, expect: [{ status: ['!2xx'] }] }])
      expect(told.result).to.equal('setup-failed')
      expect(told.seen).to.match(/it was refused, and that does not tell why/)
    })

    it(`${status} where it is named is an answer`, async () => {
      statuses = [status]
      const named: Step = {
        send: { to: L },
        expect: [{ anyOf: [[{ status: ['999'] }], [{ status: [String(status)] }]] }],
      }
      expect((await ending([MINT, named])).result).to.equal('pass')
    })
  }

  it('401 to somebody else, or to nobody, is an answer', async () => {
    for (const user of ['second', 'nobody'] as const) {
      statuses = [401]
      const step: Step = { send: { to: L, user }, expect: [{ status: ['!2xx'] }] }
      expect((await ending([MINT, step])).result, user).to.equal('pass')
    }
  })

  it('no answer says nothing, unless that may be', async () => {
    statuses = [0, 0]
    const judged = await ending([MINT, { send: { to: L }, expect: [{ status: ['!2xx'] }] }])
    expect(judged.result).to.equal('setup-failed')
    expect(judged.seen).to.match(/connection was (?:closed|reset) without a whole answer/)
    const step: Step = { send: { to: L }, mayBeCut: true, expect: [{ status: ['405'] }] }
    expect((await ending([MINT, step])).result).to.equal('pass')
  })

  it('a failed preparation is told, a question that does not arise is not asked', async () => {
    const setup: Step = { send: { to: L }, setup: [{ status: ['303'] }] }
    expect((await ending([MINT, setup])).seen).to.match(/status 303 was needed/)
    const only: Step = { send: { to: L }, only: [{ status: ['303'] }] }
    expect(await ending([MINT, only])).to.include({ result: 'skipped' })
  })

  it('effects are a difference: too many, too few, at most', async () => {
    const post: Step = { send: { to: L } }
    expect((await ending([MINT, post, { effects: { exactly: 1 } }])).result).to.equal('pass')
    effects = 2
    const twice = await ending([MINT, post, { effects: { exactly: 1 } }])
    expect(twice).to.include({ result: 'fail', expected: '1 effect', seen: '2' })
    const most = await ending([MINT, post, { effects: { atMost: 1 } }])
    expect(most).to.include({ result: 'fail', expected: 'at most 1 effect', seen: '2' })
    effects = 0
    const none = await ending([MINT, post, { effects: { exactly: 1 } }])
    expect(none).to.include({ result: 'fail', seen: '0' })
    const list = { effects: { url: '/list', pointer: '' } }
    expect((await ending([{ effects: { exactly: 0 } }], list)).result).to.equal('pass')
  })

  it('effects that are asked for on a condition only', async () => {
    const post: Step = { send: { to: L }, as: 'first' }
    const where = (status: string, answer = 'first'): Step => ({
      effects: { exactly: 9 },
      where: { answer, is: [{ status: [status] }] },
    })
    expect((await ending([MINT, post, where('405')])).result).to.equal('pass')
    expect((await ending([MINT, post, where('201', 'nobody')])).result).to.equal('pass')
    effects = 10
    expect((await ending([MINT, post, where('201')])).result).to.equal('fail')
  })

  it('what cannot be counted, restarted or found is no fault of the server', async () => {
    const uncounted = { effects: { url: '/page', pointer: '/nothing' } }
    const count_ = await ending([{ effects: { exactly: 0 } }], uncounted)
    expect(count_).to.include({ result: 'harness-failed' })
    expect(count_.seen).to.match(/No number and no list at http:.*\/page#\/nothing/)
    const restart = async () => {
      throw new Error('no such unit')
    }
    const restarted = await ending([{ restart: true }], {}, restart)
    expect(restarted).to.include({ result: 'harness-failed' })
    expect(restarted.seen).to.equal('The restart failed: no such unit')
    const nowhere = await ending([MINT], { link: 'form' })
    expect(nowhere.result).to.equal('setup-failed')
    expect(nowhere.seen).to.match(/say in the adapter where the link is/)
  })

  it('names that nothing has are a fault of the catalogue', async () => {
    const strays: readonly Step[] = [
      { send: { to: L } },
      { await: 'nobody' },
      { leave: { to: { page: true } }, before: 'answer' },
    ]
    for (const step of strays) expect((await ending([step])).result).to.equal('harness-failed')
  })

  it('a race in which nobody succeeds says nothing, and a second success fails', async () => {
    const race: Step = { race: {}, copies: 3, mostSuccesses: 1, others: [{ status: ['!2xx'] }] }
    statuses = Array(20).fill(409)
    expect((await ending([race], {})).seen).to.equal('No POST of any round was accepted.')
    statuses = [201, 201, 409]
    const twice = await ending([race])
    expect(twice).to.include({ result: 'fail', expected: 'at most 1 answered 2xx' })
    expect(twice.seen).to.equal('2 of 3 in round 1')
  })

  it('429 is obeyed: the request is sent again', async () => {
    statuses = [429]
    const done = await ending([MINT, { send: { to: L }, expect: [{ status: ['201'] }] }])
    expect(done.result).to.equal('pass')
  })

  it('429 to what is to be slow is obeyed, to what is to be refused an answer', async () => {
    const adapter: ServerAdapter = { provoke: { slow: {}, failure: {} } }
    const sent = (provoke: 'slow' | 'failure', status: string): Step[] => [
      MINT,
      { send: { to: L, provoke }, expect: [{ status: [status] }] },
    ]
    statuses = [429]
    expect((await ending(sent('slow', '201'), adapter)).result).to.equal('pass')
    statuses = [429]
    expect((await ending(sent('failure', '429'), adapter)).result).to.equal('pass')
  })

  it('a link that comes again after another one is told, one shown until used is not', async () => {
    expect(await ending([{ links: 3, are: 'distinct' }])).to.include({ result: 'skipped' })
    shown = ['/l/1', '/l/2', '/l/1']
    const alike = await ending([{ links: 3, are: 'distinct' }])
    expect(alike).to.include({ result: 'fail', seen: '2 different ones' })
  })

  it('a background request that nobody waits for is waited for in the end', async () => {
    const steps: Step[] = [MINT, { send: { to: L }, as: 'first', inBackground: true }]
    expect((await ending(steps)).result).to.equal('pass')
    expect(count).to.equal(1)
  })
})
