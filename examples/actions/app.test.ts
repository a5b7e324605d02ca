/** Actions: an id from the server, done once, cancelled or undone once. */
import { expect } from 'chai'
import supertest from 'supertest'
import { createApp } from './app.js'

function start() {
  const app = createApp()
  app.silent = true
  const agent = supertest(app.callback())
  const issue = async () => String((await agent.post('/reservations')).headers.location)
  const taken = async () => (await agent.get('/reservations')).body
  return { agent, issue, taken }
}

describe('actions: seats', () => {
  it('an id is issued without an effect, PUT takes effect once, GET tells it again', async () => {
    const { agent, taken } = start()
    const issued = await agent.post('/reservations')
    expect(issued.status).to.equal(201)
    const at = String(issued.headers.location)
    expect(issued.body.action).to.equal(at)
    expect(at.endsWith(`/${issued.body.id}`)).to.equal(true)
    expect((await agent.get(at)).status).to.equal(405)
    expect(await taken()).to.deep.equal([])
    const first = await agent.put(at).send({ seat: '3A' })
    const again = await agent.put(at).send({ seat: '3A' })
    expect([first.status, again.status, again.text]).to.deep.equal([201, 201, first.text])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect((await agent.get(at)).body).to.deep.equal({ seat: '3A' })
    expect(await taken()).to.deep.equal(['3A'])
  })

  it('a mistake leaves the id open; other content afterwards is refused', async () => {
    const { agent, issue, taken } = start()
    const at = await issue()
    expect((await agent.put(at).send({})).status).to.equal(422)
    expect((await agent.put(at).send({ seat: '4B' })).status).to.equal(201)
    expect((await agent.put(at).send({ seat: '5C' })).status).to.equal(422)
    expect((await agent.put(at).set('X-User', 'bob').send({ seat: '4B' })).status).to.equal(404)
    expect(await taken()).to.deep.equal(['4B'])
  })

  it('DELETE cancels what was not done yet, for good', async () => {
    const { agent, issue, taken } = start()
    const at = await issue()
    expect((await agent.delete(at)).status).to.equal(204)
    expect((await agent.delete(at)).status).to.equal(204)
    const late = await agent.put(at).send({ seat: '6D' })
    expect([late.status, late.body.type]).to.deep.equal([
      410,
      'urn:post-once-exactly:problem:cancelled',
    ])
    expect(await taken()).to.deep.equal([])
  })

  it('DELETE undoes what was done, once; the id is not open again', async () => {
    const { agent, issue, taken } = start()
    const at = await issue()
    await agent.put(at).send({ seat: '7E' })
    const undone = await agent.delete(at)
    const again = await agent.delete(at)
    expect([undone.status, again.status]).to.deep.equal([204, 204])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    const repeat = await agent.put(at).send({ seat: '7E' })
    expect(repeat.headers['idempotent-replayed'], 'the first answer').to.equal('true')
    expect(await taken()).to.deep.equal([])
  })

  it('a form posts to an id that came with its page; twice is once', async () => {
    const { agent, taken } = start()
    const page = await agent.get('/plan')
    const at = /action="([^"]+)"/.exec(page.text)?.[1] ?? ''
    expect(page.headers).not.to.have.property('poe-links')
    const press = () => agent.post(at).type('form').send('seat=8F')
    expect((await press()).status).to.equal(201)
    expect((await press()).headers['idempotent-replayed']).to.equal('true')
    expect(await taken()).to.deep.equal(['8F'])
  })

  it('content at the wrong address is not taken for done', async () => {
    const { agent, taken } = start()
    const wrong = await agent.post('/reservations').send({ seat: '9G' })
    expect([wrong.status, wrong.body.type]).to.deep.equal([
      400,
      'urn:post-once-exactly:problem:not-empty',
    ])
    expect(await taken()).to.deep.equal([])
  })
})
