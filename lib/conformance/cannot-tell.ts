/**
 * What keeps a check from telling anything, in one direction or the other.
 */
import type { Exchange } from './wire.js'

/** Something that is asked before the question could not be had; it says nothing about the rule. */
export class CannotTell extends Error {
  override readonly name: string = 'CannotTell'
  readonly exchange: Exchange | null

  /**
   * @param message - what went wrong
   * @param exchange - what shows it
   */
  constructor(message: string, exchange: Exchange | null = null) {
    super(message)
    this.exchange = exchange
  }
}

/** We could not do our part. */
export class HarnessFailed extends CannotTell {
  override readonly name = 'HarnessFailed'
}

/** The page hands out a link of another origin, which is never asked. */
export class LinkElsewhere extends CannotTell {
  override readonly name = 'LinkElsewhere'
}
