/**
 * A small server of POE resources for the soak: any path below `/once/` is one. Some first POSTs
 * are refused for a moment, of some the answer is lost. It prints its port, and ends when its
 * standard input does.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const BUSY_EVERY = 50
const LOST_EVERY = 77

const used = new Set<string>()
const busy = new Set<string>()

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { method, url = '' } = request
  const number = Number(url.slice('/once/'.length))
  if (method === 'POST' && number % BUSY_EVERY === 0 && !busy.has(url)) {
    busy.add(url)
    response.writeHead(503, { 'Retry-After': '0' }).end()
    return
  }
  const isUsed = used.has(url)
  if (method === 'POST' && isUsed) {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end()
    return
  }
  if (method === 'GET' && !isUsed) {
    response.writeHead(405, { Allow: 'POST' }).end()
    return
  }
  used.add(url)
  if (method === 'POST' && number % LOST_EVERY === 0) {
    request.socket.destroy()
    return
  }
  const status = method === 'POST' ? 201 : 200
  response.writeHead(status, { Allow: 'GET, HEAD', 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ number }))
}

process.stdin.resume().once('end', () => process.exit(0))
const server = createServer((request, response) => {
  request.resume().once('end', () => answer(request, response))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
