/**
 * A refusal that leaves before the request's body has arrived: the rest is read and thrown away
 * for a short time, because a reset would lose the answer.
 *
 * @see RFC 9112 9.6
 */
import type { Context } from 'koa'

const DRAIN_MS = 2_000

/**
 * Lets the rest of the body come for at most 2 s after the answer, then closes the connection.
 * Does nothing when the body has been read.
 */
export function drainAfterAnswer(ctx: Context): void {
  const { req, res } = ctx
  if (req.complete || req.readableEnded || req.destroyed) return
  res.once('finish', () => {
    // Node goes on reading an unread body by itself; what it lacks is an end to its patience.
    req.resume()
    const timer = setTimeout(() => {
      if (!req.complete) req.destroy()
    }, DRAIN_MS)
    timer.unref()
    req.once('close', () => clearTimeout(timer))
    req.once('end', () => clearTimeout(timer))
  })
}
