/**
 * The rehearsal: one link is used, as a whole, before anything is judged. What does not work here
 * works nowhere.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { CannotTell, LinkElsewhere } from './cannot-tell.js'
import type { Expectation } from './catalogue.js'
import { SUCCESS } from './checks/fragments.js'
import { COUNT_LAG_MS, type EffectAccount } from './effect-account.js'
import type { CheckEnding } from './ending.js'
import { firstUnmet } from './expectations.js'
import { asksForPassword } from './forms.js'
import type { Minted, Subject, UsedLink } from './subject.js'
import { resultsOf } from './successes.js'
import type { Exchange } from './wire.js'
import { describe, transcript } from './words.js'

/** What the rehearsal found. */
export interface Rehearsed {
  /** Why nothing can be judged; `null` where all is well. */
  readonly obstacle: CheckEnding | null
  /** Whether the page itself can be judged all the same. */
  readonly isPageThere: boolean
  /** All who ask at once are given the same link: checks have to run one after the other. */
  readonly isShared: boolean
  /** Answers are long on their way, and those who ask at once wait no longer than one: ask more. */
  readonly isFar: boolean
}

/** So many ask for links at once. */
const CROWD = 6
/** An answer that took so long is long on its way, in milliseconds. */
const FAR_MS = 200
/** A server that answers one after the other would need more than so many times as long. */
const MUCH_LONGER = 2

/** Contents that a server refuses for what they are: another one may do. */
const ABOUT_CONTENT = [400, 403, 406, 415, 419, 422]

/** A 405 that says of the link that it is used. */
const USED: readonly Expectation[] = [{ status: ['405'] }, { has: 'Allow' }, { allowLacks: 'POST' }]
const IS_KEPT = 'it takes no POST any more, as if a cache on the way had kept the page; or '

/** Uses one link. */
export async function rehearse(subject: Subject, whole: EffectAccount): Promise<Rehearsed> {
  let page: Exchange | null = null
  try {
    const before = subject.has('effects') ? await subject.effectsNow() : null
    const minted = await subject.mint()
    page = minted.answer
    await use(subject, minted, whole)
    if (before !== null) await confirmCount(subject, before)
    return { obstacle: null, isPageThere: true, ...(await askInACrowd(subject)) }
  } catch (error) {
    if (!(error instanceof CannotTell)) throw error
    const { exchange, message } = error
    const shown =
      exchange === null ? {} : { exchange: transcript(exchange, subject.writer.secrets) }
    const obstacle = { result: 'setup-failed', seen: `Rehearsal: ${message}`, ...shown } as const
    const isPageThere = page !== null || error instanceof LinkElsewhere
    return { obstacle, isPageThere, isShared: false, isFar: false }
  }
}

async function use(subject: Subject, { link }: Minted, whole: EffectAccount): Promise<void> {
  const first = await post(subject, { link, answer: null }, whole)
  if (isMet(first)) {
    await refuseLogin(subject, { link, answer: first }, whole)
    return
  }
  const status = first.response?.status ?? 0
  if (link.form != null && ABOUT_CONTENT.includes(status)) {
    // What the page has is a form, and what was given is JSON.
    subject.writer.sendForms()
    if (isMet(await post(subject, await subject.mint(), whole))) return
  }
  const isUsed = subject.door === 'poe' && isMet(first, USED)
  const words = `: ${isUsed ? IS_KEPT : ''}${adviceFor(status, subject)}`
  const advice = first.response === null ? '' : words
  const { method } = first.sent
  throw new CannotTell(`A plain ${method} did not work (${describe(first)})${advice}.`, first)
}

/**
 * A login that is asked for by a redirect looks like a success; so it is one where the page asks
 * for a password, and the same POST is led there again.
 *
 * @throws CannotTell where it is
 */
async function refuseLogin(subject: Subject, used: UsedLink, whole: EffectAccount): Promise<void> {
  const { link, answer } = used
  const [place] = resultsOf([answer])
  if (place === undefined || !URL.canParse(place)) return
  const url = new URL(place)
  if (url.origin !== answer.sent.url.origin) return
  const { response } = await subject.follow(url, link.session)
  if (response === null || !asksForPassword(response)) return
  if (resultsOf([await post(subject, { link, answer: null }, whole)])[0] !== place) return
  const words = `leads to a page that asks for a password: ${adviceFor(401, subject)}`
  throw new CannotTell(`A plain ${answer.sent.method} (${describe(answer)}) ${words}.`, answer)
}

function adviceFor(status: number, { door }: Subject): string {
  if (status === 401 || status === 403)
    return 'does it need a login? Give it as "fields", or --header'
  if (![404, 405, 410].includes(status)) return 'give a content that it accepts as "valid"'
  return door === 'poe' || door === 'action-id'
    ? 'is that the link? Say in the adapter where it is ("link")'
    : 'is that where it goes? Say so in the adapter ("door": "target")'
}

async function post(subject: Subject, { link }: Minted, whole: EffectAccount): Promise<Exchange> {
  for (;;) {
    const answer = await subject.exchange(subject.writer.toLink({ to: { link: 'link' } }, link))
    whole.add(link.url.href, answer)
    const isLater = answer.response?.status === 503
    if (!isLater || !(await subject.isWaitedFor(answer))) return answer
  }
}

function isMet(answer: Exchange, all: readonly Expectation[] = [SUCCESS]): boolean {
  return answer.response !== null && firstUnmet(all, answer, { answers: new Map() }) === null
}

/** That there are too many is a check's matter. */
async function confirmCount(subject: Subject, before: number): Promise<void> {
  const untilMs = performance.now() + COUNT_LAG_MS
  for (;;) {
    const after = await subject.effects()
    if (after > before) return
    if (performance.now() > untilMs) {
      const words = 'the count of effects should have grown by one'
      throw new CannotTell(`After one request ${words}: it was ${before} and is ${after}.`)
    }
    await sleep(50)
  }
}

async function askInACrowd(subject: Subject): Promise<Pick<Rehearsed, 'isShared' | 'isFar'>> {
  if (subject.door !== 'poe') return { isShared: true, isFar: false }
  const aloneMs = subject.slowestMs
  const beganMs = performance.now()
  const minted = await Promise.all(Array.from({ length: CROWD }, () => subject.mint()))
  const crowdMs = performance.now() - beganMs
  const isShared = new Set(minted.map(({ link }) => link.url.href)).size === 1
  return { isShared, isFar: crowdMs > FAR_MS && crowdMs < MUCH_LONGER * aloneMs }
}
