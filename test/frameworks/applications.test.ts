/** An application or a router of Express in a handler's place: its third argument is its `next`. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import express from 'express'
import { anyone, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

const KEY = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true }

const open: Server[] = []

afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  open.push(server)
  await new Promise(done => server.once('listening', done))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return async (method: string, path: string) => {
    const headers = { 'Idempotency-Key': '"one"' }
    return (await fetch(origin + path, { method, headers, signal: AbortSignal.timeout(30_000) }))
      .status
  }
}

describe('an application of Express as a handler', () => {
  it('[FALSE-4676] as the fallback it shows its own pages of errors', async () => {
    const inner = express()
    inner.get('/broken', async () => {
      throw new Error('broken')
    })
    const app = express().set('env', 'test').use(inner)
    const send = await serve(poe({ store: memoryStore(), principal: anyone }).handler(app))
    expect(await send('GET', '/broken')).to.equal(500)
    expect(await send('GET', '/unknown')).to.equal(404)
  })

  for (const [what, make] of [
    ['an application', () => express()],
    ['a router', () => express.Router()],
  ] as const) {
    it(`[FALSE-4676] what ${what} throws leaves the key undecided`, async () => {
      const errors: unknown[] = []
      const onError = (error: unknown) => errors.push(error)
      const once = poe({ store: memoryStore(), principal: anyone, onError })
      let charges = 0
      const router = make()
      router.post('/', async () => {
        charges += 1
        throw new Error('after the charge')
      })
      const door = once.idempotencyKey(KEY, router as never)
      const send = await serve((request, response) => void door(request, response))
      const told = [await send('POST', '/'), await send('POST', '/')]
      expect([...told, charges]).to.deep.equal([500, 409, 1])
      expect(String(errors[0])).to.contain('after the charge')
      await once.close()
    })
  }
})
