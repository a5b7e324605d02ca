/** Order and payment: what the provider is told, and what becomes of an order that it refuses. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import supertest from 'supertest'
import { until } from '../../test/support/meeting.js'
import { openShop, type Shop } from './app.js'
import { listDead, listTrouble, reviveAll } from './operator.js'

describe('an order and its payment', () => {
  let folder: string
  let provider: Server
  let shop: Shop
  /** What was charged, by key, and how often the provider was asked. */
  let charged: Map<string, number>
  let asked: string[]
  let answer: (asked: number) => number

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'poe-outbox-'))
    charged = new Map()
    asked = []
    answer = () => 201
    provider = createServer(async (req, res) => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      const key = String(req.headers['idempotency-key'])
      asked.push(key)
      const status = answer(asked.length)
      const { amount } = JSON.parse(String(Buffer.concat(chunks))) as { amount: number }
      // It charges, also where its answer is then lost.
      if (status !== 402) charged.set(key, amount)
      res.writeHead(status).end()
    })
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve))
    const { port } = provider.address() as AddressInfo
    shop = await openShop(join(folder, 'shop.db'), `http://127.0.0.1:${port}/`)
  })
  afterEach(async () => {
    await shop.close()
    provider.closeAllConnections()
    provider.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const order = async (cents: number) => {
    const agent = supertest(shop.app.callback())
    const { link } = (await agent.get('/basket')).body
    return (await agent.post(link).send({ cents })).status
  }

  it('[OUT-01, OUT-05] one charge an order, also where the answer to it was lost', async () => {
    answer = times => (times === 1 ? 500 : 201)
    expect(await order(500)).to.equal(201)
    await until(() => shop.orders()[0]?.paid === 1, 'the payment')
    expect(asked).to.have.lengthOf(2)
    expect([...charged.values()]).to.deep.equal([500])
    expect(await order(0)).to.equal(422)
    expect(shop.orders()).to.have.lengthOf(1)
  })

  it('[OUT-06] a card that is declined is no order to repeat, but one to look at', async () => {
    answer = () => 402
    expect(await order(700)).to.equal(201)
    await until(async () => (await listDead(shop.once)).length === 1, 'the end')
    const [line = ''] = await listDead(shop.once)
    expect(line).to.match(/^charge \S+ \{"order":1,"cents":700\} after 1: PermanentError: The card/)
    expect([asked.length, charged.size]).to.deep.equal([1, 0])
    expect(await listTrouble(shop.once, 60_000)).to.deep.equal(['charge: 1 dead'])
    answer = () => 201
    expect(await reviveAll(shop.once, 'mail')).to.equal(0)
    expect(await reviveAll(shop.once, 'charge')).to.equal(1)
    await until(() => shop.orders()[0]?.paid === 1, 'the payment')
    expect(new Set(asked).size).to.equal(1)
    await until(async () => (await shop.once.outbox.counts()).length === 0, 'its end')
    expect(await listTrouble(shop.once, 60_000)).to.deep.equal([])
  })

  it('[OUT-06] what waits for too long is told', async () => {
    answer = () => 503
    expect(await order(700)).to.equal(201)
    await until(async () => (await listTrouble(shop.once, 10)).length === 1, 'the word')
    expect((await listTrouble(shop.once, 10))[0]).to.match(/^charge: \d wait, \d run, too late$/)
    answer = () => 201
    await until(() => shop.orders()[0]?.paid === 1, 'the payment')
  })
})
