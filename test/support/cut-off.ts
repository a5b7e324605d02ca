/** Requests that are cut off in the middle of their content, over HTTP/1.1 and HTTP/2. */
import { connect as connectHttp2, constants } from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'

/** A request that is going to be cut off. */
export interface CutRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly content: Buffer
  /** Whether the length of the whole is announced. */
  readonly announced: boolean
}

/** How an HTTP/1.1 client leaves. */
export const LEAVES = ['end', 'destroy', 'reset'] as const

/** How an HTTP/2 client leaves: by the stream alone, or with its connection. */
export const ENDS = [
  'RST_STREAM',
  'RST_STREAM without an error',
  'GOAWAY',
  'FIN',
  'closed',
] as const

/** Sends the first `bytes` of the content, and leaves once `seen` says that they have arrived. */
export async function cutOverHttp1(
  port: number,
  request: CutRequest,
  bytes: number,
  leave: (typeof LEAVES)[number],
  seen: () => Promise<void>,
): Promise<void> {
  const socket = await socketTo(port)
  const { method, path, content, announced } = request
  const part = content.subarray(0, bytes)
  const fields = {
    Host: 'a',
    ...request.headers,
    ...(announced ? { 'Content-Length': content.length } : { 'Transfer-Encoding': 'chunked' }),
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  if (announced) socket.write(part)
  else if (bytes > 0) socket.write(`${bytes.toString(16)}\r\n${part.toString('latin1')}\r\n`)
  await seen()
  if (leave === 'end') socket.end()
  else if (leave === 'destroy') socket.destroy()
  else socket.resetAndDestroy()
  await closed(socket)
}

/** Sends the first `bytes` of each content on one connection, and then leaves. */
export async function cutOverHttp2(
  port: number,
  requests: readonly CutRequest[],
  bytes: number,
  end: (typeof ENDS)[number],
  seen: () => Promise<void>,
): Promise<void> {
  const socket = await socketTo(port)
  const session = connectHttp2(`http://127.0.0.1:${port}`, { createConnection: () => socket })
  session.on('error', () => {})
  const streams = requests.map(({ method, path, headers, content, announced }) => {
    const stream = session.request({
      ':method': method,
      ':path': path,
      ...headers,
      ...(announced && { 'content-length': String(content.length) }),
    })
    stream.on('error', () => {}).resume()
    if (bytes > 0) stream.write(content.subarray(0, bytes))
    return stream
  })
  await seen()
  const codes = {
    RST_STREAM: constants.NGHTTP2_CANCEL,
    'RST_STREAM without an error': constants.NGHTTP2_NO_ERROR,
  } as const
  if (end === 'RST_STREAM' || end === 'RST_STREAM without an error') {
    const over = streams.map(stream => new Promise(done => stream.once('close', done)))
    for (const stream of streams) stream.rstWithCode(codes[end])
    await Promise.all(over)
    session.close()
  } else if (end === 'closed') {
    socket.destroy()
  } else {
    if (end === 'GOAWAY') session.goaway()
    socket.end()
  }
  setTimeout(() => socket.destroy(), 50)
  await closed(socket)
}

function socketTo(port: number): Promise<Socket> {
  return new Promise(resolve => {
    const socket = connectSocket(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', () => {}).resume()
  })
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return
  await new Promise(done => socket.once('close', done))
}
