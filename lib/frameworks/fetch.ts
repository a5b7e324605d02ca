/**
 * `post-once-exactly/fetch`: exactly-once requests where a handler takes a `Request` and gives a
 * `Response`: Hono, Next.js route handlers, Bun, Deno.
 *
 * @see POE draft 2, 3, 4; decision 0034
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'koa'
import type { PoeOptions } from '../koa/options.js'
import { poe as koaPoe } from '../koa/poe.js'
import { contentOf } from '../koa/request-content.js'
import { putFields } from '../koa/run/late-handler.js'
import { answerIn, putAnswer, responseOf, sendablePhrase } from './answers.js'
import { CapturedResponse } from './captured-response.js'
import { type Doors, type ForOperators, forOperators, makeDoors } from './doors.js'
import { handlerRequest, incomingOf, urlOf } from './fetch-request.js'
import { checkOnError, InnerKoa } from './inner-koa.js'
import {
  type EntryPoint,
  type ForRequests,
  forRequests,
  type HandlerPoe,
  type Lenient,
  poeFor,
} from './of-requests.js'
import type { Find } from './paths.js'

export { PermanentError } from '../engine/outbox/delivery.js'
export { corsFields } from '../koa/cors.js'
export { anyone } from '../koa/principal.js'
export type { Around, Doors, ForOperators } from './doors.js'
export type { Asked, Drawn, ForRequests, HandlerPoe, Lenient, Shape } from './of-requests.js'

/**
 * What is done once, or what draws a page. `context` is what the function that was called got as
 * its second argument: Hono's context, the parameters of Next.js. What is thrown is no success.
 */
export type FetchHandler<Tx = never> = Lenient<
  [request: Request, poe: HandlerPoe<Tx>, context: unknown],
  Response | Promise<Response>
>

/** Serves a request. A request that is for nobody here gets 404. */
export type FetchDoor = (request: Request, context?: unknown) => Promise<Response>

/** How doors and handlers look where requests are fetched. */
export interface FetchShape<Tx> {
  readonly before: [request: Request]
  readonly after: [context: unknown]
  readonly handled: [request: Request, poe: HandlerPoe<Tx>, context: unknown]
  readonly answer: Response | Promise<Response>
  readonly ahead: 'identity' | 'key'
  readonly handler: FetchHandler<Tx>
  readonly door: FetchDoor
}

/** Options of `poe()`: those for Koa, with functions of a request in place of `ctx`. */
export type FetchPoeOptions<Tx = never> = ForRequests<FetchShape<Tx>, PoeOptions<Tx>> & {
  /** Told of errors that were answered with 500. Default: they are written to the console. */
  readonly onError?: ((error: unknown, request: Request) => void) | undefined
}

/** What `poe()` gives. */
export interface FetchOnce<Tx = never> extends Doors<FetchShape<Tx>, Tx>, ForOperators<Tx> {
  /**
   * Serves links and whatever else was registered with a path.
   *
   * @param fallback - serves all other requests, as a {@link FetchOnce.page}; 404 is answered where
   *   there is none
   */
  handler(fallback?: FetchHandler<Tx>): FetchDoor
  /**
   * Makes a handler for pages: it gets a `poe` that mints links, and `POE-Links` is put on the
   * response. What it throws is left to whoever called it.
   */
  page(handler: FetchHandler<Tx>): FetchDoor
}

/** What a request came as. */
interface Arrival {
  readonly request: Request
  readonly context: unknown
  /** Whether the content was read before the door. */
  readonly wasRead: boolean
  /** What its handler gets. */
  given: Request | null
}

/** The largest content that is read to find out what a request is, unless a door says otherwise. */
const CONTENT_LIMIT_BYTES = 1_048_576

/**
 * Makes an application's POSTs take effect exactly once.
 *
 * @param options - see {@link FetchPoeOptions}; `store` and `principal` must be given
 * @throws TypeError or RangeError that says what to do
 * @example
 * const once = poe({ store: sqliteStore('shop.db'), principal: request => userOf(request) })
 * const order = once.resource({ name: 'order', path: '/orders/once/:token' }, placeOrder)
 * app.all('/orders/once/:token', c => order(c.req.raw, c))
 */
