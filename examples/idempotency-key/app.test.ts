/** Keys of the client's making, over sockets and in a sqlite file. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type SqliteStore, sqliteStore } from 'post-once-exactly/stores/sqlite'
import supertest from 'supertest'
import { createApp } from './app.js'

describe('idempotency-key: payments under keys', () => {
  const folder = mkdtempSync(join(tmpdir(), 'poe-keys-'))
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

  const count = (table: 'payment' | 'note') =>
    (store.database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
  const post = (path: string, fields: Record<string, string>) =>
    agent.post(path).set({ 'X-User': 'ann', ...fields })

  it('draft-07: pays once, and tells it again; quoted and bare are one key', async () => {
    const before = count('payment')
    const first = await post('/payments', { 'Idempotency-Key': '"a-1"' }).send({ amount: 500 })
    const again = await post('/payments', { 'Idempotency-Key': 'a-1' }).send({ amount: 500 })
    expect([first.status, again.status, again.text]).to.deep.equal([201, 201, first.text])
    expect(again.headers.location).to.equal(first.headers.location)
    expect(first.headers).not.to.have.property('idempotent-replayed')
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect(count('payment')).to.equal(before + 1)
    const bob = { 'X-User': 'bob', 'Idempotency-Key': '"a-1"' }
    const his = await post('/payments', bob).send({ amount: 500 })
    expect(his.body.id, "another caller's key is another key").not.to.equal(first.body.id)
  })

  it('draft-07: refuses other content, a missing key and a malformed one', async () => {
    const key = { 'Idempotency-Key': '"a-2"' }
    expect((await post('/payments', key).send({ amount: -1 })).status).to.equal(422)
    expect((await post('/payments', key).send({ amount: 1 })).status).to.equal(201)
    const other = await post('/payments', key).send({ amount: 2 })
    expect(other.status).to.equal(422)
    expect(other.body.type).to.equal('urn:post-once-exactly:problem:mismatch')
    expect(other.headers.link).to.equal('</policy>; rel="describedby"')
    expect((await post('/payments', {}).send({ amount: 1 })).status).to.equal(400)
    const bad = await post('/payments', { 'Idempotency-Key': '"open' }).send({ amount: 1 })
    expect([bad.status, bad.body.type]).to.deep.equal([
      400,
      'urn:post-once-exactly:problem:key-malformed',
    ])
    const { operations } = (await agent.get('/policy')).body
    expect(operations[0]).to.deep.include({ operation: 'payment', profile: 'draft-07' })
    expect(operations[0].expiry.retentionSeconds).to.equal(604_800)
  })

  it('stripe: keeps a refusal too, and speaks as its clients expect', async () => {
    const key = { 'Idempotency-Key': 'b 1' }
    const first = await post('/v1/charges', key).type('form').send('amount=0')
    const again = await post('/v1/charges', key).type('form').send('amount=0')
    expect([first.status, again.status, again.text]).to.deep.equal([422, 422, first.text])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    const other = await post('/v1/charges', key).type('form').send('amount=9')
    expect(other.status).to.equal(400)
    expect(other.body.error.type).to.equal('idempotency_error')
    expect(other.headers['stripe-should-retry']).to.equal('false')
  })

  it('repeatable-requests: goes by the date of the first try', async () => {
    const fields = (sentMs: number) => ({
      'Repeatability-Request-ID': 'c-1',
      'Repeatability-First-Sent': new Date(sentMs).toUTCString(),
    })
    const nowMs = Date.now()
    const content = { amount: 5, to: 'bob', memo: 'rent' }
    const first = await post('/transfers', fields(nowMs)).send(content)
    const again = await post('/transfers', fields(nowMs)).send({ ...content, memo: 'the rent' })
    expect([first.status, again.text]).to.deep.equal([201, first.text])
    expect(again.headers['repeatability-result']).to.equal('accepted')
    const late = await post('/transfers', fields(nowMs - 90_000_000)).send(content)
    expect([late.status, late.headers['repeatability-result']]).to.deep.equal([412, 'rejected'])
    const nowhere = await post('/reports', fields(nowMs)).send({})
    expect(nowhere.status).to.equal(501)
  })

  it('optional and semantic: the spelling of JSON is no matter', async () => {
    const before = count('note')
    const json = (text: string, fields = {}) =>
      post('/notes', { 'Content-Type': 'application/json', ...fields }).send(text)
    const key = { 'Idempotency-Key': 'd-1' }
    expect((await json('{"text":"x","n":1}', key)).status).to.equal(201)
    const again = await json('{ "n": 1.0, "text": "x" }', key)
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect(count('note')).to.equal(before + 1)
    expect((await json('{"text":"x"}')).status).to.equal(201)
    expect((await json('{"text":"x"}')).status).to.equal(201)
    expect(count('note')).to.equal(before + 3)
    const malformed = await json('{"text":"x"}', { 'Idempotency-Key': 'a, b' })
    expect(malformed.status, 'never unprotected by mistake').to.equal(400)
  })

  it('lets a page of another origin send a key and see what is a repetition', async () => {
    const { headers } = await agent.options('/payments').set({
      Origin: 'https://shop.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'idempotency-key',
    })
    expect(headers['access-control-allow-headers']).to.contain('Idempotency-Key')
    const asked = post('/payments', { Origin: 'https://shop.example' })
    const exposed = (await asked.send({ amount: 1 })).headers['access-control-expose-headers']
    expect(exposed).to.contain('Idempotent-Replayed')
  })
})
