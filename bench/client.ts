/**
 * What the client costs on the good path: POSTs through it against the same through plain `fetch`,
 * to one server in a process of its own. Run by `npm run bench:client [-- --pairs 9 --seconds 2]`.
 *
 * Both sides run in turn, A B A B, with 16 sends at a time; a pair's order alternates. The first
 * pair warms up. Prints the median of the ratios, with the least and the greatest.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { createClient } from 'post-once-exactly/client'

const LANES = 16
const CONTENT = JSON.stringify({ sku: 'tea', qty: 2, note: 'x'.repeat(160) })
const ANSWER = JSON.stringify({ id: 7, sku: 'tea', note: 'x'.repeat(110) })

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    serve: { type: 'boolean', default: false },
  },
})

if (values.serve) serve()
else await measure(Number(values.pairs), Number(values.seconds) * 1_000)

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

async function measure(pairs: number, forMs: number): Promise<void> {
  const flags = ['--import', 'ts-blank-space/register', '-C', '@post-once-exactly/source']
  const file = new URL(import.meta.url).pathname
  const child = spawn(process.execPath, [...flags, file, '--serve'], {
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
  const ratios: number[] = []
  const cpu: number[] = []
  for (let pair = 0; pair <= pairs; pair += 1) {
    const isSwapped = pair % 2 === 1
    const first = await rate(isSwapped ? plain : ours, forMs)
    const second = await rate(isSwapped ? ours : plain, forMs)
    if (pair === 0) continue
    const [us, them] = isSwapped ? [second, first] : [first, second]
    ratios.push(us.rate / them.rate)
    cpu.push(us.cpuUs - them.cpuUs)
  }
  child.kill()
  const range = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`
  console.log(`client.post against fetch, ${pairs} pairs: ${median(ratios).toFixed(2)} (${range})`)
  console.log(`CPU added: ${median(cpu).toFixed(1)} us a send`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

interface Measured {
  /** Sends a millisecond. */
  readonly rate: number
  /** Of this process, for one send. */
  readonly cpuUs: number
}

async function rate(send: () => Promise<void>, forMs: number): Promise<Measured> {
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
  return { rate: done / (performance.now() - startMs), cpuUs: (user + system) / done }
}
