/**
 * Right servers in other styles pass by default, whatever their habits: each was made right by
 * reading the draft, and not by reading the suite.
 */
import { spawn } from 'node:child_process'
import { once as emitted } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { runConformance, type ServerAdapter } from 'post-once-exactly/conformance'
import { areInstalled } from '../support/servers/programs.js'
import { heldServer } from './servers/right/held.js'
import { lateClaimServer } from './servers/right/late-claim.js'

interface Running {
  readonly origin: string
  readonly close: () => void
}

interface Style {
  readonly says: string
  readonly start: () => Promise<Running>
  readonly page: string
  readonly adapter: ServerAdapter
}

const COUNT = { url: '/count', pointer: '/orders' }
const CARD = { sku: 'tea-{n}', qty: '2' }

const STYLES: readonly Style[] = [
  {
    says: 'forms, pages and redirects over HTTP/1.0, in Python',
    start: python,
    page: '/order',
    adapter: {
      valid: { form: CARD },
      invalid: { form: { sku: '' } },
      effects: COUNT,
      provoke: {
        slow: { content: { form: { ...CARD, slow: '0.6' } } },
        slowFailure: { content: { form: { ...CARD, slow: '0.6', refuse: '1' } } },
        failure: { content: { form: { ...CARD, refuse: '1' } } },
      },
    },
  },
  {
    says: 'plain text, and whoever comes meanwhile is held',
    start: () => listening(heldServer()),
    page: '/desk',
    adapter: {
      link: 'field',
      valid: { form: { what: 'tea {n}' } },
      invalid: { form: { what: '' } },
      effects: COUNT,
      provoke: {
        slow: { fields: { 'X-Slow': '600' } },
        slowFailure: { fields: { 'X-Slow': '600', 'X-Decline': '1' } },
        failure: { fields: { 'X-Decline': '1' } },
      },
    },
  },
  {
    says: 'claims that nobody sees before the commit, 503 meanwhile, results by redirect',
    start: () => listening(lateClaimServer()),
    page: '/new',
    adapter: {
      valid: { json: { item: 'tea {n}' } },
      invalid: { json: { item: '' } },
      effects: COUNT,
      provoke: {
        slow: { fields: { 'X-Slow': '600' } },
        slowFailure: { fields: { 'X-Slow': '600', 'X-Fail': '1' } },
        failure: { fields: { 'X-Fail': '1' } },
      },
    },
  },
]

describe('poe check of right servers in other styles', function () {
  this.timeout(120_000)

  for (const { says, start, page, adapter } of STYLES) {
    if (start === python && !areInstalled(['python3'], 'a right server in Python')) continue
    it(says, async () => {
      const server = await start()
      try {
        const report = await runConformance({
          url: server.origin + page,
          adapter,
          rounds: 5,
          ageMs: 0,
        })
        const wrong = report.results.filter(
          ({ result }) => !['pass', 'warn', 'skipped'].includes(result),
        )
        const told = wrong.map(one => `${one.result} ${one.id}: ${one.expected}, ${one.seen}`)
        expect(told).to.deep.equal([])
        expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
        expect(report.grades.safe?.counts.pass).to.be.greaterThan(60)
      } finally {
        server.close()
      }
    })
  }
})

async function listening(server: Server): Promise<Running> {
  server.listen(0, '127.0.0.1')
  await emitted(server, 'listening')
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

async function python(): Promise<Running> {
  const file = fileURLToPath(new URL('servers/right/forms-only.py', import.meta.url))
  const child = spawn('python3', [file], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await emitted(child.stdout, 'data')) as [Buffer]
  const close = () => {
    child.kill('SIGKILL')
  }
  return { origin: `http://127.0.0.1:${Number(line.toString())}`, close }
}
