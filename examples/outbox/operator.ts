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

/** Tells what a person has to look at: what is dead, and what has waited for too long. */
export async function listTrouble(once: Pick<Poe, 'outbox'>, lateMs: number): Promise<string[]> {
  const lines: string[] = []
  for (const { name, waiting, running, dead, oldestMs } of await once.outbox.counts()) {
    const waitedMs = oldestMs === null ? 0 : Date.now() - oldestMs
    if (dead > 0) lines.push(`${name}: ${dead} dead`)
    if (waitedMs > lateMs) lines.push(`${name}: ${waiting} wait, ${running} run, too late`)
  }
  return lines
}

/** Lets all that is dead under one name be tried anew: the other side is there again. */
export async function reviveAll(once: Pick<Poe, 'outbox'>, name: string): Promise<number> {
  let revived = 0
  for await (const letter of once.outbox.dead()) {
    if (letter.name === name && (await once.outbox.revive(letter.key))) revived += 1
  }
  return revived
}
