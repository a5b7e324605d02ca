/**
 * Judges a client: plays the server, one scenario at a time or several side by side, and looks at
 * what the client sent and at how it says that it ended.
 *
 * @see spec-notes/decisions/0009-how-a-server-is-judged.md
 */
import { wholeNumber } from '../options.js'
import { type CheckResult, exitCodeOf, type Grade, gradeOf, type Verdict } from '../report.js'
import { packageVersion } from '../version.js'
import { type ClientCommand, type ClientFunction, runClient } from './client.js'
import { firstUnmetBy, isLasting, judgeAlways, type Performance } from './judge-client.js'
import { CLIENT_REQUIREMENTS } from './requirements.js'
import type { ClientCheck, ClientEnding, ClientRequirement, Scenario } from './scenario.js'
import { REHEARSAL, SCENARIOS } from './scenarios.js'
import { startScripted } from './scripted-server.js'
import { transcriptOf } from './transcript.js'

/** What {@link checkClient} is told. */
export interface ClientCheckOptions {
  /** The client: a program, a function, or `null` where somebody opens the pages. */
  readonly client: ClientCommand | ClientFunction | null
  /**
   * What the client is given: the URL of a page that hands out a link, or a link. What a link alone
   * cannot tell is not judged then.
   *
   * @defaultValue `page`
   */
  readonly takes?: 'page' | 'link'
  /** A folder whose `index.html` is the client, for browsers; it tells its end by a POST. */
  readonly serve?: string
  /** Only these: ids of checks (`POE-5-1/lost-after`) or of requirements. */
  readonly only?: readonly string[]
  /** Not these, and why not. */
  readonly skip?: Readonly<Record<string, string>>
  /**
   * How long the client may take in one scenario, in milliseconds.
   *
   * @defaultValue 60,000
   */
  readonly timeoutMs?: number
  /**
   * How many scenarios are played side by side.
   *
   * @defaultValue 4
   */
  readonly jobs?: number
  /**
   * Warnings fail, and what was not judged leaves the verdict open.
   *
   * @defaultValue false
   */
  readonly strict?: boolean
  /** Ends the run early; what is left is told as blocked. */
  readonly signal?: AbortSignal
  /** Called when a scenario begins, with the URL that the client is given. */
  readonly onStart?: (scenario: string, url: string) => void
  /** Called with each result. */
  readonly onResult?: (result: CheckResult) => void
}

/** A run against a client. */
export interface ClientReport {
  /** The version of this suite. */
  readonly version: string
  readonly startedAt: string
  readonly durationMs: number
  readonly results: readonly CheckResult[]
  readonly grade: Grade
  readonly verdict: Verdict
  /** 0 conformant, 1 not, 2 could not tell. */
  readonly exitCode: 0 | 1 | 2
}

const TIMEOUT_MS = 60_000
const JOBS = 4
const PLAYS_BY_CHANCE = 3
const MORE_TIME = '--timeout gives more time'
const HANDED_OVER =
  'the command has ended, and its page has told nothing; a browser that is at work in the same ' +
  'profile takes pages over and ends: give each a profile of its own, --user-data-dir={fresh}'

/**
 * Judges a client, over servers of its own on 127.0.0.1.
 *
 * @param options - see {@link ClientCheckOptions}
 * @returns the report; never rejects for what the client does
 * @throws TypeError, RangeError for options that cannot be used
 * @see POE draft 2, 5, 8
 */
export async function checkClient(options: ClientCheckOptions): Promise<ClientReport> {
  const { jobs = JOBS, timeoutMs = TIMEOUT_MS, strict = false, signal } = options
  wholeNumber(jobs, 'jobs', 64)
  wholeNumber(timeoutMs, 'timeoutMs', 3_600_000)
  checkIds([...(options.only ?? []), ...Object.keys(options.skip ?? {})])
  const startedAt = new Date().toISOString()
  const startMs = performance.now()
  const wanted = SCENARIOS.filter(({ checks }) => checks.some(check => isWanted(check, options)))
  const told = new Map<Scenario, CheckResult[]>()
  const rehearsal = await play(REHEARSAL, options)
  const obstacle = obstacleIn(rehearsal)
  const queue = [...wanted]
  const work = async () => {
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) {
      const results = await resultsOf(scenario, options, obstacle, rehearsal)
      for (const result of results) options.onResult?.(result)
      told.set(scenario, results)
    }
  }
  // Where somebody opens the pages, one at a time is enough.
  await Promise.all(Array.from({ length: options.client === null ? 1 : jobs }, work))
  const results = wanted.flatMap(scenario => told.get(scenario) ?? [])
  const grade = gradeOf(results, strict)
  const verdict = signal?.aborted === true ? 'undetermined' : grade.verdict
  return {
    version: packageVersion(),
    startedAt,
    durationMs: Math.round(performance.now() - startMs),
    results,
    grade,
    verdict,
    exitCode: exitCodeOf(verdict),
  }
}

