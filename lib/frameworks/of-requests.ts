/**
 * Options of the Koa layer whose functions take a request in place of `ctx`: their types, and how
 * they are handed over.
 *
 * @see decision 0034
 */
import type { Context, Middleware } from 'koa'
import type { RequestPoe } from '../koa/request-poe.js'
import type { Find } from './paths.js'

/** `ctx.poe` for handlers without a `ctx`. */
export type HandlerPoe<Tx = never> = RequestPoe<Tx> & {
  /** The parameters of a resource's path; the token among them. */
  readonly params: Readonly<Record<string, string | string[] | undefined>>
}

/** What differs between node:http and fetch. */
export interface Shape {
  /** What functions among the options are called with, in front of their other arguments. */
  readonly before: readonly unknown[]
  /** And behind them. */
  readonly after: readonly unknown[]
  /** What handlers are called with, in front of other arguments. */
  readonly handled: readonly unknown[]
  /** What handlers give. */
  readonly answer: unknown
  /** The options whose functions may give a promise, because they may read the content. */
  readonly ahead: string
  /** What is done once. */
  readonly handler: (...given: never[]) => unknown
  /** What serves requests. */
  readonly door: (...given: never[]) => unknown
}

/** Options that ask something about a request. */
type Asking =
  | 'principal'
  | 'refusal'
  | 'key'
  | 'identity'
  | 'fingerprint'
  | 'validator'
  | 'exists'
  | 'target'

/** Options that answer a request from a state that is known. */
type Drawing = 'page' | 'rerender' | 'current'

/** Options that do something once. */
type Doing = 'do' | 'undo'

/**
 * Options of the Koa layer, of requests: a function that takes `ctx` there takes the request here,
 * and one that sets `ctx.body` there answers as a handler does.
 */
export type ForRequests<S extends Shape, Options, Ahead extends string = never> = {
  [Name in keyof Options]: Name extends Asking
    ? Asked<S, Options[Name], Name extends Ahead & S['ahead'] ? true : false>
    : Name extends Drawing
      ? Drawn<S, Options[Name]>
      : Name extends Doing
        ? S['handler'] | Exclude<Options[Name], (...given: never[]) => unknown>
        : Options[Name]
}

/** A function of a request in place of one of `ctx`; anything else stays as it is. */
export type Asked<S extends Shape, Option, IsAhead> = Option extends (
  ctx: never,
  ...rest: infer Rest
) => infer Result
  ? Lenient<
      [...S['before'], ...Rest, ...S['after']],
      IsAhead extends true ? Result | Promise<Result> : Result
    >
  : Option

/** A handler that is given more than other handlers. */
export type Drawn<S extends Shape, Option> = Option extends (
  ctx: never,
  ...rest: infer Rest
) => unknown
  ? Lenient<[...S['handled'], ...Rest], S['answer']>
  : Option

/** A function whose arguments may be declared as what they really are: Express's `Request`. */
export type Lenient<Given extends readonly unknown[], Result> = {
  /** Calls it. */
  call(...given: Given): Result
}['call']

/** How an entry point runs what the Koa layer asks for. */
export interface EntryPoint<S extends Shape> {
  /** What a function among the options is called with. */
  asked(ctx: Context, rest: readonly unknown[]): readonly unknown[]
  /** Runs a handler and puts its answer on the context. */
  run(ctx: Context, handler: S['handler'], rest: readonly unknown[]): Promise<void>
  /** Takes out of a door's options what has to be found out before the door is asked. */
  ahead(options: object): {
    readonly options: object
    readonly ahead: Middleware | null
  }
  /** Makes the function that serves requests. */
  door(find: Find): S['door']
}

const ASKING = [
  ...['principal', 'refusal', 'key', 'identity', 'fingerprint', 'validator', 'exists', 'target'],
] satisfies string[]
const DRAWING = ['page', 'rerender', 'current']
const DOING = ['do', 'undo']

/**
 * Hands options over to the Koa layer, which checks them.
 *
 * @param options - anything: what is no object is not looked at
 */
export function forRequests<S extends Shape>(options: unknown, ways: EntryPoint<S>): unknown {
  if (typeof options !== 'object' || options === null) return options
  const handed: Record<string, unknown> = { ...options }
  for (const [name, given] of Object.entries(handed)) {
    if (typeof given !== 'function') continue
    const handler = given as (...given: readonly unknown[]) => unknown
    if (ASKING.includes(name)) {
      handed[name] = (ctx: Context, ...rest: unknown[]) => handler(...ways.asked(ctx, rest))
    } else if (DRAWING.includes(name)) {
      handed[name] = (ctx: Context, ...rest: unknown[]) => ways.run(ctx, handler, rest)
    } else if (DOING.includes(name)) {
      handed[name] = (ctx: Context) => ways.run(ctx, handler, [])
    }
  }
  return handed
}

/** `ctx.poe` with the parameters of the path. */
export function poeFor(ctx: Context): HandlerPoe<unknown> {
  return Object.assign(ctx.poe, { params: ctx.params ?? {} })
}
