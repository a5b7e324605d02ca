/**
 * The account of one check: how many effects its POSTs can have had, by what they were answered,
 * and how many there were. So each check finds an effect that nobody was told of.
 *
 * @see POE draft 2 (POE-2-2)
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CannotTell } from './cannot-tell.js'
import type { Subject } from './subject.js'
import { type UnmetExpectation, unmet } from './unmet-expectation.js'
import type { Exchange } from './wire.js'

/** A count of effects may stand still before it is what was answered, for so many milliseconds. */
export const COUNT_LAG_MS = 2_000

const COUNT_TRIES = 2

/** What became of a link, as far as an effect is concerned. */
type Told = 'perhaps' | 'accepted'

/** Counts what the answers of a check, or of several, allow. */
export class EffectAccount {
  readonly #subject: Subject
  readonly #told = new Map<string, Told>()
  readonly #whole: EffectAccount | null
  #before: number | null = null
  #isKnown = true
  /** What a part of it has found, and nobody could be charged with. */
  #owed: UnmetExpectation | null = null

  /**
   * @param subject - the judged server
   * @param whole - the account of the whole run, which this one is a part of
   */
  constructor(subject: Subject, whole: EffectAccount | null = null) {
    this.#subject = subject
    this.#whole = whole
  }

  /** Whether everything could be counted that was to be. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Counts for the first time; what cannot be counted now is not judged. */
  async open(): Promise<void> {
    if (this.#subject.door !== 'poe') return
    this.#before = await this.#count(true)
  }

  /** How many effects there were when it was opened; `null` where that is not known. */
  get before(): number | null {
    return this.#before
  }

  /**
   * Takes an answer into account, or that none came.
   *
   * @param link - what names the link; each can have one effect
   * @param exchange - a request to it
   * @param isCounted - whether its effect shows where effects are counted
   */
  add(link: string, exchange: Exchange, isCounted = true): void {
    this.#whole?.add(link, exchange, isCounted)
    const { sent, response } = exchange
    if (sent.method !== 'POST') return
    const status = response?.status
    if (isCounted && isSuccess(status)) this.#told.set(link, 'accepted')
    else if (mayHaveEffect(status) && !this.#told.has(link)) this.#told.set(link, 'perhaps')
  }

  /** Notes what a part of it has found; `null` is nothing. */
  owe(unmet: UnmetExpectation | null): void {
    this.#owed ??= unmet
  }

  /**
   * Counts for the last time.
   *
   * @param isStrict - only what was accepted may have had an effect: what is doubtful in one check
   *   would hide what is wrong in another one
   * @returns what is not met: more effects than links at which one can have been
   */
  async close(isStrict = false): Promise<UnmetExpectation | null> {
    const before = this.#before
    if (before === null || this.#owed !== null) return this.#owed
    const accepted = [...this.#told.values()].filter(told => told === 'accepted').length
    let untilMs = performance.now() + COUNT_LAG_MS
    let last = 0
    for (let isFirst = true; ; isFirst = false) {
      const after = await this.#count(isFirst)
      if (after === null) return null
      const count = after - before
      const most = isStrict ? accepted : this.#told.size
      if (count > most) {
        const words = most === 1 ? '1 effect' : `${most} effects`
        return unmet(`at most ${words} in the end, by what was answered`, `${count} of them`)
      }
      if (count > last) untilMs = performance.now() + COUNT_LAG_MS
      last = count
      // What is late would be the next check's.
      if (count >= accepted || performance.now() > untilMs) return null
      await sleep(50)
    }
  }

  /** @param isKnownWell - a count since which nothing was sent will do */
  async #count(isKnownWell: boolean): Promise<number | null> {
    if (!this.#subject.has('effects')) return null
    for (let tries = 1; ; tries += 1) {
      try {
        return await (isKnownWell ? this.#subject.effectsNow() : this.#subject.effects())
      } catch (error) {
        if (!(error instanceof CannotTell)) throw error
        if (tries < COUNT_TRIES) continue
        this.#isKnown = false
        return null
      }
    }
  }
}

function isSuccess(status = 0): boolean {
  return (status >= 200 && status < 300) || [301, 302, 303].includes(status)
}

/** Only a refusal says that nothing happened; silence and an unexpected failure do not. */
function mayHaveEffect(status: number | undefined): boolean {
  if (status === undefined || isSuccess(status) || status === 408) return true
  return status >= 500 && status !== 501 && status !== 503
}
