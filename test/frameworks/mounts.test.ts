/** Express below a mount: links carry its path wherever they are made. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import express from 'express'
import { anyone, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

describe('links of a mounted middleware', () => {
  it('[FALSE-4677] lead below its mount, also those of a page beside it', async () => {
    const once = poe({ store: memoryStore(), principal: anyone })
    once.resource({ name: 'order', path: '/orders/once/:token' }, (_request, response) => {
      response.writeHead(201).end()
    })
    const app = express()
    app.use('/shop', once.middleware() as never)
    app.get('/shop/basket', (request, response) => {
      response.json({ link: once.link(request, 'order') })
    })
    const server = createServer(app).listen(0, '127.0.0.1')
    await new Promise(done => server.once('listening', done))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const page = await fetch(`${origin}/shop/basket`)
    const { link } = (await page.json()) as { link: string }
    expect(link).to.match(/^\/shop\/orders\/once\//)
    expect((await fetch(origin + link, { method: 'POST' })).status).to.equal(201)
    server.closeAllConnections()
    server.close()
    await once.close()
  })
})
