/**
 * A load generator that costs little: keep-alive sockets, one request in flight on each, answers
 * counted by their status and no further looked at.
 */
import { connect } from 'node:net'

/** What to send, and where. */
export interface Load {
  readonly port: number
  readonly method: 'GET' | 'POST'
  /** Paths in the order of use; they are used again from the start when there are too few. */
  readonly paths: readonly string[]
  readonly body: string
  readonly connections: number
  readonly forMs: number
  /** The status that every answer must have. */
  readonly status: number
}

/** What came of it. */
export interface Measured {
  readonly answers: number
  readonly perSecond: number
  /** The 99th percentile of an answer's time, in milliseconds. */
  readonly p99Ms: number
}

/**
 * Runs the load.
 *
 * @param load - see {@link Load}
 * @throws Error as soon as an answer has another status than expected
 */
export async function run(load: Load): Promise<Measured> {
  const latencies: number[] = []
  const startedMs = performance.now()
  const untilMs = startedMs + load.forMs
  let next = 0
  const take = () => load.paths[next++ % load.paths.length] ?? '/'
  await Promise.all(
    Array.from({ length: load.connections }, () => drive(load, untilMs, take, latencies)),
  )
  const seconds = (performance.now() - startedMs) / 1_000
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    answers: latencies.length,
    perSecond: latencies.length / seconds,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
  }
}

function drive(
  load: Load,
  untilMs: number,
  take: () => string,
  latencies: number[],
): Promise<void> {
  const { method, body } = load
  const fields =
    method === 'GET'
      ? '\r\n'
      : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const wanted = `HTTP/1.1 ${load.status}`
  return new Promise((resolve, reject) => {
    const socket = connect(load.port, '127.0.0.1')
    let sentMs = 0
    let received = ''
    const send = () => {
      sentMs = performance.now()
      if (sentMs >= untilMs) {
        socket.destroy()
        resolve()
        return
      }
      socket.write(`${method} ${take()} HTTP/1.1\r\nHost: bench\r\n${fields}`)
    }
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('connect', send)
    socket.on('error', reject)
    socket.on('data', (chunk: string) => {
      received += chunk
      if (!isWhole(received)) return
      if (!received.startsWith(wanted)) {
        reject(new Error(`expected ${wanted}, got ${received.slice(0, 200)}`))
        socket.destroy()
        return
      }
      latencies.push(performance.now() - sentMs)
      received = ''
      send()
    })
  })
}

function isWhole(received: string): boolean {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return false
  const at = received.indexOf('Content-Length: ')
  if (at < 0 || at > end) return true
  return received.length >= end + 4 + Number.parseInt(received.slice(at + 16, at + 24), 10)
}
