/** One shop: a process that is killed and comes back, and the proxies on both sides of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { type FaultProxy, faultProxy } from '../../../lib/testing/index.js'
import { freePort } from '../../support/servers/programs.js'
import type { Plant } from './options.js'
import type { ShopSettings } from './shop-process.js'

/** What a shop is made of. */
export interface ShopOptions {
  readonly index: number
  readonly program: string
  readonly leaseMs: number
  readonly plant: Plant | null
  readonly by: 'knex' | null
  readonly ledger: string | null
  /** Where the store's server is, a failover later too; `null` where there is none. */
  readonly storePort: (() => number) | null
  readonly storeSetting: (port: number) => string
  /** Told when the process ends although nobody killed it. */
  readonly onFall: (text: string) => void
}

/** A process that is not up in this time will not be. */
const START_MS = 60_000
/** How long a shop whose store is away waits before it tries again. */
const AGAIN_MS = 150
const KEPT_CHARS = 4_000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A shop between its two proxies. */
export class Shop {
  readonly index: number
  /** What clients connect to. */
  readonly door: FaultProxy
  /** What the shop connects to for its store; `null` without a server. */
  readonly back: FaultProxy | null
  readonly #options: ShopOptions
  readonly #port: number
  /** Read by the proxy at each connection. */
  readonly #target: { port: number }
  #child: ChildProcess | null = null
  #lives = 0
  #isWanted = false
  #isFrozen = false
  #log = ''

  private constructor(
    options: ShopOptions,
    port: number,
    door: FaultProxy,
    back: FaultProxy | null,
    target: { port: number },
  ) {
    this.index = options.index
    this.#options = options
    this.#port = port
    this.door = door
    this.back = back
    this.#target = target
  }

  /** Makes a shop with its proxies; its process is started by {@link rise}. */
  static async make(options: ShopOptions): Promise<Shop> {
    const port = await freePort()
    const target = { port: options.storePort?.() ?? 0 }
    const door = await faultProxy({ target: { port } })
    const back = options.storePort === null ? null : await faultProxy({ target })
    return new Shop(options, port, door, back, target)
  }

  /** Whether the process runs, and is not frozen. */
  get isUp(): boolean {
    return this.#child !== null && !this.#isFrozen
  }

  /** The process as answers name it. */
  get life(): string {
    return `${this.index}.${this.#lives}`
  }

  /** The end of what its processes had to say. */
  get log(): string {
    return this.#log
  }

  /** Starts the process, again and again while its store is away; resolves when it answers. */
  async rise(): Promise<void> {
    this.#isWanted = true
    const giveUpMs = performance.now() + START_MS
    while (this.#isWanted && this.#child === null) {
      if (await this.#start()) return
      if (performance.now() > giveUpMs) throw new Error(`shop ${this.index} is down: ${this.#log}`)
      await pause(AGAIN_MS)
    }
  }

  /** `kill -9`; resolves when the process is dead. */
  async kill(): Promise<void> {
    this.#isWanted = false
    const child = this.#child
    this.#child = null
    this.#isFrozen = false
    if (child !== null) await end(child)
  }

  /** Stops the process where it is, until {@link thaw}. */
  freeze(): void {
    this.#isFrozen = true
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#isFrozen = false
    this.#child?.kill('SIGCONT')
  }

  /** Makes the process's event loop stand still, at once and for so long. */
  stall(forMs: number): void {
    this.#child?.stdin?.write(`${forMs}\n`)
  }

  /** Points the proxy to where the store's server is now. */
  follow(): void {
    this.#target.port = this.#options.storePort?.() ?? 0
  }

  /** Ends the process and both proxies. */
  async close(): Promise<void> {
    await this.kill()
    await Promise.all([this.door.close(), this.back?.close()])
  }

  async #start(): Promise<boolean> {
    const { program, leaseMs, plant, by, ledger, storeSetting } = this.#options
    this.#lives += 1
    const store = storeSetting(this.back?.port ?? 0)
    const settings: ShopSettings = {
      ...{ name: this.life, port: this.#port, store, leaseMs, plant, by, ledger },
    }
    const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // An interrupt at the terminal is for the run to obey.
      detached: true,
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    child.stdin.on('error', () => {})
    child.stderr.on('data', chunk => {
      this.#log = (this.#log + String(chunk)).slice(-KEPT_CHARS)
    })
    this.#child = child
    const isReady = await Promise.race([
      once(child.stdout, 'data').then(() => true),
      once(child, 'exit').then(() => false),
      pause(START_MS, false, { ref: false }),
    ])
    if (this.#child !== child) return true
    if (!isReady) {
      this.#child = null
      await end(child)
      return false
    }
    child.once('exit', (code, signal) => this.#fell(child, `${code ?? signal}`))
    return true
  }

  #fell(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = null
    this.#options.onFall(`shop ${this.life} ended by itself with ${how}: ${this.#log}`)
    this.rise().catch(() => {})
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
