/**
 * Right servers pass: one written from the draft alone, without our engine, in three styles.
 */
import { expect } from 'chai'
import { type ConformanceReport, runConformance } from 'post-once-exactly/conformance'
import { sideBySide } from '../support/side-by-side.js'
import { INDEPENDENT } from './adapters.js'
import { startIndependent } from './servers/independent.js'

const LIFE_MS = 300
const STYLES = ['draft', 'mint', 'header'] as const

/** What does not arise with each style. */
const NOT_ARISING = {
  draft: [
    'H-LOC-1/target',
    'POE-2-3/condition',
    'POE-2-7/no-content',
    'POE-2-8/cacheable',
    'POE-2-9/empty-created',
    'POE-3-19/exposed',
  ],
  mint: [
    'H-CACHE-1/page',
    'H-LOC-1/target',
    'H-SUN-1/page',
    'H-VARY-1/negotiated',
    'POE-2-2/redirected',
    'POE-2-3/condition',
    'POE-2-7/no-content',
    'POE-2-8/cacheable',
    'POE-2-9/empty-created',
    'POE-2-9/location',
    'POE-2-9/redirect',
    'POE-3-18/revived',
    'POE-3-19/exposed',
    'POE-4-6/vary',
  ],
  header: [
    'H-LOC-1/target',
    'H-LOC-2/created',
    'POE-2-3/condition',
    'POE-2-7/after-reuse',
    'POE-2-7/get',
    'POE-2-7/own',
    'POE-2-7/range',
    'POE-2-7/restart',
    'POE-2-8/cacheable',
    'POE-2-9/empty-created',
    'POE-3-19/exposed',
  ],
} as const

describe('poe check of right servers', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all of them side by side', async () => {
    await sideBySide(STYLES, STYLES.length, async style => {
      reports.set(style, await judged(style))
    })
  })

  for (const style of STYLES) {
    it(`the style "${style}" passes every check that can be asked`, () => {
      const report = reports.get(style)
      const results = report?.results ?? []
      const unlike = results.filter(({ result }) => !['pass', 'skipped'].includes(result))
      const told = unlike.map(one => `${one.result} ${one.id}: ${one.expected}, ${one.seen}`)
      expect(told).to.deep.equal([])
      const skipped = results.filter(({ result }) => result === 'skipped')
      expect(skipped.map(({ id }) => id).sort()).to.deep.equal(NOT_ARISING[style])
      expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
    })
  }
})

async function judged(style: (typeof STYLES)[number]): Promise<ConformanceReport> {
  const server = await startIndependent({ style })
  const hasty = await startIndependent({ style, lifetimeMs: LIFE_MS })
  try {
    return await runConformance({
      url: server.page,
      adapter: { ...INDEPENDENT, shortLived: { url: hasty.page, lifeMs: LIFE_MS } },
      rounds: 5,
      ageMs: 0,
      restart: server.restart,
    })
  } finally {
    await server.close()
    await hasty.close()
  }
}
