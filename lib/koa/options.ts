/**
 * The options of `poe()` and of a resource: what they mean, their defaults, and their checks.
 */
import type { Context } from 'koa'
import type { GivenTexts } from '../answers/page-texts.js'
import type { Refusal } from '../answers/refusal-view.js'
import { DOOR_REFUSALS, LINK_REFUSALS } from '../answers/refusals.js'
import { checkNumber } from '../engine/checks.js'
import { hearFailure } from '../engine/hear-failure.js'
import type { Reconciled, ResourceRules, SuccessRule } from '../engine/operation.js'
import { isSuccess } from '../engine/outcome.js'
import type { Clock, OnEvent } from '../engine/ports.js'
import type { Store } from '../engine/store.js'
import type { Anyone, PrincipalOf } from './principal.js'

export { checkNumber } from '../engine/checks.js'

/** Options of `poe()`. Times are milliseconds, sizes bytes. */
export interface PoeOptions<Tx = never> {
  /** Where claims and outcomes are kept. Share one store object within a process. */
  readonly store: Store<Tx>
  /** Who sends a request; links work for that principal only. `anyone` binds them to nobody. */
  readonly principal: PrincipalOf | Anyone
  /** At least 32 bytes each: the first signs, all verify. Default: made once, kept in the store. */
  readonly secrets?: readonly string[] | undefined
  /** How long a POST may be begun with a link. Default 3,600,000 (1 h). */
  readonly lifetimeMs?: number | undefined
  /** How long after its expiry a link still tells what became of it. Default 86,400,000 (24 h). */
  readonly horizonMs?: number | undefined
  /** How long a claim lives without renewal; renewed at a third. Default 15,000. */
  readonly leaseMs?: number | undefined
  /** How long a second POST waits for the first. Default 5,000. */
  readonly waitMs?: number | undefined
  /** How long a handler may run before it loses its claim. Default 300,000 (5 min). */
  readonly maxRunMs?: number | undefined
  /**
   * How long one call to the store may take. Default 900; a store may ask for more, and each MiB
   * of `bodyLimitBytes` beyond the first adds 100 ms.
   */
  readonly storeTimeoutMs?: number | undefined
  /** How long a success waits to be recorded before its answer is sent. Default 5,000. */
  readonly recordForMs?: number | undefined
  /** The largest answer body that is kept. Default 262,144 (256 KiB). */
  readonly bodyLimitBytes?: number | undefined
  /** The largest payload of a message, as JSON. Default 65,536 (64 KiB). */
  readonly payloadLimitBytes?: number | undefined
  /** Response fields to record besides the representation fields. Never `Set-Cookie`. */
  readonly recordedFields?: readonly string[] | undefined
  /** `when-asked` sends `POE-Links` only to requests with a valid `POE` field. Default `always`. */
  readonly advertise?: 'always' | 'when-asked' | undefined
  /** Also send `Link` with the relation `urn:post-once-exactly:rel:poe`. Default false. */
  readonly linkField?: boolean | undefined
  /** Path that a proxy in front strips from every request, put before each link. Default ''. */
  readonly publicPrefix?: string | undefined
  /** Make links absolute with the request's scheme and host. Default false. */
  readonly absoluteLinks?: boolean | undefined
  /** Told what happens; see `PoeEvent`. What it throws is ignored. */
  readonly onEvent?: OnEvent | undefined
  /** Draws refusals of links for people in the application's own look. See {@link DrawRefusal}. */
  readonly refusal?: DrawRefusal | undefined
  /**
   * Words of pages for people, by language tag, in place of ours or besides: English, for whoever
   * asks for no language that there is, and German.
   */
  readonly texts?: GivenTexts | undefined
  /** The process clock, for tests. */
  readonly clock?: Clock | undefined
  /** Runs handlers while the store is down: duplicates pass. Default false. */
  readonly dangerouslyRunUnprotected?: boolean | undefined
  /** Frees undecided links on the next POST: an effect may happen twice. Default false. */
  readonly dangerouslyRetryUndecided?: boolean | undefined
}

/** What `key(ctx)` of an app-named resource gives: the key, and when the app stops taking it. */
export type AppKey = string | { readonly key: string; readonly expiresAt: Date } | null

