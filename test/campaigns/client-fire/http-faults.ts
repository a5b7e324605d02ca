/**
 * A gateway that fails as gateways do: it answers 502, 503 or 504 by itself, before the request
 * went on to the server or after the server has carried it out; or it loses the answer, and sends
 * the request once more.
 */
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** A running gateway. */
export interface Gateway {
  readonly port: number
  /** How many requests it failed. */
  readonly failed: number
  close(): Promise<void>
}

/** What is decided about a request: pass it, send it twice, or fail it before or after that. */
export type Fate = 'pass' | 'twice' | { readonly status: number; readonly when: 'before' | 'after' }

/**
 * Starts a gateway on a free port.
 *
 * @param port - of the server behind it
 * @param fate - decides about each request
 */
export async function startGateway(port: number, fate: () => Fate): Promise<Gateway> {
  let failed = 0
  const server = createServer((asked, answer) => {
    const decided = fate()
    if (decided === 'pass') {
      pass(asked, answer, port)
      return
    }
    failed += 1
    if (decided === 'twice') {
      void twice(asked, answer, port)
      return
    }
    const { status, when } = decided
    const refuse = () => answer.writeHead(status, { 'Content-Type': 'text/plain' }).end('gateway')
    if (when === 'before') {
      asked.resume().on('end', refuse)
      return
    }
    const onward = forward(asked, port)
    onward.on('response', reply => reply.resume().on('end', refuse))
    onward.on('error', refuse)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get failed() {
      return failed
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** What was read once goes on twice; the second answer is the one that arrives. */
async function twice(asked: IncomingMessage, answer: ServerResponse, port: number): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of asked) parts.push(part as Buffer)
  const content = Buffer.concat(parts)
  const send = () => {
    const { method, url: path, headers } = asked
    return request({ host: '127.0.0.1', port, method, path, headers }).end(content)
  }
  const lost = send()
  lost.on('error', () => answer.writeHead(502).end())
  lost.on('response', reply => {
    reply.resume().on('end', () => relay(send(), answer))
  })
}

function pass(asked: IncomingMessage, answer: ServerResponse, port: number): void {
  relay(forward(asked, port), answer)
}

function relay(onward: ClientRequest, answer: ServerResponse): void {
  onward.on('response', reply => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers)
    reply.pipe(answer)
  })
  onward.on('error', () => {
    if (!answer.headersSent) answer.writeHead(502)
    answer.end()
  })
}

function forward(asked: IncomingMessage, port: number) {
  const { method, url: path, headers } = asked
  const onward = request({ host: '127.0.0.1', port, method, path, headers })
  asked.pipe(onward)
  return onward
}
