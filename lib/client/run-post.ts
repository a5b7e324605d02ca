/**
 * Sends a POST until it is known how it ended, or until it is time to say that it is not.
 *
 * @see POE draft 2, 5, 8
 */
import { problemType } from '../protocols/poe/names.js'
import { allowsPost, discard, locationOf, webUrl } from './answer.js'
import { delayFor, retryAfterMs } from './delay.js'
import {
  accepted,
  acceptedEarlier,
  gone,
  type LastWord,
  refused,
  unknown,
  usedBefore,
} from './ending.js'
import { followResult, type InquiryFinding, inquire } from './inquiry.js'
import { isAboutContent, isSuccess } from './judge.js'
import type { PostOutcome } from './outcome.js'
import { readAhead } from './read-ahead.js'
import type { Sending } from './sending.js'

/** By these a server says that it does not know the link. */
const LOST = new Set([404, 410])
/** No answer, and nothing that went wrong. */
const NOTHING: LastWord = { response: null, cause: null }

type Spent = Extract<InquiryFinding, { kind: 'spent' }>

/**
 * Either how it ended, or that another try is to be made; or that it was answered, and a POST more,
 * at once and after the last try as well, tells whose that is.
 */
export type TryVerdict = PostOutcome | 'retry' | 'ask'

/** Follows a redirect of a POST; `null` where it must not be followed. */
export type FollowPost = (
  sending: Sending,
  last: LastWord,
  hops: number,
) => Promise<TryVerdict | null>

/**
 * Sends, judges, waits and sends again.
 *
 * @param sending - the POST
 * @param follow - follows its redirects; `null` where none is ever seen
 * @returns how it ended
 * @throws the caller's reason where its signal aborts; what a hook throws
 */
export async function runPost(sending: Sending, follow: FollowPost | null): Promise<PostOutcome> {
  // An earlier process was led to what is no link, and may have sent it there.
  if (!sending.isRepeatable) return unknown(sending, NOTHING, 'not-repeatable')
  for (;;) {
    if (sending.isExpired) return await endOfLife(sending)
    sending.attempts += 1
    const last = await tryOnce(sending)
    const verdict = await judge(sending, last, 0, follow)
    if (typeof verdict !== 'string') return verdict
    const delayMs = pause(sending, last.response, verdict === 'retry')
    if (delayMs === null) return await giveUp(sending, last)
    await tellRetry(sending, last, delayMs)
    if (last.response !== sending.claimed) discard(last.response)
    await sending.sleep(delayMs)
    // A key that is sent too late, after a machine has slept, may be new again to its server.
    if (sending.door !== 'poe' && sending.now() >= sending.endMs) return await giveUp(sending, last)
  }
}

/** Sends once; an abort ends it all. */
export async function tryOnce(sending: Sending): Promise<LastWord> {
  try {
    return { response: await sending.post(), cause: null }
  } catch (cause) {
    if (sending.order.signal?.aborted === true) {
      sending.mayHaveArrived ||= sending.isBegun
      throw cause
    }
    return { response: null, cause }
  }
}

/** Judges what a try brought; `hops` counts the redirects that led to it. */
export async function judge(
  sending: Sending,
  last: LastWord,
  hops: number,
  follow: FollowPost | null,
): Promise<TryVerdict> {
  const { response, cause } = last
  const { door, means, options, isBegun, isMadeAnew } = sending
  // What never left needs no proof: the content, or a field of it, could not be had.
  const unsent = isBegun ? {} : { provesNotSent: () => true }
  const rules = { door, isMadeAnew, ...unsent, ...options.adapter }
  const judgement = means.parts.classify(response ?? cause, sending, rules)
  // What was sent once more to learn whose it was proves nothing by that.
  const isFirst = !sending.mayHaveArrived || sending.isVerified
  sending.note(judgement)
  switch (judgement.action) {
    case 'stop':
      return await stop(sending, last, judgement.outcome)
    case 'retry':
      return afterLoss(sending, last)
    case 'follow':
      return (await follow?.(sending, last, hops)) ?? (await notFollowed(sending, last))
    case 'prove':
      return await prove(sending, response as Response)
    default:
      return await ask(sending, response as Response, isFirst)
  }
}

async function stop(
  sending: Sending,
  last: LastWord,
  outcome: 'accepted' | 'refused' | 'gone' | 'unknown',
): Promise<PostOutcome> {
  const { response } = last
  if (outcome === 'unknown') {
    const isLost = response !== null && LOST.has(response.status)
    return isLost ? forgotten(sending, last) : unknown(sending, last, 'unproven')
  }
  if (outcome === 'gone') return gone(sending, response)
  if (outcome === 'refused' || response === null) return refused(sending, last)
  return await succeed(sending, response)
}