export function poe<Tx = never>(options: FetchPoeOptions<Tx>): FetchOnce<Tx> {
  const arrivals = new WeakMap<IncomingMessage, Arrival>()
  const arrivalOf = ({ req }: Context): Arrival => arrivals.get(req) as Arrival
  const ways: EntryPoint<FetchShape<Tx>> = {
    asked: (ctx, rest) => {
      const { request, context } = arrivalOf(ctx)
      return [request, ...rest, context]
    },
    run: (ctx, handler, rest) => runHandler(ctx, arrivalOf(ctx), handler, rest),
    ahead: given => findAhead(given, arrivalOf),
    door: find => (request, context) => serve(find, request, context),
  }
  const { onError, ...others } = { ...options }
  const given = typeof options === 'object' && options !== null ? others : options
  const once = koaPoe<Tx>(forRequests(given, ways) as PoeOptions<Tx>)
  checkOnError(onError)
  const tell =
    onError === undefined
      ? null
      : (error: unknown, req: IncomingMessage) => {
          onError(error, (arrivals.get(req) as Arrival).request)
        }
  const inner = new InnerKoa(once, tell)
  const { doors, find } = makeDoors<FetchShape<Tx>, Tx>(once, ways)

  async function serve(look: Find, request: Request, context: unknown): Promise<Response> {
    const { pathname } = urlOf(request)
    const found = look(request.method, pathname) ?? NOTHING
    const req = incomingOf(request)
    arrivals.set(req, { request, context, wasRead: request.bodyUsed, given: null })
    const captured = new CapturedResponse(req)
    const leave = () => captured.leave()
    request.signal.addEventListener('abort', leave, { once: true })
    captured.response.once('close', () => request.signal.removeEventListener('abort', leave))
    inner
      .serve(req, captured.response, { ...found, next: null })
      .catch((error: unknown) => captured.fail(error))
    return responseOf(await captured.answer)
  }

  const page: FetchOnce<Tx>['page'] = handler => async (request, context) => {
    const req = incomingOf(request)
    const res = new ServerResponse(req)
    arrivals.set(req, { request, context, wasRead: false, given: request })
    const answer = await inner.attend(req, res, ctx =>
      handler(request, poeFor(ctx) as HandlerPoe<Tx>, context),
    )
    return withFields(answer, res)
  }

  return {
    ...forOperators(once),
    ...doors,
    handler: fallback => {
      const serveOthers = fallback === undefined ? null : page(fallback)
      return (request, context) => {
        const isOurs = find(request.method, urlOf(request).pathname) !== null
        if (isOurs || serveOthers === null) return serve(find, request, context)
        return serveOthers(request, context)
      }
    },
    page,
  }
}

async function runHandler(
  ctx: Context,
  arrival: Arrival,
  handler: Lenient<never[], unknown>,
  rest: readonly unknown[],
): Promise<void> {
  const { request, wasRead, context } = arrival
  // A claim's own: a client that leaves does not end what is done once.
  const { signal } = ctx.poe.held?.run ?? request
  arrival.given ??= handlerRequest(request, wasRead ? 'read-before' : ctx.req, signal)
  const given = [arrival.given, poeFor(ctx), context, ...rest] as unknown as never[]
  putAnswer(ctx, await answerIn(await handler(...given)))
}

const NOTHING = {
  serve: async (_ctx: unknown, next: () => Promise<unknown>): Promise<void> => {
    await next()
  },
  params: null,
}

/** Puts the fields of links on a page's response, where there are any. */
function withFields(answer: Response, res: ServerResponse): Response {
  // Somebody waits for the head to be sent.
  if (!Object.hasOwn(res, 'writeHead')) return answer
  const { headers, body, status, statusText } = answer
  const { trailer: _, ...fields } = Object.fromEntries(headers)
  putFields(res, fields)
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) res.setHeader('set-cookie', cookies)
  res.writeHead(status)
  const given = { status, phrase: '', fields: res.getHeaders(), content: null }
  const { headers: written } = responseOf(given)
  return new Response(body, { status, statusText: sendablePhrase(statusText), headers: written })
}

/**
 * `identity` and `key` of a door may look into the content, which is read by promises only: they
 * are asked before the door, and the door is told what they said.
 */
function findAhead(
  given: object,
  arrivalOf: (ctx: Context) => Arrival,
): ReturnType<EntryPoint<FetchShape<never>>['ahead']> {
  const options = given as Readonly<Record<string, unknown>>
  const name = ['identity', 'key'].find(one => typeof options?.[one] === 'function')
  if (name === undefined) return { options: given, ahead: null }
  const ask = options[name] as (request: Request, context: unknown) => unknown
  const { contentLimitBytes = CONTENT_LIMIT_BYTES } = options
  const found = new WeakMap<Request, unknown>()
  const ahead = async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    const { request, context } = arrivalOf(ctx)
    const content = await contentOf(ctx, Number(contentLimitBytes))
    // One that does not look into the content may go on; the door tells what it thinks of that.
    const given = content.kind === 'bytes' ? content.bytes : content.kind
    const isThere = given instanceof Uint8Array || given === 'too-large'
    found.set(request, await ask(handlerRequest(request, isThere ? given : null), context))
    await next()
  }
  return { options: { ...options, [name]: (request: Request) => found.get(request) }, ahead }
}
