/** What an operator does with charges that could not be made. */
import type { Poe } from 'post-once-exactly/koa'

/** Tells of them, a line each. */
export async function listDead(once: Pick<Poe, 'outbox'>): Promise<string[]> {
  const lines: string[] = []
  for await (const { key, name, payload, attempts, error } of once.outbox.dead()) {
    lines.push(`${name} ${key} ${JSON.stringify(payload)} after ${attempts}: ${error}`)
  }
  return lines
}
