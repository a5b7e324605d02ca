/**
 * The fetch entry, on memory: on Deno and Bun by their own server, else by Hono's. Prints where its
 * page is.
 */
import { anyone, poe } from 'post-once-exactly/fetch'
import { memoryStore } from 'post-once-exactly/stores/memory'

const once = poe({ store: memoryStore(), principal: anyone })
let orders = 0
once.resource({ name: 'order', path: '/orders/once/:token' }, async request => {
  await request.json()
  orders += 1
  const headers = { Location: `/orders/${orders}` }
  return Response.json({ id: orders }, { status: 201, headers })
})
const fetch = once.handler((request, links) => {
  if (new URL(request.url).pathname !== '/basket') return new Response(null, { status: 404 })
  return Response.json({ link: links.link('order') })
})
const tell = port => console.log(`http://127.0.0.1:${port}/basket`)
if (globalThis.Deno !== undefined) {
  globalThis.Deno.serve(
    { port: 0, hostname: '127.0.0.1', onListen: at => tell(at.port) },
    request => fetch(request),
  )
} else if (globalThis.Bun !== undefined) {
  tell(
    globalThis.Bun.serve({ fetch: request => fetch(request), port: 0, hostname: '127.0.0.1' }).port,
  )
} else {
  const { serve } = await import('@hono/node-server')
  serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => tell(port))
}
