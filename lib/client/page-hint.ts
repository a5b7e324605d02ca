/**
 * Tells whoever posted to a page that it is none to post to. It never changes what an outcome is: a
 * spent link's result may announce links, too.
 *
 * @see POE draft 3
 */
import type { PostOutcome } from './outcome.js'

/** What servers answer to a POST to a page. */
const NO_POST = new Set([404, 405])
/** How an outcome may be called where nothing took effect as far as is known. */
const NOTHING_DONE = new Set<PostOutcome['outcome']>(['refused', 'gone', 'unknown'])

/** Whether the one answer there was may be that of a page; after any doubt it is not asked. */
export function mayBePage({ outcome, status, attempts, idempotencyKey }: PostOutcome): boolean {
  const isRefusal = status !== null && NO_POST.has(status) && NOTHING_DONE.has(outcome)
  return isRefusal && attempts === 1 && idempotencyKey === null
}

/** What to do, as a sentence; of an outcome that is not known it is only a guess. */
export function pageHint({ outcome }: PostOutcome, page: string): string {
  const is = outcome === 'unknown' ? 'This may be' : 'This is'
  return `${is} a page that gives links: get one by client.links(page), or run: poe post ${page}`
}
