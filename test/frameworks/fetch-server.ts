/**
 * Serves a fetch handler on node:http with Node's own `Request` and `Response`, as plainly as it
 * can be done: what is tested is the handler and not somebody's server.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FetchDoor } from 'post-once-exactly/fetch'

/** Makes a request listener of a fetch handler. */
export function asListener(serve: FetchDoor): RequestListener {
  return (request, response) => {
    answer(serve, request, response).catch(() => response.destroy())
  }
}

async function answer(serve: FetchDoor, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const left = new AbortController()
  res.once('close', () => {
    if (!res.writableFinished) left.abort()
  })
  // What nobody has read is let through, so that the connection can be used again.
  res.once('finish', () => {
    if (!req.readableEnded) req.removeAllListeners('data').resume()
  })
  const hasContent = req.method !== 'GET' && req.method !== 'HEAD'
  const init: RequestInit & { duplex: 'half' } = {
    method: req.method ?? 'GET',
    headers: req.headers as Record<string, string>,
    signal: left.signal,
    duplex: 'half',
    ...(hasContent && { body: Readable.toWeb(req) as BodyInit }),
  }
  const { status, headers, body } = await serve(
    new Request(`http://${req.headers.host}${req.url}`, init),
  )
  for (const [name, value] of headers) {
    if (name === 'set-cookie') res.appendHeader(name, value)
    else res.setHeader(name, value)
  }
  res.writeHead(status)
  if (body === null) res.end()
  else await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), res)
}
