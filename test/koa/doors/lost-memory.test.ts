/** A store that has lost its memory, met at a door: what was minted before is void, no more. */
import Router from '@koa/router'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import Koa, { type Middleware } from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { redisStore } from 'post-once-exactly/stores/redis'
import request from 'supertest'
import { describeWith } from '../../support/servers/programs.js'
import { startRedis } from '../../support/servers/redis-server.js'

describeWith(['redis-server'], 'a memory that was lost', () => {
  for (const door of ['link', 'action'] as const) {
    it(`${door}: void is what was minted before, and not what comes next`, async () => {
      const server = await startRedis()
      const client = new Redis(server.port)
      await client.ping()
      const once = poe({ store: redisStore({ client }), principal: anyone })
      const router = new Router()
      const act: Middleware = ctx => {
        ctx.body = 'done'
      }
      once.resource(router, { name: 'link', path: '/orders/:token' }, act as never)
      once.actions(router, '/actions', { name: 'action', do: act as never })
      router.get('/mint', ctx => {
        ctx.body = ctx.poe.link(door) ?? ''
      })
      const app = new Koa().use(once.middleware()).use(router.routes())
      const agent = request(app.callback())
      const use = async (link: string) => {
        const { status } = await (door === 'link' ? agent.post(link) : agent.put(link))
        return status
      }
      const mint = async () => (await agent.get('/mint')).text
      try {
        const before = await mint()
        await server.ask('FLUSHALL')
        expect(await use(before)).to.equal(410)
        expect(await use(await mint())).to.equal(200)
      } finally {
        await once.close()
        client.disconnect()
        await server.remove()
      }
    })
  }
})
