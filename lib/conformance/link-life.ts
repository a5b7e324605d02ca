/**
 * Whether a link was over by its age: a server may give its links a short life, and slowness,
 * pauses and refusals of too many requests make a check long.
 *
 * @see POE draft 2
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CannotTell } from './cannot-tell.js'
import type { EffectAccount } from './effect-account.js'
import { NotMet } from './ending.js'
import type { Subject } from './subject.js'
import type { Link } from './ways.js'
import type { Exchange } from './wire.js'
import { describe } from './words.js'

/** A link of a check, and the answer that it came in. */
type Born = readonly [link: Link, answer: Exchange | undefined]

/**
 * Tries a link that nobody has used, when it is as old as the one that was judged.
 *
 * @param error - how the check ended
 * @param subject - the judged server
 * @param links - of the check
 * @param account - where what the other link does is noted
 * @returns that it cannot be told, where that one is over, too; else what was given
 */
export async function unlessOver(
  error: unknown,
  subject: Subject,
  links: readonly Born[],
  account: EffectAccount,
): Promise<unknown> {
  const exchange = error instanceof NotMet ? error.exchange : null
  const status = exchange?.response?.status ?? 0
  const isOver = exchange?.sent.method === 'POST' && [404, 410].includes(status)
  if (exchange === null || !isOver || subject.door !== 'poe') return error
  const [, born] = links.find(([{ url }]) => url.href === exchange.sent.url.href) ?? []
  if (born === undefined) return error
  const ageMs = Math.round(exchange.endedAtMs - born.endedAtMs)
  try {
    const { link } = await subject.mint()
    await sleep(ageMs)
    const sent = subject.writer.toLink({ to: { link: 'link' } }, link)
    const other = await subject.exchange(sent)
    account.add(link.url.href, other)
    if (other.response?.status !== status) return error
  } catch (failure) {
    if (failure instanceof CannotTell) return error
    throw failure
  }
  const words = `so is a link that nobody has used, when it is ${ageMs} ms old`
  return new CannotTell(`${describe(exchange)}: ${words}.`, exchange)
}
