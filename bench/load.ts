/**
 * A load generator that costs little: keep-alive sockets, one request in flight on each, requests
 * written beforehand, and of an answer only its status and its end are looked at.
 */
import { connect } from 'node:net'

const CONNECTIONS = 64

/** What to send, and what must come back. */
export interface Load {
  readonly port: number
  /** Whole requests as they go over the wire; each is sent once. */
  readonly requests: readonly string[]
  /** The status that every answer must have. */
  readonly status: number
  /** How many are sent a second, evenly; as many as are answered where it is left out. */
  readonly perSecond?: number | undefined
  /** Whether this process stays awake between answers, see {@link poll}. */
  readonly polls?: boolean
  /** Whether answers 503 are counted; else they end it, as any other status does. */
  readonly countsRefusals?: boolean
}

/** What came of it. */
export interface Measured {
  readonly perSecond: number
  /** The 99th percentile of an answer's time, in milliseconds. */
  readonly p99Ms: number
  /** Answers 503, where they are counted. */
  readonly refused: number
}

/**
 * Sends all requests on 64 connections. With a rate of its own, what could not be sent in time
 * counts from when it should have been.
 *
 * @throws Error as soon as an answer has another status than expected
 */
export async function send(load: Load): Promise<Measured> {
  const { requests } = load
  const latencies = new Float64Array(requests.length)
  let next = 0
  let refused = 0
  const take = (): number => next++
  const refuse = (): void => {
    refused += 1
  }
  const startedMs = performance.now()
  const dueMs = (at: number): number =>
    load.perSecond === undefined ? 0 : startedMs + (at * 1_000) / load.perSecond
  const stopPolling = load.polls === true ? poll() : null
  await Promise.all(
    Array.from({ length: CONNECTIONS }, () => drive(load, take, dueMs, latencies, refuse)),
  ).finally(stopPolling)
  const seconds = (performance.now() - startedMs) / 1_000
  latencies.sort()
  return {
    perSecond: requests.length / seconds,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    refused,
  }
}

/**
 * Keeps this process from falling asleep between answers. Where it sleeps, the server's own call
 * that writes an answer has to wake it, and pays for that. A client on another machine costs its
 * server nothing of the kind.
 *
 * @returns what ends it
 */
function poll(): () => void {
  let isOver = false
  const again = (): void => {
    if (!isOver) setImmediate(again)
  }
  again()
  return () => {
    isOver = true
  }
}

function drive(
  load: Load,
  take: () => number,
  dueMs: (at: number) => number,
  latencies: Float64Array,
  refuse: () => void,
): Promise<void> {
  const wanted = `HTTP/1.1 ${load.status}`
  return new Promise((resolve, reject) => {
    const socket = connect(load.port, '127.0.0.1')
    let at = -1
    let sentMs = 0
    let received = ''
    const sendNext = (): void => {
      at = take()
      const request = load.requests[at]
      if (request === undefined) {
        socket.destroy()
        resolve()
        return
      }
      const atMs = dueMs(at)
      const waitMs = atMs - performance.now()
      sentMs = atMs > 0 ? atMs : performance.now()
      if (waitMs < 1) socket.write(request, 'latin1')
      else setTimeout(() => socket.write(request, 'latin1'), waitMs)
    }
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('connect', sendNext)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`the server closed: ${received.slice(0, 200)}`)))
    socket.on('data', (chunk: string) => {
      received += chunk
      if (!isWhole(received)) return
      if (load.countsRefusals && received.startsWith('HTTP/1.1 503')) refuse()
      else if (!received.startsWith(wanted)) {
        reject(new Error(`expected ${wanted}, got ${received.slice(0, 400)}`))
        socket.destroy()
        return
      }
      latencies[at] = performance.now() - sentMs
      received = ''
      sendNext()
    })
  })
}

function isWhole(received: string): boolean {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return false
  const at = received.indexOf('Content-Length: ')
  if (at < 0 || at > end) return !/chunked/i.test(received) || received.endsWith('0\r\n\r\n')
  return received.length >= end + 4 + Number.parseInt(received.slice(at + 16, at + 24), 10)
}
