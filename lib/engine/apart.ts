/**
 * Keeps what is done under one claim apart from a transaction that is another claim's: a door
 * inside of another one, or a request that a handler makes in its own process.
 */

/** Runs work, and all that it begins, as a part of nobody's transaction. */
export type RunApart = <Result>(work: () => Result) => Result

let run: RunApart = work => work()

/** Says how, where a store follows in whose transaction code runs. */
export function apartBy(runApart: RunApart): void {
  run = runApart
}

/** Runs the handler of a claim that has no transaction, or one of a store that follows nobody. */
export function apart<Result>(handler: () => Result): Result {
  return run(handler)
}
