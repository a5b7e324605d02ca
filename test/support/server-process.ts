/** Starts `server-program.ts`, of this release or an older one, in processes, and kills them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import type { ProgramOptions, ServerStore } from './server-program.js'
import { strippedModule } from './stripped-tree.js'

/** A server that does not come up in this time is broken, also on a busy machine. */
const START_MS = 20_000

/** A server in a process of its own. */
export interface ServerProcess {
  readonly port: number
  readonly base: string
  readonly child: ChildProcess
  /** Gets fresh links. */
  links(count: number): Promise<string[]>
  link(): Promise<string>
  /** Sends a request; redirects are not followed. */
  send(method: string, path: string, headers?: Record<string, string>): Promise<Response>
  /** `kill -9`, and waits until it is dead. */
  kill(): Promise<void>
}

/** A release whose server program can be started: what follows `node`, and its environment. */
export interface Release {
  program(): readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const THIS_RELEASE: Release = { program: () => [strippedModule('test/support/server-program.ts')] }

/** A sqlite file, a ledger, and the servers that share them. */
export interface Site {
  readonly file: string
  /** Starts a server; it is killed at the end at the latest. */
  serve(options?: Partial<ProgramOptions>, release?: Release): Promise<ServerProcess>
  /** The keys of all effects so far, external ones and rows. */
  effects(): string[]
  /** How many effects a link had. */
  effectsOf(link: string): number
  /** Lets handlers go on that were sent `X-Until` with this name. */
  letGo(name: string): void
  close(): Promise<void>
}

/**
 * Makes an empty site with a table for effects.
 *
 * @param server - a store on a server, for all of it; rows in its database are not counted
 */
export function makeSite(server?: ServerStore): Site {
  const folder = mkdtempSync(join(tmpdir(), 'poe-site-'))
  const file = join(folder, 'store.db')
  const ledger = join(folder, 'ledger.txt')
  const db = openDatabase(file)
  db.pragma('journal_mode = WAL')
  db.exec('CREATE TABLE effect (key TEXT NOT NULL)')
  const servers: ServerProcess[] = []
  const effects = () => {
    const lines = existsSync(ledger) ? readFileSync(ledger, 'utf8').split('\n') : []
    const rows = db.prepare('SELECT key FROM effect').pluck().all() as string[]
    return [...lines.filter(line => line !== ''), ...rows]
  }
  return {
    file,
    async serve(options = {}, release = THIS_RELEASE) {
      const started = await startServer({ file, ledger, server, ...options }, release)
      servers.push(started)
      return started
    },
    effects,
    letGo: name => writeFileSync(join(folder, name), ''),
    effectsOf: link => effects().filter(key => link.includes(nonceOf(key))).length,
    async close() {
      await Promise.all(servers.map(server => server.kill()))
      db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Opens a sqlite file as another program would. */
export function openDatabase(file: string): Database.Database {
  const Driver = createRequire(import.meta.url)('better-sqlite3') as typeof Database
  return new Driver(file, { timeout: 5_000 })
}

/** A record's key is its route, a colon and the nonce, which stands in the link too. */
function nonceOf(key: string): string {
  return key.slice(key.indexOf(':') + 1)
}

async function startServer(options: ProgramOptions, release: Release): Promise<ServerProcess> {
  const args = [...release.program(), JSON.stringify(options)]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...release.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await portOf(child)
  const base = `http://127.0.0.1:${port}`
  const links = async (count: number) => {
    const response = await fetch(`${base}/links?count=${count}`)
    return (await response.json()) as string[]
  }
  return {
    port,
    base,
    child,
    links,
    async link() {
      const [link = ''] = await links(1)
      return link
    },
    send: (method, path, headers = {}) => {
      const isPost = method === 'POST'
      const type = isPost ? { 'Content-Type': 'application/json' } : {}
      return fetch(base + path, {
        method,
        redirect: 'manual',
        headers: { ...type, ...headers },
        ...(isPost && { body: '{"sku":"a"}' }),
      })
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  const { stdout } = child
  if (stdout === null) throw new Error('The server has no output')
  const signal = AbortSignal.timeout(START_MS)
  const early = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`The server ended with ${code} before it listened`)
  })
  early.catch(() => {})
  const [line] = (await Promise.race([once(stdout, 'data', { signal }), early])) as [Buffer]
  stdout.resume()
  return Number(line.toString())
}
