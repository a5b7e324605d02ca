/** A `fetch` that tells of each request and each answer. */
import type { FetchLike, RequestHooks, RequestNotice } from './options.js'

/** Where the hooks of one call go along, in what `fetch` is given. */
const HOOKS = Symbol('hooks')

/** What `fetch` is given so that the hooks of one call hear of its requests. */
export function hookedInit({ onRequest, onResponse }: RequestHooks): RequestInit {
  if (onRequest === undefined && onResponse === undefined) return {}
  return { [HOOKS]: { onRequest, onResponse } } as RequestInit
}

/**
 * Wraps a `fetch`. What a hook throws is ignored: a broken log must not decide what becomes of a
 * POST.
 *
 * @param fetch - what sends
 * @param hooks - who is told, unless a call has hooks of its own
 * @param always - who is told besides
 */
export function observedFetch(
  fetch: FetchLike,
  hooks: RequestHooks,
  always: RequestHooks = {},
): FetchLike {
  return async (input, given) => {
    const { [HOOKS]: own, ...init } = (given ?? {}) as RequestInit & { [HOOKS]?: RequestHooks }
    const { onRequest = hooks.onRequest, onResponse = hooks.onResponse } = own ?? {}
    if (onRequest === undefined && onResponse === undefined && always.onResponse === undefined) {
      return await fetch(input, init)
    }
    const isRequest = input instanceof Request
    const url = isRequest ? input.url : String(input)
    const method = init.method ?? (isRequest ? input.method : 'GET')
    const notice: RequestNotice = { method, url }
    const tell = (status: number | null, cause: unknown) => {
      for (const hook of [always.onResponse, onResponse]) {
        quietly(() => hook?.({ ...notice, status, cause }))
      }
    }
    quietly(() => onRequest?.(notice))
    try {
      const response = await fetch(input, init)
      tell(response.status, null)
      return response
    } catch (cause) {
      tell(null, cause)
      throw cause
    }
  }
}

/** Tells somebody whose failure must change nothing; that of a promise would end a process. */
export function quietly(tell: () => unknown): void {
  try {
    const told = tell()
    if (told instanceof Promise) told.catch(() => {})
  } catch {}
}
