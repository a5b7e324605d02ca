/**
 * Ends a statement that nobody waits for any more. A server looks for its client only when it has
 * something to say: until then a transaction whose connection is gone stays open, with its locks
 * and its place among the server's connections, for as long as its statement runs.
 *
 * @see PostgreSQL, Canceling Requests in Progress
 */
import { connect } from 'node:net'
import type { PostgresClient } from './driver.js'

const [REQUEST_BYTES, CANCEL] = [16, 80_877_102]
const LONGEST_MS = 1_000

/** What a connection of `pg` knows of its other end. */
interface Backend {
  readonly host: string
  readonly port: number
  readonly processID: number | null
  readonly secretKey: number | null
}

/**
 * Asks the server to end what a connection is at work on. While that is open, for a pooler knows of
 * it no longer; by a plain connection of its own, which a server takes for this also where it wants
 * TLS for all else.
 *
 * @returns resolves when the request was taken, could not be made, or took too long
 */
export async function cancelStatement(client: PostgresClient): Promise<void> {
  const { host, port, processID, secretKey } = client as unknown as Backend
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return
  const request = Buffer.alloc(REQUEST_BYTES)
  request.writeInt32BE(REQUEST_BYTES, 0)
  request.writeInt32BE(CANCEL, 4)
  request.writeInt32BE(processID, 8)
  request.writeInt32BE(secretKey, 12)
  await new Promise<void>(resolve => {
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
    socket.setTimeout(LONGEST_MS, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
    // A pooler passes it on as long as whoever asks stays there; the other side ends it.
    socket.write(request)
  })
}
