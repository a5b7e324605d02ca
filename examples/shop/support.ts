/** What the tests of the shop share: shops in this process, and shops as processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import supertest from 'supertest'
import { strippedModule } from '../../test/support/stripped-tree.js'
import { createShop } from './app.js'
import { openStorage, type Storage } from './storage.js'

/** What a browser sends when a form is submitted. */
export const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

/** A client of one shop. */
export type Agent = ReturnType<typeof supertest>

/** A folder of its own, removed after the test. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'once-shop-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Serves a shop from this process, on a sqlite file of its own. */
export async function withShop(
  use: (agent: Agent, server: Server) => Promise<void>,
): Promise<void> {
  await withFolder(async folder => {
    const storage = await openStorage({ kind: 'sqlite', file: join(folder, 'shop.db') })
    await serve(storage, use)
  })
}

/** Serves a shop from this process, on whatever storage is given, and closes both. */
export async function serve(
  storage: Storage,
  use: (agent: Agent, server: Server) => Promise<void>,
): Promise<void> {
  const shop = createShop({ storage, faults: true })
  // Errors that are asked for are not worth printing.
  shop.app.silent = true
  const server = createServer(shop.app.callback())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(supertest(server), server)
  } finally {
    server.closeAllConnections()
    server.close()
    await shop.close()
    await storage.close()
  }
}

/** Takes a fresh one-time link from the basket. */
export async function takeLink(agent: Agent, user = 'guest'): Promise<string> {
  const basket = await agent.get('/basket').set('X-Demo-User', user)
  return String(basket.body.link)
}

/** A shop as a process. */
export interface ShopProcess {
  readonly child: ChildProcess
  readonly origin: string
  readonly agent: Agent
}

/** How a process that did not stay ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

/** Starts a shop as a process on any free port, and waits for its greeting. */
export async function startShop(env: Record<string, string>): Promise<ShopProcess> {
  const child = spawnShop({ PORT: '0', ...env })
  const origin = await new Promise<string>((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer) => {
      said += chunk.toString()
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said)
      if (found !== null) resolve(found[0])
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    child.on('exit', () => reject(new Error(`the shop did not start: ${said}`)))
  })
  return { child, origin, agent: supertest(origin) }
}

/** Runs a shop that is expected to end by itself. */
export async function runShop(env: Record<string, string>): Promise<Ended> {
  const child = spawnShop(env)
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += String(chunk)
  })
  const [code, signal] = await once(child, 'close')
  return { code, signal, stderr }
}

/** Sends a signal to a process that we started, and waits until it is gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<Ended> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal)
    await once(child, 'exit')
  }
  return { code: child.exitCode, signal: child.signalCode, stderr: '' }
}

const running = new Set<ChildProcess>()

/** Ends what a failed test has left behind; for `afterEach` wherever shops are started. */
export async function endLeftovers(): Promise<void> {
  for (const child of running) await end(child, 'SIGKILL')
}

function spawnShop(env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [strippedModule('examples/shop/main.ts')], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}
