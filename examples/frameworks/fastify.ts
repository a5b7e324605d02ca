/**
 * The shop on Fastify 5. Its routes hand the raw request and response to a door, and leave the
 * answer to it with `reply.hijack()`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type NodeDoor, type NodePoeOptions, poe } from 'post-once-exactly/node'
import { type Answer, faultAsked, Shop } from './shop.js'

/** What the door's handler gets: the raw request, with what Fastify has parsed. */
type Parsed = IncomingMessage & {
  readonly body: unknown
  readonly params: { readonly sku: string }
}

/** Makes the application. */
export function createShop(
  store: NodePoeOptions<unknown>['store'],
  options: Pick<NodePoeOptions, 'onError'> = {},
): FastifyInstance {
  const shop = new Shop()
  const once = poe({
    store,
    principal: request => request.headers['x-user']?.toString() ?? 'guest',
    ...options,
  })
  const dangerouslyNotDurable = !store.capabilities.durable

  const order = once.resource(
    { name: 'order', path: '/orders/once/:token', reports: [500] },
    (request: Parsed, response) => answer(request, response, () => shop.order(request.body)),
  )
  const actions = once.actions('/actions', {
    name: 'action',
    do: (request: Parsed, response, { key }) =>
      answer(request, response, () => shop.act(key, request.body)),
    undo: (_request, response, { key }) => send(response, shop.undo(key)),
  })
  const payments = once.idempotencyKey(
    { name: 'payment', retentionMs: 86_400_000, reports: [500], dangerouslyNotDurable },
    (request: Parsed, response) => answer(request, response, () => shop.pay(request.body)),
  )
  const stock = once.conditional(
    {
      name: 'stock',
      required: true,
      validator: (request: Parsed) => ({ etag: shop.etag(request.params.sku) }),
    },
    (request: Parsed, response) =>
      answer(request, response, () => shop.addStock(request.params.sku, request.body)),
  )

  const app = Fastify()
  // Gives every request its links.
  const links = once.pages()
  app.addHook('onRequest', (request, reply, done) => void links(request.raw, reply.raw, done))
  app.get('/basket', async request => ({ link: once.link(request.raw, 'order') }))
  app.all('/orders/once/:token', at(order))
  app.post('/actions', at(actions))
  app.all('/actions/:token', at(actions))
  app.post('/payments', at(payments))
  app.post('/stock/:sku', at(stock))
  app.get<{ Params: { sku: string } }>('/stock/:sku', (request, reply) =>
    reply
      .headers(shop.stock(request.params.sku).fields ?? {})
      .send(shop.stock(request.params.sku).body),
  )
  app.get<{ Params: { id: string } }>('/orders/:id', async (request, reply) => {
    const { status, body } = shop.show('orders', request.params.id)
    return reply.code(status).send(body)
  })
  app.get('/ledger', async () => shop.ledger().body)
  return app
}

/** A route that leads to a door. */
function at(door: NodeDoor) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    reply.hijack()
    const { raw, body, params } = request
    await door(Object.assign(raw, { body, params }), reply.raw)
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  work: () => Answer,
): Promise<void> {
  send(response, (await faultAsked(request.headers['demo-fault'])) ?? work())
}

function send(response: ServerResponse, { status, fields = {}, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...fields })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}
