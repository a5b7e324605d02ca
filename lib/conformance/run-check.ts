/**
 * Runs one check: takes its steps one after the other and says how it ended.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  AwaitStep,
  Check,
  EffectsStep,
  Expectation,
  LeaveStep,
  ManyLinksStep,
  MintStep,
  RaceStep,
  RequestSpec,
  SendStep,
  Step,
  UsedLinksStep,
} from './catalogue.js'
import { COUNT_LAG_MS, EffectAccount } from './effect-account.js'
import { firstUnmet, namesStatus } from './expectations.js'
import { entropyBits } from './guessing.js'
import { linkedFrom } from './judge-links.js'
import type { ResultKind } from './report.js'
import { CannotTell, HarnessFailed, type Subject, type UsedLink, type User } from './subject.js'
import type { Unmet } from './unmet.js'
import type { Link } from './ways.js'
import type { Exchange } from './wire.js'
import { describe, transcript } from './words.js'

/** How a check ended, without what the catalogue knows about it. */
export interface Ending {
  readonly result: ResultKind
  readonly expected?: string
  readonly seen?: string
  readonly exchange?: string
  /** The question of the check was answered well; there were effects that nobody was told of. */
  readonly isUntold?: true
}

/** What holds for all checks of a run. */
export interface RunSettings {
  readonly rounds: number
  /** What a rule that the text leaves open is worth. */
  readonly unmetIs: 'fail' | 'warn'
}

/** The judged answer is not as expected. */
class NotMet extends Error {
  readonly unmet: Unmet
  readonly exchange: Exchange | null
  constructor(unmet: Unmet, exchange: Exchange | null) {
    super('not met')
    this.unmet = unmet
    this.exchange = exchange
  }
}

/** The question does not arise with this server. */
class NotAsked extends Error {}

/** A request has time to arrive and to begin to run, in milliseconds. */
const MOMENT_MS = 200
/** "Not now", "not you" and the like: whoever says so says nothing about the rule. */
const NOT_NOW = [429, 502, 503, 504]
const NOT_YOU = [401, 407]
/** So many of the first links of a run, and of the last, are looked at again. */
const LOOKED_AT = 8
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
): Promise<Ending> {
  const run = new CheckRun(subject, settings)
  const found = await asked(check, run, subject, settings)
  await run.end()
  if (found.result !== 'pass' && found.result !== 'skipped') return found
  // An effect that nobody was told of is worse than what the check asks.
  const unmet = await run.account.close()
  if (unmet !== null) return { result: 'fail', ...unmet, isUntold: true }
  if (found.result === 'pass') run.remember()
  return found
}

async function asked(
  check: Check,
  run: CheckRun,
  subject: Subject,
  settings: RunSettings,
): Promise<Ending> {
  try {
    await run.begin(check)
    for (const step of check.steps) await run.take(step)
    return { result: 'pass' }
  } catch (error) {
    return ending(error, subject, settings)
  }
}

