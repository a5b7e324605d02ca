/**
 * Puts an outcome back into what `fetch` gives.
 */
import { ClientError } from './errors.js'
import type { ResolvedClientOptions } from './options.js'
import type { Accepted, AcceptedEarlier, PostOutcome } from './outcome.js'
import { readAhead } from './read-ahead.js'

const EMPTY = new Set([204, 205, 304])

/**
 * The answer that stands for an outcome. Calls that shared a send have one outcome, and each gets
 * an answer of its own to read.
 *
 * @param outcome - of a POST
 * @param options - of the client; content of a known length up to `bodyLimitBytes` is taken in
 *   here, so that it is fetched again where it breaks off
 * @returns the result, or the refusal; 204 where the result cannot be had
 * @throws ClientError `ERR_POE_UNKNOWN_OUTCOME`, its `cause` the outcome
 * @throws what kept the request from being sent
 */
export async function toResponse(
  outcome: PostOutcome,
  options: ResolvedClientOptions,
): Promise<Response> {
  switch (outcome.outcome) {
    case 'accepted':
    case 'accepted-earlier':
      return await resultOf(outcome, options.bodyLimitBytes)
    case 'used-before':
      return copyOf(outcome.refusal, options)
    case 'gone':
      return copyOf(outcome.response ?? new Response(null, { status: 410 }), options)
    case 'refused':
      if (outcome.response === null) throw outcome.cause
      return copyOf(outcome.response, options)
    case 'unknown':
      throw new ClientError(
        'ERR_POE_UNKNOWN_OUTCOME',
        'It cannot be told whether the POST took effect.',
        { cause: outcome },
      )
  }
}

/** Of what is no response of the web there is one only. */
function copyOf(response: Response, options: ResolvedClientOptions): Response {
  if (!(response instanceof Response)) return response
  const copy = response.clone()
  readAhead(copy, options)
  return copy
}

async function resultOf(outcome: Accepted | AcceptedEarlier, limit: number): Promise<Response> {
  const { response, location } = outcome
  if (response === null) return withoutContent(location)
  const { body, headers, status } = response
  if (body === null || EMPTY.has(status)) return response
  const length = headers.get('content-length')
  // What another call reads as it comes is had again.
  if (body.locked === true || (length !== null && Number(length) <= limit)) {
    const bytes = await outcome.bytes().catch(() => null)
    return bytes === null ? withoutContent(location) : new Response(bytes, response)
  }
  // What is no stream of the web cannot be wrapped.
  return typeof body.getReader === 'function' ? new Response(telling(body), response) : response
}

/** A stream may go on for long; where it breaks off, its reader is told what that means. */
function telling(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    pull: async controller => {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (cause) {
        const help = 'The POST took effect, and its answer broke off. Ask the link for it by GET.'
        controller.error(new ClientError('ERR_POE_RESULT_LOST', help, { cause }))
      }
    },
    cancel: reason => reader.cancel(reason),
  })
}

function withoutContent(location: string | null): Response {
  const headers: Record<string, string> = location === null ? {} : { location }
  return new Response(null, { status: 204, headers })
}
