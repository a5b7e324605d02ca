/**
 * Runs one check: takes its steps one after the other and says how it ended.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import { CannotTell, HarnessFailed } from './cannot-tell.js'
import type {
  AwaitStep,
  Check,
  EffectsStep,
  Expectation,
  LeaveStep,
  ManyLinksStep,
  MintStep,
  PauseStep,
  Provocation,
  RaceStep,
  RequestSpec,
  RowStep,
  SendStep,
  Step,
  UsedLinksStep,
} from './catalogue.js'
import { FAILURE } from './checks/fragments.js'
import { COUNT_LAG_MS, EffectAccount } from './effect-account.js'
import {
  type CheckEnding,
  effectsNotMet,
  ending,
  leadsElsewhere,
  NotAsked,
  NotMet,
} from './ending.js'
import { firstUnmet, namesStatus } from './expectations.js'
import { entropyBits } from './guessing.js'
import { type Demands, demand, judgeAnswer } from './judge-answer.js'
import { linkedFrom } from './judge-links.js'
import { unlessOver } from './link-life.js'
import { Session, type User } from './session.js'
import { sideBySide } from './side-by-side.js'
import type { Subject, UsedLink } from './subject.js'
import { isIn, isSuccess, resultsOf } from './successes.js'
import type { Link } from './ways.js'
import type { Exchange } from './wire.js'
import { describe } from './words.js'

/** What holds for all checks of a run. */
export interface RunSettings {
  readonly rounds: number
  /** What a rule that the text leaves open is worth. */
  readonly unmetIs: 'fail' | 'warn'
  /** So many requests of one step may be under way at once. Default: 1. */
  readonly jobs?: number
  /** An account that several checks share; whoever opened it closes it. Default: one of its own. */
  readonly shared?: EffectAccount | null
  /** The account of the whole run. */
  readonly whole?: EffectAccount | null
}

/** A request has time to arrive and to begin to run, in milliseconds. */
const MOMENT_MS = 200
/** So many of the first links of a run, and of the last, are looked at again. */
const LOOKED_AT = 8
/** "Not now", where whoever asks is patient: for so many milliseconds. */
const BUSY = [409, 425, 503]
const PATIENCE_MS = 5_000
const REDIRECTS = 5
/** So many rounds of a race may be under way at once; more where more checks may be. */
const ROUNDS_AT_ONCE = 4
const UNCOUNTED = 'Effects could not be counted each time.'
const ONE_LINK = 'it does not arise: the page shows the same link until that is used'
const OF_SESSION = 'it does not arise: without cookies nothing was accepted'
const STAYS_FAILED = 'it does not arise: after a failure nothing was accepted'
/** A link must be this hard to guess from others, in bits, by a generous estimate. */
const HARD_BITS = 50

/**
 * Runs a check.
 *
 * @param check - from the catalogue; the subject has what it needs
 * @param subject - the judged server
 * @param settings - of the run
 * @returns how it ended; never rejects for what the server does
 */
export async function runCheck(
  check: Check,
  subject: Subject,
  settings: RunSettings,
): Promise<CheckEnding> {
  const run = new CheckRun(subject, settings)
  const found = await asked(check, run, subject, settings)
  await run.end()
  if (found.result !== 'pass' && found.result !== 'skipped' && found.result !== 'warn') return found
  // An effect that nobody was told of is worse than what the check asks.
  const unmet = run.isShared ? null : await run.account.close()
  if (unmet !== null) return { result: 'fail', ...unmet, isUntold: true }
  if (found.result === 'pass') run.remember()
  return found
}

async function asked(
  check: Check,
  run: CheckRun,
  subject: Subject,
  settings: RunSettings,
): Promise<CheckEnding> {
  try {
    await run.begin(check)
    for (const step of check.steps) await run.take(step)
    return { result: 'pass' }
  } catch (error) {
    return ending(await run.excused(error), subject.writer.secrets, settings.unmetIs)
  }
}

