/**
 * How many checks are under way at once: more where answers are long on their way, and not where
 * the server answers one request after the other.
 */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { runConformance } from 'post-once-exactly/conformance'
import { INDEPENDENT } from './adapters.js'
import { startIndependent } from './servers/independent.js'

const WAY_MS = 300
/** So many are under way at once by default. */
const JOBS = 6
/** The rehearsal asks ten requests, and then all begin that may. */
const TOTAL_MS = 6_000
/** They ask one request after the other. */
const ONLY = ['POE-2-23']

describe('poe check of servers whose answers take long', function () {
  // Whether six answers took as long as one is seen in a moment, in which a machine may stall.
  this.retries(3)

  it('where they are long on their way, more checks are under way at once', async () => {
    expect(await mostAtOnce(async () => await sleep(WAY_MS))).to.be.above(JOBS)
  })

  it('where a server answers one after the other, no more than six are', async () => {
    let turn: Promise<unknown> = Promise.resolve()
    const inTurn = async () => {
      turn = turn.then(() => sleep(WAY_MS))
      await turn
    }
    expect(await mostAtOnce(inTurn)).to.be.within(2, JOBS)
  })
})

/** The most requests that wait at once, in a run against a server behind a slow front. */
async function mostAtOnce(wait: () => Promise<void>): Promise<number> {
  const server = await startIndependent()
  const { port } = new URL(server.page)
  let open = 0
  let most = 0
  const seen = new AbortController()
  const front = createServer(async (asked, answer) => {
    const { method, url, rawHeaders: headers } = asked
    open += 1
    most = Math.max(most, open)
    if (most > JOBS) seen.abort()
    await wait()
    // Not when it is closed: whoever was answered may have asked again by then.
    open -= 1
    const passed = request({ port, method, path: url, headers }, got => {
      answer.writeHead(got.statusCode ?? 502, got.rawHeaders)
      got.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    asked.pipe(passed)
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  try {
    const url = new URL(server.page)
    url.port = String((front.address() as AddressInfo).port)
    const only = { only: ONLY, totalMs: TOTAL_MS, timeoutMs: TOTAL_MS, signal: seen.signal }
    await runConformance({ url: url.href, adapter: INDEPENDENT, ...only })
    return most
  } finally {
    front.closeAllConnections()
    front.close()
    await server.close()
  }
}