/**
 * Draws a refusal for a person: gives the page, or puts it into `ctx.body` as a view engine does,
 * or neither for the page of this package. It may set fields, a cookie or a policy for the page;
 * status, `Allow`, `Link`, `Retry-After` and caching stay what they are. Where it throws, or has no
 * page within 5 s, the event `refusal-not-drawn` tells, and the page of this package is sent.
 * Programs get their problem document, and it is not called.
 *
 * Escaping is its task: what is in the refusal is text, and `fields` is whatever was typed.
 */
export type DrawRefusal = (
  ctx: Context,
  refusal: Refusal,
) => string | Uint8Array | null | undefined | Promise<string | Uint8Array | null | undefined>

/** What a form is drawn again for. */
export interface RerenderReason {
  readonly state: 'spent' | 'expired' | 'forgotten'
  /** The result of the first POST, where there is one. */
  readonly result: string | null
  /**
   * For `spent`: `false` where other content was sent before, `null` where nobody can tell whether
   * it was the same.
   */
  readonly payloadMatches?: false | null
}

/** Options of `resource()`. Times are milliseconds; those left out are taken from `poe()`. */
export interface ResourceOptions {
  /** Names the resource for `ctx.poe.link(name)`, in every process alike. */
  readonly name: string
  /** The router path; one segment must be `:token`, unless `key` is given. */
  readonly path: string
  readonly lifetimeMs?: number | undefined
  readonly waitMs?: number | undefined
  readonly maxRunMs?: number | undefined
  /**
   * The handler's whole effect is in `ctx.poe.tx`, or in what joins it. Needs a transactional
   * store. `may-be-empty`: it may succeed without any, which is told as a mistake otherwise.
   */
  readonly transactional?: boolean | 'may-be-empty' | undefined
  /** The handler calls `ctx.poe.pointOfNoReturn()` before its effect. */
  readonly marks?: boolean | undefined
  /** Any throw of the handler means that nothing happened. */
  readonly releaseOnThrow?: boolean | undefined
  /**
   * Which thrown errors say that nothing happened, besides those made by `ctx.throw`. Only `true`
   * counts; errors of a client library do not belong here: theirs is somebody else's status.
   */
  readonly isRefusal?: ((error: unknown) => boolean) | undefined
  /**
   * Further statuses, of 500 to 599, by which the handler says that nothing happened. Default: 501
   * and 503 alone.
   */
  readonly reports?: readonly number[] | undefined
  /** Finds out about an undecided link; asked on POST, waited for at most 5 s. */
  readonly reconcile?: ((key: string) => Reconciled | Promise<Reconciled>) | undefined
  /** Replaces the rule for what is a success (2xx, or 301, 302, 303 with `Location`). */
  readonly success?: SuccessRule | undefined
  /** Answers a GET of an unspent link. Without it such a GET gets 405. */
  readonly page?: ((ctx: Context) => unknown) | undefined
  /** Draws the form again with `fields` kept and a fresh link, for a browser that came too late. */
  readonly rerender?:
    | ((ctx: Context, fields: Readonly<Record<string, unknown>>, why: RerenderReason) => unknown)
    | undefined
  /** Draws this resource's refusals, in place of the option of `poe()`. */
  readonly refusal?: DrawRefusal | undefined
  /** A page that gives a fresh link, named on 410. */
  readonly createForm?: string | undefined
  /** Names the POE resource of a request instead of a token; `null` is 404. */
  readonly key?: ((ctx: Context) => AppKey) | undefined
  /** Allows `key` on a store that forgets at a restart: effects may then happen twice. */
  readonly dangerouslyNotDurable?: boolean | undefined
}

/** `PoeOptions` complete. */
export type ResolvedPoeOptions = Readonly<{
  store: Store<unknown>
  principal: PrincipalOf | Anyone
  secrets: readonly string[] | undefined
  lifetimeMs: number
  horizonMs: number
  leaseMs: number
  waitMs: number
  maxRunMs: number
  storeTimeoutMs: number
  recordForMs: number
  bodyLimitBytes: number
  payloadLimitBytes: number
  recordedFields: readonly string[]
  advertise: 'always' | 'when-asked'
  linkField: boolean
  publicPrefix: string
  absoluteLinks: boolean
  onEvent: OnEvent | undefined
  refusal: DrawRefusal | undefined
  texts: GivenTexts | undefined
  clock: Clock | undefined
  dangerouslyRunUnprotected: boolean
  dangerouslyRetryUndecided: boolean
}>

