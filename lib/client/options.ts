/**
 * What the client can be told, and the check of it.
 */

import type { ClientClock } from './clock.js'
import type { FetchHeaders } from './fetch-types.js'
import type { Journal } from './journal.js'
import type { PostOutcome, Refused, Unknown } from './outcome.js'

/** Anything that is called like `fetch`. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Told before each wait for a further try. */
export interface RetryNotice {
  readonly link: string
  /** The try that was made, 1 for the first. */
  readonly attempt: number
  /** How long the wait will be, in milliseconds. */
  readonly delayMs: number
  /** How many tries are left. */
  readonly triesLeft: number
  /** The answer that does not tell, where there was one; its body is not to be read. */
  readonly response: Response | null
  /** What went wrong, where there was no answer. */
  readonly cause: unknown
}

/** A request that leaves: of a try, of a question to a link, of `links` and `mint`. */
export interface RequestNotice {
  readonly method: string
  /** It may be a link, which is a right to post: log its origin, or a hash of it. */
  readonly url: string
}

/** How a request ended. */
export interface ResponseNotice extends RequestNotice {
  /** Status of the answer; `null` where none came. */
  readonly status: number | null
  /** What went wrong, where no answer came. */
  readonly cause: unknown
}

/** Where lines go; `console`, pino and others have these methods. */
export interface ClientLogger {
  /** Each request's end. */
  readonly debug: (line: string) => void
  /** Waits, and outcomes that are known. */
  readonly info: (line: string) => void
  /** Outcomes that are not known. */
  readonly warn: (line: string) => void
}

/**
 * Hooks of the Node client and of those with a journal. One that is given for a call takes the
 * place of the client's.
 */
export interface RequestHooks {
  /** Told of each request before it leaves, and not waited for; what it throws is ignored. */
  readonly onRequest?: (notice: RequestNotice) => void
  /** Told how each request ended, as {@link onRequest}. */
  readonly onResponse?: (notice: ResponseNotice) => void
}

/** What can be told for all POSTs of a client, and for one of them. */
export interface SendOptions extends RequestHooks {
  /**
   * How often a POST is sent at most, the first time included.
   *
   * @defaultValue 5
   */
  readonly tries?: number
  /**
   * How long one try may wait for its answer to begin, in milliseconds.
   *
   * @defaultValue 30_000
   */
  readonly timeoutMs?: number
  /**
   * How long all tries and the waits between them may take, in milliseconds.
   *
   * @defaultValue 120_000
   */
  readonly totalMs?: number
  /**
   * Called, and waited for, before each wait for a further try. What it throws ends the POST.
   *
   * @see POE draft 2
   */
  readonly onRetry?: (notice: RetryNotice) => void | Promise<void>
  /**
   * Called, and waited for, when the client stops without knowing, or without having sent
   * anything. What it throws is thrown by `post`.
   *
   * @see POE draft 2
   */
  readonly onGiveUp?: (outcome: Unknown | Refused) => void | Promise<void>
}

