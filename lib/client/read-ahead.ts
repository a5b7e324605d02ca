/**
 * Takes in the content of an answer that is handed to the caller, so that its connection is free
 * also where nobody reads it.
 */
import type { ResolvedClientOptions } from './options.js'
import { inTime } from './timing.js'

/** How often it is looked whether somebody reads, in the time of one try. */
const STEPS = 30
/** How much of an answer waits for its reader, in bytes. */
const AHEAD_BYTES = 1024 * 1024

/**
 * Reads ahead of the caller. Content that goes on is let go of where its reading has not begun in
 * the time of one try.
 *
 * @param response - the answer; it can be read as before
 */
export function readAhead(response: Response, options: ResolvedClientOptions): void {
  // Nearly everybody reads at once, and for two readers a copy costs as much as the sending.
  setTimeout(() => takeIn(response, options), 0)
}

function takeIn(response: Response, { clock, timeoutMs }: ResolvedClientOptions): void {
  // What is no stream of the web cannot be read by two.
  if (isBegun(response) || !response.body?.getReader) return
  const reader = response.clone().body?.getReader()
  const work = async () => {
    for (let left = AHEAD_BYTES; left > 0; ) {
      const next = await reader?.read()
      if (next?.value === undefined) return
      left -= next.value.length
    }
    await reader?.cancel()
    while (!isBegun(response)) await clock.sleep(timeoutMs / STEPS)
  }
  inTime(clock, timeoutMs, undefined, work).catch(() => {
    reader?.cancel().catch(() => {})
    if (!isBegun(response)) response.body?.cancel().catch(() => {})
  })
}

/** Whether content is read by somebody, has been, or was let go of. */
export function isBegun({ bodyUsed, body }: Response): boolean {
  return bodyUsed || body?.locked === true
}