const DEFAULTS = {
  secrets: undefined,
  lifetimeMs: 3_600_000,
  horizonMs: 86_400_000,
  leaseMs: 15_000,
  waitMs: 5_000,
  maxRunMs: 300_000,
  storeTimeoutMs: 900,
  recordForMs: 5_000,
  bodyLimitBytes: 262_144,
  payloadLimitBytes: 65_536,
  recordedFields: [] as readonly string[],
  advertise: 'always',
  linkField: false,
  publicPrefix: '',
  absoluteLinks: false,
  onEvent: undefined,
  refusal: undefined,
  texts: undefined,
  clock: undefined,
  dangerouslyRunUnprotected: false,
  dangerouslyRetryUndecided: false,
} as const

/** The representation fields that are recorded with every outcome. */
const ALWAYS_RECORDED = [
  'content-type',
  'content-language',
  'content-encoding',
  'content-disposition',
  'content-location',
  'etag',
  'last-modified',
  'link',
  'location',
  'vary',
  // What makes the content safe to show: without them, a page is another one.
  'content-security-policy',
  'content-security-policy-report-only',
  'x-content-type-options',
  'x-frame-options',
  'x-xss-protection',
  'x-permitted-cross-domain-policies',
  'x-download-options',
  'x-robots-tag',
  'permissions-policy',
  'referrer-policy',
  'origin-agent-cluster',
  'cross-origin-opener-policy',
  'cross-origin-opener-policy-report-only',
  'cross-origin-embedder-policy',
  'cross-origin-embedder-policy-report-only',
  'cross-origin-resource-policy',
  'timing-allow-origin',
]

/** Fields that belong to one exchange or one person: never recorded. */
const NEVER_RECORDED = new Set([
  ...['set-cookie', 'set-cookie2', 'www-authenticate', 'authentication-info'],
  ...['proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization', 'proxy-connection'],
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['date', 'age', 'content-length', 'cache-control', 'vary', 'allow', 'poe-links'],
])

const RESOURCE_OPTIONS = [
  ...['name', 'path', 'lifetimeMs', 'waitMs', 'maxRunMs', 'transactional', 'marks'],
  ...['releaseOnThrow', 'isRefusal', 'reports', 'reconcile', 'success', 'page', 'rerender'],
  ...['refusal', 'createForm', 'key', 'dangerouslyNotDurable'],
]

/**
 * Checks the options of `poe()` and fills in the defaults.
 *
 * @throws TypeError or RangeError that says what to do
 */
export function resolveOptions<Tx>(options: PoeOptions<Tx>): ResolvedPoeOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('poe() needs options: { store, principal }')
  }
  refuseUnknown(options, ['store', 'principal', ...Object.keys(DEFAULTS)], 'poe()')
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const resolved = { ...DEFAULTS, ...Object.fromEntries(given) } as unknown as ResolvedPoeOptions
  if (typeof resolved.store?.claim !== 'function') {
    throw new TypeError('poe() needs a store, for example memoryStore() or sqliteStore(file)')
  }
  checkPrincipal(resolved.principal)
  checkFunctions('poe()', resolved)
  checkTexts(resolved.texts)
  checkNumbers(resolved)
  checkFields(resolved)
  const recordedFields = resolved.recordedFields.map(name => name.toLowerCase())
  return Object.freeze({ ...resolved, recordedFields: [...ALWAYS_RECORDED, ...recordedFields] })
}

/**
 * Checks the options of `resource()` and makes its rules.
 *
 * @throws TypeError or RangeError that says what to do
 */
export function resolveRules(
  options: ResourceOptions,
  defaults: ResolvedPoeOptions,
): ResourceRules {
  refuseUnknown(options, RESOURCE_OPTIONS, 'resource()')
  const where = `resource ${JSON.stringify(options.name)}`
  if (typeof options.name !== 'string' || options.name === '') {
    throw new TypeError('resource() needs a name')
  }
  checkReference(where, 'createForm', options.createForm)
  if (options.key !== undefined) {
    demandDurable(`${where} has a key`, defaults, options.dangerouslyNotDurable)
  }
  checkNumber(where, 'lifetimeMs', options.lifetimeMs ?? defaults.lifetimeMs, 1, YEAR_MS)
  return makeRules(where, options, defaults, defaults.waitMs)
}

