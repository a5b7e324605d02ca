/**
 * `poe store` on a sqlite file that this process has open: each verb once, in a moment. Beside
 * servers and on every store: the long tests next to this one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import { Interrupted } from '../../../lib/cli/command.js'
import { readToken } from '../../../lib/protocols/poe/index.js'
import { makeClaim, outcome } from '../../stores/helpers/claims.js'
import { poeHere } from '../fake-terminal.js'

describe('poe store on a sqlite file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'poe-store-'))
  const file = join(folder, 'shop.db')
  const store = sqliteStore(file)
  before(async () => {
    const { nowMs } = await store.epoch()
    await store.secrets([{ id: 'old1', key: 'o'.repeat(43) }])
    const claim = (key: string, wishes: Parameters<typeof makeClaim>[1] = {}) =>
      store.claim(key, makeClaim(nowMs, { owner: 'a', onSilence: 'undecided', ...wishes }))
    for (const key of ['order:1', 'order:2', 'key:payment:3', 'order:at-work', 'order:spent']) {
      await claim(key)
    }
    for (const key of ['order:1', 'order:2', 'key:payment:3']) await store.renew(key, 'a', 0)
    await claim('order:old', { keepUntilMs: nowMs - 1, onSilence: 'free' })
    await store.complete('order:old', 'a', outcome())
    await store.complete('order:spent', 'a', {
      ...outcome(),
      head: '[201,[["location","/9"]],"k"]',
    })
  })
  after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const run = (...words: string[]) =>
    poeHere(['store', ...words, '--store', 'sqlite:shop.db'], { folder })
  const state = async (key: string) => (await store.read(key, null)).state

  it('[ADM-01, ADM-02] stats, list, show and export tell what there is', async () => {
    const stats = JSON.parse((await run('stats', '--json')).out)
    expect(stats).to.include({ running: 1, undecided: 3, spent: 1, expired: 1 })
    expect(stats.undecidedByResource).to.deep.equal({ order: 2, payment: 1 })
    const { out } = await run('list', '--resource', 'payment')
    expect(out).to.match(/^undecided \d{4}-\S+Z key:payment:3 a\n$/)
    expect((await run('show', 'order:spent')).out).to.match(/^location +\/9$/m)
    expect((await run('show', 'order:spent', '--body')).out).to.match(/\ndone\n$/)
    expect((await run('export')).out.trimEnd().split('\n')).to.have.lengthOf(6)
    expect((await run('check')).code).to.equal(0)
  })

  it('[FALSE-4450] the undoing of an action is found by its link and its resource', async () => {
    const { nowMs } = await store.epoch()
    const token = '1oi551p5usXmsZAw0AaIpiSw9FOiFOJlt4AC6ikU5Y4jEWJbmArFFgaRMXSp2aiFgLwpQ'
    const link = `/seats/${token}`
    const key = `seat:${readToken(token)?.nonce}:undo3`
    await store.claim(key, makeClaim(nowMs, { owner: 'a', onSilence: 'undecided' }))
    await store.renew(key, 'a', 0)
    expect((await run('list', '--resource', 'seat')).out).to.include(key)
    expect((await run('show', link)).out).to.include(key)
    expect((await run('settle', link, '--did-not-happen', '--yes')).code).to.equal(0)
    expect(await state(key)).to.equal('none')
  })

  it('[FALSE-4449] export is interrupted between two pages, and waits for its reader', async () => {
    const { nowMs } = await store.epoch()
    const keys = Array.from({ length: 1_500 }, (_, index) => `many:${index}`)
    await Promise.all(keys.map(key => store.claim(key, makeClaim(nowMs, { owner: 'a' }))))
    const interruption = new AbortController()
    let [printed, waited] = [0, 0]
    const interrupt = () => interruption.abort(new Interrupted('SIGINT'))
    const ended = await poeHere(['store', 'export', '--store', 'sqlite:shop.db'], {
      ...{ folder, interruption: () => interruption.signal },
      out: () => {
        // As a signal comes: by the event loop.
        if (printed === 0) setImmediate(interrupt)
        printed += 1
      },
      flushed: async () => {
        waited += 1
      },
    })
    await Promise.all(keys.map(key => store.release(key, 'a')))
    expect([ended.code, ended.err]).to.deep.equal([130, 'Interrupted by SIGINT.\n'])
    expect(printed).to.be.below(1_500)
    expect(waited).to.be.above(0)
  })

  it('[ADM-03, ADM-04] settle and release change what they name', async () => {
    const codes = [
      await run('settle', 'order:1', '--happened', '--location', '/orders/1', '--yes'),
      await run('settle', 'order:2', '--did-not-happen', '--yes'),
      await run('settle', 'order:at-work', '--did-not-happen', '--yes'),
      await run('release', 'order:at-work', '--yes'),
      await run('release', 'order:at-work', '--did-not-happen', '--yes'),
    ].map(({ code }) => code)
    expect(codes).to.deep.equal([0, 0, 1, 1, 0])
    const states = [await state('order:1'), await state('order:2'), await state('order:at-work')]
    expect(states).to.deep.equal(['spent', 'none', 'none'])
  })

  it('[ADM-05, ADM-06, ADM-07] purge and the rotations change the store', async () => {
    const { epochs } = await store.epoch()
    expect((await run('purge', '--yes')).out).to.equal('1 removed.\n')
    expect((await run('rotate-epoch', '--yes')).code).to.equal(0)
    expect((await store.epoch()).epochs).not.to.deep.equal(epochs)
    const { out, err } = await run('rotate-secret', '--yes')
    expect(out).to.match(/^Secrets now: [\w-]{4}, old1\.\n$/)
    expect(out + err).not.to.include('oooo')
    expect(await store.secrets([])).to.have.lengthOf(2)
  })

  it('[ADM-07] an id that begins with a hyphen can be dropped', async () => {
    for (const words of [['--drop', '-x_9'], ['--drop', '-hel'], ['--drop=--yz']]) {
      const [id = ''] = /-{1,2}\w+$/.exec(words.join(' ')) ?? []
      expect((await run('rotate-secret', ...words, '--yes')).err).to.include(id)
    }
  })
})
