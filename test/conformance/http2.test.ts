/**
 * The suite over HTTP/2: a right server passes, a wrong one does not.
 */
import { once as emitted } from 'node:events'
import { createServer, type Http2Server } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { expect } from 'chai'
import {
  type ConformanceReport,
  runConformance,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import { createShop } from '../../examples/shop/app.js'
import { openStorage } from '../../examples/shop/storage.js'

const ADAPTER = {
  valid: { json: { sku: 'tea-{n}', qty: 1 } },
  invalid: { json: { sku: '', qty: 0 } },
  effects: { url: '/ledger', pointer: '/orders' },
}

describe('poe check over HTTP/2', () => {
  it('the shop passes what can be asked', async () => {
    const storage = await openStorage({ kind: 'memory' })
    const shop = createShop({ storage })
    // Half a content and a stream that is cancelled: the server complains, rightly.
    shop.app.silent = true
    try {
      const report = await judged(createServer(shop.app.callback() as never))
      expect(unlike(report)).to.deep.equal([])
      const asked = report.results.filter(({ result }) => result === 'pass')
      expect(asked.length).to.be.greaterThan(70)
    } finally {
      await shop.close()
      await storage.close()
    }
  })

  it('[FALSE-4114] fields that HTTP/2 has none of are left out, and the run goes on', async () => {
    const fields = {
      'Keep-Alive': 'timeout=5',
      'Proxy-Connection': 'keep-alive',
      TE: 'trailers, gzip',
    }
    const server = createServer((request, response) => {
      request.resume()
      response.end(JSON.stringify(request.headers))
    })
    const report = await judged(server, ['POE-2-1/same'], { ...ADAPTER, fields })
    expect(report).to.include({ verdict: 'undetermined' })
  })

  it('[FALSE-4609] an answer that is called off in the middle is none', async () => {
    /** A frame of stream 1, but for that of the settings. */
    const frame = (type: number, flags: number, ...content: readonly number[]) =>
      Buffer.from([0, 0, content.length, type, flags, 0, 0, 0, type === 4 ? 0 : 1, ...content])
    const server = createTcpServer(socket => {
      socket.on('error', () => {})
      socket.once('data', () => {
        const ok = frame(1, 4, 0x88)
        socket.write(Buffer.concat([frame(4, 0), ok, frame(0, 0, 0x78), frame(3, 0, 0, 0, 0, 8)]))
      })
    })
    const { results } = await judged(server, ['POE-2-1/same'])
    expect(results[0]?.seen).to.match(/reset without a whole answer/)
  })

  it('a server that takes every POST fails', async () => {
    let count = 0
    const server = createServer((request, response) => {
      request.resume()
      const isPage = request.method === 'GET'
      if (!isPage) count += 1
      response.setHeader('content-type', 'application/json')
      response.end(isPage ? JSON.stringify({ link: `/l/${count}`, orders: count }) : '"done"')
    })
    const report = await judged(server, ['POE-2-1/same', 'POE-2-2/race', 'POE-2-2/reuse'])
    expect(unlike(report).map(told => told.split(':')[0])).to.deep.equal([
      'fail POE-2-2/reuse',
      'fail POE-2-1/same',
      'blocked POE-2-2/race',
    ])
  })
})

async function judged(
  server: Http2Server | Server,
  only?: readonly string[],
  adapter: ServerAdapter = ADAPTER,
): Promise<ConformanceReport> {
  server.listen(0, '127.0.0.1')
  await emitted(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const url = `http://127.0.0.1:${port}/basket`
    const some = only === undefined ? {} : { only }
    return await runConformance({
      url,
      adapter,
      http2: true,
      rounds: 3,
      ageMs: 0,
      ...some,
    })
  } finally {
    server.close()
  }
}

function unlike({ results }: ConformanceReport): string[] {
  return results
    .filter(({ result }) => result !== 'pass' && result !== 'skipped')
    .map(({ result, id, expected, seen }) => `${result} ${id}: ${expected}, ${seen}`)
}
