/**
 * Puts an outcome back into what `fetch` gives.
 */
import { withContent } from './answer.js'
import { LONGEST_SLEEP_MS } from './clock.js'
import { ClientError } from './errors.js'
import type { ResolvedClientOptions } from './options.js'
import type { Accepted, AcceptedEarlier, PostOutcome } from './outcome.js'
import type { Ender } from './plain-fetch.js'
import { copyOf, isBegun } from './read-ahead.js'
import { streamFrom } from './stream-from.js'
import { inTime } from './timing.js'

const EMPTY = [204, 205, 304]

/**
 * The answer that stands for an outcome. Calls that shared a send have one outcome, and each gets
 * an answer of its own to read.
 *
 * @param outcome - of a POST
 * @param options - of the client; content of a known length up to `bodyLimitBytes` is taken in
 *   here, so that it is fetched again where it breaks off
 * @param ender - its signal ends the reading as well
 * @returns the result, or the refusal; 204 where the result cannot be had
 * @throws ClientError `ERR_POE_UNKNOWN_OUTCOME` or `ERR_POE_NOT_TAKEN`, their `cause` the outcome
 * @throws what kept the request from being sent; the signal's reason
 */
export async function toResponse(
  outcome: PostOutcome,
  options: ResolvedClientOptions,
  ender: Ender,
): Promise<Response> {
  const { response } = outcome
  switch (outcome.outcome) {
    case 'accepted':
    case 'accepted-earlier':
      return await resultOf(outcome, options, ender)
    case 'used-before':
      // Who cancels one of two copies waits for the other one.
      return withContent((await copyOf(outcome.refusal)?.text()) ?? null, outcome.refusal)
    case 'gone':
      if (response === null) return new Response(null, { status: 410 })
      return await takenIn(outcome, response, options, ender)
    case 'refused':
      if (response === null) throw outcome.cause
      // The page of a login or portal, unless an adapter knows that a refusal may look so; or the
      // way there, which a browser hides, so that no answer can be made of it.
      if (
        response.status === 0 ||
        (response.ok && options.adapter.isSuccess?.(response) !== false)
      ) {
        throw failure('NOT_TAKEN', 'The POST did not take effect: a front answered.', outcome)
      }
      return await takenIn(outcome, response, options, ender)
    case 'unknown':
      throw failure('UNKNOWN_OUTCOME', 'It cannot be told whether the POST took effect.', outcome)
  }
}

function failure(
  code: 'NOT_TAKEN' | 'UNKNOWN_OUTCOME' | 'RESULT_LOST',
  text: string,
  cause: unknown,
): ClientError {
  return new ClientError(`ERR_POE_${code}`, text, { cause })
}

/**
 * The answer with content of its own, or with none where that broke off. Content that is longer
 * than `bodyLimitBytes`, without its coding, is passed on while it comes.
 */
async function takenIn(
  outcome: PostOutcome,
  response: Response,
  options: ResolvedClientOptions,
  ender: Ender,
  orElse: Response = withContent(null, response),
): Promise<Response> {
  const isShort = await endsSoon(response, options, ender)
  ender.signal.throwIfAborted()
  if (!isShort) return streamed(response, options, ender, cause => cause)
  const reading = untilAborted(ender, options, () => outcome.bytes())
  const bytes = await reading.catch(() => null)
  ender.signal.throwIfAborted()
  return bytes === null ? orElse : withContent(bytes.length > 0 ? bytes : null, response)
}

/** Whether content ends, or breaks off, before there is too much; it can be read as before. */
export async function endsSoon(
  response: Response,
  {
    clock,
    bodyLimitBytes,
    totalMs,
  }: Pick<ResolvedClientOptions, 'clock' | 'bodyLimitBytes' | 'totalMs'>,
  { signal }: Ender,
): Promise<boolean> {
  const reader = copyOf(response)?.body?.getReader()
  if (!reader) return true
  const work = async () => {
    for (let left = bodyLimitBytes; left >= 0; ) {
      const next = await reader.read().catch(() => null)
      if (!next?.value) return true
      left -= next.value.length
    }
    return false
  }
  const isShort = await inTime(clock, totalMs, signal, work).catch(() => false)
  reader.cancel().catch(() => {})
  return isShort
}

async function resultOf(
  outcome: Accepted | AcceptedEarlier,
  options: ResolvedClientOptions,
  ender: Ender,
): Promise<Response> {
  const { response, location } = outcome
  if (response === null) return withoutContent(location)
  const { body, headers, status } = response
  if (body === null || EMPTY.includes(status)) return response
  const length = Number(headers.get('content-length') ?? Infinity)
  // What a hook reads, or has let go of, is had again.
  if (isBegun(response) || length <= options.bodyLimitBytes) {
    return await takenIn(outcome, response, options, ender, withoutContent(location))
  }
  // What is no stream of the web cannot be wrapped.
  if (!body.getReader) return response
  const help = 'The POST took effect; its answer broke off. Ask the link for it by GET.'
  // A stream may go on for long; where it breaks off, its reader is told what that means.
  return streamed(response, options, ender, cause => failure('RESULT_LOST', help, cause))
}

function streamed(
  response: Response,
  options: ResolvedClientOptions,
  ender: Ender,
  told: (cause: unknown) => unknown,
): Response {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const next = () => untilAborted(ender, options, () => reader.read(), cancel)
  const cancel = (reason: unknown) => reader.cancel(reason).catch(() => {})
  const toldOf = (cause: unknown) => (ender.signal.aborted ? cause : told(cause))
  return withContent(streamFrom(next, cancel, toldOf), response)
}

/** Waits as long as its caller does. */
function untilAborted<T>(
  { signal }: Ender,
  { clock }: ResolvedClientOptions,
  work: () => Promise<T>,
  onEnd?: (reason: unknown) => void,
): Promise<T> {
  return inTime(clock, LONGEST_SLEEP_MS, signal, work, onEnd)
}

function withoutContent(location: string | null): Response {
  const headers: Record<string, string> = location === null ? {} : { location }
  return new Response(null, { status: 204, headers })
}
