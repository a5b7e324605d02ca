/**
 * ky never sends a POST again unless it is told to, and then for every URL. Here its own retries
 * are off, and its `fetch` is ours, which knows the links that the page announced.
 */
import ky from 'ky'
import { createClient } from 'post-once-exactly/client'

/** Posts JSON to the link of a page, once. */
export async function postFrom(page: string, order: object): Promise<string> {
  const client = createClient({ baseMs: 20 })
  const api = ky.create({ fetch: client.fetch, retry: 0, timeout: false })
  const [found] = await client.links(page)
  if (found === undefined) throw new Error(`${page} has no link: nothing was sent`)
  return await api.post(found.link, { json: order }).text()
}
