/**
 * Failure cases PX: a proxy re-sends a POST to another server while, or after, the first one
 * works on it. The proxy is played by the test: two processes, one sqlite file.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { expectBusy, expectProblem } from '../support/answers.js'
import { until } from '../support/meeting.js'
import { makeSite, type ServerProcess, type Site } from '../support/server-process.js'

const OPTIONS = { leaseMs: 500, waitMs: 0 } as const

describe('a proxy that re-sends, over two processes and one sqlite file', () => {
  let site: Site
  before(() => {
    site = makeSite()
  })
  after(() => site.close())

  describe('while the first server works', () => {
    let first: ServerProcess
    let second: ServerProcess
    let patient: ServerProcess
    before(async () => {
      const all = [OPTIONS, OPTIONS, { ...OPTIONS, waitMs: 5_000 }]
      ;[first, second, patient] = (await Promise.all(all.map(one => site.serve(one)))) as [
        ServerProcess,
        ServerProcess,
        ServerProcess,
      ]
    })

    it('[PX-01] the second is busy, not 405, before the first is done; one effect', async () => {
      const link = await first.link()
      const working = first.send('POST', link, { 'X-Until': 'busy-was-told' })
      await until(async () => (await second.send('GET', link)).status === 409, 'the claim is seen')
      const resent = await second.send('POST', link)
      expectBusy(resent)
      await expectProblem(resent, 409, 'running')
      expect(site.effectsOf(link)).to.equal(0)
      site.letGo('busy-was-told')
      expect((await working).status).to.equal(201)
      expect((await second.send('POST', link)).status).to.equal(405)
      const told = await second.send('GET', link)
      expect(await told.text()).to.equal(await (await working).text())
      expect(site.effectsOf(link)).to.equal(1)
    })

    it('[PX-01] the second, held, is told 405 once the first is done', async () => {
      const link = await first.link()
      const working = first.send('POST', link, { 'X-Until': 'held' })
      await until(async () => (await second.send('GET', link)).status === 409, 'the claim is seen')
      const [held] = await Promise.all([
        patient.send('POST', link),
        pause(300).then(() => site.letGo('held')),
      ])
      expect(held.status).to.equal(405)
      expect(site.effectsOf(link)).to.equal(1)
      expect((await working).status).to.equal(201)
    })
  })

  describe('after the first server was killed', () => {
    it('[PX-03] external: busy while the lease lasts, then undecided, one effect', async () => {
      const [first, second] = await Promise.all([site.serve(OPTIONS), site.serve(OPTIONS)])
      const link = await first.link()
      const working = first.send('POST', link, { 'X-After': '10000' }).catch(() => null)
      await until(() => site.effectsOf(link) === 1, 'the effect')
      await first.kill()
      expect(await working).to.equal(null)
      const busy = await second.send('POST', link)
      expectBusy(busy)
      // On a busy machine the lease may be over by now.
      expect(((await busy.json()) as { type: string }).type).to.match(/:(?:running|undecided)$/)
      await until(async () => {
        const later = await second.send('POST', link)
        expectBusy(later)
        const { type } = (await later.json()) as { type: string }
        return type.endsWith(':undecided')
      }, 'undecided after the lease')
      const told = await second.send('GET', link)
      expect(told.headers.get('Retry-After')).to.equal('30')
      await expectProblem(told, 409, 'undecided')
      expect(site.effectsOf(link)).to.equal(1)
    })

    it('[PX-03] transactional: free after the lease, 201, one effect', async () => {
      const options = { ...OPTIONS, transactional: true }
      const [first, second] = await Promise.all([
        site.serve(options),
        site.serve({ ...options, waitMs: 5_000 }),
      ])
      const link = await first.link()
      const working = first.send('POST', link, { 'X-After': '60000' }).catch(() => null)
      await until(async () => (await second.send('GET', link)).status === 409, 'the claim is seen')
      await first.kill()
      expect(await working).to.equal(null)
      expect(site.effectsOf(link)).to.equal(0)
      expect((await second.send('POST', link)).status).to.equal(201)
      expect(site.effectsOf(link)).to.equal(1)
      expect((await second.send('POST', link)).status).to.equal(405)
      expect(site.effectsOf(link)).to.equal(1)
    })
  })
})
