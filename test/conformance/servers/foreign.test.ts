/**
 * The foreign server does what it says: one issue for each link, and its own way of telling.
 */

import { expect } from 'chai'
import { releaseTogether, requestBytes } from 'post-once-exactly/testing'
import { ask } from '../../support/ask.js'
import { type ForeignServer, startForeign } from './foreign.js'
import { type Fields, wait } from './probe.js'

const JSON_TYPE: Fields = { 'Content-Type': 'application/json' }
const FORM: Fields = { 'Content-Type': 'application/x-www-form-urlencoded' }

describe('the foreign server', () => {
  let server: ForeignServer
  let port: number
  let fields: Fields
  before(async () => {
    server = await startForeign()
    port = Number(new URL(server.origin).port)
    const authorization = `Basic ${Buffer.from('admin:secret').toString('base64')}`
    fields = {
      Authorization: authorization,
      Origin: server.origin,
      'X-Requested-With': 'rest',
    }
  })
  after(() => server.close())

  const send = (method: string, path: string, more: Fields = {}, body?: string) => {
    const headers = { ...fields, ...more }
    return ask({ port }, method, path, { headers, ...(body !== undefined && { body }) })
  }
  const mint = async (body = '') => {
    const answer = await send('POST', '/rest/data/issue/@poe', JSON_TYPE, body)
    const { attributes } = answer.json().data as { attributes: { link: string; expires: number } }
    return { ...attributes, answer, path: new URL(attributes.link).pathname }
  }
  const count = async () => {
    const { data } = (await send('GET', '/rest/data/issue')).json()
    return (data as Record<string, unknown>)['@total_size']
  }
  const post = (path: string, more: Fields = FORM, body = 'title=Broken') =>
    send('POST', path, { ...FORM, ...more }, body)

  it('hands out an absolute link in JSON, without a field', async () => {
    const { answer, link, expires } = await mint('{"lifetime": 30}')
    expect(answer.status).to.equal(200)
    expect(answer.field('POE-Links')).to.equal(null)
    expect(link).to.match(/^http:\/\/127\.0\.0\.1:\d+\/rest\/data\/issue\/@poe\/[\w-]{32}$/)
    expect(expires - Date.now() / 1000).to.be.within(0, 30)
    expect((await mint()).link).not.to.equal(link)
  })

  it('lets nobody in without a password, an Origin and X-Requested-With', async () => {
    const { path } = await mint()
    expect((await post(path, { Authorization: 'Basic eDp5' })).status).to.equal(401)
    expect((await post(path, { Origin: 'http://elsewhere.example' })).status).to.equal(400)
    const { 'X-Requested-With': _, ...less } = fields
    const bare = await ask({ port }, 'POST', path, {
      headers: { ...less, ...FORM },
      body: 'title=x',
    })
    expect(bare.status).to.equal(400)
    expect((await post(path)).status).to.equal(201)
  })

  it('takes one issue, then says 400', async () => {
    const { path } = await mint()
    const before = Number(await count())
    const first = await post(path)
    expect(first.status).to.equal(201)
    const location = new URL(first.field('Location') ?? '').pathname
    expect((await send('GET', location)).text).to.include('Broken')
    const again = await post(path)
    expect([again.status, (again.json().error as { status: number }).status]).to.deep.equal([
      400, 400,
    ])
    expect(await count()).to.equal(before + 1)
  })

  it('answers GET and OPTIONS alike before and after', async () => {
    const { path } = await mint()
    for (const use of [() => post(path), async () => null]) {
      const looked = await send('GET', path)
      expect([looked.status, looked.allow]).to.deep.equal([405, ['POST']])
      const options = await send('OPTIONS', path)
      expect([options.status, options.allow]).to.deep.equal([204, ['OPTIONS', 'POST']])
      await use()
    }
  })

  it('is not used up by a missing title, a 429 or another user', async () => {
    const { path } = await mint()
    const demo = { Authorization: `Basic ${Buffer.from('demo:demo').toString('base64')}` }
    expect((await post(path, {}, 'titel=x')).status).to.equal(409)
    expect((await post(path, JSON_TYPE, '{"title"')).status).to.equal(409)
    const busy = await post(path, { 'X-Fault': 'fail=429' })
    expect([busy.status, busy.field('Retry-After')]).to.deep.equal([429, '1'])
    expect((await post(path, demo)).status).to.equal(400)
    expect((await post(path, JSON_TYPE, '{"title":"At last"}')).status).to.equal(201)
  })

  it('refuses what it never made and what is too old', async () => {
    const { path } = await mint('{"lifetime": 0.02}')
    await wait(40)
    expect((await post(path)).status).to.equal(400)
    expect((await post(`${(await mint()).path}x`)).status).to.equal(400)
  })

  it('lets one of many win, quick or slow', async () => {
    for (const slow of ['slow=0', 'slow=50']) {
      const { path } = await mint()
      const before = Number(await count())
      const headers = { ...fields, ...FORM, 'X-Fault': slow }
      const one = requestBytes({ method: 'POST', path, headers, body: 'title=Race' })
      const results = await releaseTogether({ port, requests: Array(8).fill(one) })
      const statuses = results.map(({ response }) => response?.status ?? 0).sort()
      expect(statuses).to.deep.equal([201, ...Array(7).fill(400)])
      expect(await count()).to.equal(before + 1)
    }
  })
})
