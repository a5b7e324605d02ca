/**
 * The options of `poe()` and of a resource: what they mean, their defaults, and their checks.
 */
import type { Context } from 'koa'
import type { GivenTexts } from '../answers/page-texts.js'
import type { Refusal } from '../answers/refusal-view.js'
import { DOOR_REFUSALS, LINK_REFUSALS } from '../answers/refusals.js'
import {
  checkChoice,
  checkFunctions,
  checkNumber,
  checkReference,
  DAY_MS,
  refuseUnknown,
  YEAR_MS,
} from '../engine/checks.js'
import type { AppKey } from '../engine/links.js'
import type { ResourceRules } from '../engine/operation.js'
import type { Clock, OnEvent } from '../engine/ports.js'
import { recordedFields } from '../engine/recorded-fields.js'
import { demandDurable, makeRules, RULE_OPTIONS, type RuleOptions } from '../engine/rules.js'
import type { Store } from '../engine/store.js'
import type { Anyone, PrincipalOf } from './principal.js'

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
export interface ResourceOptions extends RuleOptions {
  /** Names the resource for `ctx.poe.link(name)`, in every process alike. */
  readonly name: string
  /** The router path; one segment must be `:token`, unless `key` is given. */
  readonly path: string
  readonly lifetimeMs?: number | undefined
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
export type ResolvedPoeOptions = {
  readonly [Name in keyof Required<PoeOptions<unknown>>]: Name extends MayBeAbsent
    ? PoeOptions<unknown>[Name]
    : Exclude<PoeOptions<unknown>[Name], undefined>
}

type MayBeAbsent = 'secrets' | 'onEvent' | 'refusal' | 'texts' | 'clock'

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

const RESOURCE_OPTIONS = [
  ...['name', 'path', 'lifetimeMs', ...RULE_OPTIONS, 'page', 'rerender', 'refusal'],
  ...['createForm', 'key', 'dangerouslyNotDurable'],
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
  checkFunctions('poe()', resolved, FUNCTIONS)
  checkTexts(resolved.texts)
  checkNumbers(resolved)
  checkFields(resolved)
  const recorded = recordedFields('poe()', resolved.recordedFields)
  return Object.freeze({ ...resolved, recordedFields: recorded })
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
    demandDurable(`${where} has a key`, defaults.store, options.dangerouslyNotDurable)
  }
  checkNumber(where, 'lifetimeMs', options.lifetimeMs ?? defaults.lifetimeMs, 1, YEAR_MS)
  checkFunctions(where, options, FUNCTIONS)
  return makeRules(where, options, defaults, defaults.waitMs)
}

function checkPrincipal(principal: unknown): void {
  if (typeof principal === 'function' || typeof principal === 'symbol') return
  throw new TypeError(
    'poe() needs principal: a function that names who sends a request, for example ' +
      'ctx => ctx.state.user?.id; or anyone, if links may be used by whoever has them',
  )
}

/** What may be given as a function besides those of the rules, and what it does. */
const FUNCTIONS = {
  onEvent: 'is told what happens',
  page: 'answers a GET before the link is used',
  refusal: 'gives a page',
  rerender: 'draws a form again',
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
  const { publicPrefix } = options
  if (!/^(\/[^/?#\s][^?#\s]*[^/?#\s]|\/[^/?#\s])?$/.test(publicPrefix)) {
    const want = "must be '' or a path such as '/shop', no '/' at its end"
    throw new TypeError(`poe(): publicPrefix ${want}`)
  }
  if (publicPrefix !== '') checkReference('poe()', 'publicPrefix', publicPrefix)
  checkChoice('poe()', 'advertise', options.advertise, ['always', 'when-asked'])
}
