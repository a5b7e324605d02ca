/** A result that is there already is not the client's own, however its tries were lost. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { createClient } from 'post-once-exactly/client'
import { startWorld } from '../support/world.js'

/** What goes through no POST while it is told so, and each GET. */
async function startGateway(origin: string) {
  const state = { losesPosts: false }
  const server = createServer(async (req, res) => {
    if (req.method === 'POST' && state.losesPosts) {
      res.writeHead(502).end()
      return
    }
    const answer = await fetch(origin + req.url, {
      method: req.method ?? 'GET',
      headers: Object.fromEntries(Object.entries(req.headers).map(([n, v]) => [n, String(v)])),
      ...(req.method === 'POST' && { body: Readable.toWeb(req) as ReadableStream, duplex: 'half' }),
      redirect: 'manual',
    })
    const { 'content-encoding': _, ...fields } = Object.fromEntries(answer.headers)
    res.writeHead(answer.status, fields).end(Buffer.from(await answer.arrayBuffer()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { state, server, origin: `http://127.0.0.1:${port}` }
}

describe('a link that was used for other content', () => {
  it('[FALSE-3701] is no success where no try came through, and every GET does', async () => {
    const world = await startWorld(
      { store: 'memory', koa: 3, at: 'root' },
      {
        handler: ctx => {
          ctx.status = 201
          ctx.body = 'tea'
        },
      },
    )
    const gateway = await startGateway(world.base)
    const client = createClient({ tries: 2, baseMs: 1, capMs: 2 })
    const link = gateway.origin + (await world.link())
    expect((await client.post(link, 'tea')).outcome).to.equal('accepted')
    gateway.state.losesPosts = true
    // Another one: this client would know what it has sent there.
    const next = createClient({ tries: 2, baseMs: 1, capMs: 2 })
    const coffee = await next.post(link, 'coffee')
    expect([coffee.outcome, coffee.attempts]).to.deep.equal(['unknown', 2])
    const again = createClient({ tries: 2, baseMs: 1, capMs: 2 })
    expect((await again.post(link, 'tea')).outcome).to.equal('accepted-earlier')
    gateway.server.closeAllConnections()
    gateway.server.close()
    await world.close()
  })
})