/** How a handler is run once, whatever the door. */
export type RuleOptions = Pick<
  ResourceOptions,
  | 'waitMs'
  | 'maxRunMs'
  | 'transactional'
  | 'marks'
  | 'releaseOnThrow'
  | 'isRefusal'
  | 'reports'
  | 'reconcile'
  | 'success'
>

/** The names of {@link RuleOptions}. */
export const RULE_OPTIONS: readonly (keyof RuleOptions)[] = [
  'waitMs',
  'maxRunMs',
  'transactional',
  'marks',
  'releaseOnThrow',
  'isRefusal',
  'reports',
  'reconcile',
  'success',
]

/**
 * Makes the rules of a resource or a door.
 *
 * @param where - what to call it in errors
 * @param waitMs - how long a twin waits where `options` do not say, in milliseconds
 * @throws TypeError or RangeError that says what to do
 */
export function makeRules(
  where: string,
  options: RuleOptions,
  defaults: ResolvedPoeOptions,
  waitMs: number,
): ResourceRules {
  checkFunctions(where, options)
  const { marks = false } = options
  const asked = options.transactional ?? false
  if (typeof asked !== 'boolean' && asked !== 'may-be-empty') {
    throw new TypeError(`${where}: transactional takes true, false or 'may-be-empty'`)
  }
  const transactional = asked !== false
  if (transactional && !defaults.store.capabilities.transactional) {
    throw new TypeError(`${where} is transactional, but its store has no transactions`)
  }
  if (transactional && marks) {
    throw new TypeError(`${where}: marks are for external effects, not for a transactional one`)
  }
  const rules: ResourceRules = {
    transactional,
    mayBeEmpty: asked === 'may-be-empty',
    marks,
    releaseOnThrow: options.releaseOnThrow ?? false,
    waitMs: options.waitMs ?? waitMs,
    maxRunMs: options.maxRunMs ?? defaults.maxRunMs,
    success: options.success === undefined ? isSuccess : atOnce(where, options.success),
    reports: checkReports(where, options.reports),
    isRefusal: options.isRefusal ?? null,
    keepsRefusal: null,
    reconcile: options.reconcile ?? null,
  }
  checkNumber(where, 'waitMs', rules.waitMs, 0, 60_000)
  checkNumber(where, 'maxRunMs', rules.maxRunMs, 1, DAY_MS)
  return Object.freeze(rules)
}

/** A promise counts as true: every refusal would be a success, and use its link up. */
function atOnce(where: string, success: SuccessRule): SuccessRule {
  return answer => {
    const told: unknown = success(answer)
    if (!(told instanceof Promise)) return told as boolean
    hearFailure(told)
    throw new TypeError(`${where}: success(answer) gave a promise; it must say true or false`)
  }
}

function checkReports(where: string, reports: unknown): readonly number[] {
  if (reports === undefined) return []
  const isList = Array.isArray(reports)
  if (isList && reports.every(status => Number.isInteger(status) && /^5\d\d$/.test(`${status}`))) {
    return Object.freeze([...reports])
  }
  throw new TypeError(`${where}: reports must be a list of statuses from 500 to 599`)
}

/**
 * Refuses a store that forgets at a restart, where that would let an effect happen twice.
 *
 * @throws TypeError that says what to do
 */
export function demandDurable(
  where: string,
  { store }: ResolvedPoeOptions,
  dangerouslyNotDurable: boolean | undefined,
): void {
  if (store.capabilities.durable || dangerouslyNotDurable === true) return
  throw new TypeError(
    `${where}, but its store forgets at a restart and would run it again. ` +
      'Use a durable store, or set dangerouslyNotDurable: true.',
  )
}

const DAY_MS = 86_400_000
/** Milliseconds of a long year. */
export const YEAR_MS: number = 366 * DAY_MS

function checkPrincipal(principal: unknown): void {
  if (typeof principal === 'function' || typeof principal === 'symbol') return
  throw new TypeError(
    'poe() needs principal: a function that names who sends a request, for example ' +
      'ctx => ctx.state.user?.id; or anyone, if links may be used by whoever has them',
  )
}

