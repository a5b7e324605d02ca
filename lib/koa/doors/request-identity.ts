/**
 * A request at a door that goes by who sends what: its caller and its content, both or an answer.
 */
import type { Context } from 'koa'
import { filled } from '../../answers/refusals.js'
import { hearFailure } from '../../engine/hear-failure.js'
import type { Operation } from '../../engine/operation.js'
import {
  type FingerprintResult,
  ownFingerprint,
  requestFingerprint,
} from '../../engine/request-fingerprint.js'
import { publicPath } from '../link-paths.js'
import { principalsOf } from '../principal.js'
import { contentOf, hasFiles, type RequestContent } from '../request-content.js'
import { sendNobody } from '../send.js'
import type { ResolvedDoor } from './door.js'

/** Gives the callers' digests; `null` where nobody is there, and has been told so. */
export function callersOf(
  { core, responder }: ResolvedDoor,
  ctx: Context,
): Operation['principals'] | null {
  const callers = principalsOf(ctx, core.options.principal)
  if (callers.length > 0) return callers as Operation['principals']
  responder.refuse(ctx, 'nobody')
  return null
}

/** Gives a field; absent and empty are not the same: an empty `If-Match` matches nothing. */
export function fieldOf(ctx: Context, name: string): string | undefined {
  const value = ctx.headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : value
}

/**
 * Reads the content and makes its fingerprint.
 *
 * @param method - what stands for its method, and `path` for its path
 * @returns `null` where the request has been refused, or its client has left; a promise where the
 *   content has to come, or to be taken apart
 * @throws TypeError where a parser in front has put files aside
 */
export function fingerprintAt(
  door: ResolvedDoor,
  ctx: Context,
  { method = ctx.method, path = publicPath(ctx) }: { method?: string; path?: string } = {},
): string | null | Promise<string | null> {
  const content = contentOf(ctx, door.contentLimitBytes)
  if (!(content instanceof Promise)) return fingerprintOf(door, ctx, method, path, content)
  return content.then(late => fingerprintOf(door, ctx, method, path, late))
}

function fingerprintOf(
  { responder, contentLimitBytes, fingerprint: rule }: ResolvedDoor,
  ctx: Context,
  method: string,
  path: string,
  content: RequestContent,
): string | null | Promise<string | null> {
  switch (content.kind) {
    case 'too-large':
      responder.refuse(ctx, filled('too-large', contentLimitBytes))
      return null
    case 'cut-off':
      // There is nobody left to answer.
      sendNobody(ctx, 400)
      return null
    default: {
      const head = { method, path, query: ctx.querystring, fields: ctx.headers }
      if (typeof rule === 'function') return ownFingerprint(head, textOf('fingerprint', rule(ctx)))
      // Two contents that differ in their files alone would be one.
      if (content.kind === 'parsed' && hasFiles(ctx)) throw filesAside()
      const made = requestFingerprint(head, content, rule, contentLimitBytes)
      const take = (result: FingerprintResult): string | null => {
        if (result.kind === 'fingerprint') return result.fingerprint
        responder.refuse(ctx, result.kind)
        return null
      }
      return made instanceof Promise ? made.then(take) : take(made)
    }
  }
}

/** Gives what the application's function has given, if it is text. @throws TypeError if not */
export function textOf(name: string, given: unknown): string {
  if (typeof given === 'string') return given
  hearFailure(given)
  const why = given instanceof Promise ? ', and at once: it gave a promise' : ''
  throw new TypeError(`${name}(ctx) must give a string${why}`)
}

function filesAside(): TypeError {
  return new TypeError(
    'A parser in front of the door has put files aside, and left nothing to compare them by. Put ' +
      'the door in front of the parser, or say what counts with a function as fingerprint.',
  )
}
