/**
 * Plain HTTP for the servers that the doors are proven on: a whole request in, an answer out.
 */
import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { listen, sleep } from '../servers/listening.js'

/** A whole request. */
export interface Asked {
  /** Another one for each request. */
  readonly id: symbol
  /** When it was connected, in milliseconds of `performance.now()`. */
  readonly atMs: number
  readonly method: string
  /** The target as it came, with its query. */
  readonly target: string
  readonly path: string
  readonly user: string
  readonly text: string
  /** Whether the client has left. */
  isGone(): boolean
  /** The values of a field, a line each. */
  lines(name: string): readonly string[]
}

/** An answer. */
export interface Told {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly text: string
}

/** What a server does. */
export interface Handler {
  /** Before the content is read. */
  begins?(asked: Asked): void
  answer(asked: Asked, pause: (ms: number) => Promise<void>): Promise<Told>
  /** Loses what is in memory only. */
  restarted(): void
}

/** A server that listens. */
export interface DoorServer {
  readonly origin: string
  restart(): Promise<void>
  close(): Promise<void>
}

/** Starts one on a free port of 127.0.0.1. */
export async function startPlain(handler: Handler): Promise<DoorServer> {
  const stopped = new AbortController()
  setMaxListeners(0, stopped.signal)
  const pause = async (ms: number) => {
    await sleep(ms, stopped.signal)
    // On a busy machine, whoever has left meanwhile is known to have left.
    await setImmediate()
  }
  const connected = new WeakMap<Socket, number>()
  const server = createServer((request, response) => {
    void (async () => {
      const atMs = connected.get(request.socket) ?? performance.now()
      const head = { ...askedOf(request, ''), atMs }
      handler.begins?.(head)
      const text = await textOf(request)
      if (text === null) return
      const { status, fields, text: told } = await answered(handler, { ...head, text }, pause)
      const hasContent = status !== 204 && request.method !== 'HEAD'
      response.writeHead(status, fields).end(hasContent ? told : undefined)
    })()
  })
  server.on('connection', socket => connected.set(socket, performance.now()))
  const { port, close } = await listen(server, 0, () => stopped.abort())
  return {
    origin: `http://127.0.0.1:${port}`,
    close,
    restart: async () => handler.restarted(),
  }
}

/** An answer in JSON. */
export function told(
  status: number,
  content: unknown,
  fields: Readonly<Record<string, string>> = {},
): Told {
  return {
    status,
    fields: { 'Content-Type': 'application/json', ...fields },
    text: JSON.stringify(content),
  }
}

/** A refusal, as a problem document with a link to the rules. */
export function refused(status: number, title: string): Told {
  return told(
    status,
    { title, status },
    {
      'Content-Type': 'application/problem+json',
      Link: '</policy>; rel="describedby"',
    },
  )
}

/** A member of a JSON content; `undefined` where there is none. */
export function memberOf(text: string, name: string): unknown {
  try {
    return (JSON.parse(text) as Readonly<Record<string, unknown>>)[name]
  } catch {
    return undefined
  }
}

/** What a request asks for by `X-Fault: slow=<ms>, fail=<status>`; 0 for nothing. */
export function faultIn(asked: Asked, name: 'slow' | 'fail'): number {
  const text = asked.lines('X-Fault').join()
  return Number(new RegExp(`${name}=(\\d+)`).exec(text)?.[1] ?? 0)
}

async function answered(
  handler: Handler,
  asked: Asked,
  pause: (ms: number) => Promise<void>,
): Promise<Told> {
  try {
    return await handler.answer(asked, pause)
  } catch (error) {
    return told(500, { error: (error as Error).message })
  }
}

function askedOf(request: IncomingMessage, text: string): Omit<Asked, 'atMs'> {
  const { method = 'GET', url: target = '/', rawHeaders, socket } = request
  const lines = (name: string) =>
    rawHeaders.filter((_, at) => {
      return at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name.toLowerCase()
    })
  return {
    ...{ id: Symbol('request'), method, target, text, lines },
    path: target.split('?')[0] ?? '',
    user: String(request.headers['x-user'] ?? 'nobody'),
    isGone: () => socket.destroyed,
  }
}

/** `null` where it broke off. */
async function textOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString()
  } catch {
    return null
  }
}
