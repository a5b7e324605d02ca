/**
 * Counts of effects that are less than they seem: lists in parts, queues that take their time, and
 * logins that look like successes.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type ConformanceOptions, runConformance } from 'post-once-exactly/conformance'

interface Answer {
  readonly status: number
  readonly fields?: Readonly<Record<string, string>>
  readonly content?: unknown
}

/** What a small right server does in its own way. */
interface Habits {
  /** The answer to the first POST, and what it does. */
  readonly orders: (number: number) => Answer
  /** The answer to GET elsewhere. */
  readonly elsewhere: (path: string) => Answer
}

const LIST = { effects: { url: '/orders', pointer: '' } }

function shop({ orders, elsewhere }: Habits): Server {
  const links = new Map<string, boolean>()
  let count = 0
  return createServer(async (request, response) => {
    const { method, url = '' } = request
    for await (const _ of request) {
      // Read to its end.
    }
    const answer = (): Answer => {
      if (url === '/shop') {
        const link = `/once/${randomBytes(12).toString('hex')}`
        links.set(link, false)
        return { status: 200, fields: { 'Cache-Control': 'private' }, content: { link } }
      }
      const isUsed = links.get(url)
      if (isUsed === undefined) return elsewhere(url)
      if (isUsed || method !== 'POST') {
        return { status: 405, fields: { Allow: isUsed ? '' : 'POST' }, content: { isUsed } }
      }
      links.set(url, true)
      count += 1
      return orders(count)
    }
    const { status, fields = {}, content } = answer()
    const isPage = typeof content === 'string'
    const type = isPage ? 'text/html' : 'application/json'
    response.writeHead(status, { 'Content-Type': type, ...fields })
    response.end(isPage ? content : JSON.stringify(content))
  })
}

async function judged(habits: Habits, options: Partial<ConformanceOptions> = {}) {
  const server = shop(habits)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/shop`
  try {
    return await runConformance({ url, rounds: 2, ageMs: 0, ...options })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('counts of effects', () => {
  for (const [says, part, next] of [
    ['the latest come first', (all: readonly number[]) => all.slice(-3).reverse(), ''],
    ['the latest come last', (all: readonly number[]) => all.slice(-3), ''],
    [
      'the next part is linked',
      (all: readonly number[]) => all.slice(0, 3),
      '</orders?2>; rel=next',
    ],
  ] as const) {
    it(`[FALSE-4498] a list of which only a part is shown accuses nobody: ${says}`, async () => {
      const all: number[] = []
      const orders = (number: number) => {
        all.push(number)
        return { status: 201, content: { number } }
      }
      const elsewhere = () => {
        const fields = all.length > 3 && next !== '' ? { Link: next } : {}
        return { status: 200, fields, content: part(all) }
      }
      const only = ['POE-2-2/race', 'POE-2-2/slow-upload']
      const report = await judged({ orders, elsewhere }, { adapter: LIST, only, rounds: 9 })
      expect(report.verdict).to.equal('undetermined')
      expect(report.results.map(({ result }) => result)).to.include('harness-failed')
      const told = report.results.map(({ seen = '' }) => seen).join('\n')
      expect(told).to.match(/is a part of a longer one/)
    })
  }

  it('[FALSE-4499] a queue that is at work is waited for', async () => {
    const all: number[] = []
    let doneAtMs = 0
    const orders = (number: number) => {
      doneAtMs = Math.max(doneAtMs, Date.now()) + 400
      setTimeout(() => all.push(number), doneAtMs - Date.now())
      return { status: 202, content: { number } }
    }
    const elsewhere = () => ({ status: 200, content: all })
    const only = ['POE-2-2/race']
    const report = await judged({ orders, elsewhere }, { adapter: LIST, only, rounds: 12 })
    expect(report.results[0]).to.include({ id: 'POE-2-2/race', result: 'pass' })
  })

  it('[FALSE-4498] members that change are no part of a longer list', async () => {
    const all: number[] = []
    const orders = (number: number) => {
      all.push(number)
      return { status: 201, content: { number } }
    }
    const elsewhere = () => {
      return { status: 200, content: all.map(number => ({ number, atMs: performance.now() })) }
    }
    const only = ['POE-2-2/race', 'POE-2-2/slow-upload']
    const report = await judged({ orders, elsewhere }, { adapter: LIST, only })
    expect(report.verdict).to.equal('conformant')
  })

  const PASSWORD = '<!doctype html><form method=post><input type=password name=p></form>'

  it('[FALSE-4497] a login that is asked for by a redirect accuses nobody', async () => {
    const server = createServer(({ url = '' }, response) => {
      const isOrder = url.startsWith('/once/')
      const content = url === '/shop' ? '<form method=post action=/once/abcdefgh></form>' : PASSWORD
      const page = { 'Content-Type': 'text/html', 'Cache-Control': 'private' }
      const fields = isOrder ? { Location: `/login?next=${url}` } : page
      response.writeHead(isOrder ? 302 : 200, fields).end(isOrder ? '' : content)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const report = await runConformance({ url: `http://127.0.0.1:${port}/shop` })
    server.close()
    expect(report.results[0]?.seen).to.match(/asks for a password: does it need a login\?/)
    expect(report).to.include({ verdict: 'undetermined', exitCode: 2 })
  })

  it('a result that offers an account is no login', async () => {
    const orders = () => ({ status: 303, fields: { Location: '/thanks' } })
    const elsewhere = () => ({ status: 200, content: PASSWORD })
    const report = await judged({ orders, elsewhere }, { only: ['POE-2-1/same'] })
    expect(report.results[0]).to.include({ id: 'POE-2-1/same', result: 'pass' })
  })
})
