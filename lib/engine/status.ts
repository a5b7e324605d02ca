/**
 * How it goes: what a health check asks for.
 */
import type { PoeError } from '../errors.js'
import type { Engine } from './engine.js'
import type { StoreSecrets } from './store-secrets.js'

/** What `once.status()` tells. */
export interface PoeStatus {
  /** Whether POSTs can take effect now: the store has just answered, and links can be made. */
  readonly isReady: boolean
  readonly store: 'up' | 'down'
  /** How long the store took to answer, in milliseconds; `null` where it did not. */
  readonly latencyMs: number | null
  /** How much the store's clock is ahead of this process's, in milliseconds. */
  readonly clockOffsetMs: number
  /** Whether links can be minted and verified: epochs and secrets are known. */
  readonly canMint: boolean
  /** Requests that are at work here, or wait for a twin. */
  readonly atWork: number
  /** Outcomes and releases that the store has not taken yet. */
  readonly pendingWrites: number
  /** Whether `close` was called. */
  readonly isClosing: boolean
  /** The code of the store's refusal, such as `ERR_POE_STORE_DOWN`; `null` for none. */
  readonly code: string | null
}

/**
 * Asks the store once, and tells. Bounded by `storeTimeoutMs`; never rejects.
 *
 * @param nowMs - a clock that tells fractions of a millisecond
 */
export async function statusOf(
  engine: Engine,
  secrets: StoreSecrets,
  nowMs: () => number,
): Promise<PoeStatus> {
  const { guard, store } = engine
  const startMs = nowMs()
  const code = await guard
    .call(ms => store.epoch(ms))
    .then(
      () => null,
      (error: PoeError) => error.code,
    )
  if (code === null && !secrets.ready) await secrets.prepare()
  const isUp = code === null && !guard.down
  return {
    isReady: isUp && secrets.ready && !engine.isClosing,
    store: isUp ? 'up' : 'down',
    latencyMs: code === null ? nowMs() - startMs : null,
    clockOffsetMs: guard.offsetMs,
    canMint: secrets.ready,
    atWork: engine.atWork,
    pendingWrites: engine.pendingWrites,
    isClosing: engine.isClosing,
    code,
  }
}
