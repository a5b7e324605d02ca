/** A context without a response, as koa-websocket makes it: links go into messages. */
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import compose from 'koa-compose'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

describe('a connection of koa-websocket', () => {
  it('[FALSE-4530] has links', async () => {
    const once = poe({ store: memoryStore(), principal: () => 'guest' })
    const app = new Koa()
    once.resource(new Router(), { name: 'order', path: '/orders/:token' }, () => {})
    const req = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/ws' })
    const ctx = app.createContext(req, undefined as never) as Context
    let link: string | null = null
    await compose<Context>([
      once.middleware(),
      ({ poe: links }) => {
        link = links.link('order')
      },
    ])(ctx)
    expect(link).to.match(/^\/orders\/[\w-]+$/)
  })
})
