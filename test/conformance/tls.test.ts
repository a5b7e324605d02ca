/**
 * The suite over TLS: HTTP/1.1 and HTTP/2, with a certificate that has to be trusted first.
 */
import { once as emitted } from 'node:events'
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type Koa from 'koa'
import { runConformance } from 'post-once-exactly/conformance'
import { createApp } from '../../examples/minimal/app.js'

const read = (name: string) => readFileSync(new URL(`../support/tls/${name}.pem`, import.meta.url))
const ADAPTER = {
  valid: { json: { sku: 'tea', qty: 2 } },
  effects: { url: '/orders', pointer: '/orders' },
}

describe('poe check over TLS', () => {
  let url: string
  let close: () => void
  before(async () => {
    const app: Koa = createApp()
    app.silent = true
    const options = { key: read('key'), cert: read('certificate'), allowHTTP1: true }
    const server = createSecureServer(options, app.callback() as never)
    server.listen(0, '127.0.0.1')
    await emitted(server, 'listening')
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/orders`
    close = () => server.close()
  })
  after(() => close())

  for (const http2 of [false, true]) {
    it(`${http2 ? 'HTTP/2' : 'HTTP/1.1'}: what passes without TLS passes`, async () => {
      const { results } = await runConformance({
        url,
        adapter: ADAPTER,
        http2,
        tls: { ca: read('certificate'), ALPNProtocols: [http2 ? 'h2' : 'http/1.1'] },
        rounds: 3,
        ageMs: 0,
        profile: 'core',
      })
      const unlike = results.filter(({ result }) => !['pass', 'skipped'].includes(result))
      expect(unlike.map(({ id, seen }) => `${id}: ${seen}`)).to.deep.equal([])
      expect(results.find(({ id }) => id === 'POE-2-2/race')?.result).to.equal('pass')
    })
  }

  it('a certificate that nobody trusts: could not tell, after one try', async () => {
    const report = await runConformance({ url, adapter: ADAPTER, timeoutMs: 2_000 })
    expect(report.exitCode).to.equal(2)
    expect(report.results[0]?.seen).to.match(/^Rehearsal: .*\(DEPTH_ZERO_SELF_SIGNED_CERT\)/)
  })
})
