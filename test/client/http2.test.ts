/**
 * HTTP/2 tells a stream that was refused from one that was reset: the first was not processed, the
 * second may have been. Real sessions of node:http2, behind a function that is called like `fetch`.
 *
 * @see RFC 9113 8.7
 */

import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { type ClientHttp2Session, connect, constants, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { createClient, type FetchLike } from 'post-once-exactly/client'

/** What the server does with a POST; `effect` counts one. */
type Move = (stream: ServerHttp2Stream, effect: () => void) => void

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants
const OPTIONS = { baseMs: 1, timeoutMs: 2_000 } as const

const accept: Move = (stream, effect) => {
  effect()
  stream.respond({ ':status': 201 })
  stream.end('order 7')
}
const refuse: Move = stream => stream.close(NGHTTP2_REFUSED_STREAM)
const goAway: Move = stream => {
  // The last stream that was looked at is one before this one.
  stream.session?.goaway(NGHTTP2_NO_ERROR, Math.max(0, (stream.id ?? 1) - 2))
  stream.close(NGHTTP2_REFUSED_STREAM)
}
const cancelAfterEffect: Move = (stream, effect) => {
  effect()
  stream.close(NGHTTP2_CANCEL)
}
const cutAfterEffect: Move = (stream, effect) => {
  effect()
  stream.session?.destroy()
}

describe('a POST over HTTP/2', () => {
  const table: readonly (readonly [name: string, move: Move, wasNotSent: boolean])[] = [
    ['REFUSED_STREAM', refuse, true],
    ['GOAWAY below the stream', goAway, true],
    ['RST CANCEL after the effect', cancelAfterEffect, false],
    ['a connection cut after the effect', cutAfterEffect, false],
  ]
  for (const [name, move, wasNotSent] of table) {
    it(`[PX-05] ${name}: a POE link is tried again, with one effect`, async () => {
      await withServer([move], async (origin, fetch, count) => {
        const client = createClient({ ...OPTIONS, fetch })
        const outcome = await client.post(`${origin}/once/x`, 'tea')
        expect(outcome.outcome).to.equal(wasNotSent ? 'accepted' : 'accepted-earlier')
        expect(count()).to.equal(1)
      })
    })

    it(`[PX-05] ${name}: a plain POST is tried again only if it was not sent`, async () => {
      await withServer([move], async (origin, fetch, count) => {
        const client = createClient({ ...OPTIONS, fetch, retryUnsent: true })
        const sent = client.fetch(`${origin}/plain`, { method: 'POST', body: 'tea' })
        const status = await sent.then(response => response.status).catch(() => 'rejected')
        expect(status).to.equal(wasNotSent ? 201 : 'rejected')
        expect(count()).to.equal(1)
      })
    })
  }

  it('[PX-05] without the option no plain POST is tried again', async () => {
    await withServer([refuse], async (origin, fetch, count) => {
      const client = createClient({ ...OPTIONS, fetch })
      const sent = client.fetch(`${origin}/plain`, { method: 'POST', body: 'tea' })
      expect(await sent.catch((error: Error) => error.message)).to.include('REFUSED_STREAM')
      expect(count()).to.equal(0)
    })
  })

  it('[PX-05] with a key, a reset stream is tried again with the same key', async () => {
    await withServer([cancelAfterEffect], async (origin, fetch, count) => {
      const client = createClient({ ...OPTIONS, fetch })
      const outcome = await client.post(`${origin}/keyed`, 'tea', { idempotencyKey: true })
      expect(outcome).to.include({ outcome: 'accepted', attempts: 2 })
      expect(count()).to.equal(1)
    })
  })
})

/** Serves POE links below `/once/`, keyed POSTs at `/keyed`, and plain ones elsewhere. */
async function withServer(
  moves: readonly Move[],
  use: (origin: string, fetch: FetchLike, count: () => number) => Promise<void>,
): Promise<void> {
  const left = [...moves]
  const used = new Set<string>()
  let effects = 0
  const server = createServer()
  const serving = new Set<ServerHttp2Session>()
  server.on('session', session => {
    serving.add(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const isKeyed = headers[':path'] === '/keyed'
    const name = String((isKeyed && headers['idempotency-key']) || headers[':path'])
    if (headers[':method'] === 'GET') return say(stream, used.has(name) ? 200 : 404)
    if (used.has(name) && name !== '/plain') {
      return say(stream, isKeyed ? 201 : 405)
    }
    stream.resume().on('end', () => {
      const move = left.shift() ?? accept
      move(stream, () => {
        used.add(name)
        effects += 1
      })
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const sessions = new Set<ClientHttp2Session>()
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    await use(origin, fetchOver(origin, sessions), () => effects)
  } finally {
    for (const session of [...sessions, ...serving]) session.destroy()
    await closed(server)
  }
}

function say(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': status, allow: 'GET' })
  stream.end('order 7')
}

/** The least of a `fetch` over HTTP/2, with the errors as node:http2 gives them. */
function fetchOver(origin: string, sessions: Set<ClientHttp2Session>): FetchLike {
  return async (input, init = {}) => {
    const request = new Request(input, init)
    const body = Buffer.from(await request.arrayBuffer())
    const session = connect(origin)
    session.on('error', () => {})
    sessions.add(session)
    const { pathname } = new URL(request.url)
    const fields = Object.fromEntries(request.headers)
    const stream = session.request({ ...fields, ':method': request.method, ':path': pathname })
    try {
      return await new Promise<Response>((resolve, reject) => {
        stream.on('response', ({ ':status': status = 0, allow }) => {
          const chunks: Buffer[] = []
          stream.on('data', chunk => chunks.push(chunk))
          stream.on('end', () => {
            const headers = allow === undefined ? {} : { allow: String(allow) }
            resolve(new Response(Buffer.concat(chunks), { status, headers }))
          })
        })
        stream.on('error', cause => reject(new TypeError(cause.message, { cause })))
        stream.on('close', () => reject(new TypeError('closed without an answer')))
        if (body.length > 0) stream.end(body)
        else stream.end()
      })
    } finally {
      sessions.delete(session)
      session.close()
    }
  }
}

async function closed(server: Http2Server): Promise<void> {
  await new Promise(resolve => server.close(resolve))
}
