/**
 * A POE server that answers in plain text and holds every POST until the one before it is decided;
 * a GET meanwhile waits as well. Written from draft-nottingham-http-poe-00.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

interface Once {
  result: string | null
  /** Ends when everything that came before has been decided. */
  turn: Promise<unknown>
}

/** Makes the server; it does not listen yet. */
export function heldServer() {
  const links = new Map<string, Once>()
  const orders: string[] = []

  async function order(once: Once, request: IncomingMessage, said: string | null) {
    if (once.result !== null) return spent(once.result)
    const fields = new URLSearchParams(said ?? '')
    const what = fields.get('what')
    if (said === null || what === null || what === '') return [422, 'Say what you want.\n'] as const
    await sleep(Number(request.headers['x-slow'] ?? 0))
    if (request.headers['x-decline'] !== undefined)
      return [402, 'The card was declined.\n'] as const
    orders.push(what)
    once.result = `Order ${orders.length}: ${what}.\n`
    return [200, once.result, { Allow: 'GET, HEAD' }] as const
  }

  function spent(result: string) {
    const words = `This was placed before, and is not placed again.\n${result}`
    return [405, words, { Allow: 'GET, HEAD' }] as const
  }

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const { method, url: path = '/' } = request
    const isPost = method === 'POST'
    // Node ends nothing that was cut off.
    const said = isPost ? await text(request).catch(() => null) : null
    if (path === '/desk') return page(response)
    if (path === '/count') return send(response, [200, `{"orders":${orders.length}}`])
    const once = links.get(path)
    if (once === undefined) return send(response, [404, 'There is nothing here.\n'])
    const told = once.turn.then(async () => {
      if (isPost) return await order(once, request, said)
      const isRead = method === 'GET' || method === 'HEAD'
      const Allow = once.result === null ? 'POST' : 'GET, HEAD'
      if (!isRead || once.result === null) return [405, 'Not so.\n', { Allow }] as const
      return [200, once.result, { Allow }] as const
    })
    once.turn = told
    send(response, await told)
  }

  function page(response: ServerResponse) {
    const path = `/desk/${randomUUID()}`
    links.set(path, { result: null, turn: Promise.resolve() })
    send(response, [200, `Send your order once to ${path}\n`, { 'POE-Links': `"${path}"` }])
  }

  return createServer((request, response) => void answer(request, response))
}

type Told = readonly [status: number, words: string, fields?: Readonly<Record<string, string>>]

function send(response: ServerResponse, [status, words, fields = {}]: Told) {
  const type = words.startsWith('{') ? 'application/json' : 'text/plain'
  response.writeHead(status, { 'Cache-Control': 'no-store', 'Content-Type': type, ...fields })
  response.end(words)
}
