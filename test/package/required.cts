/** As somebody writes it whose TypeScript becomes CommonJS. Compiled, never run. */
import client = require('post-once-exactly/client')
import koa = require('post-once-exactly/koa')
import memory = require('post-once-exactly/stores/memory')

export const once = koa.poe({ store: memory.memoryStore(), principal: koa.anyone })
export const posting: Promise<client.PostOutcome> = client
  .createClient()
  .post('http://127.0.0.1/orders', { json: { sku: 'tea' } })
