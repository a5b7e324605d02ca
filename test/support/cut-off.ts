/** Requests that are cut off in the middle of their content, over HTTP/1.1 and HTTP/2. */
import { constants } from 'node:http2'
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

/**
 * Sends the first `bytes` of each content on one connection, frame by frame, and then leaves. A
 * client of Node would end a stream before it resets it.
 */
export async function cutOverHttp2(
  port: number,
  requests: readonly CutRequest[],
  bytes: number,
  end: (typeof ENDS)[number],
  seen: () => Promise<void>,
): Promise<void> {
  const socket = await socketTo(port)
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0), frame(SETTINGS, ACK, 0)]))
  const ids = requests.map((_, index) => index * 2 + 1)
  requests.forEach(({ method, path, headers, content, announced }, index) => {
    const id = ids[index] ?? 0
    const fields = {
      ...{ ':method': method, ':scheme': 'http', ':path': path, ':authority': 'a' },
      ...headers,
      ...(announced && { 'content-length': String(content.length) }),
    }
    socket.write(frame(HEADERS, END_HEADERS, id, literal(fields)))
    if (bytes > 0) socket.write(frame(DATA, 0, id, content.subarray(0, bytes)))
  })
  await seen()
  switch (end) {
    case 'RST_STREAM':
    case 'RST_STREAM without an error': {
      const code = Buffer.alloc(4)
      code.writeUInt32BE(end === 'RST_STREAM' ? CANCEL : NO_ERROR)
      for (const id of ids) socket.write(frame(RST_STREAM, 0, id, code))
      await new Promise(done => setTimeout(done, 20))
      socket.destroy()
      break
    }
    case 'GOAWAY':
      socket.end(frame(GOAWAY, 0, 0, Buffer.alloc(8)))
      break
    case 'FIN':
      socket.end()
      break
    case 'closed':
      socket.destroy()
  }
  await closed(socket)
}

const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [0, 1, 3, 4, 7] as const
const ACK = 1
const END_HEADERS = 4
const { NGHTTP2_CANCEL: CANCEL, NGHTTP2_NO_ERROR: NO_ERROR } = constants
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** RFC 9113 4.1 */
function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

/** RFC 7541 6.2.2, names and values of less than 127 bytes. */
function literal(fields: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(fields).flatMap(pair => pair.map(text => Buffer.from(text)))
  const strings = parts.map((text, index) => {
    const length = Buffer.of(text.length)
    return Buffer.concat(index % 2 === 0 ? [Buffer.of(0), length, text] : [length, text])
  })
  return Buffer.concat(strings)
}

function socketTo(port: number): Promise<Socket> {
  return new Promise(resolve => {
    const socket = connectSocket(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', () => {}).resume()
  })
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return
  // A server that keeps its half open must not keep the test.
  setTimeout(() => socket.destroy(), 100).unref()
  await new Promise(done => socket.once('close', done))
}
