/**
 * The shops are judged by what draft and HTTP demand; a route handler of Next.js is called as
 * Next.js calls it.
 */
import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { judge, unlike } from './judged.js'
import { GET as basketPage, dynamic } from './next/basket-route.js'
import { orders } from './next/once.js'
import { GET, OPTIONS, POST, PUT } from './next/order-route.js'

const ORIGIN = 'http://shop.example'

for (const name of ['node', 'hono'] as const) {
  it(`[POE-2-1] the shop on ${name} passes the core profile at every door`, async () => {
    const store = memoryStore()
    const reports = await judge(name, store, { profile: 'core', rounds: 1 })
    for (const [door, report] of reports) {
      expect(unlike(report), door).to.deep.equal([])
      expect(report.verdict, door).to.equal('conformant')
    }
    await store.close()
  })
}

describe('a route handler of Next.js', () => {
  it('[POE-2-1] takes a link once, and shows the result', async () => {
    const page = await basketPage(new Request(`${ORIGIN}/basket`))
    const { link } = (await page.json()) as { link: string }
    expect(page.headers.get('POE-Links')).to.equal(`"${link}"`)
    const routes = { GET, OPTIONS, POST, PUT }
    const call = (method: keyof typeof routes, content: string | null = null) => {
      const headers = { 'Content-Type': 'application/json' }
      const request = new Request(ORIGIN + link, { method, body: content, headers })
      const params = Promise.resolve({ token: link.split('/').at(-1) })
      return routes[method](request, { params })
    }
    expect((await call('GET')).status).to.equal(405)
    expect((await call('POST', '{}')).status).to.equal(422)
    expect((await call('POST', '{')).status).to.equal(400)
    const first = await call('POST', '{"sku":"tea"}')
    expect([first.status, await first.json()]).to.deep.equal([201, { id: 1, sku: 'tea' }])
    const second = await call('POST', '{"sku":"tea"}')
    expect(second.status).to.equal(405)
    expect(second.headers.get('Link')).to.match(/^<\/orders\/1>; rel="related urn:/)
    expect(await (await call('GET')).json()).to.deep.equal({ id: 1, sku: 'tea' })
    expect((await call('PUT', '{}')).status).to.equal(405)
    expect((await call('OPTIONS')).headers.get('Allow')).to.equal('GET, HEAD, OPTIONS')
    expect(orders).to.deep.equal(['tea'])
    expect(dynamic).to.equal('force-dynamic')
  })
})
