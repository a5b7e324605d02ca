/**
 * A stored answer is as safe as it was at first, a page with any link is nobody else's, and what a
 * client sends is never kept, or made to grow, beyond bounds.
 *
 * @see RFC 9110 12.5.3; RFC 9111 5.2; decision 0013
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { rawRequest } from 'post-once-exactly/testing'
import { linkReader } from '../../lib/client/node/link-field.js'
import { requestFingerprint } from '../../lib/engine/request-fingerprint.js'
import { principalsOf } from '../../lib/koa/principal.js'
import { expectProblem } from '../support/answers.js'
import { EVERY_STORE, nameOf, startWorld, type World } from '../support/world.js'

const SAFE = {
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=()',
} as const
const TEXT = 'the answer'
const keyOf = (path: string) => ({ 'Idempotency-Key': JSON.stringify(path) })

for (const kind of EVERY_STORE) {
  describe(`stored answers, ${nameOf(kind)}`, () => {
    let world: World
    let coding = ''
    before(async () => {
      const answer = (ctx: Context) => {
        ctx.set({ ...SAFE, Vary: 'Accept-Encoding, X-Theme', 'Set-Cookie': 'sid=secret' })
        ctx.status = 200
        ctx.type = 'html'
        ctx.etag = '"v1"'
        if (coding === '') ctx.body = TEXT
        else {
          ctx.set('Content-Encoding', coding)
          ctx.body = coding === 'gzip' ? gzipSync(TEXT) : brotliCompressSync(TEXT)
        }
      }
      world = await startWorld(kind, {
        handler: answer,
        extend: (_app, router, once) => {
          const key = once.idempotencyKey({
            ...{ name: 'k', retentionMs: 60_000, dangerouslyNotDurable: true },
          })
          router.post('/keyed/:n', key, answer)
        },
      })
    })
    after(() => world.close())

    /** Makes an answer at a link and at a door, and gives how to ask for each again. */
    const twice = async (stored: string) => {
      coding = stored
      const link = await world.link()
      const keyed = `/keyed/${stored || 'plain'}`
      await world.send('POST', link, { body: 'a=1' })
      await world.send('POST', keyed, { body: 'a=1', headers: keyOf(keyed) })
      return [
        ['GET', link],
        ['POST', keyed],
      ] as const
    }
    const again = (method: string, path: string, headers: Record<string, string>) => {
      const isPost = method === 'POST'
      const all = { Host: 'a', Connection: 'close', ...(isPost && keyOf(path)), ...headers }
      const type = { 'Content-Type': 'text/plain;charset=UTF-8' }
      const { port } = world
      return isPost
        ? rawRequest({
            port,
            method,
            path,
            headers: { ...all, ...type, 'Content-Length': '3' },
            body: 'a=1',
          })
        : rawRequest({ port, method, path, headers: all })
    }

    it('[FALSE-2301] keep what makes their content safe', async () => {
      for (const [method, path] of await twice('')) {
        const { response } = await again(method, path, {})
        const fields = new Map(
          response?.fields.map(({ name, value }) => [name.toLowerCase(), value]),
        )
        expect(response?.status, path).to.equal(200)
        for (const [name, value] of Object.entries(SAFE)) {
          expect(fields.get(name.toLowerCase()), `${method} ${name}`).to.equal(value)
        }
        expect(fields.get('vary')).to.contain('X-Theme')
        expect(fields.has('set-cookie')).to.equal(false)
      }
    })

    it('[FALSE-2302] lose a coding that the client does not take', async () => {
      for (const stored of ['gzip', 'br']) {
        for (const [method, path] of await twice(stored)) {
          for (const wanted of ['identity', `${stored};q=0, *;q=0.5`, null]) {
            const field = wanted === null ? {} : { 'Accept-Encoding': wanted }
            const { response } = await again(method, path, field)
            const names = response?.fields.map(({ name }) => name.toLowerCase())
            expect(response?.body.toString(), `${method} ${stored} ${wanted}`).to.equal(TEXT)
            expect(names).to.not.include.members(['content-encoding'])
            expect(names).to.not.include.members(['etag'])
          }
          const taken = await again(method, path, { 'Accept-Encoding': `${stored}, identity` })
          const body = taken.response?.body ?? Buffer.of()
          expect(
            body.equals(stored === 'gzip' ? gzipSync(TEXT) : brotliCompressSync(TEXT)),
          ).to.equal(true)
        }
      }
    })

    it('[FALSE-2303] are 406 where a coding that nobody knows is not taken', async () => {
      for (const [method, path] of await twice('x-own')) {
        const headers = { 'Accept-Encoding': 'gzip', ...(method === 'POST' && keyOf(path)) }
        const body = method === 'POST' ? { body: 'a=1' } : {}
        const response = await world.send(method, path, { headers, ...body })
        await expectProblem(response, 406, 'coding-refused')
      }
    })
  })
}

