/**
 * A `fetch` that follows redirects although it is asked not to, as polyfills on XMLHttpRequest do
 * and wrappers that pass on some options only: what answers is not what was asked.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { createClient, type FetchLike } from 'post-once-exactly/client'
import { createClient as createBrowserClient } from 'post-once-exactly/client/browser'

const wrapper: FetchLike = (input, { redirect: _, ...init } = {}) => fetch(input, init)

/** Says where an answer came from, and not that it was led there. */
const polyfill: FetchLike = async (input, init) => {
  return Object.defineProperty(await wrapper(input, init), 'redirected', { value: undefined })
}

describe('a fetch that follows redirects by itself', () => {
  let server: Server
  let origin = ''
  let effects = 0
  let place = ''

  /** Leads each POST elsewhere; only one that has no login leads GETs there, too. */
  const serve: RequestListener = ({ method, url }, answer) => {
    const isLink = url?.startsWith('/once/')
    const isLogin = place === '/login'
    if (!isLink) {
      answer.writeHead(isLogin ? 200 : 404, { allow: 'GET, HEAD' }).end('log in')
    } else if (isLogin) {
      answer.writeHead(303, { location: place }).end()
    } else if (method === 'POST' && effects === 0) {
      effects += 1
      answer.writeHead(303, { location: place }).end()
    } else if (method === 'POST') {
      const result = 'rel="urn:post-once-exactly:rel:result"'
      const link = `<${place}>; ${result}; anchor="${url}"`
      const type = 'application/problem+json'
      answer.writeHead(405, { allow: 'GET, HEAD', link, 'content-type': type })
      answer.end('{"payloadMatches":true}')
    } else {
      const isIt = url === '/once/t0ken'
      answer.writeHead(isIt ? 303 : 404, { allow: 'GET, HEAD', location: place }).end()
    }
  }

  before(async () => {
    server = createServer(serve).listen(0, '127.0.0.1')
    await once(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  beforeEach(() => {
    effects = 0
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  for (const [name, fetch] of Object.entries({ wrapper, polyfill })) {
    for (const [entry, make] of Object.entries({ createClient, createBrowserClient })) {
      it(`[FALSE-4583] a result that cannot be had is no refusal (${name}, ${entry})`, async () => {
        place = '/result'
        const outcome = await make({ fetch, baseMs: 1 }).post(`${origin}/once/t0ken`, 'x')
        expect(outcome).to.include({ outcome: 'accepted-earlier', attempts: 2 })
        expect(effects).to.equal(1)
      })

      it(`[FALSE-4583] nor is the page of a login a success (${name}, ${entry})`, async () => {
        place = '/login'
        const outcome = await make({ fetch, baseMs: 1 }).post(`${origin}/once/t0ken`, 'x')
        expect(outcome).to.include({ outcome: 'unknown', isFinal: false })
      })
    }

    it(`[FALSE-4583] nor is it one of a key (${name})`, async () => {
      place = '/login'
      const client = createClient({ fetch, baseMs: 1 })
      const outcome = await client.post(`${origin}/once/t0ken`, 'x', { idempotencyKey: true })
      expect(outcome).to.include({ outcome: 'unknown' })
    })
  }
})
