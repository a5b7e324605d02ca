/**
 * The last moment at which the fields of a response can be set: just before they are sent.
 *
 * A listener is an object, a link of a chain, and the hook one function for all responses: a
 * closure and a list for each would cost more than what they do.
 */
import type { ServerResponse } from 'node:http'

/** Who wants to set fields last. It is for one response. */
export abstract class FieldsListener {
  /** The one that came before it, and is called after it. */
  declare earlier?: FieldsListener | null

  constructor() {
    this.earlier = null
  }

  /** Called once, with everything in place that the answer will have. */
  abstract beforeFields(): void
}

type WriteHead = (
  this: ServerResponse,
  status: number,
  reason?: unknown,
  fields?: unknown,
) => ServerResponse

/** What is kept of a response that has listeners. */
class Hook {
  latest: FieldsListener | null
  isOver = false
  readonly send: WriteHead

  constructor(first: FieldsListener, send: WriteHead) {
    this.latest = first
    this.send = send
  }
}

const HOOK = Symbol('post-once-exactly hook')

interface Hooked extends ServerResponse {
  [HOOK]?: Hook
}

/**
 * Calls a listener just before the fields of a response are sent; the last one to come is the
 * first. Never, where they have been sent.
 */
export function beforeFields(response: ServerResponse, listener: FieldsListener): void {
  const hooked = response as Hooked
  const hook = hooked[HOOK]
  if (hook === undefined) {
    hooked[HOOK] = new Hook(listener, response.writeHead as WriteHead)
    response.writeHead = writeHead as typeof response.writeHead
  } else if (!hook.isOver) {
    listener.earlier = hook.latest
    hook.latest = listener
  }
}

function writeHead(
  this: Hooked,
  status: number,
  reason?: unknown,
  fields?: unknown,
): ServerResponse {
  const hook = this[HOOK] as Hook
  const { send, isOver } = hook
  if (isOver) return send.call(this, status, reason, fields)
  hook.isOver = true
  this.statusCode = status
  // What is given here counts as set, so that a listener sees it and can replace it.
  if (typeof reason === 'object') setFields(this, reason)
  if (typeof fields === 'object') setFields(this, fields)
  for (let each = hook.latest; each !== null; each = each.earlier ?? null) each.beforeFields()
  const hasReason = typeof reason === 'string' && this.statusCode === status
  return hasReason ? send.call(this, status, reason) : send.call(this, this.statusCode)
}

/** Sets fields in any of the forms that Node takes. */
function setFields(response: ServerResponse, given: object | null): void {
  if (given === null) return
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) response.setHeader(name, value)
    }
    return
  }
  const isNested = Array.isArray(given[0])
  const pairs = isNested
    ? given
    : given.flatMap((_, at) => (at % 2 ? [] : [given.slice(at, at + 2)]))
  for (const [name] of pairs) response.removeHeader(name)
  for (const [name, value] of pairs) response.appendHeader(name, value)
}
