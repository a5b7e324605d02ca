/** What a parser in front of a door on node:http leaves, and what is compared by it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { anyone, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { ask } from '../support/ask.js'

describe('a parser on node:http', () => {
  it('[FALSE-4012] that leaves rawBody alone is understood', async () => {
    const once = poe({ store: memoryStore(), principal: anyone })
    const pay = once.idempotencyKey(
      { name: 'pay', retentionMs: 1_000, dangerouslyNotDurable: true },
      (_, response) => void response.end('paid'),
    )
    const listener = async (request: IncomingMessage, response: ServerResponse) => {
      await pay(Object.assign(request, { rawBody: await buffer(request) }), response)
    }
    const server = createServer((request, response) => void listener(request, response))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const statuses: number[] = []
    for (const body of ['one', 'one', 'two']) {
      const headers = { 'Idempotency-Key': '"k"' }
      statuses.push((await ask({ port }, 'POST', '/', { body, headers })).status)
    }
    expect(statuses).to.deep.equal([200, 200, 422])
    server.closeAllConnections()
    server.close()
  })
})
