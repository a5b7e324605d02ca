/**
 * A POE server whose claims are rows of a transaction: nobody sees them before they are committed,
 * so a GET meanwhile tells the state of before, and a POST that meets the row's lock is told 503.
 * Links are made by POST. Written from draft-nottingham-http-poe-00.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

type Fields = Readonly<Record<string, string>>

/** Makes the server; it does not listen yet. */
export function lateClaimServer() {
  /** What is committed: where the result is, or `null`. */
  const links = new Map<string, string | null>()
  const locked = new Set<string>()
  const orders: unknown[] = []

  async function order(path: string, request: IncomingMessage): Promise<[number, Fields]> {
    const said = await json(request).catch(() => null)
    const { item } = (said ?? {}) as { item?: unknown }
    const before = links.get(path) ?? null
    if (before !== null) return [405, { Allow: 'GET, HEAD', Link: linkTo(before, path) }]
    if (locked.has(path)) return [503, { 'Retry-After': '1' }]
    if (typeof item !== 'string' || item === '') return [400, {}]
    locked.add(path)
    try {
      await sleep(Number(request.headers['x-slow'] ?? 0))
      if (request.headers['x-fail'] !== undefined) return [409, {}]
      orders.push(item)
      const Location = `/done/${orders.length}`
      links.set(path, Location)
      return [201, { Location }]
    } finally {
      locked.delete(path)
    }
  }

  async function answer(request: IncomingMessage): Promise<[number, Fields, unknown?]> {
    const { method, url: path = '/' } = request
    if (path === '/count') return [200, {}, { orders }]
    if (path === '/new') {
      if (method !== 'POST') return [405, { Allow: 'POST' }]
      const link = `/new/${randomBytes(18).toString('hex')}`
      links.set(link, null)
      return [201, { Location: link, 'POE-Links': `"${link}"` }, { link }]
    }
    const done = orders[Number(/^\/done\/(\d+)$/.exec(path)?.[1] ?? 0) - 1]
    if (done !== undefined) return [200, {}, { item: done }]
    const result = links.get(path)
    if (result === undefined) return [404, {}]
    if (method === 'POST') return await order(path, request)
    const isRead = method === 'GET' || method === 'HEAD'
    if (result === null) return [405, { Allow: 'POST' }]
    return isRead ? [303, { Location: result }] : [405, { Allow: 'GET, HEAD' }]
  }

  return createServer(async (request, response) => {
    const [status, fields, content] = await answer(request)
    request.resume()
    send(response, status, fields, content)
  })
}

function linkTo(result: string, anchor: string) {
  return `<${result}>; rel="related"; anchor="${anchor}"`
}

function send(response: ServerResponse, status: number, fields: Fields, content: unknown) {
  const text = content === undefined ? '' : JSON.stringify(content)
  const type: Fields = text === '' ? {} : { 'Content-Type': 'application/json' }
  const length = { 'Content-Length': String(Buffer.byteLength(text)) }
  response.writeHead(status, { 'Cache-Control': 'no-store', ...type, ...length, ...fields })
  response.end(text)
}
