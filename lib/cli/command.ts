/**
 * What a command of `poe` is, and how it says that it was called wrongly.
 */

/** Where a command speaks, and what surrounds it. */
export interface Terminal {
  /** Prints a line of the result. */
  readonly out: (line: string) => void
  /** Prints a line about the work. */
  readonly err: (line: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A command. */
export interface Command {
  readonly name: string
  /** What it does, in a few words. */
  readonly summary: string
  /** Everything about its arguments. */
  readonly help: string
  /**
   * Runs it.
   *
   * @returns the exit code
   * @throws Misuse when the arguments cannot be used
   */
  run(args: string[], terminal: Terminal): Promise<number>
}

/** Arguments that cannot be used; the message is for whoever typed them. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}
