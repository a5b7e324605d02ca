/** A `fetch` that tells of each request and each answer, for logs. */
import type { ClientOptions, FetchLike, RequestNotice } from './options.js'

/**
 * Wraps a `fetch`. What a hook throws is ignored: a broken log must not decide what becomes of a
 * POST.
 *
 * @param fetch - what sends
 * @param hooks - who is told; without any, `fetch` itself is given back
 */
export function observedFetch(
  fetch: FetchLike,
  { onRequest, onResponse }: Pick<ClientOptions, 'onRequest' | 'onResponse'>,
): FetchLike {
  if (onRequest === undefined && onResponse === undefined) return fetch
  return async (input, init) => {
    const isRequest = input instanceof Request
    const url = isRequest ? input.url : String(input)
    const method = init?.method ?? (isRequest ? input.method : 'GET')
    const notice: RequestNotice = { method, url }
    quietly(() => onRequest?.(notice))
    try {
      const response = await fetch(input, init)
      quietly(() => onResponse?.({ ...notice, status: response.status, cause: null }))
      return response
    } catch (cause) {
      quietly(() => onResponse?.({ ...notice, status: null, cause }))
      throw cause
    }
  }
}

function quietly(tell: () => void): void {
  try {
    tell()
  } catch {}
}
