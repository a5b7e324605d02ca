/** As `test/koa/without-words.test.ts`: a handler that gives no answer has thrown nothing. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import express from 'express'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { asListener } from './fetch-server.js'

const KEY = {
  ...{ name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true, releaseOnThrow: true },
}
const options = () => ({ store: memoryStore(), principal: () => 'ann', onError: () => {} })

/** What charges and gives no answer. */
const SILENT: Readonly<Record<string, (charge: () => void) => RequestListener>> = {
  'fetch, no Response': charge => {
    const door = fetchPoe(options()).idempotencyKey(KEY, charge as never)
    return asListener(door)
  },
  'node, response.destroy()': charge => {
    const door = nodePoe(options()).idempotencyKey(KEY, (_request, response) => {
      charge()
      response.destroy()
    })
    return (request, response) => void door(request, response)
  },
  'Express, next()': charge => {
    const once = nodePoe(options())
    const app = express()
    const door = once.idempotencyKey(KEY, request => {
      charge()
      ;(request as express.Request).next?.()
    })
    app.post('/', once.middleware(), door as never)
    // Express would write it to the console.
    app.use(((_error, _request, response, _next) => {
      response.status(500).end()
    }) as express.ErrorRequestHandler)
    return app as unknown as RequestListener
  },
}

describe('an end without an answer, where throws free', () => {
  for (const [what, make] of Object.entries(SILENT)) {
    it(`[FALSE-4647] ${what}: undecided, and charged once`, async () => {
      let charges = 0
      const listener = make(() => {
        charges += 1
      })
      const server = createServer(listener).listen(0, '127.0.0.1')
      await new Promise(done => server.once('listening', done))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
      const send = () => fetch(url, { method: 'POST', headers: { 'Idempotency-Key': '"one"' } })
      await send().catch(() => {})
      const again = await send()
      expect([again.status, charges]).to.deep.equal([409, 1])
      server.closeAllConnections()
      server.close()
    })
  }
})