/**
 * The link is not known any more, or not to this login: who goes on with what was begun before may
 * not be logged in yet. So asking again may tell, as long as the link is known to live.
 */
function forgotten(sending: Sending, last: LastWord): PostOutcome {
  const mayBeLogin = sending.order.isResumed && sending.expiresAtMs !== null
  const isForGood = !mayBeLogin || last.response?.status === 410
  return unknown(sending, last, 'forgotten', isForGood)
}

/** A redirect that is believed is followed by GET. */
async function succeed(sending: Sending, response: Response): Promise<PostOutcome> {
  if (response.status !== 303) return accepted(sending, response)
  const target = locationOf(response, sending.link)
  if (await sending.means.parts.leadsAll?.(sending, target)) {
    return unknown(sending, { response, cause: null }, 'unproven', false)
  }
  const result = await followResult(sending, target)
  if (result === null) return accepted(sending, response)
  discard(response)
  return accepted(sending, response, result)
}

/** What an earlier try did is asked at the link; with a key there is none. */
async function notFollowed(sending: Sending, last: LastWord): Promise<TryVerdict> {
  if (!sending.isOpen) return refused(sending, last, 'redirected')
  if (sending.door !== 'poe') return unknown(sending, last, 'unproven')
  return await ask(sending, last.response as Response, false)
}

/** Where a second try is not known to be safe, a lost answer is the end. */
function afterLoss(sending: Sending, last: LastWord): TryVerdict {
  if (sending.isRepeatable || !sending.mayHaveArrived) return 'retry'
  return unknown(sending, last, 'not-repeatable')
}

/**
 * A 405 is believed with proof only: our result link whose anchor is this link, or a GET that gives
 * a result at this link alone, together with an `Allow` that says that it is spent, of either.
 */
async function prove(sending: Sending, response: Response): Promise<TryVerdict> {
  const { link, claimed } = sending
  const linked = sending.linked(response)
  const problem = await sending.read(response)
  // The same answer, with its content to be read again. Not every phrase can be given to one.
  const refusal = new Response(problem.text, { status: 405, headers: response.headers })
  const last = { response: refusal, cause: null }
  const allows = allowsPost(response)
  const isProvable = linked !== null || allows !== true
  const finding: InquiryFinding = isProvable
    ? await inquire(sending, linked !== null)
    : { kind: 'unclear' }
  const found = finding.kind === 'spent' ? finding : null
  const isNamed = problem.type === problemType('used')
  const isProven = linked !== null || found?.isProven || (found && (isNamed || allows === false))
  if (!isProven) return unproven(sending, last, finding, isNamed, allows)
  const location = linked ?? webUrl(problem.result, link)?.href ?? found?.location ?? null
  const result = found?.result ?? null
  const payloadMatches = problem.payloadMatches ?? (found?.isOther === true ? false : null)
  // What it says of whose POST it was has not come.
  if (payloadMatches === null && problem.text === null && !found) return afterLoss(sending, last)
  if (payloadMatches ?? sending.mayHaveArrived) {
    if (claimed === null) return acceptedEarlier(sending, response, location, result)
    discard(result)
    return await succeed(sending, claimed)
  }
  // A proxy or a browser may have sent it twice, and content that is made anew may be other bytes.
  if (payloadMatches === null || sending.isMadeAnew) {
    discard(result)
    return unknown(sending, last, 'unproven', true, location ?? link.href)
  }
  const freshLink = webUrl(problem.link, link)?.href ?? null
  return usedBefore(sending, refusal, location, result, { payloadMatches, freshLink })
}

/** A 405 without proof: of a gateway, or of ours with what proves it taken off on the way. */
function unproven(
  sending: Sending,
  last: LastWord,
  finding: InquiryFinding,
  isNamed: boolean,
  allows: boolean | null,
): TryVerdict {
  const { kind } = finding
  if (kind === 'spent') discard(finding.result)
  if (kind === 'busy') return waitFor(sending, last)
  // A server that keeps no results says nothing else of a used link.
  const isMute = allows === false && (kind === 'gone' || kind === 'unclear')
  const isDoubtful = isNamed || isMute || kind === 'spent' || kind === 'unreachable'
  if (sending.isOpen || isDoubtful) {
    return unknown(sending, last, 'unproven', !isOfTheMoment(finding))
  }
  return refused(sending, last)
}

/** Whether asking another time may find more than was found now. */
function isOfTheMoment({ kind }: InquiryFinding): boolean {
  return kind === 'unreachable' || kind === 'everywhere'
}

function waitFor(sending: Sending, last: LastWord): TryVerdict {
  sending.wasBusy = true
  return afterLoss(sending, last)
}

