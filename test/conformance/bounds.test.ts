/**
 * What a server may make large, and a judgement may not: its own time, its own length, and the
 * verdict on pages that are right and only unusual.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import {
  type ConformanceOptions,
  type ConformanceReport,
  printableReport,
  runConformance,
  writeReport,
} from 'post-once-exactly/conformance'
import { elementsOf, linkIn } from '../../lib/conformance/find-links.js'
import { formsIn } from '../../lib/conformance/forms.js'
import { type RawResponse, readRawResponse } from '../../lib/testing/raw-response.js'

const PAGE = new URL('http://shop.example/shop')
/** Of this size a square is minutes, and a line nothing. */
const MANY = 1_000_000

function answer(type: string, content: string): RawResponse {
  const text = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n\r\n${content}`
  return readRawResponse(Buffer.from(text), { method: 'GET', ended: true }) as RawResponse
}

async function judged(
  listener: RequestListener,
  options: Partial<ConformanceOptions>,
): Promise<ConformanceReport> {
  const server = createServer({ maxHeaderSize: 65_536 }, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/shop`
  try {
    return await runConformance({ url, rounds: 1, ageMs: 0, ...options })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const failed = ({ results }: ConformanceReport) =>
  results.flatMap(({ id, result, seen }) => {
    return ['pass', 'warn', 'skipped'].includes(result) ? [] : [`${result} ${id}: ${seen}`]
  })

/** A shop whose page is a button: there is nothing to type in, and so no content. */
function buttonShop(options: { readonly isBusy?: boolean } = {}): RequestListener {
  const orders = new Map<string, number>()
  const visits = new Set<string>()
  return async (request, response) => {
    const { method, url = '' } = request
    const tell = (status: number, content = '', fields = {}) => {
      const common = { 'Content-Type': 'text/html', 'Cache-Control': 'no-store' }
      response.writeHead(status, { ...common, ...fields }).end(content)
    }
    try {
      for await (const _ of request) {
        // Read to its end: what breaks off is not run.
      }
    } catch {
      return
    }
    if (url === '/shop' && options.isBusy === true) {
      return tell(302, '', { Location: `/basket/${randomBytes(6).toString('hex')}` })
    }
    if (url === '/shop' || url.startsWith('/basket/')) {
      const isSoon = options.isBusy === true && !visits.has(url)
      visits.add(url)
      if (isSoon) return tell(503, '', { 'Retry-After': '0' })
      const link = `/once/${randomBytes(12).toString('hex')}`
      orders.set(link, 0)
      return tell(200, `<form method="post" action="${link}"><button>Order</button></form>`)
    }
    const order = orders.get(url)
    if (order === undefined) return tell(404)
    if (method === 'GET' && order > 0) return tell(200, `order ${order}`)
    if (method !== 'POST' || order > 0) return tell(405, '', { Allow: order > 0 ? 'GET' : 'POST' })
    orders.set(url, orders.size)
    tell(201, `order ${orders.size}`, { Location: url })
  }
}

describe('poe check of what is unusual, or without measure', () => {
  it('[FALSE-4600] a form of a button alone is right, though its content is empty', async () => {
    const only = ['POE-2-3/cut-off', 'POE-2-1/refused', 'POE-2-1/same']
    expect(failed(await judged(buttonShop(), { only }))).to.deep.equal([])
  })

  it('[FALSE-4601] white space and marks in rows take no more time than letters', () => {
    for (const inside of [' ', 'x']) {
      const line = `X-Long: a${inside.repeat(MANY)}b  `
      const head = `HTTP/1.1 200 OK\r\n${line}\r\n\r\n`
      const read = readRawResponse(Buffer.from(head), { method: 'GET', ended: true })
      const [field] = (read as RawResponse).fields
      expect(field?.value).to.have.length(MANY + 2)
    }
    for (const mark of ['.', '?!']) {
      const text = `Go to /once/1${mark} ${mark.repeat(MANY)}x`
      expect(linkIn(answer('text/plain', text), 'auto', PAGE)).to.equal('/once/1')
    }
  })

  it('[FALSE-4602] a page of a thousand forms is read about once', () => {
    const item = (_: unknown, at: number) =>
      `<div><p>Tea ${at}<form method=post action=/once/${at}><input name=a></form></div>`
    const page = answer('text/html', Array.from({ length: 1_000 }, item).join(''))
    const timed = (work: () => unknown) => {
      const beganMs = performance.now()
      work()
      return performance.now() - beganMs
    }
    const parsing = () => elementsOf(page.body.toString('utf8'))
    timed(parsing)
    const onceMs = timed(parsing) + 10
    let forms: readonly unknown[] = []
    const allMs = timed(() => {
      forms = formsIn(page, PAGE)
    })
    expect(forms).to.have.length(1_000)
    expect(allMs / onceMs).to.be.lessThan(25)
  })

  it('[FALSE-4603] "come later" behind the redirect of a page is obeyed, too', async () => {
    const only = ['POE-2-1/same', 'POE-2-1/many', 'POE-2-7/get', 'POE-A-2/distinct']
    const report = await judged(buttonShop({ isBusy: true }), { only })
    expect(failed(report)).to.deep.equal([])
  })

  it('[FALSE-4606] a run ends with its time and its signal, whatever it waits for', async () => {
    const later: RequestListener = (request, response) => {
      request.resume()
      response.writeHead(429, { 'Retry-After': '20' }).end()
    }
    const stop = new AbortController()
    const ends = [
      [{ totalMs: 300 }, 'the run was to take 300 ms at most'],
      [{ signal: stop.signal }, 'interrupted'],
    ] as const
    for (const [options, why] of ends) {
      const told: string[] = []
      const running = judged(later, { ...options, onResult: ({ id }) => told.push(id) })
      setTimeout(() => stop.abort(), 100)
      const { exitCode, results } = await running
      const blocked = results.filter(({ result }) => result !== 'skipped')
      expect(new Set(blocked.map(({ result, seen }) => `${result}: ${seen}`))).to.deep.equal(
        new Set([`blocked: ${why}`]),
      )
      expect([exitCode, told.length]).to.deep.equal([2, results.length])
    }
  })

  it('[FALSE-4604] what an answer has in its fields is cut short in a report', async () => {
    const listener: RequestListener = (request, response) => {
      request.resume()
      response.setHeader(
        'POE-Links',
        `${', '.repeat(20_000)}"/once/${randomBytes(8).toString('hex')}"`,
      )
      response.setHeader('X-Long', 'x'.repeat(MANY))
      response.end('done')
    }
    const only = ['POE-2-1', 'POE-3-16', 'POE-3-9']
    const report = await judged(listener, { only })
    for (const form of ['text', 'json', 'junit', 'tap', 'html'] as const) {
      expect(writeReport(form, printableReport(report))).to.have.length.below(MANY)
    }
    const told = report.results.find(({ id }) => id === 'POE-3-16/empty-members')
    expect(told?.seen).to.match(/^POE-Links: [ ,]+\.\.\. \(\d+ characters\)$/)
  })

  it('[FALSE-4667] a page that a cache keeps hands out a used link: that is told', async () => {
    const used: RequestListener = ({ method }, response) => {
      const status = method === 'POST' ? 405 : 200
      response.writeHead(status, { Allow: 'GET, HEAD, OPTIONS' }).end('{"link":"/once/1"}')
    }
    const { results } = await judged(used, { only: ['POE-2-2/first'] })
    expect(results[0]?.seen).to.match(/405\): it takes no POST any more, as if a cache on the way/)
  })
})
