/**
 * A request at a door that goes by who sends what: its caller and its content, both or an answer.
 */
import type { Context } from 'koa'
import { filled } from '../../answers/refusals.js'
import { ownFingerprint, requestFingerprint } from '../../answers/request-fingerprint.js'
import type { Core } from '../core.js'
import { publicPath } from '../link-paths.js'
import { principalsOf } from '../principal.js'
import { contentOf, hasFiles } from '../request-content.js'
import { sendNobody } from '../send.js'
import type { Responder } from './responder.js'

/**
 * What of the content counts. `raw`: its bytes. `semantic`: what JSON, a form or multipart parts
 * say, however they are written. `content-digest`: the bytes, by the client's own `Content-Digest`,
 * which must be there and right. JSON Pointers: those members of JSON only. A function: its text.
 */
export type FingerprintRule =
  | 'raw'
  | 'semantic'
  | 'content-digest'
  | readonly string[]
  | ((ctx: Context) => string)

/** What is needed of a door. */
export interface ContentReader {
  readonly core: Core
  readonly responder: Responder
  readonly fingerprint: FingerprintRule
  readonly contentLimitBytes: number
}

/**
 * Names the callers.
 *
 * @returns their digests, at least one; `null` where nobody is there, and has been told so
 */
export function callersOf(
  { core, responder }: Pick<ContentReader, 'core' | 'responder'>,
  ctx: Context,
): readonly [string, ...string[]] | null {
  const [first, ...others] = principalsOf(ctx, core.options.principal)
  if (first !== undefined) return [first, ...others]
  responder.refuse(ctx, 'nobody')
  return null
}

/**
 * Reads the content and makes its fingerprint.
 *
 * @param method - what stands for its method, and `path` for its path
 * @returns `null` where the request has been refused, or its client has left
 * @throws TypeError where a parser in front has put files aside
 */
export async function fingerprintAt(
  reader: ContentReader,
  ctx: Context,
  { method = ctx.method, path = publicPath(ctx) }: { method?: string; path?: string } = {},
): Promise<string | null> {
  const { responder, contentLimitBytes, fingerprint: rule } = reader
  const content = await contentOf(ctx, contentLimitBytes)
  switch (content.kind) {
    case 'too-large':
      responder.refuse(ctx, filled('too-large', contentLimitBytes))
      return null
    case 'cut-off':
      // There is nobody left to answer.
      sendNobody(ctx, 400)
      return null
    default: {
      const head = {
        ...{ method, path, query: ctx.querystring, type: ctx.get('Content-Type') },
        ...{ encoding: ctx.get('Content-Encoding'), digest: ctx.get('Content-Digest') },
      }
      if (typeof rule === 'function') return ownFingerprint(head, rule(ctx))
      // Two contents that differ in their files alone would be one.
      if (content.kind === 'parsed' && hasFiles(ctx)) throw filesAside()
      const made = await requestFingerprint(head, content, rule, contentLimitBytes)
      if (made.kind === 'fingerprint') return made.fingerprint
      responder.refuse(ctx, made.kind)
      return null
    }
  }
}

function filesAside(): TypeError {
  return new TypeError(
    'A parser in front of the door has put files aside, and left nothing to compare them by. Put ' +
      'the door in front of the parser, or say what counts with a function as fingerprint.',
  )
}
