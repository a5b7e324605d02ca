/**
 * Holds the two services side by side: what was added, and what it changes.
 *
 * The rule of counting: imports, comments and blank lines aside, every line of `before.ts` stands
 * in `app.ts` in the same order, except the two that answer the GET and route the POST; they are
 * rewritten in their places. What `app.ts` has beyond that are the added lines, two of them.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import type Koa from 'koa'
import supertest from 'supertest'
import * as after from './app.js'
import * as before from './before.js'

const ORDER = { sku: 'tea', qty: 2 }

/** The code lines of a file next to this one. */
function codeOf(file: string): readonly string[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8').replaceAll(/\/\*.*?\*\//gs, '')
  const lines = text.split('\n').map(line => line.trim())
  return lines.filter(line => line !== '' && !line.startsWith('//') && !line.startsWith('import '))
}

/** Walks both lists once; a line that only one has is told apart by where it stands. */
function difference(old: readonly string[], now: readonly string[]) {
  const added: string[] = []
  const gone: string[] = []
  let at = 0
  for (const line of old) {
    const found = now.indexOf(line, at)
    if (found < 0) gone.push(line)
    else {
      added.push(...now.slice(at, found))
      at = found + 1
    }
  }
  return { added: [...added, ...now.slice(at)], gone }
}

async function ordersAfterTwoPosts(app: Koa): Promise<{ statuses: number[]; orders: unknown }> {
  const agent = supertest(app.callback())
  const page = await agent.get('/orders')
  const address: string = page.body.link ?? '/orders'
  const statuses: number[] = []
  for (const _ of [1, 2]) statuses.push((await agent.post(address).send(ORDER)).status)
  return { statuses, orders: (await agent.get('/orders')).body.orders }
}

describe('minimal: four lines make a route exactly-once', () => {
  it('adds two lines, and rewrites those that answer the GET and route the POST', () => {
    const { added, gone } = difference(codeOf('./before.ts'), codeOf('./app.ts'))
    expect(gone).to.deep.equal(['ctx.body = { orders }', "router.post('/orders', placeOrder)"])
    expect(added).to.deep.equal([
      'const once = poe({ store: memoryStore(), principal: anyone })',
      // In the places of the lines that are gone.
      "ctx.body = { orders, link: ctx.poe.link('order') }",
      "once.resource(router, { name: 'order', path: '/orders/once/:token' }, placeOrder)",
      'app.use(once.middleware())',
    ])
  })

  it('before: a repeated POST orders twice', async () => {
    const { statuses, orders } = await ordersAfterTwoPosts(before.createApp())
    expect(statuses).to.deep.equal([201, 201])
    expect(orders).to.deep.equal([ORDER, ORDER])
  })

  it('[POE-2-1] after: a repeated POST orders once', async () => {
    const { statuses, orders } = await ordersAfterTwoPosts(after.createApp())
    expect(statuses).to.deep.equal([201, 405])
    expect(orders).to.deep.equal([ORDER])
  })
})
