/**
 * Private Redis servers: alone, as replica, or three as a cluster. Each has a folder of its own and
 * a free port of 127.0.0.1, which it keeps when it is started again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import {
  atTheEnd,
  findProgram,
  freePort,
  listens,
  type ServerChild,
  startProgram,
} from './programs.js'

const READY_MS = 20_000
const SLOTS = 16_384

/** What a server keeps over a restart: nothing, its last dump, or an append-only file. */
export type Persistence = 'none' | 'dump' | 'everysec' | 'always'

/** Options of {@link startRedis}. */
export interface RedisServerOptions {
  readonly persistence?: Persistence
  /** Follow the server at this port. */
  readonly replicaOf?: number
  readonly cluster?: boolean
  /** More of the command line. */
  readonly settings?: readonly string[]
}

/** A running server. */
export interface RedisServer {
  readonly port: number
  readonly folder: string
  /** `redis://...` */
  readonly url: string
  /** Sends a command on a connection of its own, which waits until the server takes commands. */
  ask(...command: readonly (string | number)[]): Promise<unknown>
  /** Ends it as `kill -9` would. */
  kill(): Promise<void>
  /** Ends it in order, with a dump where it makes dumps. */
  stop(): Promise<void>
  /** Starts it again, on the same port and folder; resolves when it takes commands. */
  start(): Promise<void>
  /** Stops the process where it is, until {@link thaw}. */
  freeze(): void
  thaw(): void
  /** Kills it and removes its folder. */
  remove(): Promise<void>
}

/** Starts a server. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = new PrivateServer(await freePort(), options)
  await server.start()
  return server
}

let shared: Promise<{ readonly url: string }> | null = null

/**
 * The server that tests share which do not kill it; each takes a prefix of its own. In a run over
 * several processes it is the runner's, and this process has a database of its own there.
 */
export function sharedRedis(): Promise<{ readonly url: string }> {
  const url = process.env.POE_TEST_REDIS
  shared ??= url === undefined ? ownForAll() : Promise.resolve({ url })
  return shared
}

async function ownForAll(): Promise<RedisServer> {
  const server = await startRedis()
  atTheEnd(() => server.remove())
  return server
}

/** Starts three servers that are one cluster; resolves when each knows of every slot. */
export async function startRedisCluster(): Promise<readonly RedisServer[]> {
  const nodes = await Promise.all([1, 2, 3].map(() => startRedis({ cluster: true })))
  const share = Math.ceil(SLOTS / nodes.length)
  for (const [index, node] of nodes.entries()) {
    const to = Math.min(SLOTS, (index + 1) * share) - 1
    await node.ask('CLUSTER', 'ADDSLOTSRANGE', index * share, to)
    await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    await nodes[0]?.ask('CLUSTER', 'MEET', '127.0.0.1', node.port)
  }
  for (const node of nodes) {
    await until(async () => {
      const info = String(await node.ask('CLUSTER', 'INFO'))
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')
    }, 'the cluster')
  }
  return nodes
}

/** Waits until something is so. */
export async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + READY_MS
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > endMs) throw new Error(`${what} is not there after ${READY_MS} ms`)
    await pause(20)
  }
}

class PrivateServer implements RedisServer {
  readonly port: number
  readonly folder = mkdtempSync(join(tmpdir(), 'poe-redis-'))
  readonly #args: readonly string[]
  #child: ServerChild | null = null

  constructor(port: number, options: RedisServerOptions) {
    this.port = port
    this.#args = [...commandLine(port, this.folder, options), ...(options.settings ?? [])]
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async ask(...command: readonly (string | number)[]): Promise<unknown> {
    const [name = '', ...args] = command
    const client = new Redis({ port: this.port, lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => {})
    try {
      await client.connect()
      return await client.call(String(name), ...args)
    } finally {
      client.disconnect()
    }
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#child?.end('SIGTERM')
  }

  async start(): Promise<void> {
    const program = findProgram('redis-server')
    if (program === null) throw new Error('redis-server is not installed')
    this.#child = startProgram(program, this.#args)
    await listens(this.port)
    await until(async () => (await this.ask('PING')) === 'PONG', 'the server')
  }

  freeze(): void {
    this.#child?.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.child.kill('SIGCONT')
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function commandLine(port: number, folder: string, options: RedisServerOptions): string[] {
  const { persistence = 'none', replicaOf, cluster } = options
  const isLogged = persistence === 'everysec' || persistence === 'always'
  return [
    ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', persistence === 'dump' ? '3600 1000000' : ''],
    ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
    ...(isLogged ? ['--appendonly', 'yes', '--appendfsync', persistence] : []),
    ...(replicaOf === undefined ? [] : ['--replicaof', `127.0.0.1 ${replicaOf}`]),
    ...(cluster === true ? ['--cluster-enabled', 'yes'] : []),
  ]
}