function ending(error: unknown, subject: Subject, { unmetIs }: RunSettings): Ending {
  const show = (exchange: Exchange | null) =>
    exchange === null ? {} : { exchange: transcript(exchange, subject.secrets()) }
  if (error instanceof NotMet) return { result: unmetIs, ...error.unmet, ...show(error.exchange) }
  if (error instanceof NotAsked) return { result: 'skipped', seen: error.message }
  if (error instanceof CannotTell) {
    const result = error instanceof HarnessFailed ? 'harness-failed' : 'setup-failed'
    return { result, seen: error.message, ...show(error.exchange) }
  }
  return { result: 'harness-failed', seen: error instanceof Error ? error.message : String(error) }
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
  readonly account: EffectAccount
  /** How many effects there were when it began; `null` where nobody asks. */
  #effectsBefore: number | null = null

  constructor(subject: Subject, settings: RunSettings) {
    this.#subject = subject
    this.#settings = settings
    this.account = new EffectAccount(subject)
  }

  async begin({ steps }: Check): Promise<void> {
    const counts = steps.some(step => 'effects' in step || 'race' in step)
    if (counts && this.#subject.has('effects')) this.#effectsBefore = await this.#subject.effects()
    await this.account.open()
  }

  /** Lets later checks look again at the links that this one has used. */
  remember(): void {
    this.#subject.used.push(...this.#used)
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
    else if ('restart' in step) await this.#subject.restart()
    else if ('pause' in step) await sleep(step.pause === 'moment' ? MOMENT_MS : this.#lifeMs())
    else throw unknownStep(step)
  }

  async #mint({ mint, like, ...spec }: MintStep): Promise<void> {
    const { link, answer } = await this.#subject.mint(spec)
    if (like !== undefined) this.#subject.liken(link, this.#link(like))
    this.#links.set(mint, link)
    if (spec.shortLived === true) this.#shortLived.add(mint)
    if (answer !== null) this.#answers.set(mint, answer)
  }

  async #send(step: SendStep): Promise<void> {
    const { send, as, times = 1, inBackground = false } = step
    if (inBackground) {
      this.#background.set(as ?? '', this.#exchange(send))
      return
    }
    for (let time = 0; time < times; time += 1) {
      const exchange = await this.#exchange(send)
      const isCut = step.mayBeCut === true && exchange.response === null
      if (!isCut) this.#judge(step, exchange, send.user)
      if (as !== undefined) this.#answers.set(as, exchange)
    }
  }

  async #exchange(send: SendStep['send']): Promise<Exchange> {
    const { to, revalidates } = send
    const earlier = revalidates === undefined ? undefined : this.#answers.get(revalidates)
    if (earlier !== undefined) return await this.#subject.revalidate(earlier)
    if ('page' in to) return await this.#subject.ask(send)
    if ('linked' in to) return await this.#subject.follow(this.#linkedFrom(to.linked, to.rel))
    const link = this.#link(to.link)
    const exchange = await this.#subject.wire.exchange(this.#subject.request(send, link))
    const isShort = this.#shortLived.has(to.link)
    const name = to.forged === undefined ? to.link : exchange.sent.target
    this.account.add(name, exchange, !isShort)
    if (!isShort && isPlain(send) && isIn(exchange.response?.status, 200, 399)) {
      this.#used.push({ link, answer: exchange })
    }
    return exchange
  }

  async #usedLinks({ used, only = [], expect }: UsedLinksStep): Promise<void> {
    const all = this.#subject.used
    const some =
      all.length > 2 * LOOKED_AT ? [...all.slice(0, LOOKED_AT), ...all.slice(-LOOKED_AT)] : all
    let asked = 0
    for (const { link, answer } of some) {
      if (firstUnmet(only, answer, this.#surroundings()) !== null) continue
      asked += 1
      this.#answers.set('first', answer)
      const sent = this.#subject.request({ ...used, to: { link: 'link' } }, link)
      const exchange = await this.#subject.wire.exchange(sent)
      this.account.add(link.url.href, exchange)
      this.#judge({ expect }, exchange, used.user)
    }
    if (asked === 0) throw new NotAsked('it does not arise: no link was used')
  }

  async #await(step: AwaitStep): Promise<void> {
    const known = this.#answers.get(step.await)
    const exchange = known ?? (await this.#background.get(step.await))
    if (exchange === undefined) throw new TypeError(`Nothing is called ${step.await}`)
    this.#answers.set(step.await, exchange)
    this.#judge(step, exchange, 'first')
  }

  async #race({
    race,
    copies,
    mostSuccesses = copies,
    others,
    same = [],
  }: RaceStep): Promise<void> {
    const { rounds } = this.#settings
    let successes = 0
    for (let round = 1; round <= rounds; round += 1) {
      const { link } = await this.#subject.mint({ poe: race.poe ?? true })
      const requests = Array.from({ length: copies }, () => {
        return this.#subject.request({ ...race, to: { link: 'link' } }, link)
      })
      const all = await this.#subject.wire.together(requests)
      for (const one of all) this.account.add(`round ${round}`, one)
      const accepted = all.filter(({ response }) => isIn(response?.status, 200, 299))
      const isDone = all.some(({ response }) => isSuccess(response?.status))
      const [first, second] = accepted
      if (accepted.length > mostSuccesses && second !== undefined) {
        const seen = `${accepted.length} of ${copies} in round ${round}`
        throw new NotMet({ expected: `at most ${mostSuccesses} answered 2xx`, seen }, second)
      }
      if (first !== undefined) this.#answers.set('accepted', first)
      for (const one of accepted) this.#demand(same, one)
      for (const one of all) {
        if (one.response !== null && !accepted.includes(one)) this.#demand(others, one)
      }
      if (isDone) successes += 1
    }
    if (successes === 0) throw new CannotTell('No POST of any round was accepted.')
    if (this.#effectsBefore !== null) await this.#effects({ effects: { exactly: successes } })
  }

  async #leave({ leave, before }: LeaveStep): Promise<void> {
    if (!('link' in leave.to)) throw new TypeError('Only links are left')
    const sent = this.#subject.request(leave, this.#link(leave.to.link))
    const exchange = await this.#subject.wire.leave(sent, before)
    this.account.add(leave.to.link, exchange)
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
    const untilMs = performance.now() + COUNT_LAG_MS
    let count = (await this.#subject.effects()) - before
    if ('atMost' in effects) {
      if (count > effects.atMost) throw effectsNotMet(`at most ${effects.atMost}`, count)
      return
    }
    while (count !== effects.exactly) {
      if (count > effects.exactly || performance.now() > untilMs) {
        throw effectsNotMet(`${effects.exactly}`, count)
      }
      await sleep(50)
      count = (await this.#subject.effects()) - before
    }
  }

  async #manyLinks({ links, are, byTwo = false }: ManyLinksStep): Promise<void> {
    const found: string[] = []
    for (let index = 0; index < links; index += 1) {
      const user = byTwo && index % 2 === 1 ? 'second' : 'first'
      found.push((await this.#subject.mint({ user })).link.url.href)
    }
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

  #judge(
    step: Pick<SendStep, 'setup' | 'only' | 'expect'>,
    exchange: Exchange,
    user: User | undefined,
  ): void {
    const { setup = [], only = [], expect = [] } = step
    const all = [...setup, ...only, ...expect]
    if (all.length === 0) return
    if (exchange.response === null) {
      const isAsked = exchange.interim.includes(100)
      // A server of HTTP/1.0 ignores the question, and waits for the content.
      const isJudged = (isAsked || exchange.ended === 'timeout') && asksAtOnce(expect)
      if (!isJudged) throw new CannotTell(`${describe(exchange)}.`, exchange)
      const seen = isAsked ? `${exchange.interim.join(', ')} first` : 'nothing without the content'
      throw new NotMet({ expected: 'the refusal at once', seen }, exchange)
    }
    const { status } = exchange.response
    const isAccident = NOT_NOW.includes(status) || (NOT_YOU.includes(status) && user !== 'nobody')
    if (isAccident && user !== 'second' && !namesStatus(all, status)) {
      const words = 'it was refused, and that does not tell why'
      throw new CannotTell(`${describe(exchange)}: ${words}.`, exchange)
    }
    const missing = firstUnmet(setup, exchange, this.#surroundings())
    if (missing !== null) {
      const words = `${missing.expected} was needed, and this was seen: ${missing.seen}`
      throw new CannotTell(`${describe(exchange)}: ${words}.`, exchange)
    }
    if (firstUnmet(only, exchange, this.#surroundings()) !== null) {
      throw new NotAsked(`it does not arise: ${describe(exchange)}`)
    }
    this.#demand(expect, exchange)
  }

  #demand(expectations: readonly Expectation[], exchange: Exchange): void {
    const found = firstUnmet(expectations, exchange, this.#surroundings())
    if (found !== null) throw new NotMet(found, exchange)
  }

  #surroundings() {
    return { answers: this.#answers }
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

  #lifeMs(): number {
    return (this.#subject.adapter.shortLived?.lifeMs ?? 0) + MOMENT_MS
  }
}

function asksAtOnce(expectations: readonly Expectation[]): boolean {
  return expectations.some(one => 'noInterim' in one)
}

/** A request that uses a link as anybody would. */
function isPlain({ to, method, body, fields, user, poe, provoke, ...more }: RequestSpec): boolean {
  const isOdd = [method, body, fields, user, poe, provoke].some(one => one !== undefined)
  return !isOdd && Object.keys(to).length === 1 && Object.keys(more).length === 0
}

/** The compiler holds that there is none; a catalogue of one's own may have slipped by it. */
function unknownStep(step: never): TypeError {
  return new TypeError(`A step of unknown kind: ${JSON.stringify(step)}`)
}

function effectsNotMet(expected: string, count: number): NotMet {
  const noun = expected.endsWith('1') ? 'effect' : 'effects'
  return new NotMet({ expected: `${expected} ${noun}`, seen: `${count}` }, null)
}

function isSuccess(status: number | undefined): boolean {
  return isIn(status, 200, 299) || [301, 302, 303].includes(status ?? 0)
}

function isIn(status: number | undefined, from: number, to: number): boolean {
  return status !== undefined && status >= from && status <= to
}
