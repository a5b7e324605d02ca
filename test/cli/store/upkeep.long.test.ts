/**
 * `poe store` on what servers are at work on, and on the store as a whole, on each durable store.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { outcome } from '../../stores/helpers/claims.js'
import { until } from '../../support/meeting.js'
import { describeWith } from '../../support/servers/programs.js'
import { keyOf, LEASE_MS, STORES, StoreBench } from './bench.js'

/** The servers of tests forget on purpose, for they have to be quick. */
const FOUND = {
  sqlite: { journal_mode: 'right', permissions: 'doubtful' },
  redis: { appendonly: 'doubtful', 'maxmemory-policy': 'right', role: 'right' },
  postgres: { fsync: 'wrong', transaction_read_only: 'right' },
} as const

for (const { kind, needs } of STORES) {
  describeWith(needs, `poe store beside servers at work (${kind})`, function () {
    this.timeout(60_000)
    let bench: StoreBench
    before(async () => {
      bench = await StoreBench.open(kind)
    })
    after(() => bench?.close())

    it('[ADM-04] release frees a dead claim only by the word that nothing happened', async () => {
      const doomed = await bench.site.serve({ leaseMs: 60_000, waitMs: 0 })
      const link = await doomed.link()
      doomed.send('POST', link, { 'X-Before': '60000' }).catch(() => {})
      await until(async () => (await bench.opened.admin.find(keyOf(link))) !== null, 'the claim')
      await doomed.kill()
      expect((await bench.survivor.send('POST', link)).status, 'held').to.equal(409)
      const refused = await bench.run('release', keyOf(link), '--yes')
      expect([refused.code, refused.err]).to.deep.equal([1, refused.err])
      expect(refused.err).to.include('--did-not-happen')
      expect(
        (await bench.run('release', keyOf(link), '--did-not-happen', '--dry-run')).code,
      ).to.equal(0)
      expect((await bench.survivor.send('POST', link)).status, 'held still').to.equal(409)
      expect(await bench.change('release', keyOf(link), '--did-not-happen')).to.include({
        isDone: true,
      })
      expect((await bench.survivor.send('POST', link)).status, 'free').to.equal(201)
      expect((await bench.run('release', keyOf(link), '--yes')).code, 'spent').to.equal(1)
    })

    it('[ADM-04] after a release the late word of a holder that lived does not count', async () => {
      const transactional = kind !== 'redis'
      const holder = await bench.site.serve({ leaseMs: 60_000, waitMs: 0, transactional })
      const link = await holder.link()
      const late = holder.send('POST', link, { 'X-Until': 'released' })
      await until(async () => (await bench.opened.admin.find(keyOf(link))) !== null, 'the claim')
      await bench.change('release', keyOf(link), ...(transactional ? [] : ['--did-not-happen']))
      const next = await bench.survivor.send('POST', link)
      expect(next.status).to.equal(201)
      const { by } = (await next.json()) as { by: number }
      bench.site.letGo('released')
      expect((await late).status, "the old holder's answer").not.to.be.within(200, 299)
      const kept = (await (await bench.survivor.send('GET', link)).json()) as { by: number }
      expect([kept.by, by]).to.deep.equal([bench.survivor.child.pid, bench.survivor.child.pid])
      if (transactional && kind === 'sqlite') expect(bench.site.effectsOf(link)).to.equal(1)
    })

    it('[ADM-05] purge removes what is past its time, in batches, and nothing else', async () => {
      const { nowMs } = await bench.opened.store.epoch()
      const claim = (keepUntilMs: number) => ({
        ...{ owner: 'of the test', epoch: null, leaseMs: 60_000, claimByMs: nowMs + 60_000 },
        ...{ tokenExpiresMs: null, keepUntilMs, onSilence: 'free' as const, fingerprint: null },
        principal: 'nobody',
      })
      const before = await bench.opened.admin.count()
      const old = Array.from({ length: 700 }, (_, index) => `old=${index}`)
      await Promise.all(
        old.map(async key => {
          await bench.opened.store.claim(key, claim(nowMs + 300))
          await bench.opened.store.complete(key, 'of the test', outcome())
        }),
      )
      await pause(350)
      if (kind === 'redis') {
        expect(await bench.change('purge')).to.deep.equal({ isDone: true, removed: 0 })
        return
      }
      expect((await bench.json('stats')).expired).to.equal(700)
      const dry = await bench.run('purge', '--dry-run')
      expect([dry.code, dry.err]).to.deep.equal([0, dry.err])
      expect(dry.err).to.include('700 records are past their time')
      expect(await bench.change('purge', '--limit', '600')).to.include({ removed: 600 })
      const working = bench.survivor.send('POST', await bench.survivor.link())
      expect(await bench.change('purge')).to.include({ removed: 100 })
      expect((await working).status).to.equal(201)
      const left = await bench.opened.admin.count()
      expect([left.spent, left.expired]).to.deep.equal([before.spent + 1, 0])
    })

    it('[ADM-06] rotate-epoch voids unspent links, and no others', async () => {
      const [unspent = '', spent = ''] = await bench.survivor.links(2)
      await bench.survivor.send('POST', spent)
      expect((await bench.run('rotate-epoch', '--dry-run')).code).to.equal(0)
      const before = (await bench.opened.store.epoch()).epochs
      expect((await bench.run('rotate-epoch')).code, 'unconfirmed').to.equal(2)
      expect((await bench.opened.store.epoch()).epochs).to.deep.equal(before)
      await bench.change('rotate-epoch')
      expect((await bench.survivor.send('POST', unspent)).status, 'unspent').to.equal(410)
      expect((await bench.survivor.send('POST', spent)).status, 'spent').to.equal(405)
      expect(
        (await bench.survivor.send('POST', await bench.survivor.link())).status,
        'fresh',
      ).to.equal(201)
      expect(bench.site.effectsOf(unspent)).to.equal(0)
    })

    it('[ADM-07] rotate-secret signs with another; old ones last until dropped', async () => {
      const [old] = await bench.opened.store.secrets([])
      const link = await bench.survivor.link()
      const { secretIds } = await bench.change('rotate-secret')
      expect(secretIds).to.have.lengthOf(2)
      expect(secretIds[1]).to.equal(old?.id)
      const [fresh] = await bench.opened.store.secrets([])
      const later = await bench.site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
      const signed = await later.link()
      // Secrets are read again at most once a second.
      await pause(1_000)
      expect(signed, 'signed by the new one').to.include(`/1${fresh?.id}`)
      expect((await later.send('POST', link)).status, 'an old link').to.equal(201)
      expect((await bench.survivor.send('POST', signed)).status, 'a server of before').to.equal(201)
      expect(await bench.survivor.link(), 'it signs with it too').to.include(`/1${fresh?.id}`)
      const shown = await bench.run('rotate-secret', '--yes')
      for (const { key } of await bench.opened.store.secrets([])) {
        expect(shown.out + shown.err).not.to.include(key)
      }
      expect((await bench.run('rotate-secret', '--drop', 'none', '--yes')).code).to.equal(1)
      const left = (await bench.change('rotate-secret', `--drop=${old?.id}`)).secretIds
      expect(left).to.have.lengthOf(2).and.not.to.include(old?.id)
      await later.kill()
      const last = await bench.site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
      expect((await last.send('POST', link)).status, 'its links are unverifiable').to.equal(404)
    })

    it('[ADM-08] check tells what is right, doubtful and wrong, and how to mend it', async () => {
      const ended = await bench.run('check', '--json')
      const { isRight, settings } = JSON.parse(ended.out)
      const levels = new Map(
        settings.map(({ name, level }: { name: string; level: string }) => [name, level]),
      )
      for (const [name, level] of Object.entries(FOUND[kind])) {
        expect(levels.get(name), name).to.equal(level)
      }
      const isWrong = [...levels.values()].includes('wrong')
      expect([ended.code, isRight]).to.deep.equal(isWrong ? [1, false] : [0, true])
      expect((await bench.run('check')).out).to.match(/^right +version of the tables/)
    })
  })
}
