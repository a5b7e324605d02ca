/**
 * The sqlite store between real processes: races, locks, and processes that are killed.
 */
import { setTimeout as pause } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import { type SqliteStore, sqliteStore } from '../../lib/stores/sqlite.js'
import { until } from '../support/meeting.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { Worker } from './helpers/processes.js'
import { Files } from './helpers/sqlite-files.js'

describe('sqliteStore between processes', () => {
  const files = new Files()
  const workers: Worker[] = []
  const stores: SqliteStore[] = []
  let file = ''

  const fork = (): Worker => {
    const worker = new Worker(file)
    workers.push(worker)
    return worker
  }
  const open = (options: { lockWaitMs?: number } = {}): SqliteStore => {
    const store = sqliteStore({ file, ...options })
    stores.push(store)
    return store
  }

  beforeEach(() => {
    file = files.fresh()
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map(worker => worker.kill()))
    await Promise.all(stores.splice(0).map(store => store.close()))
  })
  after(() => files.remove())

  it('opens a new file from several processes at once, with one epoch', async () => {
    const several = [fork(), fork(), fork()]
    await Promise.all(several.map(worker => worker.heard('up')))
    await Promise.all(several.map(worker => worker.tell({ do: 'open' })))
    const reports = await Promise.all(several.map(worker => worker.heard('opened')))
    const epochs = new Set(reports.map(report => report.epoch))
    expect([...epochs]).to.have.length(1)
    expect((await open().epoch()).epochs).to.deep.equal([...epochs])
  })

  it('[FALSE-3915] while another writes, a process that starts reads its secrets', async () => {
    const secrets = [{ id: 'abcd', key: 'k'.repeat(43) }]
    await open().secrets(secrets)
    const other = new Database(file)
    other.exec('BEGIN IMMEDIATE')
    const started = open({ lockWaitMs: 0 })
    expect(await started.secrets([{ id: 'efgh', key: 'l'.repeat(43) }])).to.deep.equal(secrets)
    expect((await started.epoch()).epochs).to.have.lengthOf(1)
    other.exec('ROLLBACK')
    other.close()
  })

  it('[RACE-07] gives each of 200 keys to one of three processes', async () => {
    open()
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`)
    const several = [fork(), fork(), fork()]
    await Promise.all(several.map(worker => worker.heard('up')))
    await Promise.all(
      several.map((worker, index) => worker.tell({ do: 'claim', keys, owner: `process-${index}` })),
    )
    const reports = await Promise.all(several.map(worker => worker.heard('claimed')))
    const claimed = reports.flatMap(report => report.claimed ?? [])
    expect(claimed.sort()).to.deep.equal(keys.sort())
  })

  it('waits for another process without stopping this one', async () => {
    const store = open({ lockWaitMs: 50_000 })
    const holder = fork()
    await holder.tell({ do: 'hold', ms: 60_000 })
    await holder.heard('held')
    const claimed = claimState(store, 'key')
    const ticks = (async () => {
      for (let tick = 0; tick < 10; tick += 1) await pause(10)
      return 'ten ticks'
    })()
    expect(await Promise.race([claimed, ticks])).to.equal('ten ticks')
    await holder.kill()
    expect(await claimed).to.equal('claimed')
  })

  it('gives up after lockWaitMs, for writes and transactions, and works again', async () => {
    const store = open({ lockWaitMs: 200 })
    expect(await claimState(store, 'mine')).to.equal('claimed')
    const holder = fork()
    await holder.tell({ do: 'hold', ms: 60_000 })
    await holder.heard('held')
    const startMs = performance.now()
    const failures = await Promise.all([
      codeOf(store.claim('key', makeClaim(Date.now()))),
      codeOf(store.complete('mine', 'owner', outcome())),
      codeOf(store.transaction('mine', 'owner').handle.run('SELECT 1')),
      codeOf(store.write(() => 1)),
    ])
    expect(failures).to.deep.equal(Array(4).fill('ERR_POE_STORE_BUSY'))
    const tookMs = performance.now() - startMs
    expect(tookMs).to.be.at.least(190)
    expect((await store.read('mine', null)).state, 'reads need no lock').to.equal('running')
    await holder.kill()
    expect(await claimState(store, 'key')).to.equal('claimed')
  })

  it('[FALSE-4564] a backup by the guide, beside one at work, has all that was told', async () => {
    const worker = fork()
    await worker.tell({ do: 'work', name: 'job' })
    await worker.heard('spent', 40)
    const told = worker.reports.flatMap(report => report.key ?? [])
    const other = new Database(file, { readonly: true })
    other.exec(`VACUUM INTO '${file}-copy'`)
    other.close()
    const copy = sqliteStore(`${file}-copy`)
    stores.push(copy)
    for (const key of told) expect((await copy.read(key, null)).state, key).to.equal('spent')
    expect(told).to.have.length.at.least(40)
  })

  it('keeps what it confirmed when the process is killed at work', async () => {
    const worker = fork()
    await worker.tell({ do: 'work', name: 'job' })
    await worker.heard('spent', 40)
    await worker.kill()
    const confirmed = worker.reports.flatMap(report => report.key ?? [])
    const store = open()
    for (const key of confirmed) {
      const reply = await store.read(key, null)
      expect(reply.state, key).to.equal('spent')
    }
    expect(store.database.pragma('integrity_check', { simple: true })).to.equal('ok')
    expect(await claimState(store, 'after'), 'the file is usable').to.equal('claimed')
  })

  it('keeps nothing of a transaction whose process is killed, and frees its key', async () => {
    const store = open()
    await store.write(db => db.exec('CREATE TABLE effect (text TEXT)'))
    const worker = fork()
    await worker.tell({ do: 'hang-in-transaction', key: 'key' })
    await worker.heard('hanging')
    await worker.kill()
    expect(store.database.prepare('SELECT * FROM effect').all()).to.deep.equal([])
    const next = async () => (await claimState(store, 'key', { owner: 'next' })) === 'claimed'
    await until(next, 'its lease is over')
  })

  it('[LOCK-09] keeps its times as milliseconds, for whoever reads the file', async () => {
    const store = open()
    await claimState(store, 'key', { leaseMs: 60_000 })
    const other = new Database(file, { readonly: true })
    const leftMs = other
      .prepare("SELECT lease_until_ms - unixepoch('subsec') * 1000 FROM poe_claim")
      .pluck()
      .get()
    const kind = other.prepare('SELECT typeof(lease_until_ms) FROM poe_claim').pluck().get()
    other.close()
    expect(kind).to.equal('integer')
    expect(leftMs).to.be.within(1_000, 60_000)
  })
})

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'no error'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}
