/**
 * Judges a server: the rehearsal, then the checks, then the verdict.
 *
 * @see spec-notes/decisions/0009-how-a-server-is-judged.md
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Check, Profile, Requirement } from './catalogue.js'
import { catalogueOf, DOOR_REQUIREMENTS } from './checks/index.js'
import { REQUIREMENTS } from './checks/poe/requirements.js'
import { EffectAccount } from './effect-account.js'
import type { CheckEnding } from './ending.js'
import { recorded } from './exchanges.js'
import { Http2Wire } from './http2-wire.js'
import { type ConformanceOptions, type ResolvedCheckOptions, resolveOptions } from './options.js'
import { isOfPage, PLAIN, phasesOf, type Selected } from './phases.js'
import { rehearse } from './rehearsal.js'
import {
  type ConformanceReport,
  exitCodeOf,
  type Grade,
  gradeOf,
  profilesOf,
  type ServerCheckResult,
} from './report.js'
import { runCheck } from './run-check.js'
import { sideBySide } from './side-by-side.js'
import { Subject } from './subject.js'
import { packageVersion } from './version.js'
import { Http1Wire } from './wire.js'

/** After so many checks in a row without a word, the server is asked whether it is still there. */
const SILENT_CHECKS = 3
const BLOCKED_BY = 'blocked by '
/** So many checks at once by default, and so many where answers are long on their way. */
const JOBS = 6
const JOBS_FAR = 24
const TIMER_LIMIT_MS = 2_147_483_647

/**
 * Judges a running server from outside, over sockets of its own, one request a connection.
 *
 * Effects are counted as a difference, so nobody else may use the server meanwhile. Checks run
 * side by side, a few at a time, and what counts for itself one after the other. A run is bounded
 * by `totalMs`, a request by `timeoutMs`.
 *
 * @param options - see {@link ConformanceOptions}
 * @returns the report; never rejects for what the server does
 * @throws TypeError, RangeError or AdapterError for options that cannot be used
 * @see POE draft 2, 3, 4
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const resolved = resolveOptions(options)
  const startedAt = new Date().toISOString()
  const startMs = performance.now()
  const results = await new Run(resolved).results()
  const { strict, profile, door, page, rounds } = resolved
  const grades = gradesOf(results, profile, strict)
  const verdict = grades[profile]?.verdict ?? 'undetermined'
  return {
    target: page.href,
    door,
    version: packageVersion(),
    profile,
    startedAt,
    durationMs: Math.round(performance.now() - startMs),
    rounds,
    results,
    grades,
    verdict,
    exitCode: exitCodeOf(verdict),
  }
}

/**
 * The checks that a run would have.
 *
 * @param options - `door`, `profile` and `only` count
 * @throws TypeError where `only` names nothing
 */
export function selectChecks(
  options: Pick<ResolvedCheckOptions, 'door' | 'profile' | 'only'>,
): readonly (readonly [Check, Requirement])[] {
  const { door, profile, only } = options
  const checks = catalogueOf(door)
  const profiles = new Set(profilesOf(profile))
  for (const id of only ?? []) {
    if (!checks.some(check => isNamed(check, id))) throw unknownId(id)
  }
  return checks.flatMap(check => {
    const requirement = requirementOf(check)
    const isWanted = only?.some(id => isNamed(check, id)) ?? profiles.has(requirement.profile)
    return isWanted ? [[check, requirement] as const] : []
  })
}

/** The requirement of a check. */
export function requirementOf(check: Check): Requirement {
  const id = check.requirement
  const requirement = REQUIREMENTS.get(id) ?? DOOR_REQUIREMENTS.get(id)
  if (requirement === undefined) throw new TypeError(`${check.id} has no requirement`)
  return requirement
}

/** One run. */
class Run {
  readonly #options: ResolvedCheckOptions
  readonly #subject: Subject
  readonly #whole: EffectAccount
  readonly #untilMs: number
  readonly #results = new Map<string, ServerCheckResult>()
  readonly #ended = new Map<string, Promise<void>>()
  #selected: readonly Selected[] = []
  #started = 0
  #jobs: number
  /** Why nothing more can be asked; `null` while it can. */
  #obstacle: string | null = null
  /** Why the run is over before its end; `null` while it is not. */
  #over: string | null = null
  /** Whether the page itself is judged all the same. */
  #isPageThere = false
  #silent = 0

  constructor(options: ResolvedCheckOptions) {
    const { page, door, adapter, timeoutMs, tls, http2, restart, skip, paceMs } = options
    const checks = catalogueOf(door)
    for (const id of skip.keys()) {
      if (!checks.some(check => isNamed(check, id))) throw unknownId(id)
    }
    this.#options = options
    this.#jobs = door === 'poe' ? (options.jobs ?? JOBS) : 1
    const wire = new (http2 ? Http2Wire : Http1Wire)({ timeoutMs, tls })
    this.#subject = new Subject(page, adapter, wire, { restart, door, paceMs })
    this.#whole = new EffectAccount(this.#subject)
    this.#untilMs = performance.now() + options.totalMs
  }

