/**
 * Several shops that share one store, and nginx before them: starts them, and ends them together.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** What a cluster is started with. */
export interface ClusterOptions {
  /** As the shop's own `POE_STORE`; not `memory:`, which cannot be shared. */
  readonly store: string
  /** Where nginx listens; 0 for any free port. */
  readonly port?: number
  /** How many shops. Default 2. */
  readonly shops?: number
  /** How long nginx waits for a shop before it asks the next one, in seconds. Default 10. */
  readonly readTimeoutS?: number
  /** Finds a free port for each server. Default: one that the system gives out. */
  readonly findPort?: () => Promise<number>
  /** More of the shops' environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** A running cluster. */
export interface Cluster {
  readonly origin: string
  readonly shops: readonly ClusterShop[]
  /** Ends nginx and every shop. */
  close(): Promise<void>
}

/** One of its shops. */
export interface ClusterShop {
  readonly port: number
  readonly child: ChildProcess
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SHOP = fileURLToPath(new URL('../shop/main.ts', import.meta.url))
const TEMPLATE = fileURLToPath(new URL('./nginx.conf', import.meta.url))
const TYPESCRIPT = new URL('../../scripts/typescript.mjs', import.meta.url).href
const FLAGS = ['--import', TYPESCRIPT]
const START_MS = 60_000

/**
 * Starts the shops, and nginx when they listen.
 *
 * @throws Error that says what did not start, and why
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'once-cluster-'))
  const children: ChildProcess[] = []
  const close = async () => {
    await Promise.all(children.map(end))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const shops = await Promise.all(
      Array.from({ length: options.shops ?? 2 }, () => startShop(options, children)),
    )
    const { readTimeoutS = 10, findPort = freePort } = options
    const port = options.port || (await findPort())
    const config = join(folder, 'nginx.conf')
    writeFileSync(config, nginxConfig({ folder, port, readTimeoutS, ports: shops.map(portOf) }))
    const nginx = run('nginx', ['-p', folder, '-c', config], {}, children)
    await listens(port, nginx, 'nginx (Debian: apt install nginx-light)')
    return { origin: `http://127.0.0.1:${port}`, shops, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Fills the template in. */
function nginxConfig(values: {
  readonly folder: string
  readonly port: number
  readonly ports: readonly number[]
  readonly readTimeoutS: number
}): string {
  const { folder, port, ports, readTimeoutS } = values
  const servers = ports.map(each => `server 127.0.0.1:${each} max_fails=0;`).join('\n    ')
  return readFileSync(TEMPLATE, 'utf8')
    .replaceAll(`$${'{FOLDER}'}`, folder)
    .replaceAll(`$${'{LISTEN}'}`, `127.0.0.1:${port}`)
    .replaceAll(`$${'{SERVERS}'}`, servers)
    .replaceAll(`$${'{READ_TIMEOUT}'}`, `${readTimeoutS}s`)
}

async function startShop(options: ClusterOptions, children: ChildProcess[]): Promise<ClusterShop> {
  const port = await (options.findPort ?? freePort)()
  const env = { ...options.env, POE_STORE: options.store, PORT: String(port) }
  const child = run(process.execPath, [...FLAGS, SHOP], env, children)
  await listens(port, child, 'a shop')
  return { port, child }
}

function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  children: ChildProcess[],
): ChildProcess {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { PATH: `${process.env.PATH ?? ''}:/usr/sbin`, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  child.once('error', () => {})
  children.push(child)
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), 12_000)
  await gone
  clearTimeout(hard)
}

async function listens(port: number, child: ChildProcess, what: string): Promise<void> {
  const untilMs = performance.now() + START_MS
  while (!(await accepts(port))) {
    const isGone = child.exitCode !== null || child.signalCode !== null || child.pid === undefined
    if (isGone || performance.now() > untilMs) throw new Error(`${what} did not start.`)
    await pause(50)
  }
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

function portOf({ port }: ClusterShop): number {
  return port
}
