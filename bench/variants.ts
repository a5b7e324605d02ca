/** Servers to be measured, as child processes pinned to one core where that can be done. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const FLAGS = ['--import', 'ts-blank-space/register', '-C', '@post-once-exactly/source']
const CAN_PIN = spawnSync('taskset', ['--version']).status === 0

/** A running server. */
export interface Subject {
  readonly port: number
  /** Makes fresh links. */
  links(count: number): Promise<string[]>
  /** CPU time so far, in microseconds. */
  cpuUs(): Promise<number>
  stop(): void
}

/** Starts a variant of `server.ts`. */
export async function start(variant: string): Promise<Subject> {
  const program = fileURLToPath(new URL('./server.ts', import.meta.url))
  const command = [process.execPath, ...FLAGS, program, variant]
  const [file = '', ...args] = CAN_PIN ? ['taskset', '-c', '0', ...command] : command
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const { port } = await answer<{ port: number }>(child)
  return {
    port,
    links: count =>
      variant === 'memory' || variant === 'sqlite' ? fetched(port, count) : made(count),
    cpuUs: async () => {
      child.send({ ask: 'cpu' })
      return (await answer<{ cpuUs: number }>(child)).cpuUs
    },
    stop: () => child.kill('SIGTERM'),
  }

  async function made(count: number): Promise<string[]> {
    child.send({ ask: 'links', count })
    return (await answer<{ links: string[] }>(child)).links
  }
}

async function fetched(port: number, count: number): Promise<string[]> {
  return (await (await fetch(`http://127.0.0.1:${port}/links/${count}`)).json()) as string[]
}

async function answer<Message>(child: ChildProcess): Promise<Message> {
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(60_000) })
  return message as Message
}

/** Moves this process, which makes the load, to another core than the servers. */
export function pinSelf(): void {
  if (CAN_PIN) spawnSync('taskset', ['-cp', '1', String(process.pid)])
}
