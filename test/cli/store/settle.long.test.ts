/**
 * `poe store` on what a killed server has left, on each durable store, beside a server that lives.
 */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import {
  type ClientClock,
  createClient,
  fileJournal,
  type PoeClient,
} from 'post-once-exactly/client'
import { type FaultProxy, faultProxy } from 'post-once-exactly/testing'
import { until } from '../../support/meeting.js'
import { describeWith } from '../../support/servers/programs.js'
import { poeHere } from '../fake-terminal.js'
import { keyOf, LEASE_MS, STORES, StoreBench } from './bench.js'

const CONTENT = '{"sku":"a"}'

/** Waits as long as it must for an answer, but not for 30 s between two tries. */
const IMPATIENT: ClientClock = {
  now: Date.now,
  sleep: (ms, signal) => pause(Math.min(ms, 100), undefined, signal && { signal }),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}

for (const { kind, needs } of STORES) {
  describeWith(needs, `poe store after a crash (${kind})`, function () {
    this.timeout(60_000)
    let bench: StoreBench
    let proxy: FaultProxy
    let client: PoeClient
    const port = { port: 0 }
    const links = { charged: '', uncharged: '', spent: '' }

    before(async () => {
      bench = await StoreBench.open(kind)
      links.spent = await bench.survivor.link()
      expect((await bench.survivor.send('POST', links.spent)).status).to.equal(201)
      const doomed = await bench.site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
      port.port = doomed.port
      proxy = await faultProxy({ target: port })
      client = createClient({
        journal: await fileJournal(join(bench.folder, 'client.journal')),
        clock: IMPATIENT,
        tries: 2,
      })
      const [charged = '', uncharged = ''] = await bench.survivor.links(2)
      Object.assign(links, { charged, uncharged })
      const first = post(charged, { 'X-After': '60000' })
      await until(() => bench.site.effectsOf(charged) === 1, 'the effect')
      // Its handler waits for a word, which it is given once its process is dead.
      const second = post(uncharged, { 'X-Until': 'dead' })
      await until(
        async () => (await bench.opened.admin.find(keyOf(uncharged))) !== null,
        'the claim',
      )
      await doomed.kill()
      bench.site.letGo('dead')
      for (const ended of [await first, await second]) expect(ended.outcome).to.equal('unknown')
      port.port = bench.survivor.port
      await until(() => bench.isUndecided(charged), 'undecided')
      await until(() => bench.isUndecided(uncharged), 'undecided')
    })
    after(async () => {
      await proxy?.close()
      await bench?.close()
    })
    const post = (link: string, headers: Record<string, string>) =>
      client.post(proxy.origin + link, CONTENT, {
        headers: { 'Content-Type': 'application/json', ...headers },
      })

    it('[ADM-01] stats counts it', async () => {
      const stats = await bench.json('stats')
      expect(stats).to.deep.include({ running: 0, undecided: 2, spent: 1, expired: 0 })
      expect(stats.undecidedByResource).to.deep.equal({ order: 2 })
      expect(Date.parse(stats.oldestUndecided)).to.be.within(Date.now() - 60_000, Date.now())
      expect((await bench.run('stats')).out).to.match(/undecided +2[\s\S]*order: 2 undecided/)
    })

    it('[ADM-01] list tells of what is undecided, and filters', async () => {
      const { records, cursor } = await bench.json('list')
      const keys = records.map((record: { key: string }) => record.key).sort()
      expect(keys).to.deep.equal([keyOf(links.charged), keyOf(links.uncharged)].sort())
      expect([cursor, records[0].resource]).to.deep.equal([null, 'order'])
      expect((await bench.json('list', '--older-than', '1h')).records).to.deep.equal([])
      expect((await bench.json('list', '--resource', 'other')).records).to.deep.equal([])
      const spent = await bench.json('list', '--state', 'spent')
      expect(spent.records).to.have.lengthOf(1)
      expect(spent.records[0]).to.include({ state: 'spent', status: 201 })
      const first = await bench.json('list', '--limit', '1')
      expect(first.records).to.have.lengthOf(1)
      const second = await bench.json('list', '--limit', '1', '--cursor', first.cursor)
      expect(second.records[0].key).not.to.equal(first.records[0].key)
    })

    it('[ADM-02] show finds a record by key and by link, without secrets', async () => {
      const byKey = await bench.json('show', keyOf(links.charged))
      expect(byKey).to.include({ state: 'undecided', resource: 'order', onSilence: 'undecided' })
      expect(await bench.json('show', links.charged)).to.deep.equal(byKey)
      const whole = `https://shop.example${links.spent}`
      const spent = await bench.json('show', whole, '--resource', 'order')
      expect(spent).to.include({ state: 'spent', status: 201, owner: null })
      expect(spent).not.to.have.property('body')
      const { body } = await bench.json('show', whole, '--resource', 'order', '--body')
      expect(body.key).to.equal(keyOf(links.spent))
      const none = await bench.run('show', 'order:none')
      expect([none.code, none.out]).to.deep.equal([1, ''])
      expect((await bench.run('show', links.spent)).err).to.include('--resource')
    })

    it('[ADM-02] export prints a line for each, without content', async () => {
      const { out, code } = await bench.run('export')
      const lines = out
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
      const states = lines.map(({ state }) => state).sort()
      expect([code, states]).to.deep.equal([0, ['spent', 'undecided', 'undecided']])
      expect(out).not.to.contain('"by"').and.not.to.contain('principal')
    })

    it('[ADM-03] settle decides only what it is told to, and only when that is sure', async () => {
      const key = keyOf(links.charged)
      for (const [words, code] of [
        [['--did-not-happen', '--dry-run'], 0],
        [['--did-not-happen'], 2],
        [['--did-not-happen', '--yes', '--owner', 'another'], 1],
        [['--yes'], 2],
        [['--happened', '--status', '99', '--yes'], 2],
      ] as const) {
        expect((await bench.run('settle', key, ...words)).code, words.join(' ')).to.equal(code)
      }
      const typed = (text: string) =>
        poeHere(['store', 'settle', key, '--did-not-happen', ...bench.flags], {
          isTyped: true,
          stdin: () => Readable.from([text]),
        })
      const asked = await typed('y\n')
      expect([asked.code, asked.out]).to.deep.equal([2, ''])
      expect(asked.err).to.include(key).and.to.include('nothing was changed')
      expect((await typed('')).code, 'no answer').to.equal(2)
      expect(await bench.isUndecided(links.charged), 'afterwards').to.equal(true)
    })

    it('[ADM-03] settle decides both ways, and a waiting resume() sees it', async () => {
      const asked: string[] = []
      const waiting = client.resume({ tries: 500, onRetry: ({ link }) => void asked.push(link) })
      await until(() => asked.length > 0, 'the client asks')
      const [charged, uncharged] = [keyOf(links.charged), keyOf(links.uncharged)]
      await bench.change('settle', charged, '--happened', '--location', '/orders/77')
      const ended = await bench.change('settle', links.uncharged, '--did-not-happen')
      expect(ended).to.include({ isDone: true, key: uncharged, verdict: 'did-not-happen' })
      const resumed = await waiting
      const outcomes = new Map(resumed.map(one => [new URL(one.entry.link).pathname, one.outcome]))
      const told = outcomes.get(links.charged)
      expect(told?.outcome).to.equal('accepted-earlier')
      expect(told !== undefined && 'location' in told && told.location).to.match(/\/orders\/77$/)
      expect(outcomes.get(links.uncharged)?.outcome).to.equal('accepted')
      expect([
        bench.site.effectsOf(links.charged),
        bench.site.effectsOf(links.uncharged),
      ]).to.deep.equal([1, 1])
      const again = await bench.run('settle', charged, '--did-not-happen', '--yes')
      expect([again.code, again.out]).to.deep.equal([1, ''])
      expect((await bench.survivor.send('POST', links.charged)).status).to.equal(405)
    })
  })
}
