/** Options that throw `null`, as where a library rejects without a reason: errors like others. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import { expect } from 'chai'
import express from 'express'
import Koa from 'koa'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { poe } from 'post-once-exactly/koa'
import { poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { asListener } from './fetch-server.js'

type Throws = 'principal' | 'validator' | 'empty validator'

const nothing = (value: unknown) => () => {
  throw value
}
const poeOptions = (throws: Throws) => ({
  store: memoryStore(),
  principal: throws === 'principal' ? (nothing(null) as () => string) : () => 'ann',
  onError: () => {},
})
const doorOptions = (throws: Throws) => {
  const right = () => ({ etag: '"1"' })
  const validators = { validator: nothing(undefined), 'empty validator': nothing('') }
  const validator = throws === 'principal' ? right : (validators[throws] as typeof right)
  return { name: 'state', validator }
}

/** Each has a handler that charges; Express a route behind it, which nobody guards. */
const SERVERS: Readonly<Record<string, (throws: Throws, charge: () => void) => RequestListener>> = {
  Koa: (throws, charge) => {
    const { onError: _none, ...options } = poeOptions(throws)
    const once = poe(options)
    const app = new Koa()
    app.silent = true
    const router = new Router()
    router.post('/', once.conditional(doorOptions(throws)), charge)
    return app.use(once.middleware()).use(router.routes()).callback()
  },
  node: (throws, charge) => {
    const door = nodePoe(poeOptions(throws)).conditional(doorOptions(throws), charge)
    return (request, response) => void door(request, response)
  },
  Express: (throws, charge) => {
    const door = nodePoe(poeOptions(throws)).conditional(doorOptions(throws), charge)
    const app = express()
    app.set('env', 'test')
    app.post('/', door as never)
    app.post('/', (_request, response) => {
      charge()
      response.end()
    })
    return app as unknown as RequestListener
  },
  fetch: (throws, charge) => {
    return asListener(
      fetchPoe(poeOptions(throws)).conditional(doorOptions(throws), charge as never),
    )
  },
}

describe('an option that throws null, undefined or an empty text', () => {
  for (const [framework, make] of Object.entries(SERVERS)) {
    for (const throws of ['principal', 'validator', 'empty validator'] as const) {
      it(`[FALSE-4397] ${throws}, ${framework}: 500, and nothing is run`, async () => {
        let charges = 0
        const listener = make(throws, () => {
          charges += 1
        })
        const server = createServer(listener).listen(0, '127.0.0.1')
        await new Promise(done => server.once('listening', done))
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
        const signal = AbortSignal.timeout(5_000)
        const send = { method: 'POST', headers: { 'If-Match': '"1"' }, signal }
        const status = await fetch(url, send).then(answer => answer.status, String)
        server.closeAllConnections()
        server.close()
        expect([status, charges]).to.deep.equal([500, 0])
      })
    }
  }
})
