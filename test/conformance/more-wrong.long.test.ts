/**
 * Wrong servers as rows: each is caught by the check that is meant for it. And each check is of
 * use: without what it demands, a wrong server that it catches would pass it.
 */
import { expect } from 'chai'
import { type Adapter, CHECKS, type Check, runConformance } from 'post-once-exactly/conformance'
import { EffectAccount } from '../../lib/conformance/effect-account.js'
import { runCheck } from '../../lib/conformance/run-check.js'
import { Subject } from '../../lib/conformance/subject.js'
import { Http1Wire } from '../../lib/conformance/wire.js'
import { sideBySide } from '../support/side-by-side.js'
import { INDEPENDENT } from './adapters.js'
import { CAUGHT_BY } from './caught-by.js'
import type { IndependentOptions, JudgedServer } from './servers/independent.js'
import { startWrong } from './servers/wrong.js'
import { WRONG_MORE } from './servers/wrong-more.js'
import { withoutDemands } from './without-demands.js'

const AT_ONCE = 8
const LIFE_MS = 400
/** What a fault needs to be seen. */
const OPTIONS: Readonly<Record<string, IndependentOptions>> = { 'waiting-2xx': { waitMs: 1_500 } }
const REPORTED: Readonly<Record<string, number>> = { 'burnt-by-307': 307, 'burnt-by-403': 403 }
/** Its effect comes once in a run, so it takes a run. */
const IN_A_RUN = new Set(['POE-2-2/whole-run', 'POE-2-1/later', 'POE-2-7/later'])
const RUN = ['POE-2-1', 'POE-2-2', 'POE-2-7', 'POE-2-16', 'POE-2-23']
/** What these catch, they catch by the account of effects, or by an order of the whole run. */
const BY_ACCOUNT = new Set([...IN_A_RUN, 'POE-2-1/later-other-body'])

describe('poe check of more wrong servers', function () {
  this.timeout(240_000)

  it('there are at least forty, each with a name of its own', () => {
    const names = [...Object.keys(CAUGHT_BY), ...WRONG_MORE.map(({ name }) => name)]
    expect(WRONG_MORE.length).to.be.at.least(40)
    expect(new Set(names).size).to.equal(names.length)
  })

  it('each is caught by the check that is meant for it, in words', async () => {
    const missed: string[] = []
    await sideBySide(WRONG_MORE, AT_ONCE, async ({ name, caughtBy, isOurs }) => {
      await withServer(name, async (server, adapter) => {
        const only = IN_A_RUN.has(caughtBy) ? [...RUN, caughtBy] : [caughtBy]
        const ageMs = name === 'again-later' ? 1_500 : 0
        const common = { adapter, only: [...new Set(only)], rounds: 1, ageMs, jobs: 3 }
        const options = { ...common, restart: server.restart, url: server.page }
        const { results, exitCode } = await runConformance(options)
        const found = results.find(({ id }) => id === caughtBy)
        const isCaught = found?.result === (isOurs ? 'warn' : 'fail') && found.seen !== undefined
        if (isCaught && exitCode === (isOurs ? 0 : 1)) return
        missed.push(`${name}: ${exitCode} ${caughtBy} ${found?.result} ${found?.seen}`)
      })
    })
    expect(missed).to.deep.equal([])
  })

  it('without what it demands no check catches anything', async () => {
    const idle: string[] = []
    await sideBySide(CHECKS, AT_ONCE, async check => {
      if (BY_ACCOUNT.has(check.id)) return
      const names = serversOf(check.id)
      for (const name of names.slice(0, 4)) {
        const whole = await resultOf(check, name, true)
        const bare = await resultOf(withoutDemands(check), name, false)
        if (whole === 'fail' && bare !== 'fail') return
      }
      idle.push(`${check.id}: ${names.slice(0, 4)}`)
    })
    expect(idle).to.deep.equal([])
  })
})

function serversOf(id: string): string[] {
  const tabled = Object.entries(CAUGHT_BY).filter(([, ids]) => ids.includes(id))
  const meant = WRONG_MORE.filter(({ caughtBy }) => caughtBy === id)
  const plain = WRONG_MORE.filter(({ caughtBy }) => caughtBy === id.replace(/-first$/, ''))
  const near = WRONG_MORE.filter(({ breaks }) => breaks.includes(id.split('/')[0] ?? ''))
  const names = [...meant, ...plain].map(({ name }) => name)
  return [...new Set([...names, ...tabled.map(([name]) => name), ...near.map(({ name }) => name)])]
}

/** What one check says of one server, the account of effects apart. */
async function resultOf(check: Check, name: string, counts: boolean): Promise<string> {
  let result = ''
  await withServer(name, async ({ page, restart }, adapter) => {
    const wire = new Http1Wire({ timeoutMs: 5_000, tls: {} })
    const { effects: _effects, ...uncounted } = adapter
    const known = counts ? adapter : uncounted
    const subject = new Subject(new URL(page), known, wire, { restart })
    const shared = new EffectAccount(subject)
    await subject.ask()
    const settings = { rounds: 3, unmetIs: 'fail', shared } as const
    result = (await runCheck(check, subject, settings)).result
  })
  return result
}

async function withServer(
  name: string,
  work: (server: JudgedServer, adapter: Adapter) => Promise<void>,
): Promise<void> {
  const server = await startWrong(name, OPTIONS[name])
  const hasty = await startWrong(name, { ...OPTIONS[name], lifetimeMs: LIFE_MS })
  const failure = { fields: { 'X-Fault': `fail=${REPORTED[name] ?? 500}` } }
  const adapter = {
    ...INDEPENDENT,
    provoke: { ...INDEPENDENT.provoke, failure },
    shortLived: { url: hasty.page, lifeMs: LIFE_MS },
  }
  try {
    await work(server, adapter)
  } finally {
    await Promise.all([server.close(), hasty.close()])
  }
}