/** How a server differs from the draft. */
export interface Adapter {
  /** JSON pointer of the link in a page. Default: `/link`, where that is announced too. */
  readonly linkPointer?: string
  /** JSON pointer of the link's end: a date, or seconds since the epoch. Default: `/expires`. */
  readonly expiresPointer?: string
  /** Relation of a `Link` that names the link. Only the Node client reads `Link`. */
  readonly linkRelation?: string
  /** Whether a 2xx means that it happened; without it, the link is asked where that is unclear. */
  readonly isSuccess?: (response: { readonly status: number }) => boolean
  /** Statuses, besides 405, of a link that was used. On a retry they end as `unknown`. */
  readonly usedStatuses?: readonly number[]
  /** Fields that every request needs. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Options of `createClient`. All times are milliseconds. */
export interface ClientOptions extends SendOptions {
  /**
   * What sends, once for each call: where it tries again by itself, a refused connection at its end
   * says nothing of the tries before, and would be told as not sent.
   *
   * @defaultValue the global `fetch`
   */
  readonly fetch?: FetchLike
  /** Fields of every request, or what gives them for each try; they are never journalled. */
  readonly headers?: FetchHeaders | (() => FetchHeaders | Promise<FetchHeaders>)
  /** More of `fetch`'s options, for example `credentials` or undici's `dispatcher`. */
  readonly init?: Omit<RequestInit, 'body' | 'headers' | 'method' | 'redirect' | 'signal'>
  /**
   * The first pause between tries.
   *
   * @defaultValue 300
   */
  readonly baseMs?: number
  /**
   * The longest pause that grows by itself.
   *
   * @defaultValue 30_000
   */
  readonly capMs?: number
  /**
   * The longest `Retry-After` that is waited for; the client gives up on a longer one.
   *
   * @defaultValue as `totalMs`
   */
  readonly maxRetryAfterMs?: number
  /**
   * Called once for a 401 or 407: gives the fields of a login, and the try is made again. It is
   * told the URL that was asked; the login goes to this origin only.
   *
   * @defaultValue none: the answer is a refusal
   */
  readonly authenticate?: (
    response: Response,
    url: string,
  ) => FetchHeaders | null | Promise<FetchHeaders | null>
  /**
   * Origins that links, and redirects of pages, may lead to, besides the one that was asked; `any`
   * for all. What was given for requests goes there only when such a link is posted to.
   *
   * @defaultValue none
   * @see POE draft 8
   */
  readonly origins?: readonly string[] | 'any'
  /**
   * Sends `POE: 1` to other origins than the page's own, too; in browsers that asks for a
   * preflight.
   *
   * @defaultValue false
   * @see POE draft 4
   */
  readonly crossOrigin?: boolean
  /**
   * How much of a body, or of a page that is searched for links, is held in memory, in bytes.
   *
   * @defaultValue 16 MiB
   */
  readonly bodyLimitBytes?: number
  /**
   * Keeps every POST before its first byte leaves, so that another process or page can go on.
   *
   * @defaultValue none
   */
  readonly journal?: Journal
  /**
   * How the server differs from the draft.
   *
   * @defaultValue not at all
   */
  readonly adapter?: Adapter
  /**
   * How `Idempotency-Key` is written: as a Structured Field string, or without quotes.
   *
   * @defaultValue 'structured'
   */
  readonly keyFormat?: 'structured' | 'plain'
  /**
   * Called, and waited for, with each outcome of a POST, before its entry leaves the journal; what
   * it throws is thrown by `post`. What it reads by `outcome.text()`, a caller of `fetch` has too.
   * Of the Node client and of those with a journal.
   */
  readonly onOutcome?: (outcome: PostOutcome) => void | Promise<void>
  /**
   * Told, in a line each, of requests, waits and outcomes. Links are shown by their origin and the
   * plain words of their path; no field, key or content is shown. Of the Node client.
   *
   * @defaultValue none
   */
  readonly logger?: ClientLogger
  /** Sends a plain request again where it provably never left. Default: `false`. */
  readonly retryUnsent?: boolean
  /** The time. Default: the real one. */
  readonly clock?: ClientClock
  /** A number from 0 to below 1. Default: `Math.random`. */
  readonly random?: () => number
}

/** What an entry point adds: how `Link` is read, where it is. */
export interface LinkReader {
  /**
   * The target of our result relation whose anchor is the link.
   *
   * @returns an absolute URL; `null` where there is none
   */
  result(field: string | null, link: URL): string | null
}

/** Options that may be absent. */
export type OptionalHooks = Pick<
  ClientOptions,
  | 'onRetry'
  | 'onGiveUp'
  | 'onRequest'
  | 'onResponse'
  | 'onOutcome'
  | 'logger'
  | 'authenticate'
  | 'headers'
  | 'journal'
>
/** Options that always are there. */
export type ClientSettings = Required<Omit<ClientOptions, keyof OptionalHooks>>

/** Options that are complete. */
export type ResolvedClientOptions = Readonly<ClientSettings> & Readonly<OptionalHooks>

/** The names, and what each must be. */
const CHECKS: Readonly<Record<keyof ClientOptions, (value: unknown) => boolean>> = {
  tries: isCount,
  timeoutMs: isTime,
  totalMs: isTime,
  onRetry: isFunction,
  onGiveUp: isFunction,
  fetch: isFunction,
  headers: isFields,
  init: isObject,
  baseMs: isTime,
  capMs: isTime,
  maxRetryAfterMs: isTime,
  authenticate: isFunction,
  origins: isOrigins,
  crossOrigin: isBoolean,
  bodyLimitBytes: isCount,
  journal: isJournal,
  adapter: isObject,
  keyFormat: isKeyFormat,
  onRequest: isFunction,
  onResponse: isFunction,
  onOutcome: isFunction,
  logger: isLogger,
  retryUnsent: isBoolean,
  clock: isClock,
  random: isFunction,
}

/** What to give, by what is checked. */
const WANTED: ReadonlyMap<(value: unknown) => boolean, string> = new Map([
  [isCount, 'a whole number from 1'],
  [isTime, 'milliseconds, a number above 0'],
  [isFunction, 'a function'],
  [isObject, 'an object'],
  [isBoolean, 'true or false'],
  [isFields, 'an object of fields, or a function that gives one'],
  [isOrigins, "origins such as ['https://pay.example'], or 'any'"],
  [isJournal, 'a journal, as fileJournal or indexedDbJournal makes one'],
  [isKeyFormat, "'structured' or 'plain'"],
  [isClock, 'an object with now and sleep'],
  [isLogger, 'an object with the functions debug, info and warn'],
  [isSignal, 'an AbortSignal'],
  [isMoment, 'milliseconds since the Unix epoch'],
])

/** What only a call can be given. */
export interface CallOptions {
  readonly signal?: unknown
  readonly expiresAtMs?: unknown
  readonly onStart?: unknown
  readonly onOutcome?: unknown
}

const CALL_CHECKS: Readonly<Record<keyof CallOptions, (value: unknown) => boolean>> = {
  signal: isSignal,
  expiresAtMs: isMoment,
  onStart: isFunction,
  onOutcome: isFunction,
}

/**
 * Checks those options that are there.
 *
 * @param options - of the client, or of a call
 * @param own - what else a call was given
 * @throws TypeError for a name that there is not, or a value that cannot be meant
 */
export function checkOptions(options: SendOptions, own: CallOptions = {}): void {
  for (const [name, value] of Object.entries(options)) {
    const check = CHECKS[name as keyof ClientOptions]
    if (check === undefined) {
      const names = Object.keys(CHECKS).join(', ')
      throw new TypeError(`There is no option '${name}'. Leave it out, or give one of ${names}.`)
    }
    mustPass(check, name, value)
  }
  for (const [name, value] of Object.entries(own)) {
    mustPass(CALL_CHECKS[name as keyof CallOptions], name, value)
  }
}

function mustPass(check: (value: unknown) => boolean, name: string, value: unknown): void {
  if (value === undefined || check(value)) return
  const problem = `The option '${name}' cannot be ${describe(value)}`
  throw new TypeError(`${problem}; give ${WANTED.get(check)}.`)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'number' || value === null ? String(value) : typeof value
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value <= Number.MAX_SAFE_INTEGER
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}

function isFields(value: unknown): boolean {
  return isFunction(value) || isObject(value)
}

function isOrigins(value: unknown): boolean {
  return value === 'any' || (Array.isArray(value) && value.every(isOrigin))
}

function isJournal(value: unknown): boolean {
  return has(value, 'begin')
}

function isKeyFormat(value: unknown): boolean {
  return value === 'structured' || value === 'plain'
}

function isClock(value: unknown): boolean {
  return has(value, 'sleep')
}

function isLogger(value: unknown): boolean {
  return ['debug', 'info', 'warn'].every(name => has(value, name))
}

function isSignal(value: unknown): boolean {
  return value === null || has(value, 'addEventListener')
}

function isMoment(value: unknown): boolean {
  return value === null || Number.isFinite(value)
}

function has(value: unknown, name: string): boolean {
  return isObject(value) && isFunction(Reflect.get(value as object, name))
}

function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && new URL(value).origin !== 'null'
}
