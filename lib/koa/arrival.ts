/**
 * How much of a request's content has come.
 *
 * @see RFC 9112 6.3, 8; RFC 9113 5.1, 8.1
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Context } from 'koa'

/** How much of the content has come. */
export type Arrival = 'whole' | 'on-its-way' | 'cut-off'

/**
 * Tells whether a request's content has arrived whole, is still coming, or never will.
 *
 * Over HTTP/2 a stream that is over before anything was answered counts as cut off: nobody is there
 * to be answered, and what was read of it may be half of what was meant.
 *
 * @see RFC 9112 8; RFC 9113 5.1, 8.1
 */
export function arrivalOf({ req }: Context): Arrival {
  const { stream } = req as { stream?: ServerHttp2Stream }
  if (stream === undefined) {
    if ((req.complete ?? isPushed(req)) || hasNoContent(req)) return 'whole'
    // Once a request is answered Node does not tell it that its connection closes.
    return req.destroyed || req.socket.destroyed ? 'cut-off' : 'on-its-way'
  }
  if (stream.endAfterHeaders) return 'whole'
  if (stream.closed || stream.destroyed || stream.aborted) return 'cut-off'
  // While the last frame is being read, only the stream's end tells.
  const isEnded = stream.readableEnded || stream.state.state === HALF_CLOSED
  return isEnded ? 'whole' : 'on-its-way'
}

/** Whether all of a stream is in its buffer: light-my-request's requests have no `complete`. */
function isPushed(req: IncomingMessage): boolean {
  const { _readableState: state } = req as unknown as { _readableState?: { ended: boolean } }
  return state?.ended === true
}

const HALF_CLOSED = constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE

/**
 * Whether a response has nobody any more that it could go to; `undefined` where it does not tell.
 * Koa's `writable` tells of the connection, which outlives a stream of HTTP/2.
 */
export function isClosed(res: ServerResponse): boolean | undefined {
  const { closed, stream } = res as ServerResponse & { readonly stream?: ServerHttp2Stream }
  // HTTP/2's response has no `closed` of its own, and Deno's has none at all.
  return closed ?? (stream ?? res).destroyed
}

/** Whether a request has no content: without either field there is none. RFC 9112 6.3 */
export function hasNoContent(req: IncomingMessage): boolean {
  // HTTP/2 has frames that tell.
  if (req.httpVersionMajor >= 2) return false
  const length = req.headers['content-length']
  return length === '0' || (length === undefined && req.headers['transfer-encoding'] === undefined)
}
