/** The watched shop: what Prometheus is given, the health check, and a call for the operator. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { createShop, type WatchedShop } from './app.js'
import { callOperator } from './events.js'

describe('docs/observe.md', () => {
  const store = memoryStore()
  let shop: WatchedShop
  let base: string
  const calls: string[] = []
  let stop: () => void

  before(async () => {
    stop = callOperator(text => calls.push(text))
    shop = createShop(store, async ctx => {
      if (ctx.get('X-Fail') !== '') throw new Error('the provider was cut off')
      ctx.status = 201
      ctx.body = 'placed'
    })
    shop.server.listen(0, '127.0.0.1')
    await once(shop.server, 'listening')
    base = `http://127.0.0.1:${(shop.server.address() as AddressInfo).port}`
  })
  after(async () => {
    stop()
    await shop.close()
    await store.close()
  })

  const link = async () => {
    const page = (await (await fetch(`${base}/basket`)).json()) as { link: string }
    return base + page.link
  }
  const text = async () => await (await fetch(`${base}/metrics`)).text()

  it('[OBS-02] Prometheus is given what the guide tells of', async () => {
    const one = await link()
    for (const status of [201, 405, 405]) {
      expect((await fetch(one, { method: 'POST' })).status).to.equal(status)
    }
    await fetch(await link(), { method: 'POST', headers: { 'X-Fail': '1' } })
    const told = await text()
    const wanted = [
      /^poe_handler_duration_count\{.*poe_resource="order".*poe_outcome="done".*\} 1/m,
      /^poe_handler_duration_count\{.*poe_outcome="threw",error_type="threw".*\} 1/m,
      /^poe_requests_not_run_total\{.*poe_resource="order",poe_found="spent".*\} 2/m,
      /^poe_events_total\{.*poe_event="undecided",poe_resource="order".*\} 1/m,
      /^poe_handler_active\{.*poe_resource="order".*\} 0/m,
      /^poe_store_up(\{.*\})? 1/m,
      /^poe_writes_pending(\{.*\})? 0/m,
      /^# UNIT poe_handler_duration s$/m,
    ]
    for (const pattern of wanted) expect(told).to.match(pattern)
    expect(calls).to.have.lengthOf(1)
    expect(calls[0]).to.match(/^decide order:[\w-]{22}: poe store settle$/)
  })

  it('[OBS-03] the health check follows the store', async () => {
    const well = await fetch(`${base}/health`)
    expect(well.status).to.equal(200)
    expect(await well.json()).to.deep.equal({ isReady: true, store: 'up', code: null })
    await store.close()
    const ill = await fetch(`${base}/health`)
    expect(ill.status).to.equal(503)
    expect(await ill.json()).to.include({ isReady: false, store: 'down' })
    expect(await text()).to.match(/^poe_store_up(\{.*\})? 0/m)
  })
})