/** An answer that proves nothing: the link itself has the last word, if it speaks clearly. */
async function ask(sending: Sending, response: Response, isFirst: boolean): Promise<TryVerdict> {
  const last = { response, cause: null }
  // The status of a redirect that a browser hides.
  if (response.status === 0 && !sending.isVerified && sending.isRepeatable) {
    sending.isVerified = true
    return 'ask'
  }
  const finding = await inquire(sending)
  const { kind } = finding
  if (kind === 'spent') return await askedAndSpent(sending, response, finding, isFirst)
  if (kind === 'busy') return waitFor(sending, last)
  if (kind === 'gone') return forgotten(sending, last)
  const isSameForAll = isAboutContent(response.status) && !sending.isMadeAnew
  // What was under way may have been a copy of ours, and be at work still.
  const isSettled = isSameForAll || !(sending.isAdrift || sending.wasBusy)
  if (kind === 'unspent' && isSettled) return refused(sending, last)
  return unknown(sending, last, 'unproven', !isOfTheMoment(finding))
}

/**
 * The link is spent, and it is not said by whom: what answered may stand in front of a link that
 * somebody else used. It was this try where both say the same; else one more tells, by its 405.
 */
async function askedAndSpent(
  sending: Sending,
  response: Response,
  finding: Spent,
  isFirst: boolean,
): Promise<TryVerdict> {
  const { location, result } = finding
  const isProven = finding.isProven && !finding.isOther
  const isClaim = isSuccess(response.status)
  if (isProven && (isFirst ? await isSame(sending, response, finding) : sending.mayHaveArrived)) {
    if (isFirst && isClaim) {
      discard(result)
      return await succeed(sending, response)
    }
    discard(response)
    return acceptedEarlier(sending, response, location, result)
  }
  discard(result)
  if (sending.isVerified || !sending.isRepeatable) {
    return unknown(sending, { response, cause: null }, 'unproven', true, location)
  }
  sending.isVerified = true
  // A conflict is with somebody else's POST.
  sending.wasBusy ||= response.status === 409
  if (isClaim) {
    readAhead(response, sending.options)
    sending.claimed = response
  }
  return 'ask'
}

/** Whether an answer, and what the link gives now, are one: the same content or the same place. */
async function isSame(sending: Sending, response: Response, { location, result }: Spent) {
  if (response.status >= 300) {
    return location !== null && locationOf(response, sending.link)?.href === location
  }
  const [one, other] = await Promise.all([response, result].map(each => each && sending.peek(each)))
  return Boolean(one) && one === other
}

/** Asks the link, and settles the POST if that says clearly that it is spent. */
async function settle(
  sending: Sending,
  response: Response | null,
): Promise<PostOutcome | InquiryFinding['kind']> {
  // What is at the URL of a POST with a key is everybody's.
  if (sending.door !== 'poe') return 'unclear'
  const finding = await inquire(sending)
  if (finding.kind !== 'spent') return finding.kind
  const { isProven, isOther, location, result } = finding
  const isOurs = isProven && !isOther && sending.mayHaveArrived && !sending.isVerified
  discard(isOurs ? response : result)
  if (!isOurs) return 'spent'
  return acceptedEarlier(sending, response, location, result)
}

/** How long to wait for the next try; `null` where there is none. */
function pause(sending: Sending, response: Response | null, isTry: boolean): number | null {
  const { options, attempts, endMs, expiresAtMs } = sending
  const now = () => sending.now()
  // A single try is the caller's word that there be no second.
  if (attempts >= options.tries && (isTry || attempts === 1)) return null
  if ((retryAfterMs(response, now) ?? 0) > options.maxRetryAfterMs) return null
  const delayMs = isTry ? delayFor(attempts, response, { ...options, now }) : 0
  return now() + delayMs < Math.min(endMs, expiresAtMs ?? endMs) ? delayMs : null
}

async function tellRetry(sending: Sending, last: LastWord, delayMs: number): Promise<void> {
  const { options, attempts, link } = sending
  await options.onRetry?.({
    link: link.href,
    attempt: attempts,
    delayMs,
    triesLeft: options.tries - attempts,
    response: last.response,
    cause: last.cause,
  })
}

/** No try is left. A link that says it is spent still settles it; that it is unspent does not. */
async function giveUp(sending: Sending, last: LastWord): Promise<PostOutcome> {
  if (!sending.isOpen) return refused(sending, last)
  const told = sending.now() < sending.endMs ? await settle(sending, last.response) : 'unclear'
  return typeof told === 'string' ? unknown(sending, last, 'gave-up') : told
}

/** Nothing is posted past its life. A link can still be asked; a key is not sent ever again. */
async function endOfLife(sending: Sending): Promise<PostOutcome> {
  if (!sending.isOpen) return gone(sending, null)
  const told = await settle(sending, null)
  if (typeof told !== 'string') return told
  const reason = told === 'gone' || sending.door !== 'poe' ? 'forgotten' : 'gave-up'
  return unknown(sending, NOTHING, reason)
}
