/**
 * The options' defaults, each in this one place.
 */
import { systemClock } from './clock.js'
import type { ClientOptions, ResolvedClientOptions } from './options.js'

/** How much of a content is kept in memory. */
export const BODY_LIMIT_BYTES: number = 16 * 1024 * 1024

/**
 * Completes options; `undefined` is as if absent.
 *
 * @param options - checked already, where they are checked
 */
export function withDefaults(options: ClientOptions): ResolvedClientOptions {
  const given = withoutAbsent(options)
  return Object.freeze({
    tries: 5,
    timeoutMs: 30_000,
    totalMs: 120_000,
    fetch: (input: string | URL | Request, init?: RequestInit) => fetch(input, init),
    init: {},
    baseMs: 300,
    capMs: 30_000,
    maxRetryAfterMs: given.totalMs ?? 120_000,
    origins: [],
    crossOrigin: false,
    bodyLimitBytes: BODY_LIMIT_BYTES,
    adapter: {},
    keyFormat: 'structured',
    retryUnsent: false,
    clock: systemClock,
    random: Math.random,
    ...given,
  })
}

/** Options without those that are `undefined`. */
export function withoutAbsent<Options extends object>(options: Options): Options {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as Options
}