/** The requirement of a check. */
export function clientRequirementOf({ id }: ClientCheck): ClientRequirement {
  const requirement = CLIENT_REQUIREMENTS.get(id.split('/')[0] ?? '')
  if (requirement === undefined) throw new TypeError(`${id} has no requirement`)
  return requirement
}

/** A scenario that was played, or why it could not be. */
type Played =
  | {
      readonly kind: 'played'
      readonly performance: Performance
      readonly exchange: string
      readonly durationMs: number
      /** What to do where it did not end in its time. */
      readonly advice: string
    }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'stopped' }

async function play(scenario: Scenario, options: ClientCheckOptions): Promise<Played> {
  const { client, serve = null, takes = 'page', timeoutMs = TIMEOUT_MS, onStart } = options
  const server = await startScripted(scenario.script, serve)
  const { page, link } = server
  const beganMs = performance.now()
  onStart?.(scenario.name, takes === 'page' ? page : link)
  try {
    const told = serve === null ? null : server.told.then(endingIn)
    const { flooded, seen } = server
    const bounds = { timeoutMs, told, flooded, interruption: options.signal }
    const ran = await runClient(client, { url: page, link }, bounds)
    if (ran.kind === 'failed' || ran.kind === 'stopped') return ran
    const { effects } = server
    const ending = ran.kind === 'late' ? ran.kind : ran.ending
    const said = ran.kind === 'ended' ? ran.said : undefined
    const exchange = transcriptOf(seen, ending, said)
    const performed = { ending, seen: [...seen], effects }
    const durationMs = Math.round(performance.now() - beganMs)
    const advice = ran.kind === 'late' && ran.isGone === true ? HANDED_OVER : MORE_TIME
    return { kind: 'played', performance: performed, exchange, durationMs, advice }
  } finally {
    await server.close()
  }
}

/** What a page says: `{"outcome": "accepted"}`, with the words of our own client or a plain one. */
function endingIn(text: string): ClientEnding {
  let outcome: unknown
  try {
    outcome = (JSON.parse(text) as { outcome?: unknown } | null)?.outcome
  } catch {
    outcome = text
  }
  switch (outcome) {
    case 'accepted':
    case 'accepted-earlier':
      return 'accepted'
    case 'refused':
    case 'used-before':
    case 'gone':
      return 'refused'
    case 'unknown':
      return 'unknown'
    default:
      return 'failed'
  }
}

async function resultsOf(
  scenario: Scenario,
  options: ClientCheckOptions,
  obstacle: string | null,
  rehearsal: Played,
): Promise<CheckResult[]> {
  const wanted = scenario.checks.filter(check => isWanted(check, options))
  const skipped = (check: ClientCheck) => skipReason(check, scenario, options)
  const isPlayed = obstacle === null && wanted.some(check => skipped(check) === null)
  const played =
    scenario === REHEARSAL ? rehearsal : isPlayed ? await play(scenario, options) : null
  const results = wanted.map(check => {
    const reason = skipped(check)
    if (reason !== null) return resultOf(check, { result: 'skipped', seen: reason })
    if (played === null || played.kind === 'stopped') {
      return resultOf(check, { result: 'blocked', seen: obstacle ?? 'interrupted' })
    }
    const found = judged(check, scenario, played)
    const isStrict = options.strict === true && found.result === 'warn'
    return resultOf(check, isStrict ? { ...found, result: 'fail' } : found)
  })
  return await luckier(results, scenario, options)
}

