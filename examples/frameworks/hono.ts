/**
 * The shop on Hono, as it runs on Node, Bun and Deno.
 */
import { type Context, Hono } from 'hono'
import { type FetchPoeOptions, poe } from 'post-once-exactly/fetch'
import { type Answer, faultAsked, Shop } from './shop.js'

/** Makes the application. */
export function createShop(
  store: FetchPoeOptions<unknown>['store'],
  options: Pick<FetchPoeOptions, 'onError'> = {},
): Hono {
  const shop = new Shop()
  const once = poe({
    store,
    principal: request => request.headers.get('X-User') ?? 'guest',
    ...options,
  })
  const dangerouslyNotDurable = !store.capabilities.durable
  const app = new Hono()

  const order = once.resource(
    { name: 'order', path: '/orders/once/:token', reports: [500] },
    request => answer(request, content => shop.order(content)),
  )
  app.all('/orders/once/:token', c => order(c.req.raw, c))

  const basket = once.page((_request, links) =>
    toResponse({ status: 200, body: { link: links.link('order') } }),
  )
  app.get('/basket', c => basket(c.req.raw, c))

  const actions = once.actions('/actions', {
    name: 'action',
    do: (request, { key }) => answer(request, content => shop.act(key, content)),
    undo: (_request, { key }) => toResponse(shop.undo(key)),
  })
  app.post('/actions', c => actions(c.req.raw, c))
  app.all('/actions/:token', c => actions(c.req.raw, c))

  const payments = once.idempotencyKey(
    { name: 'payment', retentionMs: 86_400_000, reports: [500], dangerouslyNotDurable },
    request => answer(request, content => shop.pay(content)),
  )
  app.post('/payments', c => payments(c.req.raw, c))

  const messages = once.detectDuplicates(
    { name: 'message', windowMs: 60_000, identity: request => request.json() },
    request => answer(request, content => shop.send(content)),
  )
  app.post('/messages', c => messages(c.req.raw, c))

  const stock = once.conditional(
    {
      name: 'stock',
      required: true,
      validator: (_request, _tx, c: Context) => ({ etag: shop.etag(c.req.param('sku') ?? '') }),
    },
    (request, _poe, c: Context) =>
      answer(request, content => shop.addStock(c.req.param('sku') ?? '', content)),
  )
  app.post('/stock/:sku', c => stock(c.req.raw, c))

  app.get('/stock/:sku', c => toResponse(shop.stock(c.req.param('sku'))))
  app.get('/orders/:id', c => toResponse(shop.show('orders', c.req.param('id'))))
  app.get('/payments/:id', c => toResponse(shop.show('payments', c.req.param('id'))))
  app.get('/ledger', () => toResponse(shop.ledger()))
  return app
}

async function answer(request: Request, work: (content: unknown) => Answer): Promise<Response> {
  const content: unknown = await request.json()
  return toResponse((await faultAsked(request.headers.get('Demo-Fault'))) ?? work(content))
}

function toResponse({ status, fields = {}, body }: Answer): Response {
  if (body === undefined) return new Response(null, { status, headers: fields })
  return Response.json(body, { status, headers: fields })
}
