/**
 * A request at a door that goes by who sends what: its caller and its content, both or an answer.
 */
import type { Context } from 'koa'
import type { Core } from '../core.js'
import { principalsOf } from '../principal.js'
import { contentOf } from '../request-content.js'
import { type FingerprintRule, fingerprintOf, type Place } from './content-fingerprint.js'
import { DIGEST_MISSING, DIGEST_WRONG, NOBODY, TOO_DEEP, tooLarge } from './door-problems.js'
import type { DoorVoice } from './voice.js'

/** What is needed of a door. */
export interface ContentReader {
  readonly core: Core
  readonly voice: DoorVoice
  readonly fingerprint: FingerprintRule
  readonly contentLimitBytes: number
}

/**
 * Names the callers.
 *
 * @returns their digests, at least one; `null` where nobody is there, and has been told so
 */
export function callersOf(
  { core, voice }: Pick<ContentReader, 'core' | 'voice'>,
  ctx: Context,
): readonly [string, ...string[]] | null {
  const [first, ...others] = principalsOf(ctx, core.options.principal)
  if (first !== undefined) return [first, ...others]
  voice.refuse(ctx, NOBODY)
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
  const { voice, contentLimitBytes, fingerprint: rule } = reader
  const content = await contentOf(ctx, contentLimitBytes)
  switch (content.kind) {
    case 'too-large':
      voice.refuse(ctx, tooLarge(contentLimitBytes))
      return null
    case 'cut-off':
      // There is nobody left to answer.
      ctx.status = 400
      return null
    default: {
      const made = await fingerprintOf(ctx, content, rule, contentLimitBytes, place)
      if (made.kind === 'fingerprint') return made.fingerprint
      voice.refuse(ctx, NO_FINGERPRINT[made.kind])
      return null
    }
  }
}

const NO_FINGERPRINT = {
  'digest-missing': DIGEST_MISSING,
  'digest-wrong': DIGEST_WRONG,
  'too-deep': TOO_DEEP,
} as const
