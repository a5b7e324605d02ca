/** The answer for a transaction that was undone promises nothing of what is outside of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { PoeError } from 'post-once-exactly'
import { type Poe, poe, type RequestPoe } from 'post-once-exactly/koa'
import {
  type SqliteStore,
  type SqliteTransaction,
  sqliteStore,
} from 'post-once-exactly/stores/sqlite'
import request from 'supertest'

describe('a transaction that was undone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'poe-undone-'))
  let files = 0
  let store: SqliteStore
  let once: Poe<SqliteTransaction>
  let logged: unknown[]
  afterEach(async () => {
    await once.close()
    await store.close()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** The answer to a POST whose handler does this. */
  async function answerTo(
    handler: (poeOf: RequestPoe<SqliteTransaction>) => Promise<void>,
  ): Promise<request.Response> {
    files += 1
    store = sqliteStore({ file: join(folder, `${files}.db`), txMaxMs: 20 })
    once = poe({ store, principal: () => 'guest' })
    const app = new Koa()
    logged = []
    app.on('error', ({ code }) => logged.push(code))
    const router = new Router()
    router.get('/page', ctx => {
      ctx.body = ctx.poe.link('order')
    })
    const options = { name: 'order', path: '/orders/:token', transactional: true }
    once.resource(router, options, async ctx => {
      await handler(ctx.poe)
      ctx.status = 201
    })
    app.use(once.middleware()).use(router.routes())
    const agent = request(app.callback())
    const { text } = await agent.get('/page')
    return await agent.post(text).send({})
  }

  it('[FALSE-2806] because it took too long', async () => {
    const answer = await answerTo(async ({ tx }) => {
      await tx.run('SELECT 1')
      await pause(200)
    })
    expect(answer.status).to.equal(503)
    expect(answer.body.type).to.equal('urn:post-once-exactly:problem:transaction-timeout')
    expect(answer.body.detail).to.include('undone').and.not.include('carried out twice')
  })

  for (const code of ['ERR_POE_TX_CONFLICT', 'ERR_POE_STORE_DOWN', 'ERR_POE_STORE_FULL'] as const) {
    const isLogged = code !== 'ERR_POE_TX_CONFLICT'
    const title = `because of ${code}, which the log ${isLogged ? 'tells' : 'need not tell'}`
    it(`[FALSE-2807, FALSE-4554] ${title}`, async () => {
      const answer = await answerTo(async ({ tx }) => {
        await tx.run('SELECT 1')
        throw new PoeError(code)
      })
      expect(answer.status).to.equal(503)
      expect(answer.body.detail).to.include('was undone').and.not.include('carried out twice')
      expect(logged).to.deep.equal(isLogged ? [code] : [])
    })
  }
})