/** Where chance has a hand in it, a fault has to show in each of three plays. */
async function luckier(
  results: readonly CheckResult[],
  scenario: Scenario,
  options: ClientCheckOptions,
): Promise<CheckResult[]> {
  const best = [...results]
  const isOpen = ({ id, result }: CheckResult) =>
    result === 'fail' && scenario.checks.some(check => check.id === id && check.isByChance)
  for (let again = 1; again < PLAYS_BY_CHANCE && best.some(isOpen); again += 1) {
    const played = await play(scenario, options)
    if (played.kind !== 'played') break
    for (const [index, result] of best.entries()) {
      const check = scenario.checks.find(({ id }) => id === result.id)
      if (check === undefined || !isOpen(result)) continue
      const next = resultOf(check, judged(check, scenario, played))
      if (next.result === 'pass') best[index] = next
    }
  }
  return best
}

function judged(
  check: ClientCheck,
  scenario: Scenario,
  played: Exclude<Played, { readonly kind: 'stopped' }>,
): Partial<CheckResult> {
  if (played.kind === 'failed') return { result: 'harness-failed', seen: played.message }
  return { ...judgedPlay(check, scenario, played), durationMs: played.durationMs }
}

function judgedPlay(
  check: ClientCheck,
  scenario: Scenario,
  { performance, exchange, advice }: Extract<Played, { readonly kind: 'played' }>,
): Partial<CheckResult> {
  if (scenario === REHEARSAL && performance.ending !== 'accepted') {
    const isHanded = performance.ending === 'late' && advice === HANDED_OVER
    const what = isHanded ? advice : 'see to the command, and to what its exit codes say'
    const seen = `Rehearsal: all went well, and the client told "${performance.ending}": ${what}`
    return { result: 'setup-failed', seen, exchange }
  }
  const { arises = [], expect, warns } = check
  const isFirst = scenario.checks[0] === check
  const never = isFirst ? judgeAlways(performance) : null
  if (never !== null) return { result: 'fail', ...never, exchange }
  const isLate = performance.ending === 'late' && !expect.some(one => 'ends' in one)
  // What it has sent can be judged all the same, as far as nothing that follows mends it.
  const demands = isLate ? expect.filter(isLasting) : expect
  const missing = firstUnmetBy(arises, performance)
  if (missing !== null) {
    return { result: 'skipped', seen: `it does not arise: ${missing.expected}, ${missing.seen}` }
  }
  const unlike = firstUnmetBy(demands, performance)
  if (unlike === null && isLate) {
    const seen = `not ended after ${performance.seen.length} requests: ${advice}`
    return { result: 'setup-failed', seen, exchange }
  }
  if (unlike === null) return { result: 'pass' }
  return { result: warns || isVague(unlike.seen) ? 'warn' : 'fail', ...unlike, exchange }
}

/** An error that says nothing more is no lie; it only leaves its reader alone. */
function isVague(seen: string): boolean {
  return seen === 'told as failed'
}

function resultOf(check: ClientCheck, found: Partial<CheckResult>): CheckResult {
  const { id: requirement, level, section } = clientRequirementOf(check)
  const { id, title, why } = check
  const result = found.result ?? 'harness-failed'
  return { id, requirement, level, section, title, why, ...found, result }
}

function skipReason(
  check: ClientCheck,
  { needsPage }: Scenario,
  { skip = {}, takes = 'page', signal }: ClientCheckOptions,
): string | null {
  const reason = skip[check.id] ?? skip[check.id.split('/')[0] ?? '']
  if (reason !== undefined) return `as asked: ${reason}`
  if (takes === 'link' && needsPage === true) return 'not judged with a link instead of a page'
  return signal?.aborted === true ? 'interrupted' : null
}

/** What works with no client does not have to be tried. */
function obstacleIn(rehearsal: Played): string | null {
  if (rehearsal.kind === 'stopped') return 'interrupted'
  if (rehearsal.kind === 'failed') return 'the client could not be started'
  const { ending } = rehearsal.performance
  return ending === 'accepted' ? null : 'the rehearsal failed'
}

function isWanted({ id }: ClientCheck, { only }: ClientCheckOptions): boolean {
  return only === undefined || only.some(one => one === id || one === id.split('/')[0])
}

function checkIds(ids: readonly string[]): void {
  const known = SCENARIOS.flatMap(({ checks }) => checks.map(({ id }) => id))
  for (const id of ids) {
    if (known.some(one => one === id || one.startsWith(`${id}/`))) continue
    throw new TypeError(`There is no check and no requirement ${id}; --list names all of them.`)
  }
}
