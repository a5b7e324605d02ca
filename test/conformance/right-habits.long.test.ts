/**
 * Right servers of rarer habits pass by default and in `core`: each was made right by reading the
 * drafts, and not by reading the suite.
 */
import { once as emitted } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import {
  type ConformanceReport,
  runConformance,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import { sideBySide } from '../support/side-by-side.js'
import { halfFor } from './parts.js'
import { type Habits, kioskServer } from './servers/right/kiosk.js'

const ADAPTER: ServerAdapter = {
  link: 'field',
  valid: { form: { what: 'tea {n}' } },
  invalid: { form: { what: '' } },
  effects: { url: '/count', pointer: '/tickets' },
  provoke: {
    slow: { fields: { 'X-Slow': '900' } },
    slowFailure: { fields: { 'X-Slow': '900', 'X-Fail': '1' } },
    failure: { fields: { 'X-Fail': '1' } },
  },
}
const LOGGED_IN: ServerAdapter = {
  ...ADAPTER,
  fields: { Cookie: 'user=ann' },
  effects: { url: '/count', pointer: '/tickets' },
}

const ALL: readonly (readonly [says: string, habits: Habits, adapter: ServerAdapter])[] = [
  ['202, and the effect comes later', { success: 202 }, ADAPTER],
  ['302 in answer to a form', { success: 302, sparse: true }, ADAPTER],
  ['a page of its own at the link', { ownPage: true }, ADAPTER],
  ['an acknowledgement by DELETE', { acknowledges: true, ownPage: true }, ADAPTER],
  ['every spelling is the same link', { lenient: true }, ADAPTER],
  ['503 and Retry-After at each fortieth request', { busyEach: 40 }, ADAPTER],
  ['302 to the login for strangers', { login: true }, LOGGED_IN],
  ['no lengths, tags and parts', { streams: true }, ADAPTER],
  ['every answer compressed', { coded: true }, ADAPTER],
  ['and with parts of what is compressed', { coded: true, streams: true }, ADAPTER],
  ['the link in Link and POE-Links', { inLinkField: true, success: 302 }, ADAPTER],
]

describe('poe check of right servers of rarer habits', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(240_000)
    await sideBySide([...ALL.entries()], ALL.length, async ([index, [says, habits, adapter]]) => {
      const server = kioskServer(habits).listen(0, '127.0.0.1')
      await emitted(server, 'listening')
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/kiosk`
      const common = { adapter, rounds: 2, ageMs: 0, only: halfFor(index) }
      reports.set(says, await runConformance({ url, ...common }))
      server.closeAllConnections()
      server.close()
    })
  })

  for (const [says] of ALL) {
    it(says, () => {
      const report = reports.get(says)
      const wrong = (report?.results ?? []).filter(
        ({ result }) => !['pass', 'warn', 'skipped'].includes(result),
      )
      const told = wrong.map(one => `${one.result} ${one.id}: ${one.expected}, ${one.seen}`)
      expect(told).to.deep.equal([])
      expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
      expect(report?.grades.core?.verdict).to.equal('conformant')
      expect(report?.grades.safe?.counts.pass).to.be.greaterThan(30)
    })
  }
})
