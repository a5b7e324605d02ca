/**
 * Watches what a handler sets as its body.
 *
 * A body that comes in pieces is kept from Koa, which would tie it to the connection; Koa gets an
 * empty stream in its place, and the engine carries the pieces there. So the handler's source
 * outlives a client that leaves, its error can still become an answer, and Koa 2 sends a Blob or a
 * Response as Koa 3 does. What nobody is going to read is closed here, as Koa would.
 */
import type { ServerResponse } from 'node:http'
import { finished, PassThrough, Readable, Stream } from 'node:stream'
import type { Context, Response as KoaResponse } from 'koa'
import { closeSource } from '../../engine/body-pump.js'
import { isResponse, isStreaming, type Produced, produce } from '../../engine/capture.js'

const NONE: readonly unknown[] = []
/** Of a request's content, which outlives whoever reads it. */
const KEEPING = { destroyOnReturn: false }
const SLOT = Symbol('post-once-exactly body slot')

/** A response with a slot, or that had one. */
interface Slotted extends KoaResponse {
  [SLOT]?: BodySlot | null
}

/** What stands between the handler and Koa's `body`, until it is closed. */
export class BodySlot {
  readonly #ctx: Context
  readonly #body: Accessor
  /** A claim inside another's: what is sent by this one is a body to the outer one. */
  readonly #outer: BodySlot | null
  #source: unknown = null
  /** Earlier sources: they may flow into the one that has come in their place. */
  #earlier: readonly unknown[] = NONE
  #isTaken = false
  #client: PassThrough | null = null

  /** Puts the slot in place. */
  constructor(ctx: Context) {
    const response: Slotted = ctx.response
    this.#ctx = ctx
    this.#body = slottedBody(response)
    this.#outer = response[SLOT] ?? null
    response[SLOT] = this
  }

  /** Where a streamed body goes; `null` when the body is whole. */
  get client(): PassThrough | null {
    return this.#client
  }

