/**
 * Watches what a handler sets as its body.
 *
 * A body that comes in pieces is kept from Koa, which would tie it to the connection; Koa gets an
 * empty stream in its place, and the engine carries the pieces there. So the handler's source
 * outlives a client that leaves, its error can still become an answer, and Koa 2 sends a Blob or a
 * Response as Koa 3 does.
 */
import { PassThrough } from 'node:stream'
import type { Context, Response as KoaResponse } from 'koa'
import { isStreaming, type Produced, produce } from '../engine/capture.js'

/** What stands between the handler and Koa's `body`. */
export interface BodySlot {
  /** Where a streamed body goes; `null` when the body is whole. */
  readonly client: PassThrough | null
  /** The status that came with another server's answer, passed on as the body; else `null`. */
  readonly passedOn: number | null
  /** What the handler gave, ready to be recorded. */
  produced(): Produced
  /** Gives Koa its own `body` back. */
  close(): void
}

/** Puts the slot in place, until it is closed. */
export function openBodySlot(ctx: Context): BodySlot {
  const { response } = ctx
  const body = accessorOf(response)
  // A claim inside another's: the slot of the outer one is put back.
  const outer = Object.getOwnPropertyDescriptor(response, 'body')
  let source: unknown = null
  let client: PassThrough | null = null
  let passedOn: number | null = null
  Object.defineProperty(response, 'body', {
    configurable: true,
    enumerable: true,
    get: () => source ?? body.get.call(response),
    set: (value: unknown) => {
      source = isStreaming(value) ? value : null
      // One that the handler has made itself comes from nowhere.
      passedOn = value instanceof Response && value.url !== '' ? value.status : null
      client = source === null ? null : new PassThrough()
      if (client === null) return body.set.call(response, value)
      client.once('error', error => breakAnswer(ctx, error))
      describe(response, value)
      const { length } = response
      const sized = response.res.hasHeader('Content-Length')
      body.set.call(response, client)
      if (sized && length !== undefined) response.length = length
    },
  })
  return {
    get client() {
      return client
    },
    get passedOn() {
      return passedOn
    },
    produced: () => produce(source ?? body.get.call(response)),
    close: () => {
      if (outer === undefined) Reflect.deleteProperty(response, 'body')
      else Object.defineProperty(response, 'body', outer)
    },
  }
}

/**
 * Lets the client see that its answer is broken: Koa 2 would leave it open for ever, and HTTP/2
 * would call a stream that is closed without an error complete.
 */
function breakAnswer(ctx: Context, error: Error): void {
  if (!ctx.res.headersSent) return
  if (ctx.req.httpVersionMajor >= 2) ctx.res.destroy(error)
  else ctx.res.destroy()
}

/** Sets what Koa 3 would set from a Blob or a Response. */
function describe(response: KoaResponse, body: unknown): void {
  if (body instanceof Blob) {
    if (!response.res.hasHeader('Content-Type') && body.type !== '') response.type = body.type
    response.length = body.size
  }
  if (body instanceof Response) {
    response.status = body.status
    for (const [name, value] of body.headers) response.set(name, value)
  }
}

function accessorOf(response: KoaResponse): {
  get: () => unknown
  set: (value: unknown) => void
} {
  let holder: object | null = response
  while (holder !== null) {
    const found = Object.getOwnPropertyDescriptor(holder, 'body')
    if (found?.get !== undefined && found.set !== undefined)
      return { get: found.get, set: found.set }
    holder = Object.getPrototypeOf(holder)
  }
  throw new TypeError('This Koa keeps its response body in an unknown way')
}
