/**
 * A POE server on bare sockets, HTTP/1.0: the end of the connection is the end of the content.
 * Written from draft-nottingham-http-poe-00.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'

const LIMIT_BYTES = 20_000

/** Makes the server; it does not listen yet. */
export function rawSocketsServer(): Server {
  const notes: string[] = []
  const links = new Map<string, string | null>()

  function answer(method: string, path: string, body: string | null): [string, string, string?] {
    if (path === '/count') return ['200 OK', JSON.stringify(notes)]
    if (path === '/note') {
      const link = `/note?at=${randomBytes(16).toString('hex')}`
      links.set(link, null)
      return ['200 OK', JSON.stringify({ note: link }), 'Cache-Control: private, no-cache']
    }
    const told = links.get(path)
    if (told === undefined) return ['404 Not Found', '{}']
    if (method === 'POST') {
      if (told !== null) return ['405 Method Not Allowed', '{"was":"kept"}', 'Allow: GET, HEAD']
      if (body === null || !/^\{"text":"[^"]+"\}\s*$/.test(body)) return ['400 Bad Request', '{}']
      notes.push(body)
      const kept = JSON.stringify({ kept: notes.length, body })
      links.set(path, kept)
      return ['201 Created', kept]
    }
    const Allow = `Allow: ${told === null ? 'POST' : 'GET, HEAD'}`
    const isRead = method === 'GET' || method === 'HEAD'
    return told !== null && isRead
      ? ['200 OK', told, Allow]
      : ['405 Method Not Allowed', '{}', Allow]
  }

  function take(socket: Socket, received: string): boolean {
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [, method = '', path = ''] = /^(\w+) (\S+) HTTP/.exec(received) ?? []
    const length = Number(/^content-length: *(\d+)/im.exec(received.slice(0, end))?.[1] ?? 0)
    const body = received.slice(end + 4)
    if (length <= LIMIT_BYTES && body.length < length) return false
    const isWhole = length <= LIMIT_BYTES
    const [status, content, field] = answer(method, path, isWhole ? body.slice(0, length) : null)
    const never = field?.startsWith('Cache-Control') ? [] : ['Cache-Control: no-store']
    const fields = [...never, ...(field === undefined ? [] : [field])]
    const head = [`HTTP/1.0 ${status}`, 'Content-Type: application/json', ...fields].join('\r\n')
    socket.end(`${head}\r\n\r\n${method === 'HEAD' ? '' : content}`)
    return true
  }

  return createServer(socket => {
    let received = ''
    let isDone = false
    socket.setEncoding('latin1').on('error', () => {})
    socket.on('data', chunk => {
      received += String(chunk)
      if (!isDone) isDone = take(socket, received)
    })
  })
}
