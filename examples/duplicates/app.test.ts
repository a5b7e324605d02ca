/** Suspected duplicates: told, never hidden, and sent all the same where that is meant. */
import { expect } from 'chai'
import supertest from 'supertest'
import { createApp } from './app.js'

const HELLO = { to: 'ann', text: 'hello' }

function start() {
  const sent: { readonly to: string; readonly text: string }[] = []
  const app = createApp(sent)
  app.silent = true
  return { sent, agent: supertest(app.callback()) }
}

describe('duplicates: messages', () => {
  it('a message that looks like the last is suspected, with the way to that', async () => {
    const { sent, agent } = start()
    expect((await agent.post('/messages').send(HELLO)).status).to.equal(201)
    const second = await agent.post('/messages').send({ ...HELLO, text: 'hello ' })
    expect(second.status).to.equal(409)
    expect(second.body).to.include({
      type: 'urn:post-once-exactly:problem:suspected-duplicate',
      result: '/messages/1',
    })
    expect(second.headers.link).to.contain('</messages/1>')
    expect((await agent.post('/messages').send({ ...HELLO, text: 'bye' })).status).to.equal(201)
    const bobs = await agent.post('/messages').set('X-User', 'bob').send(HELLO)
    expect(bobs.status, "somebody else's").to.equal(201)
    expect(sent).to.have.lengthOf(3)
  })

  it('an override sends it once more, and once only', async () => {
    const { sent, agent } = start()
    await agent.post('/messages').send(HELLO)
    const { override } = (await agent.post('/messages').send(HELLO)).body
    const meant = () => agent.post('/messages').set('Duplicate-Override', override).send(HELLO)
    const [first, again] = [await meant(), await meant()]
    expect([first.status, again.status, again.text]).to.deep.equal([201, 201, first.text])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect(sent).to.have.lengthOf(2)
  })

  it('a form comes back with its fields and a button that works once', async () => {
    const { sent, agent } = start()
    const press = (content: string) =>
      agent.post('/messages').set('Accept', 'text/html').type('form').send(content)
    await press('to=ann&text=hello')
    const page = await press('to=ann&text=hello')
    expect(page.status).to.equal(409)
    expect(page.text).to.contain('value="hello"')
    const [, override] = /name="duplicate-override" value="([\w-]+)"/.exec(page.text) ?? []
    const more = `to=ann&text=hello&duplicate-override=${override}`
    expect((await press(more)).status).to.equal(201)
    expect((await press(more)).status).to.equal(201)
    expect(sent).to.have.lengthOf(2)
  })

  it('[FALSE-4540] what is no text is refused as 422, never a 500', async () => {
    const { sent, agent } = start()
    const send = (content: string) => agent.post('/messages').type('form').send(content)
    const answers = [await send('to=ann&text=a&text=b'), await send('to=ann'), await send('')]
    expect(answers.map(({ status }) => status)).to.deep.equal([422, 422, 422])
    expect(sent).to.deep.equal([])
  })

  it('a message with a key is never suspected', async () => {
    const { sent, agent } = start()
    const send = (key: string) => agent.post('/messages').set('Idempotency-Key', key).send(HELLO)
    expect((await send('a')).status).to.equal(201)
    expect((await send('b')).status).to.equal(201)
    expect((await send('b')).headers['idempotent-replayed']).to.equal('true')
    expect(sent).to.have.lengthOf(2)
  })
})
