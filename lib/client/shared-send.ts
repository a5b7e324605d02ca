/** Waiting for a POST that another call is sending already. */
import { readAll, readers } from './ending.js'
import { PostAborted } from './errors.js'
import type { ClientOptions, ResolvedClientOptions } from './options.js'
import type { PostOutcome } from './outcome.js'
import { copyOf, readAhead } from './read-ahead.js'
import { inTime } from './timing.js'

/** What the second caller has given. */
interface Second extends Pick<ClientOptions, 'onOutcome'> {
  readonly signal?: AbortSignal
}

/**
 * A second caller waits for the same send; only its waiting ends with its signal.
 *
 * @param running - the first caller's
 * @param second - its hook is told as if it had sent by itself
 * @param options - of the client
 * @returns the outcome; `null` where the first caller, or a hook of its, has called it off, which
 *   says nothing for the second one
 * @throws PostAborted where the second caller's signal aborts
 */
export async function sharedSend(
  running: Promise<PostOutcome>,
  { signal, onOutcome }: Second,
  link: URL,
  options: ResolvedClientOptions,
): Promise<PostOutcome | null> {
  // Before the first caller can read: of what is being read there is no copy.
  const ended = running.then(
    outcome => copied(outcome, options),
    () => null,
  )
  const outcome = signal === undefined ? await ended : await orAborted(ended, signal, link)
  if (outcome !== null) await onOutcome?.(outcome)
  return outcome
}

/** Each caller has answers of its own to read. */
function copied(outcome: PostOutcome, options: ResolvedClientOptions): PostOutcome {
  const { clock, totalMs } = options
  const own = { ...outcome }
  const copy = copyOf(own.response)
  if (copy) {
    readAhead(copy, options)
    const read = () => inTime(clock, totalMs, undefined, () => readAll(copy))
    const bytes = () => read().catch(outcome.bytes)
    Object.assign(own, { response: copy }, readers(bytes))
  }
  if (own.outcome !== 'used-before') return own
  return { ...own, refusal: copyOf(own.refusal) ?? own.refusal }
}

async function orAborted<Ended>(ended: Promise<Ended>, signal: AbortSignal, link: URL) {
  let stop = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(abortedBefore(signal, link, true))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([ended, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** What a call throws that has sent nothing by itself. */
export function abortedBefore(signal: AbortSignal, link: URL, isUnknown: boolean): PostAborted {
  return new PostAborted(signal.reason, { isUnknown, link: link.href, attempts: 0 })
}
