/**
 * Links and results that do not last: where they are over by their age, nobody is accused.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { runConformance } from 'post-once-exactly/conformance'

interface Habits {
  /** So long a link can be used, in milliseconds. */
  readonly lifeMs?: number
  /** So long a result is told, in milliseconds. */
  readonly keptMs?: number
  /** An upload that is cut off uses a link up. */
  readonly isBurnt?: true
}

interface Once {
  readonly sinceMs: number
  doneMs: number
  number: number
}

async function judged(habits: Habits, only: readonly string[], ageMs = 0) {
  const { lifeMs = 60_000, keptMs = 60_000, isBurnt } = habits
  const links = new Map<string, Once>()
  let count = 0
  const server = createServer(async (request, response) => {
    const { method, url = '' } = request
    const now = performance.now()
    const one = links.get(url)
    const tell = (status: number, content: unknown = null) => {
      response.writeHead(status, {
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
        Allow: 'GET',
      })
      response.end(JSON.stringify(content))
    }
    try {
      for await (const _ of request) {
        // Read to its end.
      }
    } catch {
      if (isBurnt && one !== undefined) links.set(url, { sinceMs: 0, doneMs: 0, number: -1 })
      return
    }
    if (url === '/shop') {
      const link = `/once/${randomBytes(12).toString('hex')}`
      links.set(link, { sinceMs: now, doneMs: 0, number: 0 })
      return tell(200, { link })
    }
    const isOver = one !== undefined && one.number === 0 && now - one.sinceMs > lifeMs
    const isGone = one !== undefined && one.number > 0 && now - one.doneMs > keptMs
    if (one === undefined || one.number < 0 || isOver || isGone) return tell(410)
    if (one.number > 0) return method === 'GET' ? tell(200, one.number) : tell(405)
    if (method !== 'POST') return tell(405)
    count += 1
    one.number = count
    one.doneMs = now
    tell(201, count)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    return await runConformance({ url: `http://127.0.0.1:${port}/shop`, only, ageMs })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('links that do not last', () => {
  it('[FALSE-4500] a link that was over by its age is not called burnt', async () => {
    const { results, verdict } = await judged({ lifeMs: 150 }, ['POE-2-3/cut-off'])
    expect(verdict).to.equal('undetermined')
    expect(results[0]?.seen).to.match(/so is a link that nobody has used, when it is \d+ ms old/)
  })

  it('one that was burnt is called so, also where it is told as over', async () => {
    const { results } = await judged({ isBurnt: true }, ['POE-2-3/cut-off'])
    expect(results[0]).to.include({ result: 'fail', seen: 'status 410' })
  })

  it('[FALSE-4501] a result that is gone in the end, and said to be, is no fault', async () => {
    const only = ['POE-2-1/same', 'POE-2-7/later']
    const { results } = await judged({ keptMs: 400 }, only, 900)
    expect(results.map(({ result }) => result)).to.deep.equal(['pass', 'pass'])
  })
})
