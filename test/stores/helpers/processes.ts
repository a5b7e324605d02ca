/**
 * Forks worker processes and listens to them.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WorkerReport, WorkerTask } from './sqlite-worker.js'

const WORKER = fileURLToPath(new URL('./sqlite-worker.ts', import.meta.url))

/** A forked worker. */
export class Worker {
  readonly reports: WorkerReport[] = []
  readonly #child: ChildProcess
  readonly #listeners = new Set<() => void>()

  /** @param file - the database that it works on */
  constructor(file: string) {
    this.#child = fork(WORKER, [file])
    this.#child.on('message', (report: WorkerReport) => {
      this.reports.push(report)
      for (const listener of this.#listeners) listener()
    })
  }

  /** Tells it what to do, once it is up. */
  async tell(task: WorkerTask): Promise<void> {
    await this.heard('up')
    this.#child.send(task)
  }

  /** Waits until it has said something a number of times; rejects when it failed or died. */
  heard(say: string, times = 1): Promise<WorkerReport> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const failed = this.reports.find(report => report.say === 'failed')
        const report = this.reports.filter(each => each.say === say)[times - 1]
        if (report === undefined && failed === undefined) return
        this.#listeners.delete(look)
        if (report !== undefined) resolve(report)
        else reject(new Error(failed?.error))
      }
      this.#listeners.add(look)
      this.#child.once('exit', () => reject(new Error(`the worker died before it said '${say}'`)))
      look()
    })
  }

  /** Kills it at once, as `kill -9` does, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
