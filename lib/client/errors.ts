/**
 * What the client throws: misuse and what cannot be begun. How a POST ended is never thrown but
 * returned; the one exception is an abort that the caller asked for.
 */
import type { PoeErrorCode } from '../errors.js'

/** An operational failure of the client, with a stable code of `ERROR_CODES`. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError'
  /** The stable code; messages may change, codes do not. */
  readonly code: PoeErrorCode

  /**
   * @param code - one of `ERROR_CODES`
   * @param message - what happened here and what to do
   * @param options - `cause`, as for `Error`
   */
  constructor(code: PoeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * The caller's signal ended a POST. `cause` is the signal's reason.
 *
 * An abort is neither success nor failure: look at `outcome` before anything is sent anew.
 */
export class PostAborted extends ClientError {
  override readonly name: string = 'AbortError'
  /** `not-sent`: nothing arrived, or it was refused. `unknown`: it may have taken effect. */
  readonly outcome: 'not-sent' | 'unknown'
  /** The absolute URL that the POST went to, or would have. */
  readonly link: string
  /** How many tries were begun. */
  readonly attempts: number

  /**
   * @param reason - of the signal
   * @param state - what is known of the POST
   */
  constructor(
    reason: unknown,
    state: { readonly isUnknown: boolean; readonly link: string; readonly attempts: number },
  ) {
    const outcome = state.isUnknown ? 'unknown' : 'not-sent'
    super('ERR_POE_ABORTED', `Aborted: ${outcome}`, { cause: reason })
    this.outcome = outcome
    this.link = state.link
    this.attempts = state.attempts
  }
}

const LEFT_OPEN = new WeakSet<object>()

/** Notes that this was thrown, by whatever hook, while the POST may have taken effect. */
export function leaveOpen(error: unknown): void {
  LEFT_OPEN.add(Object(error))
}

/** Whether a POST may have taken effect that ended with this. */
export function isLeftOpen(error: Error): boolean {
  return LEFT_OPEN.has(error)
}
