/**
 * The last moment at which the fields of a response can be set: just before they are sent.
 *
 * A listener is an object and the hook one function for all responses: a closure for each would
 * cost more than what it does.
 */
import type { ServerResponse } from 'node:http'

/** Who wants to set fields last. */
export interface FieldsListener {
  /** Called once, with everything in place that the answer will have. */
  beforeFields(): void
}

const LISTENERS = Symbol('post-once-exactly listeners')
const WRITE_HEAD = Symbol('post-once-exactly writeHead')

type WriteHead = (
  this: ServerResponse,
  status: number,
  reason?: unknown,
  fields?: unknown,
) => ServerResponse

interface Hooked extends ServerResponse {
  /** `null` once they were called. */
  [LISTENERS]?: FieldsListener[] | null
  [WRITE_HEAD]?: WriteHead
}

/**
 * Calls a listener just before the fields of a response are sent; the last one to come is the
 * first. Never, where they have been sent.
 */
export function beforeFields(response: ServerResponse, listener: FieldsListener): void {
  const hooked = response as Hooked
  const listeners = hooked[LISTENERS]
  if (listeners !== undefined) {
    listeners?.push(listener)
    return
  }
  hooked[LISTENERS] = [listener]
  hooked[WRITE_HEAD] = response.writeHead as WriteHead
  response.writeHead = writeHead as typeof response.writeHead
}

function writeHead(
  this: Hooked,
  status: number,
  reason?: unknown,
  fields?: unknown,
): ServerResponse {
  const listeners = this[LISTENERS] ?? null
  const send = this[WRITE_HEAD] as WriteHead
  if (listeners === null) return send.call(this, status, reason, fields)
  this[LISTENERS] = null
  this.statusCode = status
  // What is given here counts as set, so that a listener sees it and can replace it.
  if (typeof reason === 'object') setFields(this, reason)
  if (typeof fields === 'object') setFields(this, fields)
  for (let at = listeners.length - 1; at >= 0; at -= 1) listeners[at]?.beforeFields()
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
