/**
 * `once.replay()`: any unsafe method, named by an id that the application finds in the request: a
 * field, a member of the content, the query.
 *
 * @see RFC 9110 9.2.2 (what a client may repeat)
 */
import type { Context, Middleware } from 'koa'
import { checkChoice } from '../../engine/checks.js'
import { hearFailure } from '../../engine/hear-failure.js'
import { recordedField } from '../../engine/outcome.js'
import type { NameReading } from '../../protocols/idempotency-key/index.js'
import type { Core } from '../core.js'
import { makeDoor } from './door.js'
import {
  KEYED_OPTIONS,
  type KeyedDoor,
  type KeyedDoorOptions,
  makeKeyedDoor,
  passKeyedDoor,
} from './keyed-door.js'

/** What is known of the first request when a repeat is answered with the current state. */
export interface FirstAnswer {
  /** The status that it was answered with. */
  readonly status: number
  /** Its `Location`; `null` where it had none. */
  readonly location: string | null
}

/** Options of `once.replay()`. Times are milliseconds. */
export interface ReplayOptions extends KeyedDoorOptions {
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
}

const OWN = [...KEYED_OPTIONS, 'key', 'retentionMs', 'replay', 'current']
const NAME_LIMIT = 255

/** Makes the door. @throws TypeError or RangeError that says what to do */
export function makeReplay(core: Core, options: ReplayOptions): Middleware {
  const common = makeDoor(core, 'replay', options, OWN)
  const { where } = common
  const { key, retentionMs, replay = 'stored', current } = options
  if (typeof key !== 'function') {
    throw new TypeError(`${where}: give key, for example ctx => ctx.get('X-Request-Id')`)
  }
  checkChoice(where, 'replay', replay, ['stored', 'current'])
  if ((replay === 'current') !== (typeof current === 'function')) {
    throw new TypeError(`${where}: replay: 'current' and the function current need each other`)
  }
  const repeat: KeyedDoor['repeat'] = (ctx, { outcome }) =>
    current?.(ctx, { status: outcome.status, location: recordedField(outcome, 'location') })
  const own = {
    retentionMs,
    kept: 'success',
    repeat: current === undefined ? null : repeat,
  } as const
  const read = (ctx: Context) => nameOf(key(ctx))
  const door = makeKeyedDoor({ ...common, ...own, read }, options, 'its id')
  return function replayDoor(ctx, next) {
    return passKeyedDoor(door, ctx, next)
  }
}

function nameOf(name: unknown): NameReading {
  if (name === null || name === undefined || name === '') return { kind: 'absent' }
  if (typeof name !== 'string') {
    hearFailure(name)
    throw new TypeError('key(ctx) of once.replay() must give a string, or null for none')
  }
  if (name.length <= NAME_LIMIT) return { kind: 'named', name }
  const why = `The id of this request has more than ${NAME_LIMIT} characters.`
  return { kind: 'malformed', why }
}
