/** The process of `program.ts`, as the campaign sees it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { strippedModule } from '../../support/stripped-tree.js'
import type { RandomOrder, RandomShopSettings } from './program.js'

/** When something hangs. */
const HANGS_MS = 30_000

/** A running shop. */
export class RandomShop {
  readonly #base: string
  readonly #child: ChildProcess
  readonly #died: Promise<unknown>

  private constructor(base: string, child: ChildProcess, died: Promise<unknown>) {
    this.#base = base
    this.#child = child
    this.#died = died
  }

  /** Starts one. @throws Error where it dies before it is ready */
  static async start(settings: RandomShopSettings): Promise<RandomShop> {
    const program = strippedModule('test/campaigns/joined-tools/program.ts')
    const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const died = once(child, 'exit')
    const first = await Promise.race([once(child.stdout, 'data'), died.then(() => null)])
    if (first === null) throw new Error('the shop died before it was ready')
    return new RandomShop(String(first[0]).trim(), child, died)
  }

  /** A new link. */
  async link(): Promise<string> {
    return await (await this.#ask('/page')).text()
  }

  /** Sends an order; gives the status, or `null` where there was no answer. */
  async post(link: string, order: RandomOrder): Promise<number | null> {
    const headers = { 'Content-Type': 'application/json' }
    const init = { method: 'POST', headers, body: JSON.stringify(order) }
    const answer = await this.#ask(link, init).catch(() => null)
    const body = await answer?.text().catch(() => null)
    return typeof body === 'string' ? (answer?.status ?? null) : null
  }

  /** Whether its link shows the answer of a success. */
  async isSpent(link: string): Promise<boolean> {
    const answer = await this.#ask(link)
    await answer.text()
    return answer.ok
  }

  /** Kills it, if it has not died by itself; waits for its end. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#died
  }

  /** Waits until it has died by its own hand. @throws Error where it does not */
  async gone(): Promise<void> {
    const late = pause(HANGS_MS, 'late' as const, { ref: false })
    if ((await Promise.race([this.#died, late])) === 'late') throw new Error('it did not die')
  }

  #ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.#base), { ...init, signal: AbortSignal.timeout(HANGS_MS) })
  }
}
