/** An answer without an end is closed with its client where nothing of it is kept any more. */
import { createServer } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import Koa2 from 'koa2'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { until } from '../support/meeting.js'

const SERVERS = {
  'HTTP/1.1': (app: Koa) => createServer(app.callback()),
  'HTTP/2': (app: Koa) => createHttp2Server(app.callback()),
} as const
const APPS = { 'Koa 3': Koa, 'Koa 2': Koa2 } as const

for (const [protocol, create] of Object.entries(SERVERS)) {
  for (const [name, App] of Object.entries(APPS)) {
    it(`[FALSE-2406] a stream that has gone quiet, ${protocol}, ${name}`, async () => {
      const sources: Readable[] = []
      const store = memoryStore()
      const once = poe({ store, principal: () => 'guest', bodyLimitBytes: 1 })
      const app = new App()
      app.silent = true
      const router = new Router()
      router.get('/page', ctx => {
        ctx.body = ctx.poe.link('order')
      })
      once.resource(router, { name: 'order', path: '/orders/:token' }, ctx => {
        const source = new Readable({ read() {} })
        source.push('data: x\n\n')
        sources.push(source)
        ctx.body = source
      })
      app.use(once.middleware()).use(router.routes())
      const server = create(app)
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      try {
        const link = await (protocol === 'HTTP/2' ? overHttp2(origin) : overHttp1(origin))
        await until(() => sources[0]?.destroyed === true, 'the source is closed')
        expect(sources).to.have.lengthOf(1)
        expect(link).to.match(/^\/orders\//)
      } finally {
        server.close()
        await once.close()
        await store.close()
      }
    })
  }
}

/** POSTs, reads the first piece, and leaves. */
async function overHttp1(origin: string): Promise<string> {
  const link = await (await fetch(`${origin}/page`)).text()
  const leaving = new AbortController()
  const answer = await fetch(origin + link, { method: 'POST', signal: leaving.signal })
  await answer.body?.getReader().read()
  leaving.abort()
  return link
}

async function overHttp2(origin: string): Promise<string> {
  const session = connect(origin)
  session.on('error', () => {})
  const page = session.request({ ':path': '/page' })
  const chunks: string[] = []
  for await (const chunk of page) chunks.push(String(chunk))
  const link = chunks.join('')
  const stream = session.request({ ':method': 'POST', ':path': link })
  stream.on('error', () => {})
  stream.end()
  await new Promise(resolve => stream.once('data', resolve))
  session.destroy()
  return link
}
