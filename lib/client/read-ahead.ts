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
  const reader = copyOf(response)?.body?.getReader()
  if (!reader) return
  const work = async () => {
    for (let left = AHEAD_BYTES; left > 0; ) {
      const { value } = await reader.read()
      if (!value) return
      left -= value.length
    }
    await reader.cancel()
    while (!isBegun(response)) await clock.sleep(timeoutMs / STEPS)
  }
  inTime(clock, timeoutMs, undefined, work).catch(() => {
    reader.cancel().catch(() => {})
    if (!isBegun(response)) response.body?.cancel().catch(() => {})
  })
}

/**
 * The same answer for another reader.
 *
 * @returns `null` where there is no content, it is read already, or it is no stream of the web
 */
export function copyOf(response: Response | null): Response | null {
  return !response?.body?.getReader || isBegun(response) ? null : response.clone()
}

/** Whether content is read by somebody, has been, or was let go of. */
export function isBegun({ bodyUsed, body }: Response): boolean {
  return bodyUsed || body?.locked === true
}
