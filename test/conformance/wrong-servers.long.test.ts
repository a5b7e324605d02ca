/**
 * The suite, tested: each wrong server is caught by the checks that are meant for its fault.
 */
import { expect } from 'chai'
import { type Adapter, type ConformanceReport, runConformance } from 'post-once-exactly/conformance'
import { gradeOf } from '../../lib/conformance/report.js'
import { sideBySide } from '../support/side-by-side.js'
import { INDEPENDENT } from './adapters.js'
import { CAUGHT_BY } from './caught-by.js'
import type { IndependentOptions } from './servers/independent.js'
import { startWrong, WRONG } from './servers/wrong.js'

const LIFE_MS = 900
const AT_ONCE = 8

/** What a handler reports, where the fault is about that. */
const REPORTED: Readonly<Record<string, number>> = {
  'burnt-by-401': 401,
  'burnt-by-403': 403,
  'burnt-by-429': 429,
  'burnt-by-307': 307,
}
/** What else a fault needs to be seen. */
const OPTIONS: Readonly<Record<string, IndependentOptions>> = {
  'waiting-2xx': { waitMs: 1_500 },
}

/** Faults that no sentence of the draft or of HTTP forbids: warnings, and failures by --strict. */
const HOUSE = new Set([
  'problem-as-text',
  'reuse-asks-for-content',
  'html-gets-json',
  'referrer',
  '409-without-retry-after',
  'get-while-running-200',
  'reuse-with-location',
  'reuse-without-anchor',
])

describe('poe check of wrong servers', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(900_000)
    await sideBySide(WRONG, AT_ONCE, async ({ name }) => {
      reports.set(name, await judged(name))
    })
  })

  it('there are at least forty, each in the table, and the table has no others', () => {
    const names = WRONG.map(({ name }) => name)
    expect(names.length).to.be.at.least(40)
    expect(Object.keys(CAUGHT_BY).sort()).to.deep.equal([...names].sort())
  })

  for (const { name, says } of WRONG) {
    it(`${name}: ${says}`, () => {
      const report = reports.get(name)
      expect(failing(report)).to.include.members([...(CAUGHT_BY[name] ?? [])])
      const isOurs = HOUSE.has(name)
      const verdict = isOurs ? 'conformant' : 'not-conformant'
      expect(report).to.include({ verdict, exitCode: isOurs ? 0 : 1 })
      expect(gradeOf(report?.results ?? [], true).verdict).to.equal('not-conformant')
    })
  }

  it('each fault breaks a requirement that a failing check is of, or one near it', () => {
    for (const { name, breaks } of WRONG) {
      const requirements = (CAUGHT_BY[name] ?? []).map(id => id.split('/')[0] ?? '')
      const known = breaks.some(id => requirements.includes(id))
      expect(known || NEAR.has(name), `${name}: ${requirements} for ${breaks}`).to.equal(true)
    }
  })
})

/** The servers' author and the suite's name the fault by different requirements. */
const NEAR = new Set(['burnt-by-307', 'delete-reopens'])

async function judged(name: string): Promise<ConformanceReport> {
  const server = await startWrong(name, OPTIONS[name])
  const hasty = await startWrong(name, { ...OPTIONS[name], lifetimeMs: LIFE_MS })
  try {
    return await runConformance({
      url: server.page,
      adapter: adapterFor(name, hasty.page),
      rounds: 3,
      timeoutMs: 5_000,
      ageMs: 0,
      jobs: 3,
      restart: server.restart,
    })
  } finally {
    await server.close()
    await hasty.close()
  }
}

function adapterFor(name: string, hasty: string): Adapter {
  const failure = { fields: { 'X-Fault': `fail=${REPORTED[name] ?? 500}` } }
  return {
    ...INDEPENDENT,
    provoke: { ...INDEPENDENT.provoke, failure },
    shortLived: { url: hasty, lifeMs: LIFE_MS },
  }
}

function failing(report: ConformanceReport | undefined): string[] {
  const found = report?.results.filter(({ result }) => result === 'fail' || result === 'warn') ?? []
  return found.map(({ id }) => id).sort()
}