/** The state of one check. */
class CheckRun {
  readonly #subject: Subject
  readonly #settings: RunSettings
  readonly #answers = new Map<string, Exchange>()
  readonly #links = new Map<string, Link>()
  readonly #background = new Map<string, Promise<Exchange>>()
  /** What was used plainly, by the answer. */
  readonly #used: UsedLink[] = []
  readonly #shortLived = new Set<string>()
  readonly #session = new Session()
  readonly account: EffectAccount
  /** Others are counted by the same account. */
  readonly isShared: boolean
  /** How many effects there were when it began; `null` where nobody asks. */
  #effectsBefore: number | null = null

  constructor(subject: Subject, settings: RunSettings) {
    this.#subject = subject
    this.#settings = settings
    const { shared = null, whole = null } = settings
    this.isShared = shared !== null
    this.account = shared ?? new EffectAccount(subject, whole)
  }

  async begin({ steps }: Check): Promise<void> {
    const counts = steps.some(step => 'effects' in step || 'race' in step)
    if (!this.isShared) await this.account.open()
    if (!counts || !this.#subject.has('effects')) return
    const known = this.isShared ? null : this.account.before
    this.#effectsBefore = known ?? (await this.#subject.effectsNow())
  }

  /** Lets later checks look again at the links that this one has used. */
  remember(): void {
    this.#subject.used.push(...this.#used)
  }

  /** How it ended, unless the life of its links was over. */
  async excused(error: unknown): Promise<unknown> {
    const links = [...this.#links].map(([name, link]) => [link, this.#answers.get(name)] as const)
    return await unlessOver(error, this.#subject, links, this.account)
  }

  /** Waits for what is still under way: it must not meet the next check. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#background.values())
  }

  async take(step: Step): Promise<void> {
    if ('mint' in step) await this.#mint(step)
    else if ('send' in step) await this.#send(step)
    else if ('await' in step) await this.#await(step)
    else if ('race' in step) await this.#race(step)
    else if ('leave' in step) await this.#leave(step)
    else if ('effects' in step) await this.#effects(step)
    else if ('links' in step) await this.#manyLinks(step)
    else if ('used' in step) await this.#usedLinks(step)
    else if ('row' in step) await this.#row(step)
    else if ('balance' in step) await this.#balance()
    else if ('restart' in step) await this.#subject.restart()
    else if ('pause' in step) await sleep(this.#pauseMs(step.pause))
    // The compiler holds that there is none; a catalogue of one's own may have slipped by it.
    else throw new TypeError(`A step of unknown kind: ${JSON.stringify(step satisfies never)}`)
  }

  async #mint({ mint, like, ...spec }: MintStep): Promise<void> {
    const { link, answer } = await this.#subject.mint(spec, this.#session)
    if (like !== undefined) this.#subject.writer.liken(link, this.#link(like))
    this.#links.set(mint, link)
    if (spec.shortLived === true) this.#shortLived.add(mint)
    if (answer !== null) this.#answers.set(mint, answer)
  }

  async #send(step: SendStep): Promise<void> {
    const { send, as, times = 1, inBackground = false } = step
    if (inBackground) {
      // Whoever is slow was let in, so "not now" is about the server, and not about the link.
      const once = () => this.#exchange(send)
      this.#background.set(as ?? '', send.provoke ? this.#patiently({}, once) : once())
      return
    }
    for (let time = 0; time < times; time += 1) {
      const exchange = await this.#patiently(step, () => this.#exchange(send))
      const isCut = step.mayBeCut === true && exchange.response === null
      if (!isCut) this.#judge(step, exchange, send.user)
      if (as !== undefined) this.#answers.set(as, exchange)
    }
  }

  /** Sends it again where it was "not now", and that says nothing about the rule. */
  async #patiently(
    step: Pick<SendStep, 'patiently' | 'setup' | 'only' | 'expect'>,
    send: () => Promise<Exchange>,
  ): Promise<Exchange> {
    const { patiently = false, setup = [], only = [], expect = [] } = step
    const untilMs = performance.now() + PATIENCE_MS + this.#subject.slackMs
    for (;;) {
      const exchange = await send()
      const status = exchange.response?.status ?? 0
      const isBusy = patiently && BUSY.includes(status)
      const { response } = exchange
      const isTold = response !== null && fieldValues(response, 'Retry-After').length > 0
      const isNamed = namesStatus([...setup, ...only, ...expect], status)
      const isLater = status === 503 && isTold && !isNamed
      if (!(isBusy || isLater) || performance.now() > untilMs) return exchange
      if (!(await this.#subject.isWaitedFor(exchange))) return exchange
    }
  }

  async #exchange(send: SendStep['send']): Promise<Exchange> {
    const { to, revalidates, follows = false } = send
    const earlier = revalidates === undefined ? undefined : this.#answers.get(revalidates)
    if (earlier !== undefined) return await this.#subject.revalidate(earlier, this.#session)
    if ('page' in to) return await this.#subject.ask(send, this.#session)
    if ('linked' in to) {
      const there = this.#linkedFrom(to.linked, to.rel)
      return await this.#followed(await this.#subject.follow(there, this.#session), follows)
    }
    const link = this.#link(to.link)
    const exchange = await this.#subject.exchange(this.#subject.writer.toLink(send, link))
    if (follows) return await this.#followed(exchange, follows)
    // An action that was undone is told otherwise.
    if (send.method === 'DELETE') this.#used.length = 0
    const isShort = this.#shortLived.has(to.link)
    const name = to.forged === undefined ? link.url.href : exchange.sent.target
    this.account.add(name, exchange, !isShort)
    const isUse = !isShort && isPlain(send) && isIn(exchange.response?.status, 200, 399)
    if (isUse) this.#used.push({ link, answer: exchange })
    return exchange
  }

  async #usedLinks({ used, only = [], expect }: UsedLinksStep): Promise<void> {
    const all = this.#subject.used
    const some = new Set([...all.slice(0, LOOKED_AT), ...all.slice(-LOOKED_AT)])
    const wanted = [...some].filter(
      ({ answer }) => firstUnmet(only, answer, this.#surroundings()) === null,
    )
    if (wanted.length === 0) throw new NotAsked('it does not arise: no link was used')
    const asked = await this.#sideBySide(wanted, async ({ link, answer }) => {
      const sent = this.#subject.writer.toLink({ ...used, to: { link: 'link' } }, link)
      const send = () => this.#subject.exchange(sent)
      const exchange = await this.#patiently({ only, expect }, send)
      this.account.add(link.url.href, exchange)
      return { answer, exchange }
    })
    for (const { answer, exchange } of asked) {
      this.#answers.set('first', answer)
      this.#judge({ expect }, exchange, used.user)
    }
  }

  async #sideBySide<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
    return await sideBySide(items, this.#settings.jobs ?? 1, work)
  }

  /**
   * Follows redirects of the same origin.
   *
   * @throws NotAsked where one leads to another origin: nothing is asked there
   */
  async #followed(exchange: Exchange, follows: boolean): Promise<Exchange> {
    let answer = exchange
    for (let times = 0; follows && times < REDIRECTS; times += 1) {
      const { response, sent } = answer
      const [location = ''] = response === null ? [] : fieldValues(response, 'Location')
      const isThere = isIn(response?.status, 300, 399) && URL.canParse(location, sent.url)
      const url = isThere ? new URL(location, sent.url) : null
      if (url === null || location === '') return answer
      if (url.origin !== sent.url.origin) throw leadsElsewhere(url, answer)
      answer = await this.#subject.follow(url, this.#session)
    }
    return answer
  }

