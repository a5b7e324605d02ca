/**
 * A router in front of a door finds no route: that tells nothing of a handler behind the door which
 * does its work and says nothing. Decision 0012.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Middleware } from 'koa'
import mount from 'koa-mount'
import Koa2 from 'koa2'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** A router that serves another path only. */
function others() {
  const router = new Router()
  router.get('/other', ctx => {
    ctx.body = 'other'
  })
  return router.routes() as Middleware
}

type Build = (app: Koa, door: Middleware, handler: Middleware) => void

const BEHIND: Readonly<Record<string, Build>> = {
  'a handler': (app, door, handler) => app.use(door).use(handler),
  'a mounted application': (app, door, handler) =>
    app.use(mount('/pay', new Koa().use(door).use(handler))),
}

describe('a router in front of a key door', () => {
  /** The statuses of two requests with one key. */
  async function pay(build: Build, handler: Middleware, koa: typeof Koa): Promise<number[]> {
    const once = poe({ store: memoryStore(), principal: anyone })
    const app = new koa()
    app.silent = true
    app.use(once.middleware()).use(others())
    const kept = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true }
    build(app, once.idempotencyKey(kept), handler)
    const server = createServer(app.callback()).listen(0)
    const { port } = server.address() as AddressInfo
    const send = () => {
      const headers = { 'Idempotency-Key': '"one"' }
      return fetch(`http://127.0.0.1:${port}/pay`, { method: 'POST', body: 'x', headers })
    }
    const statuses = [(await send()).status, (await send()).status]
    server.closeAllConnections()
    server.close()
    await once.close()
    return statuses
  }

  for (const [koa, version] of [
    [Koa, 3],
    [Koa2 as unknown as typeof Koa, 2],
  ] as const) {
    for (const [what, build] of Object.entries(BEHIND)) {
      it(`[FALSE-4635] ${what} behind it says nothing: silence, on Koa ${version}`, async () => {
        let charges = 0
        const mute: Middleware = () => {
          charges += 1
        }
        expect([...(await pay(build, mute, koa)), charges]).to.deep.equal([500, 409, 1])
      })
    }

    it(`[FALSE-4635] what no router behind it serves stays 404, on Koa ${version}`, async () => {
      const behind: Build = (app, door) => app.use(door).use(others())
      expect(await pay(behind, () => {}, koa)).to.deep.equal([404, 404])
    })
  }
})
