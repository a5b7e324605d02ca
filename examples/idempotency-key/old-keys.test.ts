/** A change-over: two solutions at work at once, and each payment once. */
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import supertest from 'supertest'
import { alsoIn, type OldAnswer, type OldKeys } from './old-keys.js'

/** The table of the other solution. */
class Table implements OldKeys {
  readonly rows: Map<string, 'running' | OldAnswer> = new Map()

  async begin(key: string): Promise<'new' | 'running' | OldAnswer> {
    const row = this.rows.get(key)
    if (row !== undefined) return row
    this.rows.set(key, 'running')
    return 'new'
  }

  async finish(key: string, answer: OldAnswer): Promise<void> {
    this.rows.set(key, answer)
  }

  async forget(key: string): Promise<void> {
    this.rows.delete(key)
  }
}

function start() {
  const payments: string[] = []
  const old = new Table()
  const once = poe({ store: memoryStore(), principal: () => 'ann' })
  const router = new Router()
  const options = { name: 'payment', retentionMs: 86_400_000, dangerouslyNotDurable: true }
  const payment = once.idempotencyKey(options)
  router.post('/payments', payment, alsoIn(old), ctx => {
    if (ctx.get('X-Refuse') !== '') ctx.throw(402, 'no money')
    payments.push(ctx.poe.key)
    const silent = ctx.get('X-Silent')
    const upstream = Object.assign(new Error('timeout'), { status: 404 })
    if (silent === 'upstream') throw upstream
    if (silent === 'upstream, passed on') ctx.throw(500, upstream)
    if (silent === 'thrown 500') ctx.throw(500)
    if (silent === '502') ctx.status = 502
    if (silent !== '') return
    ctx.status = 201
    ctx.body = { id: payments.length }
  })
  const app = new Koa()
  app.silent = true
  app.use(once.middleware()).use(router.routes())
  const agent = supertest(app.callback())
  const pay = (key: string, fields = {}) =>
    agent.post('/payments').set({ 'Idempotency-Key': key, ...fields })
  return { payments, old, pay }
}

describe('idempotency-key: keys of another solution', () => {
  it('what was done there is told here, also when that table is gone', async () => {
    const { payments, old, pay } = start()
    old.rows.set('k', { status: 201, body: { id: 7 } })
    expect((await pay('k')).body).to.deep.equal({ id: 7 })
    old.rows.clear()
    const again = await pay('k')
    expect([again.status, again.body]).to.deep.equal([201, { id: 7 }])
    expect(payments).to.deep.equal([])
  })

  it('what runs there does not run here, and is told once it is done', async () => {
    const { payments, old, pay } = start()
    old.rows.set('k', 'running')
    expect((await pay('k')).status).to.equal(409)
    old.rows.set('k', { status: 201, body: { id: 8 } })
    expect((await pay('k')).body).to.deep.equal({ id: 8 })
    expect(payments).to.deep.equal([])
  })

  it('what is done here is known there; a refusal leaves both free', async () => {
    const { payments, old, pay } = start()
    expect((await pay('k', { 'X-Refuse': '1' })).status).to.equal(402)
    expect(old.rows.has('k')).to.equal(false)
    expect((await pay('k')).status).to.equal(201)
    expect(old.rows.get('k')).to.deep.equal({ status: 201, body: { id: 1 } })
    expect((await pay('k')).headers['idempotent-replayed']).to.equal('true')
    expect(payments).to.have.lengthOf(1)
  })

  it('[FALSE-1015, FALSE-4573] after silence it is free in neither', async () => {
    const all = ['upstream', 'upstream, passed on', 'thrown 500', '502', 'nothing said']
    for (const silent of all) {
      const { payments, old, pay } = start()
      await pay('k', { 'X-Silent': silent })
      expect(old.rows.get('k'), silent).to.equal('running')
      expect((await pay('k')).status, silent).to.equal(409)
      expect(payments).to.have.lengthOf(1)
    }
  })
})
