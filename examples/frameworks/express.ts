/**
 * The shop on Express 5.
 */
import express, { type Express, type Request, type Response } from 'express'
import { type NodePoeOptions, poe } from 'post-once-exactly/node'
import { type Answer, faultAsked, Shop } from './shop.js'

/** Makes the application. */
export function createShop(store: NodePoeOptions<unknown>['store']): Express {
  const shop = new Shop()
  const once = poe({ store, principal: (request: Request) => request.get('X-User') ?? 'guest' })
  const dangerouslyNotDurable = !store.capabilities.durable

  once.resource(
    { name: 'order', path: '/orders/once/:token', reports: [500] },
    (request: Request, response: Response) =>
      answer(request, response, () => shop.order(request.body)),
  )
  once.actions('/actions', {
    name: 'action',
    do: (request: Request, response: Response, { key }) =>
      answer(request, response, () => shop.act(key, request.body)),
    undo: (_request, response: Response, { key }) => send(response, shop.undo(key)),
  })

  const app = express()
  // Behind what parses contents and knows who asks, in front of the routes.
  app.use(express.json({ strict: false }))
  app.use(once.middleware())

  app.get('/basket', (request, response) => {
    response.json({ link: once.link(request, 'order') })
  })
  app.post(
    '/payments',
    once.idempotencyKey(
      { name: 'payment', retentionMs: 86_400_000, reports: [500], dangerouslyNotDurable },
      (request: Request, response: Response) =>
        answer(request, response, () => shop.pay(request.body)),
    ),
  )
  app.post(
    '/messages',
    once.detectDuplicates(
      { name: 'message', windowMs: 60_000, identity: (request: Request) => request.body },
      (request: Request, response: Response) =>
        answer(request, response, () => shop.send(request.body)),
    ),
  )
  app.get('/stock/:sku', (request, response) => send(response, shop.stock(request.params.sku)))
  app.post(
    '/stock/:sku',
    once.conditional(
      {
        name: 'stock',
        required: true,
        validator: (request: Request) => ({ etag: shop.etag(skuOf(request)) }),
      },
      (request: Request, response: Response) =>
        answer(request, response, () => shop.addStock(skuOf(request), request.body)),
    ),
  )
  app.get('/orders/:id', (request, response) =>
    send(response, shop.show('orders', request.params.id)),
  )
  app.get('/payments/:id', (request, response) => {
    send(response, shop.show('payments', request.params.id))
  })
  app.get('/ledger', (_request, response) => send(response, shop.ledger()))
  return app
}

async function answer(request: Request, response: Response, work: () => Answer): Promise<void> {
  send(response, (await faultAsked(request.get('Demo-Fault'))) ?? work())
}

function send(response: Response, { status, fields = {}, body }: Answer): void {
  response.status(status).set(fields)
  if (body === undefined) response.end()
  else response.json(body)
}

function skuOf(request: Request): string {
  return String(request.params.sku)
}