  async #row({ row, pipelined = false, mostSuccesses }: RowStep): Promise<void> {
    const sents = row.map(spec => {
      if (!('link' in spec.to)) throw new TypeError('Only links stand in a row')
      return this.#subject.writer.toLink(spec, this.#link(spec.to.link))
    })
    const all = await this.#subject.inARow(sents, pipelined)
    for (const one of all) this.account.add(one.sent.url.href, one)
    const accepted = all.filter(({ response }) => isIn(response?.status, 200, 299))
    const second = accepted[mostSuccesses]
    if (second !== undefined) {
      const seen = `${accepted.length} of ${row.length}`
      throw new NotMet({ expected: `at most ${mostSuccesses} answered 2xx`, seen }, second)
    }
  }

  async #balance(): Promise<void> {
    const unmet = (await this.#settings.whole?.close()) ?? null
    if (unmet !== null) throw new NotMet(unmet, null)
    if (this.#settings.whole?.isKnown === false) throw new HarnessFailed(UNCOUNTED)
  }

  async #await(step: AwaitStep): Promise<void> {
    const exchange = this.#answers.get(step.await) ?? (await this.#background.get(step.await))
    if (exchange === undefined) throw new TypeError(`Nothing is called ${step.await}`)
    this.#answers.set(step.await, exchange)
    this.#judge(step, exchange, 'first')
  }

  async #race({
    race,
    copies,
    inTurn = race.body,
    mostSuccesses = copies,
    others,
    failedBy,
    same = [],
  }: RaceStep): Promise<void> {
    const { rounds, jobs = 1 } = this.#settings
    const numbers = Array.from({ length: rounds }, (_, at) => at + 1)
    const atOnce = Math.min(jobs, Math.max(ROUNDS_AT_ONCE, jobs >> 1))
    const played = await sideBySide(numbers, atOnce, async round => {
      const link = await this.#linkOf(race)
      if (failedBy !== undefined) await this.#fail(link, failedBy)
      const requests = Array.from({ length: copies }, (_, index) => {
        const body = index % 2 === 0 ? race.body : inTurn
        return this.#subject.writer.toLink(
          { ...race, ...(body && { body }), to: { link: 'link' } },
          link,
        )
      })
      const all = await this.#subject.together(requests)
      for (const one of all) this.account.add(`${link.url.href} ${link.mark}`, one)
      return { round, all }
    })
    let successes = 0
    const isAnyone = race.cookies === false
    for (const { round, all: came } of played) {
      // To whoever has no cookies a redirect may be that to a login.
      const all = isAnyone ? came.filter(({ response }) => !isIn(response?.status, 300, 399)) : came
      const done = all.filter(({ response }) => isSuccess(response?.status))
      // A redirect may be a replay, where there may be any; of a link it may lead to the result.
      const accepted =
        mostSuccesses === copies
          ? done
          : done.filter(({ response }) => isIn(response?.status, 200, 299))
      const [first, second] = accepted
      if (accepted.length > mostSuccesses && second !== undefined) {
        const seen = `${accepted.length} of ${copies} in round ${round}`
        throw new NotMet({ expected: `at most ${mostSuccesses} answered 2xx`, seen }, second)
      }
      const results = resultsOf(all)
      if (mostSuccesses === 1 && results.length > 1) {
        const seen = `${results.slice(0, 3).join(', ')} in round ${round}`
        throw new NotMet({ expected: 'one result for one link', seen }, all[0] ?? null)
      }
      if (first !== undefined) this.#answers.set('accepted', first)
      for (const one of accepted) this.#demand(same, one)
      for (const one of all) {
        if (one.response !== null && !accepted.includes(one)) this.#demand(others, one)
      }
      if (done.length > 0) successes += 1
    }
    if (successes === 0 && failedBy !== undefined) throw new NotAsked(STAYS_FAILED)
    if (successes === 0 && isAnyone) throw new NotAsked(OF_SESSION)
    if (successes === 0) throw new CannotTell('No POST of any round was accepted.')
    if (this.#effectsBefore !== null) await this.#effects({ effects: { exactly: successes } })
  }

  /** A link as whoever races is given one; a page may tell of links to those only who ask. */
  async #linkOf({ poe = true }: Omit<RequestSpec, 'to'>): Promise<Link> {
    try {
      return (await this.#subject.mint({ poe }, new Session())).link
    } catch (error) {
      if (poe || !(error instanceof CannotTell)) throw error
      return (await this.#subject.mint({}, new Session())).link
    }
  }

  /** Sends what the handler reports as a failure. */
  async #fail(link: Link, provoke: Provocation): Promise<void> {
    const sent = this.#subject.writer.toLink({ to: { link: 'link' }, provoke }, link)
    const setup = [FAILURE]
    const exchange = await this.#patiently({ setup }, () => this.#subject.exchange(sent))
    this.account.add(`${link.url.href} ${link.mark}`, exchange)
    this.#judge({ setup }, exchange, undefined)
  }

  async #leave({ leave, before }: LeaveStep): Promise<void> {
    if (!('link' in leave.to)) throw new TypeError('Only links are left')
    const sent = this.#subject.writer.toLink(leave, this.#link(leave.to.link))
    const exchange = await this.#subject.leave(sent, before)
    this.account.add(this.#link(leave.to.link).url.href, exchange)
    if (exchange.ended === 'refused') throw new CannotTell(`${describe(exchange)}.`, exchange)
  }

  async #effects({ effects, where }: EffectsStep): Promise<void> {
    const before = this.#effectsBefore
    if (before === null) return
    if (where !== undefined) {
      const asked = this.#answers.get(where.answer)
      if (asked === undefined || asked.response === null) return
      if (firstUnmet(where.is, asked, this.#surroundings()) !== null) return
    }
    let untilMs = performance.now() + COUNT_LAG_MS
    let count = (await this.#subject.effectsNow()) - before
    if ('atMost' in effects) {
      if (count > effects.atMost) throw effectsNotMet(`at most ${effects.atMost}`, count)
      return
    }
    while (count !== effects.exactly) {
      if (count > effects.exactly || performance.now() > untilMs) {
        throw effectsNotMet(`${effects.exactly}`, count)
      }
      await sleep(50)
      const next = (await this.#subject.effects()) - before
      // A queue that is at work is not over.
      if (next > count) untilMs = performance.now() + COUNT_LAG_MS
      count = next
    }
  }

  async #manyLinks({ links, are, byTwo = false }: ManyLinksStep): Promise<void> {
    const numbers = Array.from({ length: links }, (_, index) => index)
    const first = await this.#subject.mint({ user: 'first' }, this.#session)
    const found = await this.#sideBySide(numbers.slice(1), async index => {
      const user = byTwo && index % 2 === 1 ? 'second' : 'first'
      return (await this.#subject.mint({ user }, this.#session)).link.url.href
    })
    found.unshift(first.link.url.href)
    // A page may show one link until that is used.
    if (new Set(found).size === 1 && !byTwo) throw new NotAsked(ONE_LINK)
    const different = new Set(found).size
    if (different < links) {
      const seen = `${different} different ones`
      throw new NotMet({ expected: `${links} different links`, seen }, null)
    }
    const bits = entropyBits(found)
    if (are === 'unguessable' && bits < HARD_BITS) {
      const expected = `links that differ by ${HARD_BITS} bits or more`
      throw new NotMet({ expected, seen: `about ${Math.floor(bits)} bits: ${found[0]}` }, null)
    }
  }

  #judge(step: Demands, exchange: Exchange, user: User | undefined): void {
    judgeAnswer(step, exchange, user, this.#surroundings())
  }

  #demand(expectations: readonly Expectation[], exchange: Exchange): void {
    demand(expectations, exchange, this.#surroundings())
  }

  #surroundings() {
    const linkIn = (response: RawResponse, url: URL) => this.#subject.referenceIn(response, url)
    return { answers: this.#answers, linkIn }
  }

  /** Where an answer links to, as far as that is on the judged server. */
  #linkedFrom(name: string, rel: string): URL {
    const answer = this.#answers.get(name)
    const response = answer?.response ?? null
    if (answer === undefined || response === null) throw new TypeError(`No answer ${name}`)
    const url = linkedFrom(response, rel, answer.sent.url)
    if (url?.origin === answer.sent.url.origin) return url
    throw new NotAsked(`it does not arise: ${describe(answer)} without a link of ours, rel=${rel}`)
  }

  #link(name: string): Link {
    const link = this.#links.get(name)
    if (link === undefined) throw new TypeError(`No link is called ${name}`)
    return link
  }

  #pauseMs(pause: PauseStep['pause']): number {
    const { adapter, slackMs } = this.#subject
    switch (pause) {
      case 'moment':
        return MOMENT_MS
      case 'arrival':
        return MOMENT_MS + slackMs
      case 'life':
        return MOMENT_MS + (adapter.shortLived?.lifeMs ?? 0)
    }
  }
}

/** A request that uses a link as anybody would. */
function isPlain({ to, method, body, fields, user, poe, provoke, ...more }: RequestSpec): boolean {
  const isOdd = [method, body, fields, user, poe, provoke].some(one => one !== undefined)
  return !isOdd && Object.keys(to).length === 1 && Object.keys(more).length === 0
}
