/**
 * Content that a function makes for each try: it is whole or the try is none, and what goes wrong
 * in making it is not taken for what the server or the network did.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { createClient, type MadeContent, type PostBody } from 'post-once-exactly/client'
import { createClient as createCore } from 'post-once-exactly/client/browser'
import { LINK, lost, refusedConnection, scene } from './scripted.js'

type Made = () => MadeContent

async function* letters() {
  yield 'te'
  yield Buffer.from('a')
}

const ONCE: Readonly<Record<string, Made>> = {
  'a generator': () => letters(),
  'a stream of Node': () => Readable.from([Buffer.from('tea')]),
  'a stream of the web': () => new Blob(['tea']).stream(),
}

describe('content that is made for each try', () => {
  for (const [name, make] of Object.entries(ONCE)) {
    it(`[FALSE-3210] ${name}: what was read is not sent again with a login`, async () => {
      const authenticate = () => ({ authorization: 'Bearer b' })
      const one = scene({ post: [{ status: 401 }, { status: 201 }] }, { authenticate })
      const told = await one.finish(one.client.post(LINK, make))
      expect(told).to.include({ outcome: 'refused', status: 401 })
      expect(one.posts.map(({ body }) => body)).to.deep.equal(['tea'])
    })
  }

  it('[FALSE-3210] what was fixed is', async () => {
    const authenticate = () => ({ authorization: 'Bearer b' })
    const one = scene({ post: [{ status: 401 }, { status: 201 }] }, { authenticate })
    expect(await one.finish(one.client.post(LINK, letters()))).to.include({ outcome: 'accepted' })
    expect(one.posts.map(({ body }) => body)).to.deep.equal(['tea', 'tea'])
  })

  describe('that breaks off', () => {
    let server: Server
    let link = ''
    let seen = 0
    before(async () => {
      server = createServer((asked, answer) => {
        if (asked.method === 'GET') answer.writeHead(404).end()
        else seen += 1
        asked.resume()
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      link = `http://127.0.0.1:${(server.address() as AddressInfo).port}/once/1`
    })
    beforeEach(() => {
      seen = 0
    })
    after(() => {
      server.closeAllConnections()
      server.close()
    })

    /** Half of it leaves, and then its source cannot be reached. */
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half')
      while (seen === 0) await new Promise(setImmediate)
      throw refusedConnection()
    }
    const kinds: Readonly<Record<string, Made>> = {
      'a generator': () => broken(),
      'a stream of Node': () => Readable.from(broken()),
      'a stream of the web': () => {
        const source = broken()
        const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
          controller.enqueue((await source.next()).value as Uint8Array)
        }
        return new ReadableStream({ pull })
      },
    }
    for (const [name, make] of Object.entries(kinds)) {
      it(`[FALSE-3211] ${name}: half of it was sent, so it is unknown`, async () => {
        const client = createClient({ tries: 1 })
        expect(await client.post(link, make)).to.include({ outcome: 'unknown' })
        expect(seen).to.equal(1)
      })
    }

    for (const [name, make] of Object.entries(ONCE)) {
      it(`[FALSE-3211] ${name}: nobody there is still proof that nothing was sent`, async () => {
        const other = createServer().listen(0, '127.0.0.1')
        await once(other, 'listening')
        const { port } = other.address() as AddressInfo
        await new Promise(resolve => other.close(resolve))
        const client = createClient({ tries: 1 })
        const told = await client.post(`http://127.0.0.1:${port}/once/1`, make)
        expect(told).to.include({ outcome: 'refused', reason: 'not-sent' })
      })
    }
  })

  it('[FALSE-3212] what fetch would send by its name is not sent', async () => {
    class Order {
      sku = 'tea'
    }
    const request = () => new Request('https://shop.example/', { method: 'POST', body: 'tea' })
    for (const make of [() => new Order(), () => new Map(), request, () => 5]) {
      const one = scene({ post: [{ status: 201 }] })
      const told = await one.finish(one.client.post(LINK, make as unknown as PostBody))
      expect(told).to.include({ outcome: 'refused', reason: 'not-sent' })
      expect(told).to.have.property('cause').that.is.instanceOf(TypeError)
      expect(one.posts).to.deep.equal([])
    }
  })

  it('[FALSE-3212] a plain object is JSON, in the core for browsers too', async () => {
    const sent: string[] = []
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      const request = new Request(input, init)
      sent.push(`${request.headers.get('content-type')} ${await request.text()}`)
      return new Response(null, { status: 201 })
    }
    for (const client of [createClient({ fetch }), createCore({ fetch })]) {
      await client.post(LINK, () => ({ sku: 'tea' }))
      await client.post(LINK, () => ['tea'])
    }
    const once = ['application/json {"sku":"tea"}', 'application/json ["tea"]']
    expect(sent).to.deep.equal([...once, ...once])
  })

  it('[FALSE-3213] what cannot be had leaves nothing in doubt', async () => {
    const failing = () => {
      throw new Error('no such file')
    }
    const content = scene({ post: [{ status: 201 }] })
    const told = await content.finish(content.client.post(LINK, failing))
    expect(told).to.include({ outcome: 'refused', reason: 'not-sent', attempts: 5 })
    const fields = scene({ post: [{ status: 201 }] }, { headers: failing })
    expect(await fields.finish(fields.client.post(LINK, 'tea'))).to.include({ reason: 'not-sent' })
    expect([...content.seen, ...fields.seen]).to.deep.equal([])
  })

  it('[FALSE-3213] after a try that may have arrived it takes no doubt away', async () => {
    let calls = 0
    const make = () => {
      calls += 1
      if (calls > 1) throw refusedConnection()
      return 'tea'
    }
    const one = scene({ post: [lost()] })
    expect(await one.finish(one.client.post(LINK, make))).to.include({ outcome: 'unknown' })
  })

  it('[FALSE-3213] what never comes ends with the try, and is not sent afterwards', async () => {
    let come = (_content: string) => {}
    const make = () => {
      return new Promise<string>(resolve => {
        come = resolve
      })
    }
    const one = scene({ post: [{ status: 201 }] }, { tries: 1, timeoutMs: 1_000 })
    const told = await one.finish(one.client.post(LINK, make))
    expect(told).to.include({ outcome: 'refused', reason: 'not-sent' })
    come('tea')
    await new Promise(setImmediate)
    expect(one.posts).to.deep.equal([])
  })

  it('[FALSE-3213] an abort before the first byte says that nothing was sent', async () => {
    const stop = new AbortController()
    const { signal } = stop
    const one = scene({ post: [{ status: 201 }] })
    const early = one.client.post(LINK, 'tea', { signal, onStart: () => stop.abort() })
    const fetch = async () => new Response(null, { status: 201 })
    const core = () => createCore({ fetch }).post(LINK, 'tea', { signal })
    for (const post of [() => early, core]) {
      const error = await post().catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'ERR_POE_ABORTED', outcome: 'not-sent' })
    }
    expect(one.seen).to.deep.equal([])
  })
})
