/**
 * CPU time of this process and of all that it has started: servers of stores among them. It tells
 * what work costs also where the machine has other work.
 */
import { readdirSync, readFileSync } from 'node:fs'

const TICK_MS = 10

/** A line of `/proc/<pid>/stat`: the parent, and the time of the process and its ended children. */
interface Stat {
  readonly parent: number
  readonly ticks: number
}

/**
 * Gives the CPU time of the whole tree, user and system, in milliseconds.
 *
 * @returns that of this process alone where there is no `/proc`
 */
export function treeCpuMs(): number {
  const { user, system } = process.cpuUsage()
  const stats = readStats()
  let ticks = 0
  for (const [pid, stat] of stats) {
    if (pid !== process.pid && isBelow(pid, stats)) ticks += stat.ticks
  }
  return (user + system) / 1_000 + ticks * TICK_MS
}

function isBelow(pid: number, stats: ReadonlyMap<number, Stat>): boolean {
  for (let at = stats.get(pid); at !== undefined; at = stats.get(at.parent)) {
    if (at.parent === process.pid) return true
  }
  return false
}

function readStats(): ReadonlyMap<number, Stat> {
  const stats = new Map<number, Stat>()
  for (const name of listProcesses()) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8')
      // The name of the program, in brackets, may have anything in it.
      const fields = text
        .slice(text.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number)
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + (fields[at] ?? 0), 0)
      stats.set(Number(name), { parent: fields[1] ?? 0, ticks })
    } catch {
      // It has ended meanwhile.
    }
  }
  return stats
}

function listProcesses(): readonly string[] {
  try {
    return readdirSync('/proc').filter(name => /^\d+$/.test(name))
  } catch {
    return []
  }
}
