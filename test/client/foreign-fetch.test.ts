/**
 * Content through a `fetch` of somebody's own, which may know none of this runtime's classes.
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { createClient, type FetchLike, type MadeContent } from 'post-once-exactly/client'
import { fetch as undiciFetch } from 'undici'
import { refusedConnection } from './scripted.js'

/** As node-fetch: streams of Node, bytes and text; all else goes by its name. */
const nodeLike: FetchLike = async (input, init = {}) => {
  const { body } = init as { readonly body?: unknown }
  const isKnown = body instanceof Readable || body instanceof Uint8Array
  try {
    return await fetch(input, {
      ...init,
      body: isKnown ? (body as Uint8Array<ArrayBuffer>) : String(body),
    })
  } catch (error) {
    // It keeps the code of what went wrong, and not the error.
    const { cause } = error as { readonly cause?: { readonly code?: string } }
    throw Object.assign(new Error('request failed'), { code: cause?.code })
  }
}

const KINDS: Readonly<Record<string, FetchLike>> = {
  'undici’s own': undiciFetch as unknown as FetchLike,
  'one like node-fetch': nodeLike,
}

function form(): FormData {
  const parts = new FormData()
  parts.append('sku', 'tea')
  return parts
}

describe('content through a fetch of one’s own', () => {
  let server: Server
  let link = ''
  let told: { readonly headers: IncomingHttpHeaders; readonly content: string }[] = []
  let begun = 0

  before(async () => {
    server = createServer(async (asked, answer) => {
      asked.once('data', () => {
        begun += 1
      })
      const content = await text(asked).catch(() => null)
      if (content === null) return
      told.push({ headers: asked.headers, content })
      answer.writeHead(asked.method === 'POST' ? 201 : 404).end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    link = `http://127.0.0.1:${(server.address() as AddressInfo).port}/once/1`
  })
  beforeEach(() => {
    told = []
    begun = 0
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const made: Readonly<Record<string, readonly [type: RegExp, () => MadeContent]>> = {
    'a form': [/^multipart\/form-data; boundary=/, form],
    'a Blob': [/^text\/x$/, () => new Blob(['sku=tea'], { type: 'text/x' })],
    'a plain object': [/^application\/json$/, () => ({ sku: 'tea' })],
    'a stream of the web': [/^$/, () => new Blob(['tea']).stream()],
    'a stream of Node': [/^$/, () => Readable.from([Buffer.from('tea')])],
  }
  for (const [kind, foreign] of Object.entries(KINDS)) {
    for (const [name, [type, make]] of Object.entries(made)) {
      it(`[FALSE-4605] ${kind} sends ${name}, and not its name`, async () => {
        for (const bodyLimitBytes of [1_024, 2]) {
          const client = createClient({ fetch: foreign, bodyLimitBytes, tries: 1 })
          expect(await client.post(link, make)).to.include({ outcome: 'accepted' })
        }
        for (const { headers, content } of told) {
          expect(headers['content-type'] ?? '').to.match(type)
          expect(content).to.match(/tea/)
        }
        expect(told).to.have.length(2)
      })
    }

    it(`[FALSE-4605] ${kind}: half of a content that breaks off was sent`, async () => {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('half')
        while (begun === 0) await new Promise(setImmediate)
        throw refusedConnection()
      }
      const client = createClient({ fetch: foreign, tries: 1 })
      expect(await client.post(link, () => broken())).to.include({ outcome: 'unknown' })
      expect(begun).to.equal(1)
    })
  }

  it('[FALSE-4605] what client.fetch sends as a plain request is known, too', async () => {
    const client = createClient({ fetch: nodeLike })
    const body = new Blob(['tea']).stream()
    await client.fetch(link, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect(told.map(({ content }) => content)).to.deep.equal(['tea'])
  })
})
