/**
 * Servers that cannot be judged: they accept and say nothing, or too little, too slowly, for ever,
 * or nonsense. A suite must end with each of them, and call none of them right or wrong.
 */
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { listen } from './listening.js'

/** A server that is of no use. */
export interface UselessServer {
  readonly origin: string
  /** Ends every connection and timer. */
  close(): Promise<void>
}

/** What these servers do, by name. */
export const SILENT = {
  silent: 'reads and says nothing',
  drip: 'answers one byte a second',
  'head-only': 'sends a head that promises content, and then nothing',
  'endless-head': 'sends field after field and never ends the head',
  garbage: 'answers with what is not HTTP',
  closes: 'closes each connection at once',
  resets: 'resets each connection when something is asked',
  'status-500': 'answers everything with 500',
  'status-404': 'answers everything with 404',
  redirects: 'sends everybody on, for ever',
  endless: 'sends content without end',
  'silent-at-links': 'hands out links as it should and says nothing at them',
} as const

/** The name of a useless server. */
export type SilentName = keyof typeof SILENT

/** How fast the slow ones are. */
export interface SilentOptions {
  /** Between two bytes or fields, in milliseconds. @defaultValue 1,000 */
  readonly pauseMs?: number
}

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n'
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz'

/** Starts a useless server on a free port of 127.0.0.1. */
export async function startSilent(
  name: SilentName,
  options: SilentOptions = {},
): Promise<UselessServer> {
  const { pauseMs = 1000 } = options
  const { port, close } = await listen(serverFor(name, pauseMs), 0)
  return { origin: `http://127.0.0.1:${port}`, close }
}

function serverFor(name: SilentName, pauseMs: number): Server {
  switch (name) {
    case 'silent':
      return raw(() => {})
    case 'drip':
      return raw(socket => little(socket, [...(ANSWER + ALPHABET)], pauseMs))
    case 'head-only':
      return raw(socket => socket.write(ANSWER))
    case 'endless-head':
      return raw(socket => {
        socket.write('HTTP/1.1 200 OK\r\n')
        little(socket, ['X-More: yes\r\n'], pauseMs)
      })
    case 'garbage':
      return raw(socket => socket.end('\0\x01\x02 this is not HTTP\r\n\r\n\xff'))
    case 'closes':
      return createServer(socket => socket.on('error', () => {}).end())
    case 'resets':
      return raw(socket => socket.resetAndDestroy())
    case 'status-500':
      return whole((_, response) => response.writeHead(500).end('Something went wrong\n'))
    case 'status-404':
      return whole((_, response) => response.writeHead(404).end('There is nothing here\n'))
    case 'redirects':
      return whole(({ url = '/' }, response) => {
        const next = 1 + Number(/^\/(\d+)$/.exec(url)?.[1] ?? 0)
        response.writeHead(302, { Location: `/${next}` }).end()
      })
    case 'endless':
      return raw(socket => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n')
        pour(socket)
      })
    case 'silent-at-links':
      return whole(({ url = '/' }, response) => {
        if (url.startsWith('/once/')) return
        const link = `/once/${Math.random().toString(36).slice(2)}${Date.now()}`
        const never = { 'Cache-Control': 'no-store', 'Content-Type': 'text/plain' }
        response.writeHead(200, { ...never, 'POE-Links': `"${link}"` })
        response.end(`${link}\n`)
      })
  }
}

/** Does something with each connection, once something has been asked. */
function raw(answer: (socket: Socket) => void): Server {
  return createServer(socket => {
    socket
      .on('error', () => {})
      .once('data', () => answer(socket))
      .resume()
  })
}

function whole(answer: RequestListener): Server {
  return createHttpServer((request, response) => {
    request.resume()
    answer(request, response)
  })
}

/** Sends pieces, one after each pause, from the start again when there are no more. */
function little(socket: Socket, pieces: readonly string[], pauseMs: number): void {
  let sent = 0
  const timer = setInterval(() => socket.write(pieces[sent++ % pieces.length] ?? ''), pauseMs)
  socket.once('close', () => clearInterval(timer))
}

/** Sends without end, as fast as it is read. */
function pour(socket: Socket): void {
  const piece = ALPHABET.repeat(600)
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  }
  socket.on('drain', more)
  more()
}
