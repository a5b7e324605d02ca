/**
 * Several requests over one connection, one after the other or all at once (pipelined).
 *
 * @see RFC 9112 9.3
 */
import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { RawTarget } from '../testing/raw-http.js'
import { type RawResponse, readRawResponse } from '../testing/raw-response.js'

/** A request as bytes. */
export interface RequestOfRow {
  readonly method: string
  readonly bytes: Buffer
}

const TIMEOUT_MS = 5_000

/**
 * Sends requests over one connection and takes the answers in their order.
 *
 * @param target - where to; the time-out is for all of them together
 * @param requests - whole ones
 * @param atOnce - without waiting for any answer
 * @returns the answers that came; fewer than requests where the server closed before
 */
export function overOneConnection(
  target: RawTarget,
  requests: readonly RequestOfRow[],
  atOnce: boolean,
): Promise<RawResponse[]> {
  const { host = '127.0.0.1', port, timeoutMs = TIMEOUT_MS, tls } = target
  const socket =
    tls === undefined ? connect({ host, port }) : connectSecurely({ host, port, ...tls })
  const answers: RawResponse[] = []
  let received: Buffer = Buffer.alloc(0)
  const sendNext = () => {
    const next = requests[answers.length]
    if (next !== undefined && socket.writable) socket.write(next.bytes)
  }
  const read = (ended: boolean) => {
    for (;;) {
      const method = requests[answers.length]?.method ?? ''
      const reading = received.length === 0 ? null : readRawResponse(received, { method, ended })
      if (reading === null || reading === 'malformed' || !reading.complete) return
      answers.push(reading)
      received = reading.rest
      if (answers.length === requests.length) socket.destroy()
      else if (!atOnce) sendNext()
    }
  }
  return new Promise(resolve => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      if (atOnce) socket.write(Buffer.concat(requests.map(({ bytes }) => bytes)))
      else sendNext()
    })
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      read(false)
    })
    socket.once('end', () => read(true))
    socket.on('error', () => {})
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(answers)
    })
  })
}
