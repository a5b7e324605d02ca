/**
 * `poe store`: each verb on each durable store, beside servers in processes of their own, one of
 * which is killed in the middle of its work.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
import { type OpenedStore, openStore, readAddress } from '../../../lib/cli/store/open-store.js'
import { outcome } from '../../stores/helpers/claims.js'
import { until } from '../../support/meeting.js'
import { makeSite, type ServerProcess, type Site } from '../../support/server-process.js'
import { emptyServerStore } from '../../support/server-stores.js'
import { describeWith } from '../../support/servers/programs.js'
import { poeHere } from '../fake-terminal.js'

const STORES = {
  sqlite: [],
  redis: ['redis-server'],
  postgres: ['postgres', 'initdb'],
} as const

const LEASE_MS = 600
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

/** Describes them for one kind of store. */
export function describeVerbs(kind: keyof typeof STORES): void {
  const needs = STORES[kind]
  describeWith(needs, `poe store beside running servers (${kind})`, function () {
    this.timeout(60_000)
    const folder = mkdtempSync(join(tmpdir(), 'poe-store-'))
    let site: Site
    let survivor: ServerProcess
    let flags: string[]
    /** What tests look into the store with. */
    let opened: OpenedStore

    before(async () => {
      const server = kind === 'sqlite' ? undefined : await emptyServerStore(kind)
      site = makeSite(server)
      survivor = await site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
      // Redis has its epochs from the first link on.
      await survivor.link()
      flags = ['--store', server?.url ?? `sqlite:${site.file}`]
      if (kind === 'redis') flags.push('--prefix', server?.name ?? '')
      if (kind === 'postgres') flags.push('--schema', server?.name ?? '')
      const [, store = '', , name = 'poe'] = flags
      const terminal = { env: {}, folder } as Parameters<typeof readAddress>[1]
      opened = await openStore(readAddress({ store, prefix: name, schema: name }, terminal))
    })
    after(async () => {
      await opened?.close()
      await site?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const run = (...words: string[]) => poeHere(['store', ...words, ...flags])
    const json = async (...words: string[]) => {
      const ended = await run(...words, '--json')
      expect(ended.err, words.join(' ')).to.equal('')
      return JSON.parse(ended.out)
    }
    /** What changes something says what it does on stderr. */
    const change = async (...words: string[]) => {
      const ended = await run(...words, '--yes', '--json')
      expect(ended.code, ended.err).to.equal(0)
      return JSON.parse(ended.out)
    }
    const keyOf = (link: string) => `order:${nonceOf(link)}`
    const isUndecided = async (link: string) =>
      (await opened.admin.find(keyOf(link)))?.state === 'undecided'

    describe('what a killed server has left', () => {
      let proxy: FaultProxy
      let client: PoeClient
      const port = { port: 0 }
      const links = { charged: '', uncharged: '', spent: '' }

      before(async () => {
        links.spent = await survivor.link()
        expect((await survivor.send('POST', links.spent)).status).to.equal(201)
        const doomed = await site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
        // Its handler begins some time after its claim is there.
        const slow = await site.serve({ leaseMs: LEASE_MS, waitMs: 0, storeDelayMs: 700 })
        port.port = doomed.port
        proxy = await faultProxy({ target: port })
        client = createClient({
          journal: await fileJournal(join(folder, 'client.journal')),
          clock: IMPATIENT,
          tries: 2,
        })
        const [charged = '', uncharged = ''] = await survivor.links(2)
        Object.assign(links, { charged, uncharged })
        const first = post(charged, { 'X-After': '60000' })
        await until(() => site.effectsOf(charged) === 1, 'the effect')
        port.port = slow.port
        const second = post(uncharged, {})
        await until(async () => (await opened.admin.find(keyOf(uncharged))) !== null, 'the claim')
        await Promise.all([slow.kill(), doomed.kill()])
        for (const ended of [await first, await second]) expect(ended.outcome).to.equal('unknown')
        port.port = survivor.port
        await until(() => isUndecided(charged), 'undecided')
        await until(() => isUndecided(uncharged), 'undecided')
      })
      after(() => proxy?.close())
      const post = (link: string, headers: Record<string, string>) =>
        client.post(proxy.origin + link, CONTENT, {
          headers: { 'Content-Type': 'application/json', ...headers },
        })

      it('[ADM-01] stats counts it', async () => {
        const stats = await json('stats')
        expect(stats).to.deep.include({ running: 0, undecided: 2, spent: 1, expired: 0 })
        expect(stats.undecidedByResource).to.deep.equal({ order: 2 })
        expect(Date.parse(stats.oldestUndecided)).to.be.within(Date.now() - 60_000, Date.now())
        expect((await run('stats')).out).to.match(/undecided +2[\s\S]*order: 2 undecided/)
      })

      it('[ADM-01] list tells of what is undecided, and filters', async () => {
        const { records, cursor } = await json('list')
        const keys = records.map((record: { key: string }) => record.key).sort()
        expect(keys).to.deep.equal([keyOf(links.charged), keyOf(links.uncharged)].sort())
        expect([cursor, records[0].resource]).to.deep.equal([null, 'order'])
        expect((await json('list', '--older-than', '1h')).records).to.deep.equal([])
        expect((await json('list', '--resource', 'other')).records).to.deep.equal([])
        const spent = await json('list', '--state', 'spent')
        expect(spent.records).to.have.lengthOf(1)
        expect(spent.records[0]).to.include({ state: 'spent', status: 201 })
        const first = await json('list', '--limit', '1')
        expect(first.records).to.have.lengthOf(1)
        const second = await json('list', '--limit', '1', '--cursor', first.cursor)
        expect(second.records[0].key).not.to.equal(first.records[0].key)
      })

      it('[ADM-02] show finds a record by key and by link, without secrets', async () => {
        const byKey = await json('show', keyOf(links.charged))
        expect(byKey).to.include({ state: 'undecided', resource: 'order', onSilence: 'undecided' })
        expect(await json('show', links.charged)).to.deep.equal(byKey)
        const whole = `https://shop.example${links.spent}`
        const spent = await json('show', whole, '--resource', 'order')
        expect(spent).to.include({ state: 'spent', status: 201, owner: null })
        expect(spent).not.to.have.property('body')
        const { body } = await json('show', whole, '--resource', 'order', '--body')
        expect(body.key).to.equal(keyOf(links.spent))
        const none = await run('show', 'order:none')
        expect([none.code, none.out]).to.deep.equal([1, ''])
        expect((await run('show', links.spent)).err).to.include('--resource')
      })

      it('[ADM-02] export prints a line for each, without content', async () => {
        const { out, code } = await run('export')
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
          expect((await run('settle', key, ...words)).code, words.join(' ')).to.equal(code)
        }
        const typed = (text: string) =>
          poeHere(['store', 'settle', key, '--did-not-happen', ...flags], {
            isTyped: true,
            stdin: () => Readable.from([text]),
          })
        const asked = await typed('y\n')
        expect([asked.code, asked.out]).to.deep.equal([2, ''])
        expect(asked.err).to.include(key).and.to.include('nothing was changed')
        expect((await typed('')).code, 'no answer').to.equal(2)
        expect(await isUndecided(links.charged), 'afterwards').to.equal(true)
      })

      it('[ADM-03] settle decides both ways, and a waiting resume() sees it', async () => {
        const asked: string[] = []
        const waiting = client.resume({ tries: 500, onRetry: ({ link }) => void asked.push(link) })
        await until(() => asked.length > 0, 'the client asks')
        const [charged, uncharged] = [keyOf(links.charged), keyOf(links.uncharged)]
        await change('settle', charged, '--happened', '--location', '/orders/77')
        const ended = await change('settle', links.uncharged, '--did-not-happen')
        expect(ended).to.include({ isDone: true, key: uncharged, verdict: 'did-not-happen' })
        const resumed = await waiting
        const outcomes = new Map(
          resumed.map(one => [new URL(one.entry.link).pathname, one.outcome]),
        )
        const told = outcomes.get(links.charged)
        expect(told?.outcome).to.equal('accepted-earlier')
        expect(told !== undefined && 'location' in told && told.location).to.match(/\/orders\/77$/)
        expect(outcomes.get(links.uncharged)?.outcome).to.equal('accepted')
        expect([site.effectsOf(links.charged), site.effectsOf(links.uncharged)]).to.deep.equal([
          1, 1,
        ])
        const again = await run('settle', charged, '--did-not-happen', '--yes')
        expect([again.code, again.out]).to.deep.equal([1, ''])
        expect((await survivor.send('POST', links.charged)).status).to.equal(405)
      })
    })

    describe('what servers are at work on', () => {
      it('[ADM-04] release frees a dead claim only by the word that nothing happened', async () => {
        const doomed = await site.serve({ leaseMs: 60_000, waitMs: 0 })
        const link = await doomed.link()
        doomed.send('POST', link, { 'X-Before': '60000' }).catch(() => {})
        await until(async () => (await opened.admin.find(keyOf(link))) !== null, 'the claim')
        await doomed.kill()
        expect((await survivor.send('POST', link)).status, 'held').to.equal(409)
        const refused = await run('release', keyOf(link), '--yes')
        expect([refused.code, refused.err]).to.deep.equal([1, refused.err])
        expect(refused.err).to.include('--did-not-happen')
        expect((await run('release', keyOf(link), '--did-not-happen', '--dry-run')).code).to.equal(
          0,
        )
        expect((await survivor.send('POST', link)).status, 'held still').to.equal(409)
        expect(await change('release', keyOf(link), '--did-not-happen')).to.include({
          isDone: true,
        })
        expect((await survivor.send('POST', link)).status, 'free').to.equal(201)
        expect((await run('release', keyOf(link), '--yes')).code, 'spent').to.equal(1)
      })

      it('[ADM-04] after a release the late word of a holder that lived does not count', async () => {
        const transactional = kind !== 'redis'
        const holder = await site.serve({ leaseMs: 60_000, waitMs: 0, transactional })
        const link = await holder.link()
        const late = holder.send('POST', link, { 'X-Before': '1500' })
        await until(async () => (await opened.admin.find(keyOf(link))) !== null, 'the claim')
        await change('release', keyOf(link), ...(transactional ? [] : ['--did-not-happen']))
        const next = await survivor.send('POST', link)
        expect(next.status).to.equal(201)
        const { by } = (await next.json()) as { by: number }
        expect((await late).status, "the old holder's answer").not.to.be.within(200, 299)
        const kept = (await (await survivor.send('GET', link)).json()) as { by: number }
        expect([kept.by, by]).to.deep.equal([survivor.child.pid, survivor.child.pid])
        if (transactional && kind === 'sqlite') expect(site.effectsOf(link)).to.equal(1)
      })

      it('[ADM-05] purge removes what is past its time, in batches, and nothing else', async () => {
        const { nowMs } = await opened.store.epoch()
        const claim = (keepUntilMs: number) => ({
          ...{ owner: 'of the test', epoch: null, leaseMs: 60_000, claimByMs: nowMs + 60_000 },
          ...{ tokenExpiresMs: null, keepUntilMs, onSilence: 'free' as const, fingerprint: null },
          principal: 'nobody',
        })
        const before = await opened.admin.count()
        const old = Array.from({ length: 700 }, (_, index) => `old=${index}`)
        await Promise.all(
          old.map(async key => {
            await opened.store.claim(key, claim(nowMs + 300))
            await opened.store.complete(key, 'of the test', outcome())
          }),
        )
        await pause(350)
        if (kind === 'redis') {
          expect(await change('purge')).to.deep.equal({ isDone: true, removed: 0 })
          return
        }
        expect((await json('stats')).expired).to.equal(700)
        const dry = await run('purge', '--dry-run')
        expect([dry.code, dry.err]).to.deep.equal([0, dry.err])
        expect(dry.err).to.include('700 records are past their time')
        expect(await change('purge', '--limit', '600')).to.include({ removed: 600 })
        const working = survivor.send('POST', await survivor.link())
        expect(await change('purge')).to.include({ removed: 100 })
        expect((await working).status).to.equal(201)
        const left = await opened.admin.count()
        expect([left.spent, left.expired]).to.deep.equal([before.spent + 1, 0])
      })

      it('[ADM-06] rotate-epoch voids unspent links, and no others', async () => {
        const [unspent = '', spent = ''] = await survivor.links(2)
        await survivor.send('POST', spent)
        expect((await run('rotate-epoch', '--dry-run')).code).to.equal(0)
        const before = (await opened.store.epoch()).epochs
        expect((await run('rotate-epoch')).code, 'unconfirmed').to.equal(2)
        expect((await opened.store.epoch()).epochs).to.deep.equal(before)
        await change('rotate-epoch')
        expect((await survivor.send('POST', unspent)).status, 'unspent').to.equal(410)
        expect((await survivor.send('POST', spent)).status, 'spent').to.equal(405)
        expect((await survivor.send('POST', await survivor.link())).status, 'fresh').to.equal(201)
        expect(site.effectsOf(unspent)).to.equal(0)
      })

      it('[ADM-07] rotate-secret signs with another, and keeps the old ones until dropped', async () => {
        const [old] = await opened.store.secrets([])
        const link = await survivor.link()
        const { secretIds } = await change('rotate-secret')
        expect(secretIds).to.have.lengthOf(2)
        expect(secretIds[1]).to.equal(old?.id)
        const [fresh] = await opened.store.secrets([])
        const later = await site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
        const signed = await later.link()
        // Secrets are read again at most once a second.
        await pause(1_000)
        expect(signed, 'signed by the new one').to.include(`/1${fresh?.id}`)
        expect((await later.send('POST', link)).status, 'an old link').to.equal(201)
        expect((await survivor.send('POST', signed)).status, 'a server of before').to.equal(201)
        expect(await survivor.link(), 'it signs with it too').to.include(`/1${fresh?.id}`)
        const shown = await run('rotate-secret', '--yes')
        for (const { key } of await opened.store.secrets([])) {
          expect(shown.out + shown.err).not.to.include(key)
        }
        expect((await run('rotate-secret', '--drop', 'none', '--yes')).code).to.equal(1)
        const left = (await change('rotate-secret', '--drop', old?.id ?? '')).secretIds
        expect(left).to.have.lengthOf(2).and.not.to.include(old?.id)
        await later.kill()
        const last = await site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
        expect((await last.send('POST', link)).status, 'its links are unverifiable').to.equal(404)
      })

      it('[ADM-08] check tells what is right, doubtful and wrong, and how to mend it', async () => {
        const ended = await run('check', '--json')
        const { isRight, settings } = JSON.parse(ended.out)
        const levels = new Map(
          settings.map(({ name, level }: { name: string; level: string }) => [name, level]),
        )
        for (const [name, level] of Object.entries(FOUND[kind])) {
          expect(levels.get(name), name).to.equal(level)
        }
        const isWrong = [...levels.values()].includes('wrong')
        expect([ended.code, isRight]).to.deep.equal(isWrong ? [1, false] : [0, true])
        expect((await run('check')).out).to.match(/^right +version of the tables/)
      })
    })
  })
}

/** The servers of tests forget on purpose, for they have to be quick. */
const FOUND = {
  sqlite: { journal_mode: 'right', permissions: 'doubtful' },
  redis: { appendonly: 'doubtful', 'maxmemory-policy': 'right', role: 'right' },
  postgres: { fsync: 'wrong', transaction_read_only: 'right' },
} as const

function nonceOf(link: string): string {
  const token = link.split('/').at(-1) ?? ''
  return token.slice(25, 47)
}
