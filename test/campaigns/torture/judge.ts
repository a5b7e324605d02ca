/**
 * What a client may conclude from one answer, by HTTP and the draft alone: a 405 is believed only
 * with proof, "gone" means something only to a first try, and a lost answer means nothing.
 *
 * @see POE draft 2.1
 */
import type { Exchange, NamedOrder } from './history.js'

/** What one answer amounts to. */
export type Verdict =
  | { readonly kind: 'accepted'; readonly how: string; readonly order: NamedOrder | null }
  /** Used by this very content; a GET gives the order. */
  | { readonly kind: 'accepted earlier' }
  /** It did not happen, and it will not. `final` also where earlier tries may have arrived. */
  | { readonly kind: 'refused'; readonly how: string }
  /** It did not happen so far, and may be sent. */
  | { readonly kind: 'open' }
  /** The server does not know (any more), and earlier tries may have arrived. */
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'again'; readonly why: 'running' | 'undecided' | 'unknown' }

const AGAIN: Verdict = { kind: 'again', why: 'unknown' }

/**
 * Judges the answer to a POST.
 *
 * @param exchange - what came
 * @param mayHaveArrived - whether an earlier or simultaneous try may have reached the server
 */
export function judgePost(exchange: Exchange, mayHaveArrived: boolean): Verdict {
  const { status, problem, order } = exchange
  switch (status) {
    case null:
      return AGAIN
    case 201:
      return { kind: 'accepted', how: '201', order }
    case 405:
      return judgeUsed(exchange, mayHaveArrived)
    case 409:
      return judgeBusy(problem)
    case 404:
    case 410:
      // This one says more than that it does not know.
      if (problem === 'expired') return { kind: 'refused', how: '410 expired' }
      if (mayHaveArrived) return { kind: 'forgotten' }
      return { kind: 'refused', how: `${status} ${problem ?? ''} to a first try` }
    case 408:
    case 425:
    case 429:
      return AGAIN
    default:
      if (status === 422 && exchange.what === 'bad order') return { kind: 'open' }
      return status < 400 || status >= 500 ? AGAIN : { kind: 'refused', how: `${status}` }
  }
}

/** Judges the answer to a GET of the link. */
export function judgeGet(exchange: Exchange): Verdict {
  const { status, problem, order } = exchange
  switch (status) {
    case 200:
      return { kind: 'accepted', how: 'GET 200', order }
    case 303:
      return { kind: 'accepted', how: 'GET 303', order: null }
    case 405:
      return { kind: 'open' }
    case 409:
      return judgeBusy(problem)
    case 410:
      if (problem === 'body-not-kept') return { kind: 'accepted', how: 'GET 410', order: null }
      return problem === 'expired' ? { kind: 'refused', how: '410 expired' } : { kind: 'forgotten' }
    case 404:
      return { kind: 'forgotten' }
    default:
      return AGAIN
  }
}

function judgeUsed(
  { problem, isProven, payloadMatches }: Exchange,
  mayHaveArrived: boolean,
): Verdict {
  if (problem !== 'used' || !isProven) return AGAIN
  // Somebody else has used it, then: nobody sends what a client did not.
  if (!mayHaveArrived) return { kind: 'refused', how: '405 used to the only try' }
  // "What was sent now was not carried out": only one content is ever valid at a link.
  if (payloadMatches === false) return { kind: 'refused', how: '405 used with other content' }
  return { kind: 'accepted earlier' }
}

function judgeBusy(problem: string | null): Verdict {
  if (problem === 'running' || problem === 'undecided') return { kind: 'again', why: problem }
  return AGAIN
}
