/**
 * Puts the end of a POST into an outcome.
 */
import { locationOf } from './answer.js'
import { fetchResult } from './inquiry.js'
import type { OutcomeDetails, PostOutcome, Refused, Unknown } from './outcome.js'
import { readAhead } from './read-ahead.js'
import type { Sending } from './sending.js'

/** What the last answer, or the lack of one, was. */
export interface LastWord {
  /** The answer to the last try. */
  readonly response: Response | null
  readonly cause: unknown
}

/** It happened: by this try, whose answer is the result unless another one is given. */
export function accepted(
  sending: Sending,
  answer: Response,
  result: Response = answer,
): PostOutcome {
  return { outcome: 'accepted', ...details(sending, answer, result, null, true) }
}

/** It happened, by an earlier try; `answer` is the one to the last try. */
export function acceptedEarlier(
  sending: Sending,
  answer: Response | null,
  location: string | null,
  result: Response | null,
): PostOutcome {
  return { outcome: 'accepted-earlier', ...details(sending, answer, result, location, true) }
}

/** Somebody else's POST, or one with other content, was first. */
export function usedBefore(
  sending: Sending,
  refusal: Response,
  location: string | null,
  result: Response | null,
  said: { readonly payloadMatches: false; readonly freshLink: string | null },
): PostOutcome {
  const more = details(sending, refusal, result, location, true)
  return { outcome: 'used-before', ...said, refusal, ...more }
}

/** It did not happen. */
export function refused(
  sending: Sending,
  { response, cause }: LastWord,
  reason: Refused['reason'] = response === null ? 'not-sent' : 'answered',
): PostOutcome {
  return { outcome: 'refused', reason, cause, ...asAnswered(sending, response) }
}

/** The link is none. */
export function gone(sending: Sending, response: Response | null): PostOutcome {
  return { outcome: 'gone', ...asAnswered(sending, response) }
}

/** It cannot be told. */
export function unknown(
  sending: Sending,
  { response, cause }: LastWord,
  reason: Unknown['reason'],
  isFinal: boolean = reason !== 'gave-up',
  location?: string | null,
): PostOutcome {
  return { outcome: 'unknown', reason, isFinal, cause, ...asAnswered(sending, response, location) }
}

/** The answer to the last try is what there is to look at. */
function asAnswered(
  sending: Sending,
  response: Response | null,
  location?: string | null,
): OutcomeDetails {
  return details(sending, response, response, location)
}

/** The result's content can be had again, should it break off. */
function details(
  sending: Sending,
  answer: Response | null,
  response: Response | null,
  location?: string | null,
  isDone?: boolean,
): OutcomeDetails {
  const { link, order, attempts, options } = sending
  if (response) readAhead(response, options)
  const read = (from: Response | null, by: Sending) =>
    by.reading(() => readAll(from), options.totalMs)
  const readAgain = async (error: unknown) => {
    const by = sending.again()
    const again = isDone ? await fetchResult(by).catch(() => null) : null
    if (!again) throw error
    return await read(again, by)
  }
  return {
    link: link.href,
    idempotencyKey: order.idempotencyKey,
    attempts,
    status: answer?.status ?? null,
    location: location ?? locationOf(answer, link)?.href ?? null,
    response,
    ...readers(() => read(response, sending).catch(readAgain)),
  }
}

/**
 * The content as bytes, as text and as JSON.
 *
 * @param read - called once at most
 */
export function readers(
  read: () => Promise<Uint8Array<ArrayBuffer>>,
): Pick<OutcomeDetails, 'bytes' | 'text' | 'json'> {
  let content: Promise<Uint8Array<ArrayBuffer>> | undefined
  const bytes = () => (content ??= read())
  const text = async () => new TextDecoder().decode(await bytes())
  return { bytes, text, json: async () => JSON.parse(await text()) }
}

/** Nothing where there is no answer. */
export async function readAll(response: Response | null): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array((await response?.arrayBuffer()) ?? [])
}

/** Whether an outcome is one that `onGiveUp` hears of. */
export function isGivenUp(outcome: PostOutcome): outcome is Unknown | Refused {
  return outcome.outcome === 'unknown' || (outcome.outcome === 'refused' && outcome.status === null)
}
