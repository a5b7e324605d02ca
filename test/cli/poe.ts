/**
 * The `poe` command as a process, and what tests of it stand before it: a scripted server, and a
 * shop behind a proxy that loses things.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { type FaultProxy, faultProxy } from 'post-once-exactly/testing'
import { takeLink, withShop } from '../../examples/shop/support.js'
import { strippedModule } from '../support/stripped-tree.js'

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** How it is started. */
export interface Start {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What is piped into it. */
  readonly input?: string | Uint8Array
  /** Another program than the one under test. */
  readonly main?: string
}

/** A process that runs. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

const running = new Set<ChildProcess>()

/** Starts the command. */
export function startPoe(args: readonly string[], start: Start = {}): Running {
  const { env = {}, cwd = tmpdir(), input, main = strippedModule('lib/cli/main.ts') } = start
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: 'pipe',
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  child.stdin.on('error', () => {})
  if (input !== undefined) child.stdin.end(input)
  return { child, ended: endOf(child) }
}

/** Runs the command to its end. */
export async function poe(args: readonly string[], start: Start = {}): Promise<Ended> {
  return await startPoe(args, { input: '', ...start }).ended
}

/** Ends what a failed test has left behind. */
export function endPoes(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** What `--output json` printed: exactly one line. */
export function printed(ended: Ended): Record<string, unknown> {
  const lines = ended.out.split('\n')
  if (lines.length !== 2 || lines[1] !== '') throw new Error(`not one line: ${ended.out}`)
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>
}

/** A request as a scripted server saw it. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

/** A server whose answers a test writes down. */
export interface Scripted {
  readonly origin: string
  readonly seen: Seen[]
  /** Resolves with the next POST that arrives. */
  nextPost(): Promise<void>
}

/** Serves answers from a function, for as long as a test uses it. */
export async function withServer(
  answer: (seen: Seen, response: ServerResponse) => void,
  use: (server: Scripted) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = []
  const waiting: (() => void)[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method = '', url: path = '', headers } = request
    const one = { method, path, headers, body: Buffer.concat(chunks).toString() }
    seen.push(one)
    if (method === 'POST') for (const go of waiting.splice(0)) go()
    answer(one, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const nextPost = () => new Promise<void>(resolve => waiting.push(resolve))
  try {
    await use({ origin, seen, nextPost })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** A shop, and a proxy before it. */
export interface ProxiedShop {
  readonly proxy: FaultProxy
  /** Where the shop is reached directly. */
  readonly origin: string
  /** How many orders there are. */
  orders(): Promise<number>
  /** Takes a fresh link, as it is reached through the proxy or directly. */
  link(through?: 'proxy'): Promise<string>
}

/** Opens a shop for as long as a test uses it. */
export async function withProxiedShop(use: (shop: ProxiedShop) => Promise<void>): Promise<void> {
  await withShop(async (agent, server) => {
    const { port } = server.address() as AddressInfo
    const proxy = await faultProxy({ target: { port } })
    const orders = async () => Number((await agent.get('/ledger')).body.orders)
    const origin = `http://127.0.0.1:${port}`
    const link = async (through?: 'proxy') =>
      `${through === 'proxy' ? proxy.origin : origin}${await takeLink(agent)}`
    try {
      await use({ proxy, origin, orders, link })
    } finally {
      await proxy.close()
    }
  })
}

/** What an order is. */
export const ORDER = '{"sku":"lamp","qty":1}'

function endOf(child: ChildProcess): Promise<Ended> {
  let out = ''
  let err = ''
  child.stdout?.setEncoding('utf8').on('data', text => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    err += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, out, err }))
  })
}
