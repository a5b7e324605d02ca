/** Requests that carry an id already: what a repeat is told. */
import { expect } from 'chai'
import supertest from 'supertest'
import { type Book, createApp } from './app.js'

function start() {
  const book: Book = { events: [], orders: new Map() }
  const app = createApp(book)
  app.silent = true
  return { book, agent: supertest(app.callback()) }
}

describe('replay: events and orders with an id of their own', () => {
  it('an event that is delivered twice is taken once', async () => {
    const { book, agent } = start()
    const deliver = () => agent.post('/events').set('Webhook-Id', 'evt_1').send({ paid: 1 })
    const [first, again] = [await deliver(), await deliver()]
    expect([first.status, again.status]).to.deep.equal([204, 204])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect(book.events).to.deep.equal([{ paid: 1 }])
  })

  it('two deliveries at once are one', async () => {
    const { book, agent } = start()
    const deliver = () => agent.post('/events').set('Webhook-Id', 'evt_2').send({ paid: 2 })
    const statuses = (await Promise.all([deliver(), deliver()])).map(({ status }) => status)
    expect(statuses).to.deep.equal([204, 204])
    expect(book.events).to.have.lengthOf(1)
  })

  it('an id with other content is refused, and so is none', async () => {
    const { book, agent } = start()
    const deliver = (content: object) =>
      agent.post('/events').set('Webhook-Id', 'evt_3').send(content)
    await deliver({ paid: 3 })
    expect((await deliver({ paid: 4 })).status).to.equal(422)
    expect((await agent.post('/events').send({})).status).to.equal(400)
    expect(book.events).to.have.lengthOf(1)
  })

  it('current: a repeat is told how things stand now', async () => {
    const { book, agent } = start()
    const order = () => agent.post('/orders').send({ reference: 'r-1', sku: 'tea' })
    const first = await order()
    expect([first.status, first.body]).to.deep.equal([201, { state: 'placed' }])
    book.orders.set('/orders/1', { state: 'shipped' })
    const again = await order()
    expect([again.status, again.body]).to.deep.equal([200, { state: 'shipped' }])
    expect(again.headers['idempotent-replayed']).to.equal('true')
    expect(book.orders.size).to.equal(1)
  })
})
