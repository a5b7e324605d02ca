/**
 * Which settings of a Redis server make the store reliable or not.
 */
import type { StoreSetting } from '../../engine/store-admin.js'
import { wordsOf } from './epochs.js'

const LEAST_VERSION = 7
const NEARLY_FULL = 0.9
const CONFIG = ['config', 'get', 'appendonly', 'appendfsync', 'no-appendfsync-on-rewrite']

type Ask = (command: readonly string[]) => Promise<unknown>

/**
 * Looks at a server; in a cluster at one node.
 *
 * @param ask - sends a command
 */
export async function serverSettings(ask: Ask): Promise<readonly StoreSetting[]> {
  const info = new Map<string, string>()
  for (const section of ['server', 'memory', 'replication', 'persistence']) {
    for (const line of String(await ask(['info', section])).split('\r\n')) {
      const at = line.indexOf(':')
      if (at > 0) info.set(line.slice(0, at), line.slice(at + 1))
    }
  }
  // Who may not ask for it gets an error; where a provider forbids it, an error or nothing.
  const words = wordsOf(await ask(CONFIG).catch(() => [])).map(String)
  const config = (name: string): string => {
    const at = words.indexOf(name)
    return at < 0 ? 'unknown' : (words[at + 1] ?? 'unknown')
  }
  return [
    version(info.get('redis_version') ?? 'unknown'),
    role(info.get('role') ?? 'unknown'),
    eviction(info.get('maxmemory_policy') ?? 'unknown'),
    memory(Number(info.get('used_memory')), Number(info.get('maxmemory'))),
    appendOnly(config('appendonly')),
    appendSync(config('appendfsync'), config('no-appendfsync-on-rewrite')),
    lastWrite(info.get('aof_last_write_status') ?? 'ok'),
  ]
}

function setting(
  name: string,
  value: string,
  fault: Omit<StoreSetting, 'name' | 'value'> | null,
): StoreSetting {
  return fault === null ? { name, value, level: 'right', advice: null } : { name, value, ...fault }
}

function version(value: string): StoreSetting {
  const isOld = Number.parseInt(value, 10) < LEAST_VERSION
  const advice = 'The store needs Redis 7.0 or newer.'
  return setting('redis_version', value, isOld ? { level: 'wrong', advice } : null)
}

function role(value: string): StoreSetting {
  const advice = 'A replica may be behind. Connect to its master.'
  return setting('role', value, value === 'master' ? null : { level: 'wrong', advice })
}

function eviction(value: string): StoreSetting {
  const advice =
    'Redis may drop the records of spent links. CONFIG SET maxmemory-policy noeviction, and keep ' +
    'it in the configuration file.'
  const isRight = value === 'noeviction'
  return setting('maxmemory-policy', value, isRight ? null : { level: 'wrong', advice })
}

function memory(used: number, most: number): StoreSetting {
  const value = most > 0 ? `${Math.round((100 * used) / most)} %` : 'no limit'
  const advice = 'At its maxmemory Redis refuses every POST. Raise it, or shorten the horizon.'
  const isFull = most > 0 && used > most * NEARLY_FULL
  return setting('memory in use', value, isFull ? { level: 'doubtful', advice } : null)
}

function appendOnly(value: string): StoreSetting {
  const advice =
    'A restart forgets what came after the last dump: unspent links are void then, and those of ' +
    'resources with a `key` may run again. CONFIG SET appendonly yes.'
  return setting('appendonly', value, value === 'yes' ? null : { level: 'doubtful', advice })
}

function appendSync(value: string, onRewrite: string): StoreSetting {
  const isRight = value === 'always' && onRewrite === 'no'
  const advice =
    'A crash of the machine may lose the last second: unspent links are void then. CONFIG SET ' +
    'appendfsync always, and no-appendfsync-on-rewrite no, where that is too much.'
  const told = onRewrite === 'no' ? value : `${value}, no-appendfsync-on-rewrite ${onRewrite}`
  return setting('appendfsync', told, isRight ? null : { level: 'doubtful', advice })
}

function lastWrite(value: string): StoreSetting {
  const advice = 'The append-only file could not be written. Make room on the disk of Redis.'
  const isRight = value === 'ok'
  return setting('aof_last_write_status', value, isRight ? null : { level: 'wrong', advice })
}