describe('pages and bounds', () => {
  it('[FALSE-2304] a page with an action’s link is protected as one with a link', async () => {
    const once = poe({ store: memoryStore(), principal: () => 'ann' })
    const app = new Koa()
    const router = new Router()
    app.use(once.middleware())
    once.actions(router, '/actions', { name: 'act', do: done })
    router.get('/page', ctx => {
      ctx.set({ 'Cache-Control': 'public, max-age=600', 'CDN-Cache-Control': 'max-age=600' })
      ctx.set({ ETag: '"1"', 'Last-Modified': 'Wed, 21 Oct 2026 07:28:00 GMT' })
      ctx.body = { link: ctx.poe.link('act') }
    })
    app.use(router.routes())
    const server = app.listen(0, '127.0.0.1')
    await new Promise(done => server.once('listening', done))
    const { port } = server.address() as { port: number }
    const response = await fetch(`http://127.0.0.1:${port}/page`)
    expect(response.headers.get('Cache-Control')).to.equal('private, no-cache')
    for (const name of ['ETag', 'Last-Modified', 'CDN-Cache-Control', 'POE-Links']) {
      expect(response.headers.has(name), name).to.equal(false)
    }
    server.closeAllConnections()
    server.close()
    await once.close()
  })

  it('[FALSE-2441] names of any length are digested, and only short ones are kept', () => {
    const of = (name: string) => principalsOf({} as Context, () => name)[0]
    const before = heapBytes()
    const seen = new Set<string | undefined>()
    for (let index = 0; index < 3_000; index += 1) {
      seen.add(of(`${index}-`.padEnd(15_000, 'x')))
      // A part of a field must not keep the field.
      seen.add(of(`${index}; ${'y'.repeat(15_000)}`.slice(0, 20)))
    }
    expect(seen.size).to.equal(6_000)
    expect(heapBytes() - before).to.be.below(20_000_000)
  })

  it('[FALSE-2442] a coded content that grows too much counts byte by byte', async () => {
    const plain = Buffer.from(`[${'{},'.repeat(300_000)}0]`)
    const made = (bytes: Buffer) => {
      const fields = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
      const head = { method: 'POST', path: '/', query: '', fields }
      const content = { kind: 'bytes', bytes, isDecoded: false } as const
      return requestFingerprint(head, content, 'semantic', 1_048_576)
    }
    const [fast, best] = [gzipSync(plain, { level: 1 }), gzipSync(plain, { level: 9 })]
    expect(gunzipSync(fast).equals(gunzipSync(best)), 'the same content').to.equal(true)
    expect(await made(fast)).to.not.deep.equal(await made(best))
    const small = Buffer.from(JSON.stringify({ text: 'tea '.repeat(2_000) }))
    const [one, other] = [gzipSync(small, { level: 1 }), gzipSync(small, { level: 9 })]
    expect(await made(one)).to.deep.equal(await made(other))
  })

  it('[FALSE-2443] white space in Link costs no more than its length', () => {
    const base = new URL('https://shop.example/a')
    const spaces = ' '.repeat(60_000)
    const told = '</r>; rel="urn:post-once-exactly:rel:result"; anchor="https://shop.example/a"'
    for (const field of [`${spaces}${told}`, `x${spaces}<a>`, `<a>;${spaces}rel=x${spaces}y`]) {
      const began = process.cpuUsage()
      linkReader.result(field, base)
      const { user } = process.cpuUsage(began)
      // Quadratic, it takes a minute.
      expect(user, field.trim().slice(0, 10)).to.be.below(2_000_000)
    }
    expect(linkReader.result(`${spaces}${told}`, base)).to.equal('https://shop.example/r')
  })
})

function done(ctx: Context): void {
  ctx.body = 'done'
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
