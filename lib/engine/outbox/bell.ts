/**
 * Tells workers of this process that there is something to deliver, so that they need not wait for
 * their next look.
 */

/** Whoever listens hears each ring. */
export class Bell {
  readonly #listeners = new Set<() => void>()

  /**
   * Listens.
   *
   * @param listener - called at each ring; must not throw
   * @returns ends that
   */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Calls every listener. */
  ring(): void {
    for (const listener of this.#listeners) listener()
  }
}
