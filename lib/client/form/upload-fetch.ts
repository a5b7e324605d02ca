/**
 * A `fetch` for uploads that tells how much has been sent, which the browser's own cannot, and a
 * clock that stands still while it is being sent: a large file on a slow line takes its time.
 *
 * @see WHATWG XMLHttpRequest; WHATWG Fetch 4.3 (redirect mode)
 */
import { type ClientClock, systemClock } from '../clock.js'
import type { FetchLike } from '../options.js'

/** What a client needs for uploads. */
export interface Uploads {
  /** Sends POSTs by XMLHttpRequest, and all else by itself. */
  readonly fetch: FetchLike
  /** Counts the time in which nothing is sent. */
  readonly clock: ClientClock
}

/**
 * Makes what a client needs for uploads.
 *
 * @param onProgress - told the part that has been sent, from 0 to 1
 */
export function uploads(onProgress: (part: number) => void): Uploads {
  let sendingMs = 0
  const now = () => systemClock.now() - sendingMs
  return {
    fetch(input, init = {}) {
      if (init.method !== 'POST') return fetch(input, init)
      let lastMs = systemClock.now()
      return upload(String(input), init, part => {
        const atMs = systemClock.now()
        sendingMs += atMs - lastMs
        lastMs = atMs
        onProgress(part)
      })
    },
    clock: {
      now,
      async sleep(ms, signal) {
        const endMs = now() + ms
        for (let left = ms; left > 0; left = endMs - now()) await systemClock.sleep(left, signal)
      },
    },
  }
}

function upload(
  url: string,
  { headers, body, signal }: RequestInit,
  onProgress: (part: number) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const stop = () => request.abort()
    request.open('POST', url)
    request.responseType = 'arraybuffer'
    new Headers(headers).forEach((value, name) => {
      request.setRequestHeader(name, value)
    })
    request.upload.onprogress = ({ lengthComputable, loaded, total }) => {
      if (lengthComputable && total > 0) onProgress(loaded / total)
    }
    request.onload = () => resolve(answerOf(request, url))
    request.onerror = () => reject(new TypeError('No answer came'))
    request.onabort = () => reject(signal?.reason)
    request.onloadend = () => signal?.removeEventListener('abort', stop)
    signal?.addEventListener('abort', stop)
    request.send((body ?? null) as XMLHttpRequestBodyInit | null)
  })
}

function answerOf(request: XMLHttpRequest, url: string): Response {
  // It has followed a redirect by itself: what answered is not what was asked, and proves nothing.
  if (request.responseURL !== url.replace(/#.*/s, '')) return Response.error()
  const { status } = request
  const headers = new Headers()
  for (const line of request.getAllResponseHeaders().trim().split(/\r?\n/)) {
    const at = line.indexOf(':')
    if (at > 0) headers.append(line.slice(0, at), line.slice(at + 1))
  }
  const isEmpty = status === 204 || status === 205 || status === 304
  return new Response(isEmpty ? null : request.response, { status, headers })
}
