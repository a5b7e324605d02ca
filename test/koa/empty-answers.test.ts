/** An answer without content, below middleware that names a type for all answers. */
import { expect } from 'chai'
import { startWorld, type World } from '../support/world.js'

const KINDS = ([3, 2] as const).map(koa => ({ store: 'memory', koa, at: 'root' }) as const)

for (const kind of KINDS) {
  describe(`an answer without content, Koa ${kind.koa}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[FALSE-4017] stays one where all answers are JSON unless they say otherwise', async () => {
      world = await startWorld(kind, {
        extend: (app, router, once) => {
          app.use(async (ctx, next) => {
            ctx.type = 'json'
            await next()
          })
          const key = once.idempotencyKey({
            ...{ name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true },
          })
          router.post('/pay', key, ctx => {
            ctx.status = 201
          })
        },
        handler: ctx => {
          ctx.status = 201
        },
      })
      const link = await world.link()
      const headers = { 'Idempotency-Key': '"k"' }
      for (const [method, path] of [
        ['POST', link],
        ['GET', link],
        ['POST', '/pay'],
        ['POST', '/pay'],
      ] as const) {
        const answer = await world.send(method, path, { headers })
        expect([answer.ok, await answer.text()], `${method} ${path}`).to.deep.equal([true, ''])
        expect(answer.headers.get('Content-Type')).to.equal(null)
      }
    })
  })
}
