/**
 * The server programs that tests start: where they are, on which port, and what happens where one
 * is missing. Every server is private: a folder of its own, a free port of 127.0.0.1, and it dies
 * with the test run.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A server that does not come up in this time is broken, also on a busy machine. */
const START_MS = 20_000

/** Where Debian puts what is not on the PATH of every user; `*` is any version. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/lib/postgresql/*/bin']

/**
 * Finds a program.
 *
 * @returns its path; `null` where it is not installed
 */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS.flatMap(expand)]
  return folders.map(folder => join(folder, name)).find(isExecutable) ?? null
}

/**
 * Tells whether programs are installed. Where one is missing a line says so; with `POE_TEST_ALL=1`,
 * as in CI, that is a failure.
 *
 * @param names - the programs
 * @param what - is not tested without them
 * @throws Error in CI
 */
export function areInstalled(names: readonly string[], what: string): boolean {
  const missing = names.filter(name => findProgram(name) === null)
  if (missing.length === 0) return true
  const told = `${missing.join(' and ')} not found: ${what} is not tested`
  if (process.env.POE_TEST_ALL === '1') throw new Error(told)
  process.stderr.write(`    ${told}\n`)
  return false
}

/**
 * Declares tests that need programs, if they are installed (see {@link areInstalled}).
 *
 * @param names - the programs
 * @param title - of the suite
 * @param body - declares its tests
 */
export function describeWith(
  names: readonly string[],
  title: string,
  body: (this: Mocha.Suite) => void,
): void {
  if (areInstalled(names, `'${title}'`)) describe(title, body)
}

/**
 * Finds a port of 127.0.0.1 that nobody uses. It is below those that the system gives out by
 * itself, so that none of the many connections of other tests takes it before the server does, or
 * while the server is down; and it is this process's until it ends, so that no other test run takes
 * it either. A Redis cluster also takes the port 10,000 above it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 20_000)
    if (!isReserved(port)) continue
    const server = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise(resolve => server.close(resolve))
    return port
  }
}

const RESERVED = join(tmpdir(), 'poe-test-ports')
const reserved = new Set<string>()
process.once('exit', () => {
  for (const file of reserved) rmSync(file, { force: true })
})

/** Whether a port is this process's now: by a file with its id, which goes when it ends. */
function isReserved(port: number): boolean {
  const file = join(RESERVED, String(port))
  mkdirSync(RESERVED, { recursive: true })
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
  } catch {
    // Its process was killed, or it is taken: the next port will do, and this one another time.
    if (!isAlive(ownerOf(file))) rmSync(file, { force: true })
    return false
  }
  reserved.add(file)
  return true
}

function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8')) || process.pid
  } catch {
    return process.pid
  }
}

/** Whether a process is at work: one that has ended and that nobody has asked about yet is not. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits until something listens at a port of 127.0.0.1. */
export async function listens(port: number, withinMs = START_MS): Promise<void> {
  const untilMs = performance.now() + withinMs
  while (!(await accepts(port))) {
    if (performance.now() > untilMs) throw new Error(`nothing listens at port ${port}`)
    await pause(20)
  }
}

/** Whatever was started, also without the function below: none of it outlasts this process. */
const running = new Set<ChildProcess>()
subscribe('child_process', message => {
  const { process: child } = message as { process: ChildProcess }
  running.add(child)
  child.once('exit', () => running.delete(child))
})
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * Starts a program that ends with this process at the latest. Its output is kept, and shown by
 * {@link ServerChild.log}.
 */
export function startProgram(
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ServerChild {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-20_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  child.once('error', error => {
    log += String(error)
  })
  return {
    child,
    log: () => log,
    async end(signal = 'SIGKILL') {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      const gone = once(child, 'exit')
      child.kill(signal)
      await gone
    },
  }
}

const endings: (() => Promise<void>)[] = []

/** Has something ended when all tests are over; for servers that tests share. */
export function atTheEnd(end: () => Promise<void>): void {
  endings.push(end)
}

/** Ends what tests shared; the test runner calls it. */
export async function endAll(): Promise<void> {
  await Promise.all(endings.splice(0).map(end => end()))
}

/** A program that runs. */
export interface ServerChild {
  readonly child: ChildProcess
  /** The end of what it printed. */
  log(): string
  /** Ends it, by SIGKILL if nothing else is asked for, and waits until it is gone. */
  end(signal?: NodeJS.Signals): Promise<void>
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function expand(folder: string): string[] {
  const [before = '', after = ''] = folder.split('*')
  if (before === folder) return [folder]
  try {
    return readdirSync(before).map(version => before + version + after)
  } catch {
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
