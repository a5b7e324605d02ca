/** A shop or a worker of the campaign, in a process that is killed, frozen, and comes back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { strippedModule } from '../../support/stripped-tree.js'
import type { Told } from './judge.js'
import type { ProgramSettings } from './program.js'

/** A process that is killed and comes back. */
export class Life {
  readonly settings: ProgramSettings
  port = 0
  isUp = false
  #child: ChildProcess | null = null
  readonly #told: Told[]

  constructor(settings: ProgramSettings, told: Told[]) {
    this.settings = settings
    this.#told = told
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async rise(): Promise<void> {
    const program = strippedModule('test/campaigns/outbox/program.ts')
    const child = spawn(process.execPath, [program, JSON.stringify(this.settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const ready = new Promise<number>((resolve, reject) => {
      child.once('exit', () => reject(new Error('it ended before it was ready')))
      createInterface({ input: child.stdout }).on('line', line => {
        const said = JSON.parse(line) as { readonly port?: number }
        if (said.port === undefined) this.#told.push({ ...said, pid: child.pid ?? 0 } as Told)
        else resolve(said.port)
      })
    })
    this.port = await ready
    this.isUp = true
  }

  async kill(): Promise<void> {
    this.isUp = false
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** Lets it stand still until {@link Life.wake}. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  wake(): void {
    this.#child?.kill('SIGCONT')
  }
}
