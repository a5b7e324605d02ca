/**
 * Time as the client's input, so that tests need not wait.
 */

/** A source of time; all values are milliseconds. The `Clock` of the engine is one too. */
export interface ClientClock {
  /** Milliseconds since the Unix epoch, never going back. */
  now(): number
  /**
   * Waits.
   *
   * @throws the signal's reason, as soon as it aborts
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * Calls once, later; a cheaper `sleep` for what nearly always is called off.
   *
   * @defaultValue made of `sleep`
   * @returns what calls it off
   */
  after?(ms: number, call: () => void): () => void
}

/** Timers fire at once beyond this, so that one waits no longer. */
export const LONGEST_SLEEP_MS = 2_147_483_647

/**
 * The real time. The process's own count stands still while its machine sleeps, so that the
 * system's clock counts where it is ahead; where that is set back, it does not.
 */
export const systemClock: ClientClock = {
  now: () => Math.max(performance.timeOrigin + performance.now(), Date.now()),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, LONGEST_SLEEP_MS))
    return () => clearTimeout(timer)
  },
  sleep(ms, signal) {
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', stop, { once: true })
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', stop)
          resolve()
        },
        Math.min(ms, LONGEST_SLEEP_MS),
      )
    })
  },
}
