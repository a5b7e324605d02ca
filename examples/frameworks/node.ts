/**
 * The shop on node:http alone.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import createError from 'http-errors'
import { answerExpectations, type NodePoeOptions, poe } from 'post-once-exactly/node'
import { type Answer, faultAsked, Shop } from './shop.js'

/** Makes the server. */
export function createShop(
  store: NodePoeOptions<unknown>['store'],
  options: Pick<NodePoeOptions, 'onError'> = {},
): Server {
  const shop = new Shop()
  const once = poe({
    store,
    principal: request => request.headers['x-user']?.toString() ?? 'guest',
    ...options,
  })
  const dangerouslyNotDurable = !store.capabilities.durable

  once.resource(
    { name: 'order', path: '/orders/once/:token', reports: [500] },
    async (request, response) => {
      await answer(request, response, content => shop.order(content))
    },
  )
  once.actions('/actions', {
    name: 'action',
    do: (request, response, { key }) =>
      answer(request, response, content => shop.act(key, content)),
    undo: (_request, response, { key }) => send(response, shop.undo(key)),
  })
  const key = { name: 'payment', retentionMs: 86_400_000, reports: [500], dangerouslyNotDurable }
  const payments = once.idempotencyKey(key, async (request, response) => {
    await answer(request, response, content => shop.pay(content))
  })
  const stock = once.conditional(
    {
      name: 'stock',
      required: true,
      validator: request => ({ etag: shop.etag(lastOf(request)) }),
    },
    (request, response) =>
      answer(request, response, content => shop.addStock(lastOf(request), content)),
  )

  const serve = once.handler(async (request, response, links) => {
    const [path = ''] = request.url?.split('?') ?? []
    const [, collection = '', id = ''] = path.split('/')
    switch (`${request.method} /${collection}`) {
      case 'GET /basket':
        return send(response, { status: 200, body: { link: links.link('order') } })
      case 'POST /payments':
        return await payments(request, response)
      case 'POST /stock':
        return await stock(request, response)
      case 'GET /stock':
        return send(response, shop.stock(id))
      case 'GET /orders':
      case 'GET /payments':
        return send(response, shop.show(collection as 'orders' | 'payments', id))
      case 'GET /ledger':
        return send(response, shop.ledger())
      default:
        return send(response, { status: 404, body: { error: 'not here' } })
    }
  })
  const server = createServer(serve)
  answerExpectations(server, serve)
  return server
}

/** What a handler does: it reads, and answers on the response that it was given. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  work: (content: unknown) => Answer,
): Promise<void> {
  const content = await readJson(request)
  send(response, (await faultAsked(request.headers['demo-fault'])) ?? work(content))
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const read = await text(request)
  try {
    return JSON.parse(read)
  } catch {
    // An HTTP error is an answer: nothing was done, and the link stays as good as it was.
    throw createError(400, 'The content must be JSON.')
  }
}

function send(response: ServerResponse, { status, fields = {}, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...fields })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

function lastOf({ url = '' }: IncomingMessage): string {
  return url.split('?')[0]?.split('/').at(-1) ?? ''
}
