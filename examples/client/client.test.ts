/** The client's examples against the shop, through a network that loses answers. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { createClient, fileJournal } from 'post-once-exactly/client'
import { faultProxy } from 'post-once-exactly/testing'
import { type Agent, withFolder, withShop } from '../shop/support.js'
import { pay } from './key.js'
import { orderTea } from './order.js'
import { orderAll } from './resume.js'

describe('examples/client', () => {
  it('orders once, also when the answer is lost', async () => {
    await throughFaults(async ({ origin, agent, loseAnswers }) => {
      expect(await orderTea(`${origin}/basket`)).to.match(/^ordered: \{"id":1/)
      loseAnswers(1)
      expect(await orderTea(`${origin}/basket`)).to.match(/^ordered: \{"id":2/)
      expect(await ordersOf(agent)).to.equal(2)
    })
  })

  it('[CL-17] goes on where an earlier run ended', async () => {
    await throughFaults(async ({ origin, agent, loseAnswers }) => {
      await withFolder(async folder => {
        const file = join(folder, 'orders.journal')
        const journal = await fileJournal(file)
        const client = createClient({ journal, tries: 1, totalMs: 1 })
        const { link } = await client.mint(`${origin}/basket/links`)
        loseAnswers(1)
        const left = await client.post(link, { sku: 'left', qty: 1 })
        expect(left.outcome).to.equal('unknown')
        await journal.close()

        expect(await orderAll(origin, file, ['tea', 'cups'])).to.deep.equal([
          'resumed {"sku":"left","qty":1}: accepted-earlier',
          'tea: accepted',
          'cups: accepted',
        ])
        expect(await ordersOf(agent)).to.equal(3)
        expect(await orderAll(origin, file, [])).to.deep.equal([])
      })
    })
  })

  it('pays with one key on all tries', async () => {
    const keys: unknown[] = []
    const server = createServer((asked, answer) => {
      keys.push(asked.headers['idempotency-key'])
      asked.resume().on('end', () => {
        if (keys.length === 1) answer.destroy()
        else answer.writeHead(201).end()
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const outcome = await pay(`http://127.0.0.1:${port}/payments`, 500)
      expect(outcome).to.include({ outcome: 'accepted', attempts: 2 })
      expect(keys).to.deep.equal([`"${outcome.idempotencyKey}"`, `"${outcome.idempotencyKey}"`])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

interface Faulty {
  readonly origin: string
  readonly agent: Agent
  /** The next so many POSTs that are answered lose their answer. */
  readonly loseAnswers: (count: number) => void
}

async function throughFaults(use: (faulty: Faulty) => Promise<void>): Promise<void> {
  await withShop(async (agent, server) => {
    const { port } = server.address() as AddressInfo
    const proxy = await faultProxy({ target: { port } })
    let left = 0
    server.prependListener('request', (asked, answer) => {
      if (asked.method !== 'POST' || left === 0 || asked.url?.endsWith('/links')) return
      left -= 1
      const end = answer.end.bind(answer)
      // The effect is there when the answer is about to leave.
      answer.end = () => {
        proxy.cutAll()
        return end()
      }
    })
    try {
      await use({
        origin: proxy.origin,
        agent,
        loseAnswers: count => {
          left = count
        },
      })
    } finally {
      await proxy.close()
    }
  })
}

async function ordersOf(agent: Agent): Promise<number> {
  const { body } = await agent.get('/ledger')
  return body.orders
}
