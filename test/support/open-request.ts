/**
 * One request on a connection of its own, over either version of HTTP, whose content is sent by
 * hand: it may be cut off, and its client may leave.
 */
import { type RequestListener, request, type Server } from 'node:http'
import {
  connect,
  createServer,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Writable } from 'node:stream'

/** Where a server listens. */
export interface Place {
  readonly port: number
  readonly isHttp2: boolean
}

/** An answer as it came. */
export interface Told {
  /** 0 where none came. */
  readonly status: number
  readonly phrase: string
  readonly headers: IncomingHttpHeaders
  readonly trailers: object
  readonly body: string
  readonly isBroken: boolean
}

const LINGER_MS = 100

const NOTHING: Told = {
  ...{ status: 0, phrase: '', headers: {}, trailers: {}, body: '', isBroken: true },
}

/** Lets the application of a server be asked over HTTP/2 as well. */
export async function overHttp2(server: Server): Promise<Place & { close(): void }> {
  const [listener] = server.listeners('request') as RequestListener[]
  const sockets = new Set<Socket>()
  const second = createServer(listener as never).on('connection', socket => sockets.add(socket))
  await new Promise<void>(done => second.listen(0, '127.0.0.1', done))
  const { port } = second.address() as AddressInfo
  const close = () => {
    second.close()
    // Node 24 lets go of a session here, and leaves its socket open.
    for (const socket of sockets) socket.destroy()
  }
  return { port, isHttp2: true, close }
}

/** Begins a request. @returns where its content goes, and what is answered in the end */
export function openRequest(
  { port, isHttp2 }: Place,
  method: string,
  path: string,
  headers: Readonly<Record<string, string | number>>,
): { readonly stream: Writable; readonly told: Promise<Told> } {
  const origin = `http://127.0.0.1:${port}`
  if (!isHttp2) {
    const stream = request(`${origin}${path}`, { method, headers, agent: false })
    const told = new Promise<Told>(resolve => {
      stream.on('error', () => resolve(NOTHING)).on('close', () => resolve(NOTHING))
      stream.on('response', response => {
        const pieces = gather(response)
        const end = (isBroken: boolean) => {
          const { statusCode: status = 0, statusMessage: phrase = '' } = response
          const { headers, trailers } = response
          resolve({ status, phrase, headers, trailers, body: pieces(), isBroken })
        }
        response.on('end', () => end(false)).on('error', () => end(true))
      })
    })
    return { stream, told }
  }
  const session = connect(origin).on('error', () => {})
  const stream = session.request({ ':method': method, ':path': path, ...headers })
  const told = new Promise<Told>(resolve => {
    let [given, trailers]: [IncomingHttpHeaders & IncomingHttpStatusHeader, object] = [{}, {}]
    const pieces = gather(stream)
    stream.on('response', fields => {
      given = fields
    })
    stream.on('trailers', fields => {
      trailers = fields
    })
    stream.on('error', () => {})
    // Whoever has the whole answer does not wait for its own content to be taken.
    stream.on('end', () => setTimeout(() => stream.destroy(), LINGER_MS))
    // A stream that is reset has an end as well.
    stream.on('close', () => {
      const { ':status': status = 0, ...headers } = given
      const isBroken = status === 0 || stream.rstCode !== 0
      resolve({ ...NOTHING, status, headers, trailers, body: pieces(), isBroken })
      // A client that leaves a stream keeps its connection.
      setTimeout(() => session.destroy(), LINGER_MS)
    })
  })
  return { stream, told }
}

function gather(stream: NodeJS.ReadableStream): () => string {
  const pieces: Buffer[] = []
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  return () => Buffer.concat(pieces).toString()
}
