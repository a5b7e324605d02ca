/**
 * Wrong servers as they are judged: each with what shows its fault.
 */
import {
  CHECKS,
  type Check,
  type ConformanceReport,
  runConformance,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import { IN_THE_END } from '../../lib/conformance/checks/poe/reuse.js'
import { EffectAccount } from '../../lib/conformance/effect-account.js'
import { runCheck } from '../../lib/conformance/run-check.js'
import { Subject } from '../../lib/conformance/subject.js'
import { Http1Wire } from '../../lib/conformance/wire.js'
import { INDEPENDENT } from './adapters.js'
import { AT_LEAST, caughtBy } from './caught-by.js'
import { ALWAYS, partOf } from './parts.js'
import type { IndependentOptions, JudgedServer } from './servers/independent.js'
import { startWrong } from './servers/wrong.js'

/** The life of links that are to expire, in milliseconds. */
const LIFE_MS = 900
/** The life of all others: no run lasts so long. */
const LONG_MS = 3_600_000
/** What a handler reports, where the fault is about that. */
const REPORTED: Readonly<Record<string, number>> = {
  'burnt-by-401': 401,
  'burnt-by-403': 403,
  'burnt-by-429': 429,
  'burnt-by-307': 307,
}
/** What else a fault needs to be seen. */
const OPTIONS: Readonly<Record<string, IndependentOptions>> = { 'waiting-2xx': { waitMs: 2_500 } }
/** How old the first links are at the end, where that matters, in milliseconds. */
const AGES: Readonly<Record<string, number>> = { 'again-later': 1_500 }
/** It depends on what comes between two requests, so nothing else comes. */
const ONE_BY_ONE = ['result-of-first', 'shows-the-latest', 'remembers-few']
/** More than one round, where the fault shows now and then. */
const BY_CHANCE = ['race-check-then-act', 'queue-overflows', 'lock-by-content']

/** So many servers share the checks that are not meant for their faults: each is asked its part. */
const SHARERS = 24

/**
 * A run against a wrong server: with all checks, or with those that are meant for its fault, what
 * these build on, and its part of all others, so that each check meets many faults of others.
 *
 * @param name - of the server
 * @param number - which part of the others it is asked; `null` for all of them
 */
export async function judged(name: string, number: number | null): Promise<ConformanceReport> {
  return await withServer(name, async ({ page, restart }, adapter) => {
    const rounds = BY_CHANCE.includes(name) ? 3 : 1
    const jobs = ONE_BY_ONE.includes(name) ? 1 : 3
    const meant = [...ALWAYS, ...caughtBy(name)]
    const part = number === null ? {} : { only: partOf(CHECKS, meant, number, SHARERS) }
    const common = { adapter, rounds, jobs, ageMs: AGES[name] ?? 0, timeoutMs: 5_000, ...part }
    return await runConformance({ url: page, restart, ...common })
  })
}

/** Whether a fault shows only where a whole run comes before. */
export function needsAll(name: string): boolean {
  const looksBack = IN_THE_END.some(({ id }) => caughtBy(name).includes(id))
  return looksBack && !AT_LEAST.has(name) && !ONE_BY_ONE.includes(name)
}

/** How one check ends, by itself; the account of effects is another matter. */
export async function resultOf(check: Check, name: string, counts: boolean): Promise<string> {
  return await withServer(name, async ({ page, restart }, adapter) => {
    const wire = new Http1Wire({ timeoutMs: 5_000, tls: {} })
    const { effects: _effects, ...uncounted } = adapter
    const subject = new Subject(new URL(page), counts ? adapter : uncounted, wire, { restart })
    const shared = new EffectAccount(subject)
    await subject.ask()
    return (await runCheck(check, subject, { rounds: 3, unmetIs: 'fail', shared })).result
  })
}

async function withServer<T>(
  name: string,
  work: (server: JudgedServer, adapter: ServerAdapter) => Promise<T>,
): Promise<T> {
  const server = await startWrong(name, { ...OPTIONS[name], lifetimeMs: LONG_MS })
  const hasty = await startWrong(name, { ...OPTIONS[name], lifetimeMs: LIFE_MS })
  const failure = { fields: { 'X-Fault': `fail=${REPORTED[name] ?? 500}` } }
  const adapter = {
    ...INDEPENDENT,
    provoke: { ...INDEPENDENT.provoke, failure },
    shortLived: { url: hasty.page, lifeMs: LIFE_MS },
  }
  try {
    return await work(server, adapter)
  } finally {
    await Promise.all([server.close(), hasty.close()])
  }
}
