/**
 * A request at a door that goes by who sends what: its caller and its content, both or an answer.
 */
import type { Context } from 'koa'
import { filled } from '../../answers/refusals.js'
import type { Core } from '../core.js'
import { principalsOf } from '../principal.js'
import { contentOf } from '../request-content.js'
import { sendNobody } from '../send.js'
import { type FingerprintRule, fingerprintOf, type Place } from './content-fingerprint.js'
import type { Responder } from './responder.js'

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
 * @param place - what stands for method and path; the request's own by default
 * @returns `null` where the request has been refused, or its client has left
 */
export async function fingerprintAt(
  reader: ContentReader,
  ctx: Context,
  place: Place = {},
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
      const made = await fingerprintOf(ctx, content, rule, contentLimitBytes, place)
      if (made.kind === 'fingerprint') return made.fingerprint
      responder.refuse(ctx, made.kind)
      return null
    }
  }
}
