/**
 * What a run is asked for.
 */
import type { ConnectionOptions } from 'node:tls'
import { checkAdapter, type ServerAdapter } from './adapter.js'
import type { Door, Profile } from './catalogue.js'
import type { ServerCheckResult } from './report.js'
import { DOORS } from './ways.js'

/** What {@link runConformance} is told. */
export interface ConformanceOptions {
  /**
   * The page that hands out links, or the endpoint that makes them: an absolute http(s) URL. For
   * `idempotency-key` and `conditional` the target itself, for `action-id` what makes action
   * resources.
   */
  readonly url: string | URL
  /**
   * By which scheme the server is judged.
   *
   * @defaultValue `poe`
   */
  readonly door?: Door
  /** What else has to be known of the server. */
  readonly adapter?: ServerAdapter
  /**
   * Which checks: `core` (what the draft and HTTP demand), `full` (and recommend), `safe` (and what
   * follows from them).
   *
   * @defaultValue `safe`
   */
  readonly profile?: Profile
  /** Only these: ids of checks (`POE-2-1/same`) or of requirements (`POE-2-1`). */
  readonly only?: readonly string[]
  /** Not these, and why not. */
  readonly skip?: Readonly<Record<string, string>>
  /**
   * Rounds of each race.
   *
   * @defaultValue 20
   */
  readonly rounds?: number
  /**
   * How long a request may take, in milliseconds.
   *
   * @defaultValue 10,000
   */
  readonly timeoutMs?: number
  /**
   * How long the whole may take, in milliseconds; what is left then is told as blocked.
   *
   * @defaultValue 600,000
   */
  readonly totalMs?: number
  /**
   * Warnings fail, and what was not judged leaves the verdict open.
   *
   * @defaultValue false
   */
  readonly strict?: boolean
  /**
   * How many checks are under way at once, where none of them disturbs another.
   *
   * @defaultValue 6, and 24 where answers are long on their way (a page takes more than 200 ms,
   * and six at once take no longer)
   */
  readonly jobs?: number
  /**
   * Between the beginnings of two requests, in milliseconds; those of one race are sent at once.
   *
   * @defaultValue 0
   */
  readonly paceMs?: number
  /**
   * How old the first link that was used is at least when it is tried again, in milliseconds.
   *
   * @defaultValue 10,000
   */
  readonly ageMs?: number
  /** Restarts the server; the promise is kept once the old process has ended. */
  readonly restart?: () => Promise<void>
  /**
   * Speaks HTTP/2; without TLS by prior knowledge. What only HTTP/1.1 can say is not judged.
   *
   * @defaultValue false
   */
  readonly http2?: boolean
  /** Options of TLS, such as a `ca` of one's own. */
  readonly tls?: ConnectionOptions
  /** Ends the run early; what is left is told as blocked. */
  readonly signal?: AbortSignal
  /** Called before each check. */
  readonly onStart?: (id: string, index: number, total: number) => void
  /** Called with each result. */
  readonly onResult?: (result: ServerCheckResult) => void
}

/** The options with their defaults. */
export interface ResolvedCheckOptions {
  readonly page: URL
  readonly door: Door
  readonly adapter: ServerAdapter
  readonly profile: Profile
  readonly only: readonly string[] | null
  readonly skip: ReadonlyMap<string, string>
  readonly rounds: number
  readonly timeoutMs: number
  readonly totalMs: number
  readonly strict: boolean
  /** `null`: as many as suit the server. */
  readonly jobs: number | null
  readonly paceMs: number
  readonly ageMs: number
  readonly restart: (() => Promise<void>) | null
  readonly http2: boolean
  readonly tls: ConnectionOptions
  readonly signal: AbortSignal | null
  readonly onStart: (id: string, index: number, total: number) => void
  readonly onResult: (result: ServerCheckResult) => void
}

const KNOWN: ReadonlySet<string> = new Set<keyof ConformanceOptions>([
  'url',
  'door',
  'adapter',
  'profile',
  'only',
  'skip',
  'rounds',
  'timeoutMs',
  'totalMs',
  'strict',
  'jobs',
  'paceMs',
  'ageMs',
  'restart',
  'http2',
  'tls',
  'signal',
  'onStart',
  'onResult',
])

const ROUNDS_LIMIT = 10_000
const JOBS_LIMIT = 64
const PACE_LIMIT_MS = 10_000
const TIME_LIMIT_MS = 2_147_483_647

/**
 * Checks the options and fills in what is missing.
 *
 * @param options - see {@link ConformanceOptions}; `undefined` members are as if absent
 * @throws TypeError for what cannot be used; the message says what to change
 * @throws RangeError for numbers out of their range
 */
export function resolveOptions(options: ConformanceOptions): ResolvedCheckOptions {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw new TypeError(`There is no option ${name}.`)
  }
  const { adapter = {}, profile = 'safe', door = 'poe', only, skip = {}, restart } = options
  checkAdapter(adapter)
  if (!['core', 'full', 'safe'].includes(profile)) {
    throw new TypeError('profile must be core, full or safe.')
  }
  if (!DOORS.includes(door)) throw new TypeError(`door must be one of ${DOORS.join(', ')}.`)
  const page = pageUrl(options.url)
  for (const url of [adapter.effects?.url, adapter.shortLived?.url, adapter.door?.target]) {
    if (url !== undefined && !URL.canParse(url, page)) {
      throw new TypeError(`The adapter: ${url} is no URL, and none relative to the page.`)
    }
  }
  const nothing = () => {}
  return {
    page,
    door,
    adapter,
    profile,
    only: only ?? null,
    skip: new Map(Object.entries(skip)),
    rounds: wholeNumber(options.rounds ?? 20, 'rounds', ROUNDS_LIMIT),
    timeoutMs: wholeNumber(options.timeoutMs ?? 10_000, 'timeoutMs', TIME_LIMIT_MS),
    totalMs: wholeNumber(options.totalMs ?? 600_000, 'totalMs', TIME_LIMIT_MS),
    strict: options.strict ?? false,
    jobs: options.jobs === undefined ? null : wholeNumber(options.jobs, 'jobs', JOBS_LIMIT),
    paceMs: wholeNumber(options.paceMs ?? 0, 'paceMs', PACE_LIMIT_MS, 0),
    ageMs: wholeNumber(options.ageMs ?? 10_000, 'ageMs', TIME_LIMIT_MS, 0),
    restart: restart ?? null,
    http2: options.http2 ?? false,
    tls: options.tls ?? {},
    signal: options.signal ?? null,
    onStart: options.onStart ?? nothing,
    onResult: options.onResult ?? nothing,
  }
}

function pageUrl(url: string | URL): URL {
  const isUrl = URL.canParse(String(url))
  const page = isUrl ? new URL(String(url)) : null
  if (page === null || !/^https?:$/.test(page.protocol) || page.username + page.password !== '') {
    throw new TypeError('url must be absolute, http or https, and without a login.')
  }
  page.hash = ''
  return page
}

/**
 * Checks a whole number.
 *
 * @throws RangeError where it is none from the least, 1, to the limit
 */
export function wholeNumber(value: number, name: string, limit: number, least = 1): number {
  if (Number.isInteger(value) && value >= least && value <= limit) return value
  throw new RangeError(`${name} must be a whole number from ${least} to ${limit}.`)
}
