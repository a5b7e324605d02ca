/**
 * `post-once-exactly/node`: exactly-once requests on node:http and node:http2, and on what stands
 * on them: Express, Fastify, Connect.
 *
 * @see POE draft 2, 3, 4; decision 0034
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Context } from 'koa'
import { Unsaid } from '../engine/unsaid.js'
import type { PoeOptions } from '../koa/options.js'
import { poe as koaPoe } from '../koa/poe.js'
import type { LinkParams } from '../koa/request-poe.js'
import { answeredStatus } from '../koa/run/thrown.js'
import { answerOf, putAnswer } from './answers.js'
import { CapturedResponse } from './captured-response.js'
import { type Doors, type ForOperators, forOperators, makeDoors } from './doors.js'
import { checkOnError, InnerKoa, type OnError } from './inner-koa.js'
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
export { answerExpectations } from '../koa/expectations.js'
export { anyone } from '../koa/principal.js'
export type { Around, Doors, ForOperators } from './doors.js'
export type { OnError } from './inner-koa.js'
export type { Asked, Drawn, ForRequests, HandlerPoe, Lenient, Shape } from './of-requests.js'

/**
 * What is done once. It answers on `response`, which keeps the answer until it is recorded, and
 * has Express's methods where the request came through Express. What is thrown is no success.
 */
export type NodeHandler<Tx = never> = Lenient<
  [request: IncomingMessage, response: ServerResponse, poe: HandlerPoe<Tx>],
  unknown
>

/**
 * Serves a request: to be called with it, or given to Express. Where it is for nobody here, `next`
 * is called, or 404 is answered where there is none. Its promise is kept when the answer is sent.
 */
export type NodeDoor = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: Lenient<[error?: unknown], void>,
) => Promise<void>

/** How doors and handlers look on node:http. */
export interface NodeShape<Tx> {
  readonly before: [request: IncomingMessage]
  readonly after: []
  readonly handled: [request: IncomingMessage, response: ServerResponse, poe: HandlerPoe<Tx>]
  readonly answer: unknown
  readonly ahead: never
  readonly handler: NodeHandler<Tx>
  readonly door: NodeDoor
}

/** Options of `poe()`: those for Koa, with functions of a request in place of `ctx`. */
export type NodePoeOptions<Tx = never> = ForRequests<NodeShape<Tx>, PoeOptions<Tx>> & {
  /** Told of errors that were answered with 500. Default: they are written to the console. */
  readonly onError?: OnError | undefined
}

/** What `poe()` gives. */
export interface NodeOnce<Tx = never> extends Doors<NodeShape<Tx>, Tx>, ForOperators<Tx> {
  /**
   * Serves links and whatever else was registered with a path; other requests go on to `next`, and
   * have their links from `once.link()`. For `app.use()`, behind what parses contents and knows
   * who asks.
   */
  middleware(): NodeDoor
  /**
   * As {@link NodeOnce.middleware}, but serves nothing: for where the framework's own routes lead
   * to the doors, as with Fastify.
   */
  pages(): NodeDoor
  /**
   * Serves links and whatever else was registered with a path. For `createServer()`.
   *
   * @param fallback - serves all other requests; 404 is answered where there is none
   */
  handler(
    fallback?: NodeHandler<Tx>,
  ): (request: IncomingMessage, response: ServerResponse) => Promise<void>
  /**
   * Mints a link to a resource, and advertises it in `POE-Links` of the response.
   *
   * @param request - came through `middleware()`, `pages()` or `handler()`
   * @param name - of the resource
   * @param params - values for the other parameters of its path
   * @returns the URI-reference to put in the page; `null` while the store is known to be down, or
   *   when the request has no principal
   * @throws TypeError for a request that did not, an unknown resource, a missing parameter, or a
   *   bad principal
   * @see POE draft 3
   */
  link(request: IncomingMessage, name: string, params?: LinkParams): string | null
}

/**
 * Makes an application's POSTs take effect exactly once.
 *
 * @param options - see {@link NodePoeOptions}; `store` and `principal` must be given
 * @throws TypeError or RangeError that says what to do
 * @example
 * const once = poe({ store: sqliteStore('shop.db'), principal: request => userOf(request) })
 * once.resource({ name: 'order', path: '/orders/once/:token' }, placeOrder)
 * createServer(once.handler((request, response, poe) => showBasket(response, poe.link('order'))))
 */
