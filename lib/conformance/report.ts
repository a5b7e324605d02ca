/**
 * What a run found, as data: the same for servers and for clients, for every reporter.
 */
import type { Door, Level, Profile } from './catalogue.js'

/**
 * How a check ended. `warn`: not met, where the text leaves it open. `setup-failed`: what comes
 * before the question did not work, or the answer says nothing about it. `harness-failed`: we could
 * not ask. `blocked`: something before it failed for all. `skipped`: not asked.
 */
export type ResultKind =
  | 'pass'
  | 'fail'
  | 'warn'
  | 'info'
  | 'setup-failed'
  | 'harness-failed'
  | 'blocked'
  | 'skipped'

/** How one check ended. */
export interface CheckResult {
  readonly id: string
  readonly requirement: string
  readonly level: Level
  readonly section: string
  readonly title: string
  readonly result: ResultKind
  /** What was expected, where that was not seen. */
  readonly expected?: string
  /** What was seen instead, or why nothing was. */
  readonly seen?: string
  /** Why it matters. */
  readonly why?: string
  /** The exchange that was judged, or for a client all of them, for a reader. */
  readonly exchange?: string
  /** How long it took, in milliseconds; absent where nothing was asked. */
  readonly durationMs?: number
  /** Where it did not pass: the requests of the check, in the order in which they ended. */
  readonly exchanges?: readonly ToldExchange[]
  /** How many more there were. */
  readonly exchangesLeftOut?: number
}

/** A request of a check, and what came of it. */
export interface ToldExchange {
  /** When it ended, in milliseconds from the beginning of the check. */
  readonly endedAtMs: number
  /** Whether its answer is what was not as expected. */
  readonly isDecisive: boolean
  /** As it went over the wire, with content cut short and without secrets. */
  readonly text: string
  /** A command that sends the request again; secrets are variables of the shell. */
  readonly curl: string
}

/** The result of a check of a server. */
export interface ServerCheckResult extends CheckResult {
  readonly profile: Profile
}

/** What is said of a whole run, or of one profile of it. */
export type Verdict = 'conformant' | 'not-conformant' | 'undetermined'

/** What is said of a profile. */
export interface Grade {
  readonly verdict: Verdict
  /** How many checks ended in each way, those of smaller profiles included. */
  readonly counts: Readonly<Record<ResultKind, number>>
}

/** A run against a server. */
export interface ConformanceReport {
  /** The page or endpoint that was given. */
  readonly target: string
  /** By which scheme it was judged. */
  readonly door: Door
  /** The version of this suite. */
  readonly version: string
  readonly profile: Profile
  readonly startedAt: string
  readonly durationMs: number
  /** How many rounds each race had. */
  readonly rounds: number
  readonly results: readonly ServerCheckResult[]
  /** For each profile that was run. */
  readonly grades: Readonly<Partial<Record<Profile, Grade>>>
  readonly verdict: Verdict
  /** 0 conformant, 1 not, 2 could not tell. */
  readonly exitCode: 0 | 1 | 2
}

const PROFILES: readonly Profile[] = ['core', 'full', 'safe']

/** The profiles that a run of one includes. */
export function profilesOf(profile: Profile): readonly Profile[] {
  return PROFILES.slice(0, PROFILES.indexOf(profile) + 1)
}

/**
 * Counts results and says what follows from them.
 *
 * @param results - of all checks that count
 * @param strict - warnings fail, and what was not judged leaves the verdict open
 */
export function gradeOf(results: readonly Pick<CheckResult, 'result'>[], strict: boolean): Grade {
  const counts: Record<ResultKind, number> = {
    pass: 0,
    fail: 0,
    warn: 0,
    info: 0,
    'setup-failed': 0,
    'harness-failed': 0,
    blocked: 0,
    skipped: 0,
  }
  for (const { result } of results) counts[result] += 1
  return { verdict: verdictOf(counts, strict), counts }
}

function verdictOf(counts: Grade['counts'], strict: boolean): Verdict {
  if (counts.fail > 0 || (strict && counts.warn > 0)) return 'not-conformant'
  const open = counts['setup-failed'] + counts['harness-failed'] + counts.blocked
  if (open > 0 || (strict && counts.skipped > 0)) return 'undetermined'
  const judged = counts.pass + counts.warn + counts.info
  return judged > 0 ? 'conformant' : 'undetermined'
}

/** The exit code of a verdict. */
export function exitCodeOf(verdict: Verdict): 0 | 1 | 2 {
  switch (verdict) {
    case 'conformant':
      return 0
    case 'not-conformant':
      return 1
    case 'undetermined':
      return 2
  }
}
