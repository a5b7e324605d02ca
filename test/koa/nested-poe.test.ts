/**
 * `ctx.poe` where one claim is inside another, as a condition that is judged at a link or under a
 * key: it is of the innermost for as long as that is at work.
 */
import { expect } from 'chai'
import type { Context } from 'koa'
import type { RequestPoe } from 'post-once-exactly/koa'
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { startWorld, type World } from '../support/world.js'

const BODY = { json: { sku: 'a' } }
const ANY = { 'If-Match': '*' }
const NAMED = { ...ANY, 'Idempotency-Key': '"k"' }
const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }

describe('ctx.poe where one claim is inside another', () => {
  let world: World
  let warnings: string[] = []
  const note = ({ message, code }: Error & { code?: string }): void => {
    if (code === 'POE_TRANSACTION_UNUSED') warnings.push(message)
  }
  beforeEach(() => {
    warnings = []
    process.on('warning', note)
  })
  afterEach(async () => {
    process.off('warning', note)
    await world.close()
  })

  const txOf = (ctx: Context) => (ctx.poe as RequestPoe<SqliteTransaction>).tx
  const KIND = { store: 'sqlite', koa: 3, at: 'root' } as const
  const validator = () => ({ etag: '"1"' })

  it('[FALSE-4008] of two transactions the inner one is used: nothing is unused', async () => {
    world = await startWorld(KIND, {
      resource: { transactional: true },
      extend: (app, _router, once) => {
        app.use(once.conditional({ name: 'step', validator, transactional: true }))
      },
      handler: async ctx => {
        await txOf(ctx).run('SELECT 1')
        ctx.status = 201
      },
    })
    const link = await world.link()
    expect((await world.send('POST', link, { ...BODY, headers: ANY })).status).to.equal(201)
    await new Promise(resolve => setImmediate(resolve))
    const events = world.events.filter(({ type }) => type === 'transaction-unused')
    expect([events, warnings]).to.deep.equal([[], []])
  })

  it('[FALSE-4008] a door without a transaction says that it lacks one', async () => {
    const errors: string[] = []
    world = await startWorld(KIND, {
      resource: { transactional: true },
      extend: (app, _router, once) => {
        app.on('error', error => errors.push(String(error)))
        app.use(once.conditional({ name: 'step', validator }))
      },
      handler: ctx => {
        txOf(ctx)
      },
    })
    const link = await world.link()
    expect((await world.send('POST', link, { ...BODY, headers: ANY })).status).to.equal(500)
    expect(errors[0]).to.match(/transactional: true .*innermost/)
  })

  it('[FALSE-4008] what stands between two claims has its own key and transaction', async () => {
    const keys: string[] = []
    world = await startWorld(KIND, {
      extend: (_app, router, once) => {
        const key = once.idempotencyKey({ name: 'pay', ...KEPT, transactional: true })
        const step = once.conditional({ name: 'step', validator, transactional: true })
        const audit = async (ctx: Context, next: () => Promise<unknown>) => {
          keys.push(ctx.poe.key)
          await next()
          keys.push(ctx.poe.key)
          await txOf(ctx).run('SELECT 1')
        }
        router.post('/pay', key, audit, step, async ctx => {
          keys.push(ctx.poe.key)
          await txOf(ctx as Context).run('SELECT 1')
          ctx.status = 201
        })
      },
    })
    const answer = await world.send('POST', '/pay', { ...BODY, headers: NAMED })
    expect(answer.status).to.equal(201)
    const [before, inside, after] = keys
    expect([before === after, before === inside]).to.deep.equal([true, false])
  })
})