  /** Whether the body is another server's answer, and this the status that came with it. */
  isPassedOn(status: number): boolean {
    return isAnothers(this.#source, status)
  }

  /** What the handler gave. */
  get body(): unknown {
    return this.#source ?? this.#sent
  }

  /** Takes what the handler gives. */
  set body(given: unknown) {
    const ctx = this.#ctx
    const { response } = ctx
    if (!isStreaming(given)) {
      this.#closeSources()
      this.#client = null
      this.#sent = given
      return
    }
    // To close the request itself would close the connection, and no answer could be sent.
    const value = given === ctx.req ? Readable.from(ctx.req.iterator(KEEPING)) : given
    if (this.#source !== null && this.#source !== value) {
      this.#earlier = [...this.#earlier, this.#source]
    }
    const client = new PassThrough()
    this.#source = value
    this.#client = client
    client.once('error', error => breakAnswer(ctx, error))
    const isTyped = response.res.hasHeader('Content-Type')
    // Koa takes away the length of an earlier body.
    this.#sent = client
    describe(response, value, isTyped)
  }

  /** What the handler gave, ready to be recorded; its source is the taker's from here on. */
  produced(): Produced {
    const given = this.body
    // Set before the claim: Koa must not read it as well.
    if (this.#source === null && isStreaming(given)) this.body = given
    const produced = produce(given)
    this.#isTaken = produced.kind === 'stream'
    return produced
  }

  /** Gives Koa its own `body` back, and closes what nobody reads. */
  close(): void {
    const response: Slotted = this.#ctx.response
    response[SLOT] = this.#outer
    const source = this.#source
    if (!this.#isTaken) this.#closeSources()
    else if (this.#earlier.length > 0) {
      const last = source instanceof Stream ? source : this.#client
      finished(last as Stream.Duplex, () => this.#earlier.forEach(closeBody))
    }
  }

  /** What Koa, or a claim around this one, takes for the body. */
  get #sent(): unknown {
    return this.#outer === null ? this.#body.get.call(this.#ctx.response) : this.#outer.body
  }

  set #sent(value: unknown) {
    if (this.#outer === null) this.#body.set.call(this.#ctx.response, value)
    else this.#outer.body = value
  }

  #closeSources(): void {
    if (this.#source === null) return
    for (const source of [...this.#earlier, this.#source]) closeBody(source)
    this.#earlier = NONE
    this.#source = null
  }
}

function closeBody(body: unknown): void {
  const produced = produce(body)
  if (produced.kind === 'stream') closeSource(produced.source)
}

/**
 * Lets the client see that its answer is broken: Koa 2 would leave it open for ever, and HTTP/2
 * would call a stream that is closed without an error complete.
 */
export function breakAnswer({ req, res }: Context, error: unknown): void {
  if (!res.headersSent || res.writableEnded) return
  if (req.httpVersionMajor >= 2 && error instanceof Error) res.destroy(error)
  else res.destroy()
}

/** Sets what Koa 3 would set from a Blob or a Response. */
function describe(response: KoaResponse, body: unknown, isTyped: boolean): void {
  if (body instanceof Blob) {
    if (!isTyped && body.type !== '') response.type = body.type
    response.length = body.size
  }
  if (isResponse(body)) {
    response.status = body.status
    // A `Response` has no trailers: another server's have been left behind.
    for (const [name, value] of body.headers) if (name !== 'trailer') response.set(name, value)
  }
}

const FLOWS_IN = Symbol('post-once-exactly flows in')

/** A response that something flows into, such as another server's answer. */
interface Fed extends ServerResponse {
  [FLOWS_IN]?: Readable
}

/** Notes what flows into a response past Koa, as another server's answer does by http-proxy. */
export function hearPipes(res: ServerResponse): void {
  res.on('pipe', notePipe)
}

/** One function for all responses. */
function notePipe(this: Fed, source: Readable): void {
  this[FLOWS_IN] = source
}

/** Whether what has flowed into a response is another server's answer, with the status it has. */
export function isFedByAnother(res: ServerResponse): boolean {
  return isAnothers((res as Fed)[FLOWS_IN], res.statusCode)
}

function isAnothers(source: unknown, status: number): boolean {
  const said = saidWith(source)
  return said === 'something' || said === status
}

/**
 * What another server has said where this is the content of its answer: a fetched `Response`, the
 * message of node:http that axios gives too, got's stream, and what undici's `request` gives. Got's
 * does not know it before the answer has come, when it may have been passed on already.
 *
 * @param source - what is passed on
 * @returns the status; 'something' where it is unknown; `null` for what is no other server's
 */
export function saidWith(source: unknown): number | 'something' | null {
  // One that the handler has made itself comes from nowhere.
  if (isResponse(source)) return source.url === '' ? null : source.status
  const { statusCode, response, bodyUsed } = (source ?? {}) as Partial<Answered>
  return statusCode ?? response?.statusCode ?? (bodyUsed === undefined ? null : 'something')
}

/** A stream that knows what it is the content of. */
interface Answered {
  readonly statusCode: number | null
  readonly response: { readonly statusCode?: number } | undefined
  readonly bodyUsed: boolean
}

interface Accessor {
  get(this: KoaResponse): unknown
  set(this: KoaResponse, value: unknown): void
}

/** Koa's own accessors, by the prototype that all responses of an application have. */
const bodies = new WeakMap<object, Accessor>()

/**
 * Lets every response of an application ask its slot first, if it has one. That is done once for
 * all of them: an accessor for each would be a class of objects of its own, which outlives it.
 *
 * @returns Koa's own accessor
 */
function slottedBody(response: KoaResponse): Accessor {
  const shared = Object.getPrototypeOf(response) as object
  const known = bodies.get(shared)
  if (known !== undefined) return known
  const body = accessorOf(shared)
  Object.defineProperty(shared, 'body', {
    configurable: true,
    enumerable: true,
    get(this: Slotted) {
      const slot = this[SLOT] ?? null
      return slot === null ? body.get.call(this) : slot.body
    },
    set(this: Slotted, value: unknown) {
      const slot = this[SLOT] ?? null
      if (slot === null) body.set.call(this, value)
      else slot.body = value
    },
  })
  bodies.set(shared, body)
  return body
}

function accessorOf(shared: object): Accessor {
  let holder: object | null = shared
  while (holder !== null) {
    const found = Object.getOwnPropertyDescriptor(holder, 'body')
    if (found?.get !== undefined && found.set !== undefined) {
      return { get: found.get, set: found.set }
    }
    holder = Object.getPrototypeOf(holder)
  }
  throw new TypeError('This Koa keeps its response body in an unknown way')
}
