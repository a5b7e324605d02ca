/**
 * What will be known, perhaps already is when it is asked for: a promise is made only where it has
 * to be waited for.
 */

/** One value, or one error. */
export class Promised<Value> {
  #state: 'open' | 'known' | 'failed' = 'open'
  #value: unknown = null
  #settle: { resolve(value: Value): void; reject(error: unknown): void } | null = null

  /** Tells the value; only the first word counts. */
  resolve(value: Value): void {
    if (this.#settle !== null) this.#settle.resolve(value)
    else if (this.#state === 'open') {
      this.#state = 'known'
      this.#value = value
    }
  }

  /** Tells that there is none. */
  reject(error: unknown): void {
    if (this.#settle !== null) this.#settle.reject(error)
    else if (this.#state === 'open') {
      this.#state = 'failed'
      this.#value = error
    }
  }

  /**
   * Gives the value, or a promise of it; to be called once.
   *
   * @throws the error, where that is known already
   */
  wait(): Value | Promise<Value> {
    if (this.#state === 'known') return this.#value as Value
    if (this.#state === 'failed') throw this.#value
    return new Promise<Value>((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }
}
