/**
 * Whether a request that failed without an answer can have reached the server. Only what is known
 * to prove the contrary counts; everything else may have arrived.
 *
 * @see POE draft 2; RFC 9113 8.7
 */

import { isOfContent } from './body.js'

/** Codes that come only before a connection is there, or before a request goes to it. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_INVALID_ARG',
  'ERR_HTTP2_GOAWAY_SESSION',
])
/** Of a connection that was refused its certificate nothing of HTTP was sent. */
const NEVER_TRUSTED = /^(?:ERR_TLS_CERT|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT)/
const CONNECTING = new Set(['connect', 'getaddrinfo'])
const DEEPEST = 8

interface ErrorLike {
  readonly code?: unknown
  readonly syscall?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/**
 * Tells whether an error proves that no server saw the request: the connection was never made, or
 * HTTP/2 says that the stream was refused before it was processed.
 *
 * @param error - what `fetch` threw; its `cause` is looked into
 * @returns `true` only where that is certain
 * @see RFC 9113 8.7
 */
export function provesNotSent(error: unknown): boolean {
  return proves(error, DEEPEST)
}

function proves(error: unknown, depth: number): boolean {
  if (typeof error !== 'object' || error === null || depth === 0) return false
  if (isOfContent(error)) return false
  const { code, syscall, message, cause, errors } = error as ErrorLike
  if (Array.isArray(errors) && errors.length > 0) {
    return errors.every(one => proves(one, depth - 1))
  }
  if (typeof syscall === 'string' && CONNECTING.has(syscall)) return true
  if (typeof code === 'string' && (NEVER_CONNECTED.has(code) || NEVER_TRUSTED.test(code))) {
    return true
  }
  if (typeof message === 'string' && message.includes('NGHTTP2_REFUSED_STREAM')) return true
  // `fetch` itself refuses some ports, and gives this no code.
  if (message === 'bad port') return true
  return proves(cause, depth - 1)
}
