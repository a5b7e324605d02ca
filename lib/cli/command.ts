/**
 * What a command of `poe` is, what surrounds it, and how it says that it was called wrongly.
 */
import type { Readable } from 'node:stream'

/** Where a command speaks, and what surrounds it. */
export interface Terminal {
  /** Prints a line of the result. */
  readonly out: (line: string) => void
  /** Prints a line about the work. */
  readonly err: (line: string) => void
  /** Prints a part of the result as it is. */
  readonly write: (bytes: Uint8Array) => void
  /** Waits until what was printed has left; absent where nothing is kept. */
  readonly flushed?: () => Promise<void>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder that the process runs in. */
  readonly folder: string
  /** What is piped or typed into the command. */
  readonly stdin: () => Readable
  /** Whether a person types what comes from `stdin`. */
  readonly isTyped: boolean
  /** Whether a person looks at the result. */
  readonly isWatched: boolean
  /** Whether lines about the work may have colours. */
  readonly isColoured: boolean
  /** Writes a line over the one before, where somebody looks on; `''` takes it away. */
  readonly live?: (line: string) => void
  /**
   * From the first call on, SIGINT and SIGTERM do not end the process but abort this signal, whose
   * reason is then an {@link Interrupted}.
   */
  readonly interruption: () => AbortSignal
}

/** A command. */
export interface Command {
  readonly name: string
  /** What it does, in a few words. */
  readonly summary: string
  /** Everything about its arguments. */
  readonly help: string
  /** The help on these arguments, where it depends on them. */
  readonly helpOf?: (args: readonly string[]) => string
  /**
   * Runs it.
   *
   * @returns the exit code
   * @throws Misuse when the arguments cannot be used
   * @throws Interrupted where it was interrupted and has nothing more to say
   */
  run(args: string[], terminal: Terminal): Promise<number>
}

/** Arguments that cannot be used; the message is for whoever typed them. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}

/** SIGINT or SIGTERM came. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  /** What a shell expects the process to exit with. */
  readonly code: number

  /** @param signal - what came */
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`Interrupted by ${signal}.`)
    this.code = signal === 'SIGINT' ? 130 : 143
  }
}
