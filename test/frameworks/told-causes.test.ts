/**
 * What a handler throws that reports no failure is logged as another error, which says what to do:
 * without an option or a listener of the application's, the log tells of the first one as well.
 */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { format } from 'node:util'
import Router from '@koa/router'
import { expect } from 'chai'
import express from 'express'
import Koa, { type Context } from 'koa'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { poe as koaPoe } from 'post-once-exactly/koa'
import { poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { asListener } from './fetch-server.js'

const ORDER = { name: 'order', path: '/once/:token' }

function settings() {
  return { store: memoryStore(), principal: () => 'ann' }
}

/** What a client library throws: it has the status that the gateway gave. */
function declined() {
  return Object.assign(new Error('card declined'), { status: 402 })
}

const SERVERS: Readonly<Record<string, (fail: (ctx?: Context) => never) => RequestListener>> = {
  Koa: fail => {
    const once = koaPoe(settings())
    const router = new Router()
    router.get('/', ctx => {
      ctx.body = ctx.poe.link('order')
    })
    once.resource(router, ORDER, ctx => fail(ctx))
    return new Koa().use(once.middleware()).use(router.routes()).callback()
  },
  'node:http': fail => {
    const once = nodePoe(settings())
    once.resource(ORDER, () => fail())
    return once.handler((_request, response, links) => void response.end(links.link('order')))
  },
  Express: fail => {
    const once = nodePoe(settings())
    once.resource(ORDER, () => fail())
    const app = express().set('env', 'production').use(once.middleware())
    return app.get('/', (request, response) => void response.send(once.link(request, 'order')))
  },
  fetch: fail => {
    const once = fetchPoe(settings())
    once.resource(ORDER, () => fail())
    return asListener(once.handler((_request, links) => new Response(links.link('order'))))
  },
}

/** What is written to the console while an order is sent that fails. */
async function logOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0)
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { error: write } = console
  const written: string[] = []
  console.error = (...given: unknown[]) => void written.push(format(...given))
  try {
    const link = await (await fetch(origin)).text()
    expect((await fetch(origin + link, { method: 'POST' })).status).to.equal(500)
  } finally {
    console.error = write
    server.closeAllConnections()
    server.close()
  }
  return written.join('\n')
}

describe('the log of an error that reports no failure', () => {
  for (const [name, serve] of Object.entries(SERVERS)) {
    it(`[FALSE-4627] tells what was thrown, and where: ${name}`, async () => {
      const log = await logOf(
        serve(() => {
          throw declined()
        }),
      )
      expect(log).to.contain('accept this one with isRefusal').and.contain('card declined')
      expect(log).to.match(/at declined .*told-causes/)
    })

    it(`[FALSE-4627] tells of an answer that was thrown: ${name}`, async () => {
      const log = await logOf(
        serve(() => {
          throw new Response(null, { status: 303, headers: { Location: '/orders/1' } })
        }),
      )
      expect(log).to.contain('return the answer').and.contain('with status 303')
    })
  }

  it('[FALSE-4627] tells what ctx.throw was given', async () => {
    const serve = SERVERS.Koa as (fail: (ctx?: Context) => never) => RequestListener
    const log = await logOf(serve(ctx => ctx?.throw(500, declined()) as never))
    expect(log).to.contain('card declined')
  })
})