  async results(): Promise<ServerCheckResult[]> {
    this.#selected = selectChecks(this.#options)
    await this.#untilOver(this.#judgeAll(this.#selected))
    const results = this.#selected.map(one => this.#results.get(one[0].id) ?? this.#unreached(one))
    // A work that goes on by itself, because nothing ends its waits, is no part of the report.
    this.#over ??= 'the run is over'
    return results
  }

  /** Ends with its time and its signal, whatever it waits for. */
  async #untilOver(work: Promise<void>): Promise<void> {
    const { signal, totalMs } = this.#options
    let stop = () => {}
    let timer: NodeJS.Timeout | undefined
    const over = new Promise<void>(resolve => {
      const end = (why: string) => {
        this.#over = why
        resolve()
      }
      stop = () => end('interrupted')
      const late = () => end(`the run was to take ${totalMs} ms at most`)
      timer = setTimeout(late, Math.min(totalMs, TIMER_LIMIT_MS))
      signal?.addEventListener('abort', stop, { once: true })
      if (signal?.aborted === true) stop()
    })
    try {
      await Promise.race([work, over])
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }

  async #judgeAll(selected: readonly Selected[]): Promise<void> {
    await this.#whole.open()
    const found = await rehearse(this.#subject, this.#whole)
    if (found.isFar && this.#options.jobs === null) this.#jobs = JOBS_FAR
    if (found.isShared || this.#options.door !== 'poe') this.#jobs = 1
    if (found.obstacle !== null) {
      this.#obstacle = 'the rehearsal failed'
      this.#isPageThere = found.isPageThere
      // The first result of those that cannot be asked tells what is wrong for all of them.
      const first = selected.find(([check]) => !(this.#isPageThere && isOfPage(check)))
      if (first !== undefined) this.#tell(first, found.obstacle)
    }
    for (const { together, jobs, checks, isLast } of phasesOf(selected, this.#options.door)) {
      if (isLast) await this.#grow()
      if (together) await this.#together(checks, jobs ?? this.#jobs)
      else for (const one of checks) await this.#judge(one, null)
    }
  }

  #unreached(one: Selected): ServerCheckResult {
    const [check, requirement] = one
    const skipped = this.#skipReason(check)
    const blocked = { result: 'blocked', seen: this.#over ?? '' } as const
    const found: CheckEnding = skipped === null ? blocked : { result: 'skipped', seen: skipped }
    const result = told(check, requirement, found)
    this.#options.onResult(result)
    return result
  }

  /** Several checks side by side: their effects are counted together, and told apart if need be. */
  async #together(checks: readonly Selected[], jobs: number): Promise<void> {
    const isTooMuch = await this.#counted(checks, jobs)
    if (isTooMuch && !this.#isPlainlyWrong()) await this.#tellApart(checks, jobs)
  }

  /** Whether checks with one account for all had more effects than were accepted. */
  async #counted(checks: readonly Selected[], jobs: number): Promise<boolean> {
    const shared = new EffectAccount(this.#subject, this.#whole)
    await shared.open()
    await sideBySide(checks, jobs, one => this.#judge(one, shared))
    if ((await shared.close(true)) === null) return false
    // What does not come again when it is told apart has happened all the same.
    this.#whole.owe(await shared.close())
    return true
  }

  /** There were too many effects: each half of those that passed is asked again, and its halves. */
  async #tellApart(checks: readonly Selected[], jobs: number): Promise<void> {
    const passed = checks.filter(([{ id }]) => {
      return ['pass', 'warn', 'skipped'].includes(this.#results.get(id)?.result ?? '')
    })
    const [only] = passed
    if (passed.length < 2) {
      if (only !== undefined) await this.#judge(only, null)
      return
    }
    const half = passed.length >> 1
    for (const part of [passed.slice(0, half), passed.slice(half)]) {
      if (await this.#counted(part, jobs)) await this.#tellApart(part, jobs)
    }
  }

  /** Repeats that have an effect would be found by nearly every check. */
  #isPlainlyWrong(): boolean {
    return PLAIN.some(id => this.#results.get(id)?.result === 'fail')
  }

  /** Waits until the first link that was used has the age in which it is tried again. */
  async #grow(): Promise<void> {
    const [first] = this.#subject.used
    if (first === undefined || this.#obstacle !== null || this.#isPlainlyWrong()) return
    const ageMs = performance.now() - first.answer.endedAtMs
    const restMs = Math.min(this.#options.ageMs - ageMs, this.#untilMs - performance.now())
    if (restMs > 0) await sleep(restMs, undefined, this.#signal()).catch(() => {})
  }

  #signal() {
    const { signal } = this.#options
    return signal === null ? {} : { signal }
  }

  async #judge(one: Selected, shared: EffectAccount | null): Promise<void> {
    if (this.#over !== null) return
    const [check, requirement] = one
    const before = this.#results.get(check.id)
    const isAgain = before !== undefined
    if (isAgain && this.#ended.get(check.id) === undefined) return
    const ended = this.#endingOf(check, requirement, shared)
    if (!isAgain) {
      this.#options.onStart(check.id, this.#started, this.#selected.length)
      this.#started += 1
      this.#ended.set(
        check.id,
        ended.then(() => {}),
      )
    }
    const found = this.#unlessTold(await ended)
    // Asked once more it may only be worse.
    if (!isAgain || found.result === 'fail') this.#tell(one, found)
  }

  #tell([check, requirement]: Selected, found: CheckEnding): void {
    if (this.#over !== null) return
    const result = told(check, requirement, found)
    this.#results.set(check.id, result)
    this.#options.onResult(result)
  }

  async #endingOf(
    check: Check,
    requirement: Requirement,
    shared: EffectAccount | null,
  ): Promise<CheckEnding> {
    for (const id of [check.blockedBy ?? []].flat()) {
      await this.#ended.get(id)
      if (this.#isUnmet(id)) return { result: 'blocked', seen: BLOCKED_BY + id }
    }
    return await this.#run(check, requirement, shared)
  }

  /** The same fault is not told twice. */
  #isUnmet(id: string): boolean {
    const before = this.#results.get(id)
    return before?.result === 'fail' || before?.seen?.startsWith(BLOCKED_BY) === true
  }

  /** Repeats that have an effect would be found by nearly every check. */
  #unlessTold({ isUntold, ...ending }: CheckEnding): CheckEnding {
    const plain = PLAIN.find(id => this.#results.get(id)?.result === 'fail')
    const isTold = isUntold === true && plain !== undefined
    return isTold ? { result: 'blocked', seen: BLOCKED_BY + plain } : ending
  }

  async #run(
    check: Check,
    requirement: Requirement,
    shared: EffectAccount | null,
  ): Promise<CheckEnding> {
    const skipped = this.#skipReason(check)
    if (skipped !== null) return { result: 'skipped', seen: skipped }
    const { rounds, strict } = this.#options
    if (this.#over !== null) return { result: 'blocked', seen: this.#over }
    if (this.#obstacle !== null && !(this.#isPageThere && isOfPage(check))) {
      return { result: 'blocked', seen: this.#obstacle }
    }
    const isOpen =
      check.warns === true || ['open', 'MAY', 'implied MAY'].includes(requirement.level)
    const unmetIs = isOpen && !strict ? 'warn' : 'fail'
    const common = { rounds, unmetIs, jobs: this.#jobs, whole: this.#whole } as const
    const ask = () =>
      recorded(this.#subject.writer.secrets, () =>
        runCheck(check, this.#subject, { ...common, shared }),
      )
    let found = await ask()
    // Who leaves before the answer does not learn that it was "not now".
    const isLeft = check.steps.some(step => 'leave' in step) && this.#subject.isBusyAtTimes
    if (found.result === 'fail' && isLeft) found = await ask()
    await this.#watch(found)
    return found
  }

  /** A server that has gone silent is not asked a hundred times. */
  async #watch({ result }: CheckEnding): Promise<void> {
    this.#silent = result === 'setup-failed' || result === 'harness-failed' ? this.#silent + 1 : 0
    if (this.#silent < SILENT_CHECKS) return
    this.#silent = 0
    const { response } = await this.#subject.ask()
    if (response !== null) return
    this.#obstacle = 'the server does not answer any more'
    this.#isPageThere = false
  }

  #skipReason({ id, requirement, needs = [] }: Check): string | null {
    const { skip } = this.#options
    const reason = skip.get(id) ?? skip.get(requirement)
    if (reason !== undefined) return `as asked: ${reason}`
    const missing = needs.filter(need => !this.#subject.has(need))
    return missing.length === 0 ? null : `not judged without ${missing.join(', ')}`
  }
}

function told(check: Check, requirement: Requirement, found: CheckEnding): ServerCheckResult {
  const { level, section, profile } = requirement
  const { id, title, why } = check
  return { id, requirement: requirement.id, level, section, profile, title, why, ...found }
}

function gradesOf(
  results: readonly ServerCheckResult[],
  profile: Profile,
  strict: boolean,
): ConformanceReport['grades'] {
  const grades: Partial<Record<Profile, Grade>> = {}
  for (const one of profilesOf(profile)) {
    const included = profilesOf(one)
    const counted = results.filter(result => included.includes(result.profile))
    grades[one] = gradeOf(counted, strict)
  }
  return grades
}

function isNamed(check: Check, id: string): boolean {
  return check.id === id || check.requirement === id
}

function unknownId(id: string): TypeError {
  return new TypeError(`There is no check and no requirement ${id}; --list names all of them.`)
}
