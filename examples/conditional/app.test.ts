/** Conditional requests: nothing is overwritten unseen, and a repeat is told its own answer. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type SqliteStore, sqliteStore } from 'post-once-exactly/stores/sqlite'
import supertest from 'supertest'
import { createApp } from './app.js'

describe('conditional: pages and people', () => {
  const folder = mkdtempSync(join(tmpdir(), 'poe-conditions-'))
  let store: SqliteStore
  let agent: ReturnType<typeof supertest>

  before(async () => {
    store = sqliteStore(join(folder, 'app.db'))
    const app = await createApp(store)
    app.silent = true
    agent = supertest(app.callback())
  })

  after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const put = (name: string, condition: Record<string, string>, text: string) =>
    agent.put(`/pages/${name}`).set(condition).send({ text })

  it('a page is made where there is none; a repeat is told so, another is not', async () => {
    const make = { 'If-None-Match': '*' }
    const first = await put('one', make, 'a')
    const again = await put('one', make, 'a')
    expect([first.status, again.status, again.text]).to.deep.equal([201, 201, 'a'])
    expect(again.headers.etag).to.equal('"1"')
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect((await put('one', make, 'b')).status).to.equal(412)
  })

  it('a page is changed as it was seen, once', async () => {
    await put('two', { 'If-None-Match': '*' }, 'a')
    const { etag } = (await agent.get('/pages/two')).headers
    const seen = { 'If-Match': String(etag) }
    const first = await put('two', seen, 'b')
    const again = await put('two', seen, 'b')
    expect([first.status, again.status]).to.deep.equal([200, 200])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    const late = await put('two', { ...seen, 'X-User': 'bob' }, 'c')
    expect([late.status, late.headers.etag]).to.deep.equal([412, '"2"'])
    expect((await agent.get('/pages/two')).text).to.equal('b')
  })

  it('of two changes at once of one state one is made', async () => {
    await put('three', { 'If-None-Match': '*' }, 'a')
    const seen = { 'If-Match': '"1"' }
    const both = [put('three', seen, 'b'), put('three', { ...seen, 'X-User': 'bob' }, 'c')]
    const statuses = (await Promise.all(both)).map(({ status }) => status)
    expect(statuses.sort()).to.deep.equal([200, 412])
    expect((await agent.get('/pages/three')).headers.etag).to.equal('"2"')
  })

  it('a request without a condition is asked for one', async () => {
    const refused = await put('four', {}, 'a')
    expect([refused.status, refused.body.type]).to.deep.equal([
      428,
      'urn:post-once-exactly:problem:precondition-required',
    ])
  })

  it('somebody is entered where a search finds nobody, else led to who is there', async () => {
    const search = { 'If-None-Exist': 'email=ann%40shop.example' }
    const add = (user: string, fields = search) =>
      agent
        .post('/people')
        .set({ 'X-User': user, ...fields })
        .send({ email: 'ann@shop.example' })
    const [first, again, bobs] = [await add('ann'), await add('ann'), await add('bob')]
    expect([first.status, again.status, bobs.status]).to.deep.equal([201, 201, 200])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect(bobs.headers.location).to.equal(first.headers.location)
    expect((await agent.post('/people').send({ email: 'ann@shop.example' })).status).to.equal(201)
    expect((await add('bob')).status, 'two of them').to.equal(412)
  })
})
