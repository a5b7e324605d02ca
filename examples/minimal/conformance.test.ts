/**
 * The service, judged by the conformance suite: one test of one's own suite for each check.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { runConformance } from 'post-once-exactly/conformance'
import { createApp } from './app.js'

const server = createServer(createApp().callback())
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo

const report = await runConformance({
  url: `http://127.0.0.1:${port}/orders`,
  adapter: {
    valid: { json: { sku: 'tea', qty: 2 } },
    effects: { url: '/orders', pointer: '/orders' },
  },
  rounds: 3,
  ageMs: 0,
  skip: { 'H-100-1': 'the body parser of the whole app reads first' },
})
server.close()

describe('minimal: the conformance suite', () => {
  for (const { id, title, result, expected, seen } of report.results) {
    if (result === 'skipped') continue
    it(`${id} ${title}`, () => {
      assert.equal(result, 'pass', `${seen} instead of ${expected}`)
    })
  }
})
