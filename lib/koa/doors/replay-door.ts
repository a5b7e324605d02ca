/**
 * `once.replay()`: any unsafe method, named by an id that the application finds in the request: a
 * field, a member of the content, the query.
 *
 * @see RFC 9110 9.2.2 (what a client may repeat)
 */
import type { Context, Middleware } from 'koa'
import { filled } from '../../answers/refusals.js'
import { checkNumber } from '../../engine/checks.js'
import { recordedField } from '../../engine/outcome.js'
import { checkFingerprint } from '../../engine/request-fingerprint.js'
import { demandDurable } from '../../engine/rules.js'
import type { Core } from '../core.js'
import { YEAR_MS } from '../options.js'
import { type DoorOptions, resolveDoor } from './door-options.js'
import { type KeyedDoor, keeping, type NameReading, passKeyedDoor } from './keyed-door.js'
import type { FingerprintRule } from './request-identity.js'
import { Responder } from './responder.js'

/** What is known of the first request when a repeat is answered with the current state. */
export interface FirstAnswer {
  /** The status that it was answered with. */
  readonly status: number
  /** Its `Location`; `null` where it had none. */
  readonly location: string | null
}

/** Options of `once.replay()`. Times are milliseconds. */
export interface ReplayOptions extends DoorOptions {
  /** Names the request; `null`, `undefined` and `''` are no name. 1 to 255 characters. */
  readonly key: (ctx: Context) => string | null | undefined
  /** How long a name is remembered; then the same request runs again. `null`: for ever. */
  readonly retentionMs: number | null
  /**
   * What a repeat gets: `stored`, the first answer byte for byte, or `current`, what `current` says
   * now. Default `stored`.
   */
  readonly replay?: 'stored' | 'current' | undefined
  /** Answers a repeat from the current state; nothing is done again. For `replay: 'current'`. */
  readonly current?: ((ctx: Context, first: FirstAnswer) => unknown) | undefined
  /** Whether a request without a name is refused. Default `true`. */
  readonly required?: boolean | undefined
  /** What makes a repeat the same request. Default `raw`. */
  readonly fingerprint?: FingerprintRule | undefined
  /** Allows a store that forgets at a restart: effects may then happen twice. */
  readonly dangerouslyNotDurable?: boolean | undefined
}

const OWN = [
  ...['key', 'retentionMs', 'replay', 'current', 'required', 'fingerprint'],
  'dangerouslyNotDurable',
]
const NAME_LIMIT = 255

/**
 * Makes the door.
 *
 * @throws TypeError or RangeError that says what to do
 */
export function makeReplay(core: Core, options: ReplayOptions): Middleware {
  const resolved = resolveDoor(core, 'replay', options, OWN, core.options.waitMs)
  const { where, documentation } = resolved
  const { key, retentionMs, replay = 'stored', current, fingerprint = 'raw' } = options
  if (typeof key !== 'function') {
    throw new TypeError(`${where}: give key, for example ctx => ctx.get('X-Request-Id')`)
  }
  if (retentionMs !== null) checkNumber(where, 'retentionMs', retentionMs, 1_000, 10 * YEAR_MS)
  if (replay !== 'stored' && replay !== 'current') {
    throw new TypeError(`${where}: replay must be 'stored' or 'current'`)
  }
  if ((replay === 'current') !== (typeof current === 'function')) {
    throw new TypeError(`${where}: replay: 'current' and the function current need each other`)
  }
  checkFingerprint(where, fingerprint)
  demandDurable(`${where} remembers names`, core.options.store, options.dangerouslyNotDurable)
  const door: KeyedDoor = {
    ...resolved,
    core,
    keyPrefix: `replay:${encodeURIComponent(resolved.name)}:`,
    rules: keeping('success', resolved.rules),
    kept: 'success',
    fingerprint,
    responder: new Responder(core, documentation),
    demands:
      options.required === false ? null : filled('key-missing', 'This request must carry its id'),
    read: ctx => nameOf(core, key(ctx), retentionMs),
    repeat:
      current === undefined
        ? null
        : async (ctx, { outcome }) => {
            const location = recordedField(outcome, 'location')
            await current(ctx, { status: outcome.status, location })
          },
  }
  return function replayDoor(ctx, next) {
    return passKeyedDoor(door, ctx, next)
  }
}

function nameOf(core: Core, name: unknown, retentionMs: number | null): NameReading {
  if (name === null || name === undefined || name === '') return { kind: 'absent' }
  if (typeof name !== 'string') {
    throw new TypeError('key(ctx) of once.replay() must give a string, or null for none')
  }
  if (name.length > NAME_LIMIT) {
    const why = `The id of this request has more than ${NAME_LIMIT} characters.`
    return { kind: 'refused', problem: filled('key-malformed', why) }
  }
  const keepUntilMs =
    retentionMs === null ? null : Math.floor(core.engine.guard.now() + retentionMs)
  return { kind: 'named', name, keepUntilMs }
}
