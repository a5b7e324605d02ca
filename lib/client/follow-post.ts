/**
 * Follows a 307 or 308 of a POST, with its content, where the redirect can be seen at all.
 *
 * @see POE draft 2; RFC 9110 15.4.8, 15.4.9
 */
import { discard, locationOf } from './answer.js'
import type { LastWord } from './ending.js'
import { PostAborted } from './errors.js'
import { type FollowPost, judge, tryOnce } from './run-post.js'
import type { Sending } from './sending.js'

const MOST_HOPS = 5

/**
 * Sends the same to the target, on an origin that is allowed only, and on from there. A doubt about
 * earlier tries stays: what redirects now may be a gateway in front of a link that took effect, and
 * then nothing is sent to a target that nobody calls a link.
 */
export const followPost: FollowPost = async (sending: Sending, last: LastWord, hops: number) => {
  const target = locationOf(last.response, sending.link)
  const { known } = sending.means
  if (target === null || hops >= MOST_HOPS || !known.isAllowed(target, sending.link)) return null
  const isRepeatable = known.has(target) || sending.order.idempotencyKey !== null
  if (sending.isOpen && !isRepeatable) return null
  discard(last.response)
  await pin(sending, target, isRepeatable)
  sending.link = target
  sending.isRepeatable = isRepeatable
  // What may have arrived elsewhere is no reason to take what the target says for its own.
  sending.wasBusy = sending.isOpen
  sending.mayHaveArrived = false
  return await judge(sending, await tryOnce(sending), hops + 1, followPost)
}

/** What cannot be noted is not sent there; an earlier try may have arrived all the same. */
async function pin(sending: Sending, target: URL, isRepeatable: boolean): Promise<void> {
  const { isOpen, link, attempts } = sending
  try {
    await sending.order.hold?.pin(target.href, isRepeatable)
  } catch (error) {
    if (!isOpen) throw error
    throw new PostAborted(error, { isUnknown: true, link: link.href, attempts })
  }
}
