/**
 * What an operator does about undecided links: finds them, looks at one, and decides it.
 */
import type { Poe } from 'post-once-exactly/koa'

/** Says in one line each what is undecided. */
export async function listUndecided(once: Poe<unknown>): Promise<string[]> {
  const lines: string[] = []
  for await (const { key, owner, sinceMs } of once.undecided()) {
    lines.push(`${new Date(sinceMs).toISOString()} ${key} ${owner}`)
  }
  return lines
}

/** Decides that the effect happened: whoever asks again is led to its result. */
export async function itHappened(
  once: Poe<unknown>,
  key: string,
  owner: string,
  location: string,
): Promise<boolean> {
  return await once.settle(key, owner, { verdict: 'happened', outcome: { location } })
}

/** Decides that it did not, and cannot any more: the next POST runs. */
export async function itDidNotHappen(
  once: Poe<unknown>,
  key: string,
  owner: string,
): Promise<boolean> {
  return await once.settle(key, owner, { verdict: 'did-not-happen' })
}
