/** The node entry, on memory. Prints where its page is. */
import { createServer } from 'node:http'
import { anyone, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

const once = poe({ store: memoryStore(), principal: anyone })
let orders = 0
once.resource({ name: 'order', path: '/orders/once/:token' }, async (request, response) => {
  for await (const _ of request);
  orders += 1
  response.writeHead(201, { Location: `/orders/${orders}`, 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ id: orders }))
})
const serve = once.handler((request, response, links) => {
  if (request.url !== '/basket') {
    response.writeHead(404).end()
    return
  }
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ link: links.link('order') }))
})
const server = createServer(serve).listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/basket`)
})