export function poe<Tx = never>(options: NodePoeOptions<Tx>): NodeOnce<Tx> {
  const ways: EntryPoint<NodeShape<Tx>> = {
    asked: (ctx, rest) => [ctx.req, ...rest],
    run: runHandler,
    ahead: given => ({ options: given, ahead: null }),
    door: find => (request, response, next) => serve(find, request, response, next ?? null),
  }
  const { onError = null, ...others } = { ...options }
  const given = typeof options === 'object' && options !== null ? others : options
  const once = koaPoe<Tx>(forRequests(given, ways) as PoeOptions<Tx>)
  checkOnError(onError)
  const inner = new InnerKoa(once, onError)
  const { doors, find } = makeDoors<NodeShape<Tx>, Tx>(once, ways)

  async function serve(
    look: Find,
    request: IncomingMessage,
    response: ServerResponse,
    next: ((error?: unknown) => void) | null,
  ): Promise<void> {
    if (typeof response?.setHeader !== 'function') throw new TypeError(NO_RESPONSE)
    const found = look(request.method ?? '', pathOf(request))
    if (found !== null) {
      keepContent(request)
      return await inner.serve(request, response, { ...found, next })
    }
    if (next !== null) {
      // What comes next answers for its own errors.
      return await inner.attend(request, response, () => next())
    }
    await inner.serve(request, response, { serve: NOBODY, params: null, next })
  }

  return {
    ...forOperators(once),
    ...doors,
    middleware: () => (request, response, next) => serve(find, request, response, next ?? null),
    pages: () => (request, response, next) => serve(() => null, request, response, next ?? null),
    handler: fallback => async (request, response) => {
      if (fallback === undefined || find(request.method ?? '', pathOf(request)) !== null) {
        return await serve(find, request, response, null)
      }
      await inner
        .attend(request, response, ctx =>
          isApplication(fallback)
            ? (fallback as RequestListener)(request, response)
            : fallback(request, response, poeFor(ctx) as HandlerPoe<Tx>),
        )
        .catch((error: unknown) => inner.answerError(request, error))
    },
    link: (request, name, params) => {
      const ctx = inner.contextOf(request)
      if (ctx !== undefined) return ctx.poe.link(name, params)
      throw new TypeError(
        'once.link() needs a request that came through once.middleware() or once.pages()',
      )
    },
  }
}

const NO_RESPONSE =
  "A door takes node's own request and response: of Fastify request.raw and reply.raw, after " +
  'reply.hijack(); of hapi request.raw.req and request.raw.res. For fetch and Koa there are ' +
  'post-once-exactly/fetch and post-once-exactly/koa.'

const NOBODY = async (_ctx: unknown, next: () => Promise<unknown>): Promise<void> => {
  await next()
}

async function runHandler(
  ctx: Context,
  handler: Lenient<never[], unknown>,
  rest: readonly unknown[],
): Promise<void> {
  const captured = new CapturedResponse(ctx.req, ctx.response.res)
  const goOn = (error?: unknown) => captured.fail(ofMethod(error ?? wentOn()))
  const third = isApplication(handler) ? goOn : poeFor(ctx)
  const given = [ctx.req, captured.response, third, ...rest] as unknown as never[]
  const tell = (error: unknown) => void ctx.app.emit('error', error, ctx)
  const request = ctx.req as IncomingMessage & { next?: (error?: unknown) => void }
  const { next } = request
  // Express's own methods tell of an error there, past the handler: a page of errors would answer
  // in its place, while nobody knows what it has done.
  if (next !== undefined) request.next = goOn
  try {
    putAnswer(ctx, await answerOf(captured, () => handler(...given), tell))
  } finally {
    if (next !== undefined) request.next = next
  }
}

/** Whether it is an application or router of Express or Connect: its third argument is `next`. */
function isApplication(handler: unknown): boolean {
  const { handle, use } = handler as { readonly handle?: unknown; readonly use?: unknown }
  // GraphQL Yoga, which takes what it is given for more of its context, has the first only.
  return typeof handle === 'function' && typeof use === 'function'
}

/** They speak of the answer, of a type that the client does not take, and not of what was done. */
function ofMethod(error: unknown): unknown {
  if (answeredStatus(error) === null) return error
  return new Error('The handler gave an error to Express, and no answer.', { cause: error })
}

function wentOn(): Unsaid {
  return new Unsaid('The handler gave the request to the next route, and gave no answer.')
}

/**
 * Keeps content that has come whole, where the client leaves before a handler reads it: Node would
 * throw it away, and the work could not go on.
 */
function keepContent(request: IncomingMessage): void {
  if (request.httpVersionMajor >= 2) return
  const { destroy } = request
  request.destroy = error => {
    const isOfClient = (error as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET'
    return isOfClient && request.complete ? request : destroy.call(request, error)
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  if (!url.startsWith('/') && URL.canParse(url)) return new URL(url).pathname
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}
