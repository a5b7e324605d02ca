/**
 * What the route handlers of a Next.js application share: `lib/once.ts` there. One `poe()` for the
 * process, in a module of its own.
 */
import { anyone, poe } from 'post-once-exactly/fetch'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** Orders, in this process; a real shop has a database and its store. */
export const orders: unknown[] = []

const once = poe({ store: memoryStore(), principal: anyone })

/** `app/orders/once/[token]/route.ts` exports it for each method. */
export const order = once.resource(
  { name: 'order', path: '/orders/once/:token' },
  async request => {
    const { sku } = (await request.json()) as { sku?: unknown }
    if (typeof sku !== 'string') return Response.json({ error: 'sku' }, { status: 422 })
    const id = orders.push(sku)
    return Response.json({ id, sku }, { status: 201, headers: { Location: `/orders/${id}` } })
  },
)

/** `app/basket/route.ts` exports it as GET. */
export const basket = once.page((_request, poe) => Response.json({ link: poe.link('order') }))