/** What may be given as a function, and what it does. */
const FUNCTIONS = {
  isRefusal: 'judges a thrown error',
  onEvent: 'is told what happens',
  page: 'answers a GET before the link is used',
  reconcile: 'tells what became of an effect',
  refusal: 'gives a page',
  rerender: 'draws a form again',
  success: 'judges an answer',
} as const

function checkFunctions(where: string, options: object): void {
  const given = options as Readonly<Record<string, unknown>>
  for (const [name, does] of Object.entries(FUNCTIONS)) {
    if (given[name] === undefined || typeof given[name] === 'function') continue
    throw new TypeError(`${where}: ${name} must be a function that ${does}`)
  }
}

function checkTexts(texts: unknown = {}): void {
  if (typeof texts !== 'object' || texts === null) {
    throw new TypeError('poe(): texts must be an object, like { fr: { labels, refusals } }')
  }
  for (const [language, given] of Object.entries(texts as object)) {
    refuseUnknown(given, ['labels', 'refusals'], `poe(): texts.${language}`)
    refuseUnknown(given.labels ?? {}, LABELS, `poe(): texts.${language}.labels`)
    refuseUnknown(given.refusals ?? {}, REFUSALS, `poe(): texts.${language}.refusals`)
  }
}

const LABELS = ['result', 'again', 'createForm']
const REFUSALS = [...Object.keys(LINK_REFUSALS), ...Object.keys(DOOR_REFUSALS)]

function checkNumbers(options: ResolvedPoeOptions): void {
  checkNumber('poe()', 'lifetimeMs', options.lifetimeMs, 1, YEAR_MS)
  checkNumber('poe()', 'horizonMs', options.horizonMs, 0, 10 * YEAR_MS)
  checkNumber('poe()', 'leaseMs', options.leaseMs, 100, DAY_MS)
  checkNumber('poe()', 'waitMs', options.waitMs, 0, 60_000)
  checkNumber('poe()', 'maxRunMs', options.maxRunMs, 1, DAY_MS)
  checkNumber('poe()', 'storeTimeoutMs', options.storeTimeoutMs, 1, 60_000)
  checkNumber('poe()', 'recordForMs', options.recordForMs, 0, 60_000)
  checkNumber('poe()', 'bodyLimitBytes', options.bodyLimitBytes, 0, 64 * 1024 * 1024)
  checkNumber('poe()', 'payloadLimitBytes', options.payloadLimitBytes, 2, 16 * 1024 * 1024)
}

function checkFields(options: ResolvedPoeOptions): void {
  for (const name of options.recordedFields) {
    if (!NEVER_RECORDED.has(name.toLowerCase())) continue
    throw new TypeError(`poe(): ${name} belongs to one exchange and cannot be recorded`)
  }
  const { publicPrefix } = options
  if (!/^(\/[^/?#\s][^?#\s]*[^/?#\s]|\/[^/?#\s])?$/.test(publicPrefix)) {
    const want = "must be '' or a path such as '/shop', no '/' at its end"
    throw new TypeError(`poe(): publicPrefix ${want}`)
  }
  if (publicPrefix !== '') checkReference('poe()', 'publicPrefix', publicPrefix)
  if (options.advertise !== 'always' && options.advertise !== 'when-asked') {
    throw new TypeError("poe(): advertise must be 'always' or 'when-asked'")
  }
}

/**
 * Refuses what cannot stand in a field as a URI-reference: to send it would be an error each time.
 *
 * @throws TypeError that says what to do
 */
export function checkReference(where: string, name: string, value: unknown): void {
  if (value == null) return
  if (typeof value === 'string' && /^[!#-;=?-[\]_a-z~]+$/.test(value)) return
  throw new TypeError(
    `${where}: ${name} must be a URI-reference; write other characters as encodeURI() does`,
  )
}

/** Refuses options that nobody knows. @throws TypeError that names those that are known */
export function refuseUnknown(options: object, known: readonly string[], where: string): void {
  const unknown = Object.keys(options).find(name => !known.includes(name))
  if (unknown === undefined) return
  throw new TypeError(`${where} has no option ${unknown}; known are ${known.join(', ')}`)
}
