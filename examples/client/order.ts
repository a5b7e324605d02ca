/**
 * Orders tea once, whatever the network does, and tells every way in which that can end.
 */
import { createClient } from 'post-once-exactly/client'

/**
 * Orders, and tells how it ended.
 *
 * @param page - the page that announces the link, for example http://127.0.0.1:3000/basket
 */
export async function orderTea(page: string): Promise<string> {
  const client = createClient({
    onRetry: ({ attempt, delayMs }) =>
      console.error(`try ${attempt} failed, again in ${Math.round(delayMs)} ms`),
  })
  const [found] = await client.links(page)
  if (found === undefined) return 'the page has no link'

  const order = await client.post(found.link, { sku: 'tea', qty: 2 })
  switch (order.outcome) {
    case 'accepted':
    case 'accepted-earlier': // by a try whose answer was lost
      return `ordered: ${await order.text()}`
    case 'used-before':
      return 'this link had been used for another order'
    case 'refused':
      return `not ordered: ${await order.text()}`
    case 'gone':
      return 'the link is too old: get another one'
    case 'unknown': // never order anew here
      return `nobody can tell yet: look at ${order.link}`
  }
}
