/**
 * The content of a POST as browsers have it: what `fetch` takes, and plain objects. No generators,
 * and no limit but the page's memory.
 *
 * @see POE draft 5
 */

import type { Payload, PostBody } from './body.js'
import type { FetchBody } from './fetch-types.js'

/**
 * Fixes the content of a POST.
 *
 * @throws TypeError for a stream that was read already, and for what is no content
 */
export async function prepareSimply(body: PostBody): Promise<Payload> {
  if (body === null || body === undefined) return { content: null, type: null }
  if (typeof body === 'function') return { content: async () => simply(await body()), type: null }
  const source = body instanceof Request ? body : new Response(simply(body))
  // Bun does not know it any more once the content is read.
  const type = source.headers.get('content-type')
  return { content: new Uint8Array(await source.arrayBuffer()), type }
}

/** A plain object or array is JSON, also where a function made it. */
function simply(body: unknown): FetchBody {
  const isPlain = Array.isArray(body) || Object.getPrototypeOf(body) === Object.prototype
  if (isPlain) return new Blob([JSON.stringify(body)], { type: 'application/json' })
  const content = body as FetchBody
  // What is no content is text by its name, `[object Map]`; the type of a Blob has lower case.
  const type = new Response(content).headers.get('content-type')
  if (type === 'text/plain;charset=UTF-8' && typeof body !== 'string') {
    throw new TypeError('This cannot be sent')
  }
  return content
}
