/**
 * What the client costs on the good path: POSTs through it against the same through plain `fetch`,
 * to one server in a process of its own. Both sides run in turn, A B A B, with 16 sends at a time;
 * a pair's order alternates. The first pair warms up.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createClient } from 'post-once-exactly/client'

const LANES = 16
const CONTENT = JSON.stringify({ sku: 'tea', qty: 2, note: 'x'.repeat(160) })
const ANSWER = JSON.stringify({ id: 7, sku: 'tea', note: 'x'.repeat(110) })

/** One side of one pair. */
export interface ClientSample {
  readonly perSecond: number
  /** CPU time of this process, for one send, in microseconds. */
  readonly cpuUs: number
}

/** All pairs. */
export interface ClientResult {
  readonly ours: readonly ClientSample[]
  readonly plain: readonly ClientSample[]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve()

/** Every path is a link that takes every POST: the server is not what is measured. */
function serve(): void {
  const server = createServer((asked, answer) => {
    asked.resume().on('end', () => {
      const headers = { 'Content-Type': 'application/json', Location: '/orders/7', Allow: 'GET' }
      answer.writeHead(201, headers).end(ANSWER)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    process.send?.((server.address() as AddressInfo).port)
  })
}

/**
 * Measures `client.post` against `fetch`.
 *
 * @param pairs - how many count
 * @param forMs - how long each side of a pair takes, in milliseconds
 * @param launch - the command that starts a program of Node's
 */
export async function measureClient(
  pairs: number,
  forMs: number,
  launch: readonly string[],
): Promise<ClientResult> {
  const [command = process.execPath, ...flags] = launch
  const child = spawn(command, [...flags, fileURLToPath(import.meta.url)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [port] = (await once(child, 'message')) as [number]
  const origin = `http://127.0.0.1:${port}`
  const client = createClient()
  let count = 0
  const ours = async () => {
    count += 1
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const outcome = await client.post(`${origin}/once/${count}`, CONTENT, { headers })
    if (outcome.outcome !== 'accepted') throw new Error(`it was ${outcome.outcome}`)
    await outcome.json()
  }
  const plain = async () => {
    count += 1
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const init = { method: 'POST', body: CONTENT, headers }
    const response = await fetch(`${origin}/once/${count}`, init)
    await response.json()
  }
  const result: { ours: ClientSample[]; plain: ClientSample[] } = { ours: [], plain: [] }
  for (let pair = 0; pair <= pairs; pair += 1) {
    const isSwapped = pair % 2 === 1
    const first = await rate(isSwapped ? plain : ours, forMs)
    const second = await rate(isSwapped ? ours : plain, forMs)
    if (pair === 0) continue
    result.ours.push(isSwapped ? second : first)
    result.plain.push(isSwapped ? first : second)
  }
  child.kill()
  return result
}

async function rate(send: () => Promise<void>, forMs: number): Promise<ClientSample> {
  const before = process.cpuUsage()
  const endMs = performance.now() + forMs
  const startMs = performance.now()
  let done = 0
  const lane = async () => {
    while (performance.now() < endMs) {
      await send()
      done += 1
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const { user, system } = process.cpuUsage(before)
  return {
    perSecond: (done * 1_000) / (performance.now() - startMs),
    cpuUs: (user + system) / done,
  }
}
