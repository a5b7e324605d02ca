/** Values of a link's parameters: each leads to its resource, and an empty one is told. */
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import supertest from 'supertest'

describe('a parameter of a link', () => {
  const once = poe({ store: memoryStore(), principal: anyone })
  const router = new Router()
  const errors: Error[] = []
  once.resource(router, { name: 'seat', path: '/shows/:show/:token' }, ctx => {
    ctx.body = ctx.params.show
  })
  once.resource(router, { name: 'numbered', path: '/seats/no:seat/:token' }, ctx => {
    ctx.body = ctx.params.seat
  })
  router.get('/seat', ctx => {
    ctx.body = ctx.poe.link('numbered', { seat: String(ctx.query.seat) })
  })
  router.get('/page', ctx => {
    ctx.body = ctx.poe.link('seat', { show: String(ctx.query.show) })
  })
  const app = new Koa().use(once.middleware()).use(router.routes())
  app.on('error', error => errors.push(error))
  const agent = supertest(app.callback())

  it('[FALSE-4016] that is empty is told: no path can carry it', async () => {
    expect((await agent.get('/page').query({ show: '' })).status).to.equal(500)
    expect(errors.at(-1)?.message).to.equal('link(): the parameter show is empty')
  })

  for (const value of ['.', '..']) {
    it(`[URI-05, FALSE-4541] that every client takes out of a path is told: ${value}`, async () => {
      expect((await agent.get('/page').query({ show: value })).status).to.equal(500)
      expect(errors.at(-1)).to.be.instanceOf(TypeError)
      expect(errors.at(-1)?.message).to.include('a parameter is "." or ".."')
    })
  }

  it('[FALSE-4541] a dot beside other text of its segment stays', async () => {
    const { text } = await agent.get('/seat').query({ seat: '..' })
    expect((await agent.post(text)).text).to.equal('..')
  })

  for (const value of ['...', 'a/b', '%2F', 'é ü', 'a.b', '?#', '%', 'a\\b', ';=', '"<>']) {
    it(`[FALSE-4016] any other value leads to its resource: ${value}`, async () => {
      const { text } = await agent.get('/page').query({ show: value })
      const answer = await agent.post(text)
      expect([answer.status, answer.text]).to.deep.equal([200, value])
    })
  }
})
