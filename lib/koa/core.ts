/**
 * What one `poe()` consists of: its options, its engine, what it knows of the store, and the
 * resources that were registered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from 'koa'
import { nanoid } from 'nanoid'
import { NONE } from '../answers/answer.js'
import { type Texts, textsWith } from '../answers/page-texts.js'
import { Engine } from '../engine/engine.js'
import { mint } from '../engine/links.js'
import type { ResourceRules } from '../engine/operation.js'
import type { Clock } from '../engine/ports.js'
import { StoreSecrets } from '../engine/store-secrets.js'
import type { UpkeepTools } from '../engine/upkeep.js'
import {
  type LinkedParams,
  type LinkTarget,
  linkTo,
  mustBeginWithSlash,
  serveAt,
} from './link-paths.js'
import type { ResolvedPoeOptions, ResourceOptions } from './options.js'

/** A link as it is handed out. */
export interface OfferedLink {
  /** URI-reference: path-absolute unless `absoluteLinks` is on. */
  readonly link: string
  /** When its life ends, in milliseconds since the Unix epoch; `null` for never. */
  readonly expiresAtMs: number | null
}

/** A registered resource. */
export interface Resource extends LinkTarget {
  readonly name: string
  readonly options: ResourceOptions
  readonly rules: ResourceRules
  readonly lifetimeMs: number
  /** Whether its links belong in `POE-Links`: an action's do not. */
  readonly isPoe: boolean
}

/** The name of the path parameter that carries the token. */
export const TOKEN_PARAM = 'token'

const ORIGIN_MS = performance.timeOrigin

/** A clock that is never set back: a step of the system's clock must not stop every deadline. */
const systemClock: Clock = {
  now: () => Math.floor(ORIGIN_MS + performance.now()),
  sleep: (ms, signal) => sleep(ms, undefined, { ref: false, ...(signal && { signal }) }),
}

/** Real time and chance, and what holds a process. */
export const PROCESS: Omit<UpkeepTools, 'clock'> = {
  makeId: () => nanoid(22),
  random: Math.random,
  nowMs: () => performance.now(),
  realSleep: (ms, signal) => sleep(ms, undefined, { signal }),
  hold: () => {
    const timer = setInterval(() => {}, 86_400_000)
    return () => clearInterval(timer)
  },
}

/** The parts of one `poe()`. */
export class Core {
  readonly options: ResolvedPoeOptions
  readonly engine: Engine
  readonly secrets: StoreSecrets
  /** The words of pages for people. */
  readonly texts: Texts
  readonly resources: Map<string, Resource> = new Map()
  /** The names of all doors, so that none is given twice. */
  readonly doors: Set<string> = new Set()
  readonly clock: Clock
  /** The fields that are recorded, and their order. */
  readonly recorded: ReadonlyMap<string, number>
  /** What the policy document tells, door by door. */
  readonly policies: object[] = []
  /** Where the policy document is served; `null` where it is not. */
  policy: LinkTarget | null = null

  constructor(options: ResolvedPoeOptions) {
    const clock = options.clock ?? systemClock
    this.options = options
    this.clock = clock
    this.texts = textsWith(options.texts)
    this.recorded = new Map(options.recordedFields.map((name, rank) => [name, rank]))
    this.engine = new Engine({ ...options, clock, makeId: PROCESS.makeId })
    const { store, guard, emit } = this.engine
    this.secrets = new StoreSecrets({ store, guard, clock, emit, secrets: options.secrets })
  }

  /** Gives a registered resource. @throws TypeError for a name that nobody registered */
  resource(name: string): Resource {
    const resource = this.resources.get(name)
    if (resource !== undefined) return resource
    const known = [...this.resources.keys()].join(', ') || 'none yet'
    throw new TypeError(`There is no resource named ${JSON.stringify(name)}; known: ${known}`)
  }

  /**
   * Enters a resource in the book, and serves its path.
   *
   * @throws TypeError where its name is taken; where its path has links already, because the first
   *   one there answers for all, and knows its own only; or where no request can have its path
   */
  register(where: string, resource: Resource): void {
    const { name, router } = resource
    const { path, key } = resource.options
    if (this.resources.has(name)) throw new TypeError(`There is a resource named ${name} already`)
    for (const { name: other, options, router: of } of this.resources.values()) {
      const isThere = of === router && options.path === path
      if (!isThere || key !== undefined || options.key !== undefined) continue
      throw new TypeError(`resource ${name}: the resource ${other} has the path ${path} already`)
    }
    serveAt(path, resource)
    mustBeginWithSlash(where, resource)
    this.resources.set(name, resource)
  }

  /**
   * Mints a link, without touching the store.
   *
   * @returns `null` while the store is known to be down
   * @throws TypeError for a missing parameter
   */
  offer(
    ctx: Context,
    principal: string,
    resource: Resource,
    params: Readonly<Record<string, string | number>>,
  ): OfferedLink | null {
    const { engine, secrets } = this
    const { name, options, lifetimeMs } = resource
    const { publicPrefix, absoluteLinks } = this.options
    if (engine.guard.down || !secrets.ready) return null
    const given = textsOf(params)
    const scope = { route: name, params: given, principal }
    const minted =
      options.key === undefined ? mint(secrets, engine.guard, scope, lifetimeMs) : UNMINTED
    if (minted === null) return null
    const { token, expiresAtMs } = minted
    return { link: linkTo(ctx, resource, token, given, publicPrefix, absoluteLinks), expiresAtMs }
  }
}

const UNMINTED = { token: null, expiresAtMs: null }

/** Parameters of a path besides the token, as text; one list for all links that have none. */
export function textsOf(params: Readonly<Record<string, unknown>>): LinkedParams {
  let texts: [name: string, value: string][] | null = null
  for (const name in params) {
    if (name === TOKEN_PARAM || !Object.hasOwn(params, name)) continue
    texts ??= []
    texts.push([name, String(params[name])])
  }
  return texts ?? NONE
}
