/**
 * Puts the end of a POST into an outcome.
 */
import { locationOf } from './answer.js'
import { fetchResult } from './inquiry.js'
import type { OutcomeDetails, PostOutcome, Refused, Unknown } from './outcome.js'
import type { Sending } from './sending.js'
import { within } from './timing.js'

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
  const location = locationOf(answer, sending.link)?.href ?? null
  return { outcome: 'accepted', ...happened(sending, answer.status, location, result) }
}

/** It happened, by an earlier try. */
export function acceptedEarlier(
  sending: Sending,
  status: number | null,
  location: string | null,
  result: Response | null,
): PostOutcome {
  return { outcome: 'accepted-earlier', ...happened(sending, status, location, result) }
}

/** Somebody else's POST, or one with other content, was first. */
export function usedBefore(
  sending: Sending,
  {
    refusal,
    location,
    result,
    payloadMatches,
    freshLink,
  }: {
    readonly refusal: Response
    readonly location: string | null
    readonly result: Response | null
    readonly payloadMatches: boolean | null
    readonly freshLink: string | null
  },
): PostOutcome {
  const details = happened(sending, refusal.status, location, result)
  return { outcome: 'used-before', payloadMatches, freshLink, refusal, ...details }
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
): PostOutcome {
  return { outcome: 'unknown', reason, isFinal, cause, ...asAnswered(sending, response) }
}

function asAnswered(sending: Sending, response: Response | null): OutcomeDetails {
  const location = response === null ? null : (locationOf(response, sending.link)?.href ?? null)
  return details(sending, response?.status ?? null, location, response, () => readAll(response))
}

/** The result's content can be had again, should it break off. */
function happened(
  sending: Sending,
  status: number | null,
  location: string | null,
  result: Response | null,
): OutcomeDetails {
  const { clock, timeoutMs } = sending.options
  const read = (response: Response | null) =>
    within(clock, timeoutMs, undefined, () => readAll(response))
  return details(sending, status, location, result, async () => {
    try {
      return await read(result)
    } catch (error) {
      if (sending.door !== 'poe') throw error
      const again = await fetchResult(sending.again()).catch(() => null)
      if (again === null) throw error
      return await read(again)
    }
  })
}

function details(
  { link, order, attempts }: Sending,
  status: number | null,
  location: string | null,
  response: Response | null,
  read: () => Promise<Uint8Array<ArrayBuffer>>,
): OutcomeDetails {
  let content: Promise<Uint8Array<ArrayBuffer>> | null = null
  const bytes = () => (content ??= read())
  const text = async () => new TextDecoder().decode(await bytes())
  return {
    link: link.href,
    idempotencyKey: order.idempotencyKey,
    attempts,
    status,
    location,
    response,
    bytes,
    text,
    json: async () => JSON.parse(await text()),
  }
}

async function readAll(response: Response | null): Promise<Uint8Array<ArrayBuffer>> {
  return response === null ? new Uint8Array() : new Uint8Array(await response.arrayBuffer())
}

/** Whether an outcome is one that `onGiveUp` hears of. */
export function isGivenUp(outcome: PostOutcome): outcome is Unknown | Refused {
  return outcome.outcome === 'unknown' || (outcome.outcome === 'refused' && outcome.status === null)
}
