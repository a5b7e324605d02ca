/**
 * Judges a server: the rehearsal, then one check after the other, then the verdict.
 *
 * @see spec-notes/decisions/0009-how-a-server-is-judged.md
 */
import type { Check, Profile, Requirement } from './catalogue.js'
import { SUCCESS } from './checks/fragments.js'
import { catalogueOf, DOOR_REQUIREMENTS } from './checks/index.js'
import { REPEATED } from './checks/poe/race.js'
import { REQUIREMENTS } from './checks/poe/requirements.js'
import { firstUnmet } from './expectations.js'
import { Http2Wire } from './http2-wire.js'
import { type ConformanceOptions, type ResolvedOptions, resolveOptions } from './options.js'
import {
  type ConformanceReport,
  exitCodeOf,
  type Grade,
  gradeOf,
  profilesOf,
  type ServerCheckResult,
} from './report.js'
import { type Ending, runCheck } from './run-check.js'
import { CannotTell, LinkElsewhere, Subject } from './subject.js'
import { packageVersion } from './version.js'
import { Http1Wire } from './wire.js'
import { describe, transcript } from './words.js'

/** After so many checks in a row without a word, the server is asked whether it is still there. */
const SILENT_CHECKS = 3
const BLOCKED_BY = 'blocked by '

/**
 * Judges a running server from outside, over sockets of its own, one request a connection.
 *
 * Checks run one after the other and count effects as a difference, so nobody else may use the
 * server meanwhile. A run is bounded by `totalMs`, a request by `timeoutMs`.
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
  options: Pick<ResolvedOptions, 'door' | 'profile' | 'only'>,
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
  readonly #options: ResolvedOptions
  readonly #subject: Subject
  readonly #untilMs: number
  /** Why nothing more can be asked; `null` while it can. */
  #obstacle: string | null = null
  /** Whether the page itself is judged all the same. */
  #isPageThere = false
  #silent = 0

  constructor(options: ResolvedOptions) {
    const { page, door, adapter, timeoutMs, tls, http2, restart, skip } = options
    const checks = catalogueOf(door)
    for (const id of skip.keys()) {
      if (!checks.some(check => isNamed(check, id))) throw unknownId(id)
    }
    this.#options = options
    const wire = new (http2 ? Http2Wire : Http1Wire)({ timeoutMs, tls })
    this.#subject = new Subject(page, adapter, wire, restart, door)
    this.#untilMs = performance.now() + options.totalMs
  }

  async results(): Promise<ServerCheckResult[]> {
    const { onStart, onResult } = this.#options
    const selected = selectChecks(this.#options)
    const rehearsal = await this.#rehearse()
    const results: ServerCheckResult[] = []
    for (const [index, [check, requirement]] of selected.entries()) {
      onStart(check.id, index, selected.length)
      // The first result tells what is wrong for all of them.
      const first = index === 0 ? rehearsal : null
      const blocked = first ?? blockedBy(check, results)
      const ended = blocked ?? (await this.#run(check, requirement))
      const found = told(check, requirement, unlessTold(ended, results))
      results.push(found)
      onResult(found)
    }
    return results
  }

  /** Uses one link, as a whole: what does not work here works nowhere. */
  async #rehearse(): Promise<Ending | null> {
    const counts = this.#subject.has('effects')
    try {
      const { link } = await this.#subject.mint()
      const before = counts ? await this.#subject.effects() : 0
      const sent = this.#subject.request({ to: { link: 'link' } }, link)
      const answer = await this.#subject.wire.exchange(sent)
      const isAnswered = answer.response !== null
      if (!isAnswered || firstUnmet([SUCCESS], answer, { answers: new Map() }) !== null) {
        const advice = isAnswered ? ': give a content that it accepts as "valid"' : ''
        throw new CannotTell(
          `A plain ${sent.method} did not work (${describe(answer)})${advice}.`,
          answer,
        )
      }
      if (counts) await this.#confirmCount(before)
      return null
    } catch (error) {
      if (!(error instanceof CannotTell)) throw error
      this.#obstacle = 'the rehearsal failed'
      this.#isPageThere = error instanceof LinkElsewhere
      const secrets = this.#subject.secrets()
      const shown = error.exchange === null ? {} : { exchange: transcript(error.exchange, secrets) }
      return { result: 'setup-failed', seen: `Rehearsal: ${error.message}`, ...shown }
    }
  }

  async #confirmCount(before: number): Promise<void> {
    const after = await this.#subject.effects()
    if (after === before + 1) return
    const words = 'the count of effects should have grown by one'
    throw new CannotTell(`After one request ${words}: it was ${before} and is ${after}.`)
  }

  async #run(check: Check, requirement: Requirement): Promise<Ending> {
    const skipped = this.#skipReason(check)
    if (skipped !== null) return { result: 'skipped', seen: skipped }
    if (this.#options.signal?.aborted === true) return { result: 'blocked', seen: 'interrupted' }
    if (this.#obstacle !== null && !(this.#isPageThere && isOfPage(check))) {
      return { result: 'blocked', seen: this.#obstacle }
    }
    if (performance.now() > this.#untilMs) {
      return { result: 'blocked', seen: `the run was to take ${this.#options.totalMs} ms at most` }
    }
    const isOpen =
      check.warns === true || ['open', 'MAY', 'implied MAY'].includes(requirement.level)
    const { rounds, strict } = this.#options
    const unmetIs = isOpen && !strict ? 'warn' : 'fail'
    const found = await runCheck(check, this.#subject, { rounds, unmetIs })
    await this.#watch(found)
    return found
  }

  /** A server that has gone silent is not asked a hundred times. */
  async #watch({ result }: Ending): Promise<void> {
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

/** The same fault is not told twice: how a check ends whose plain question was not met. */
function blockedBy({ blockedBy: id }: Check, results: readonly ServerCheckResult[]): Ending | null {
  const before = results.find(one => one.id === id)
  const isMet = before?.result !== 'fail' && before?.seen?.startsWith(BLOCKED_BY) !== true
  return isMet ? null : { result: 'blocked', seen: BLOCKED_BY + id }
}

/** Repeats that have an effect would be found by nearly every check. */
function unlessTold(
  { isUntold, ...ending }: Ending,
  results: readonly ServerCheckResult[],
): Ending {
  const isPlain = ({ id }: { readonly id: string }) => REPEATED.some(one => one.id === id)
  const plain = results.find(one => isPlain(one) && one.result === 'fail')
  const isTold = isUntold === true && plain !== undefined
  return isTold ? { result: 'blocked', seen: BLOCKED_BY + plain.id } : ending
}

/** Whether a check asks the page only, so that it needs no link that works. */
function isOfPage({ steps }: Check): boolean {
  return steps.every(step => 'send' in step && 'page' in step.send.to)
}

function told(check: Check, requirement: Requirement, found: Ending): ServerCheckResult {
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
