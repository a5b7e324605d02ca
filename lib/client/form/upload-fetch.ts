/**
 * A `fetch` for uploads that tells how much has been sent, which the browser's own cannot.
 *
 * @see WHATWG XMLHttpRequest; WHATWG Fetch 4.3 (redirect mode)
 */
import type { FetchLike } from '../options.js'

/**
 * Makes a `fetch` that sends POSTs by XMLHttpRequest, and all else by itself.
 *
 * @param onProgress - told the part that has been sent, from 0 to 1
 */
export function uploadFetch(onProgress: (part: number) => void): FetchLike {
  return (input, init = {}) =>
    init.method === 'POST' ? upload(String(input), init, onProgress) : fetch(input, init)
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
