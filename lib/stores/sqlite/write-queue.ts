/**
 * The one way in which this process writes: one queue, group commit, nobody waits inside sqlite.
 *
 * The jobs of one turn of the event loop run in one transaction, with one sync of the disk, and
 * are answered when it is committed. Turns of handlers alternate with these batches, so that a
 * renewal waits for one handler at most. Another process's lock is waited for with timers.
 */
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { PoeError } from '../../errors.js'
import { isBusy, prepared, type SqliteDatabase, storeError } from './driver.js'
import { ensureEpoch } from './schema.js'
import type { StoreFile } from './store-file.js'

const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 20
const LARGEST_BATCH = 1_000

/** Something that waits for the write lock. */
interface Waiting {
  /** When it first met another process's lock, by the monotonic clock. */
  busySinceMs: number | null
  readonly reject: (reason: unknown) => void
}

/**
 * A synchronous write. `epoch` reads the epoch inside the job's own transaction; neighbours share
 * the look-up.
 */
export type Write<Result> = (epoch: () => string) => Result

interface Job extends Waiting {
  readonly run: Write<unknown>
  readonly resolve: (value: unknown) => void
  /** Whether it must be tried without neighbours, one of which has failed. */
  isAlone: boolean
  result: unknown
}

/** A time in which nobody else of this process writes. */
export interface Turn {
  /** Takes the write lock, or throws. */
  readonly begin: () => void
  /** Called once begun; the turn is over when its promise is settled. */
  readonly hold: () => Promise<void>
  /** Called instead of `hold` when the lock was not to be had, or the queue is closed. */
  readonly refuse: (reason: unknown) => void
}

interface WaitingTurn extends Waiting {
  readonly turn: Turn
}

/** Runs the writes of one process, one transaction at a time. */
export class WriteQueue {
  readonly #file: StoreFile
  readonly #lockWaitMs: number
  #jobs: Job[] = []
  #turns: WaitingTurn[] = []
  #isDraining = false
  #drained: Promise<void> = Promise.resolve()
  #closed = false

  /**
   * @param file - whose writer connection is the queue's alone
   * @param lockWaitMs - how long another process's lock is waited for, in milliseconds
   */
  constructor(file: StoreFile, lockWaitMs: number) {
    this.#file = file
    this.#lockWaitMs = lockWaitMs
  }

  /**
   * Runs a write together with its neighbours.
   *
   * @param run - synchronous; may be run again if a neighbour fails, so it has no other effects
   * @returns what it gave, once that is durable
   * @throws PoeError `ERR_POE_STORE_BUSY` when the lock was not to be had in time, `_DOWN` when the
   *   file failed, `_FULL` when the disk is full
   */
  submit<Result>(run: Write<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new PoeError('ERR_POE_STORE_CLOSED'))
    return new Promise<Result>((resolve, reject) => {
      this.#jobs.push({
        run,
        resolve: resolve as Job['resolve'],
        reject,
        isAlone: false,
        busySinceMs: null,
        result: undefined,
      })
      this.#wake()
    })
  }

  /** Asks for a turn. */
  takeTurn(turn: Turn): void {
    if (this.#closed) {
      turn.refuse(new PoeError('ERR_POE_STORE_CLOSED'))
      return
    }
    this.#turns.push({ turn, busySinceMs: null, reject: turn.refuse })
    this.#wake()
  }

  /** Gives up a turn that has not come yet. */
  leave(turn: Turn): void {
    this.#turns = this.#turns.filter(waiting => waiting.turn !== turn)
  }

  /** Refuses what comes from now on, and waits for what is there. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { turn } of this.#turns.splice(0)) turn.refuse(new PoeError('ERR_POE_STORE_CLOSED'))
    await this.#drained
  }

  #wake(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    this.#drained = this.#drain()
  }

  async #drain(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS
    while (this.#jobs.length > 0 || this.#turns.length > 0) {
      // Everything that this turn of the event loop still brings goes into the same batch.
      await nextTurn()
      if (this.#tryJobs() && (await this.#tryTurn())) {
        pauseMs = FIRST_PAUSE_MS
        continue
      }
      this.#refuseOverdue()
      // Spread, so that processes that wait for the same lock do not meet again and again.
      await pause(pauseMs * (0.5 + Math.random() / 2))
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
    // In the same step as the look at the queue: what comes next has to wake it again.
    this.#isDraining = false
  }

  /** @returns `false` when another process holds the lock */
  #tryJobs(): boolean {
    if (this.#jobs.length === 0) return true
    try {
      this.#file.begin()
    } catch (error) {
      if (isBusy(error)) return false
      const reason = storeError('The database cannot be written', error)
      for (const job of this.#jobs.splice(0)) job.reject(reason)
      return true
    }
    this.#commit(this.#nextBatch())
    return true
  }

  /** @returns `false` when another process holds the lock */
  async #tryTurn(): Promise<boolean> {
    const waiting = this.#turns[0]
    if (waiting === undefined) return true
    const { turn } = waiting
    try {
      turn.begin()
    } catch (error) {
      if (isBusy(error)) return false
      this.leave(turn)
      turn.refuse(storeError('The transaction could not begin', error))
      return true
    }
    this.leave(turn)
    await turn.hold()
    return true
  }

  #nextBatch(): Job[] {
    const alone = this.#jobs.findIndex(job => job.isAlone)
    if (alone === 0) return this.#jobs.splice(0, 1)
    return this.#jobs.splice(0, Math.min(alone < 0 ? this.#jobs.length : alone, LARGEST_BATCH))
  }

  #commit(batch: Job[]): void {
    const db = this.#file.writer
    let known: string | undefined
    const epoch = (): string => {
      known ??= ensureEpoch(db)
      return known
    }
    try {
      for (const job of batch) job.result = job.run(epoch)
    } catch (error) {
      if (!rollBack(db)) this.#file.replaceWriter()
      const [only] = batch
      if (batch.length === 1) only?.reject(storeError('The write failed', error))
      else this.#separate(batch)
      return
    }
    try {
      prepared(db, 'COMMIT').run()
    } catch (error) {
      if (!rollBack(db)) this.#file.replaceWriter()
      const reason = storeError('The writes could not be committed', error)
      // One that is too large for what is left of the disk shall not keep the others from it.
      if (reason.code === 'ERR_POE_STORE_FULL' && batch.length > 1) this.#separate(batch)
      else for (const job of batch) job.reject(reason)
      return
    }
    for (const job of batch) job.resolve(job.result)
  }

  /** One of a batch failed and nothing of it was kept: each is tried by itself. */
  #separate(batch: Job[]): void {
    for (const job of batch) job.isAlone = true
    this.#jobs.unshift(...batch)
  }

  #refuseOverdue(): void {
    const nowMs = performance.now()
    const overdue = (waiting: Waiting): boolean => {
      waiting.busySinceMs ??= nowMs
      return nowMs - waiting.busySinceMs >= this.#lockWaitMs
    }
    const cause = new PoeError(
      'ERR_POE_STORE_BUSY',
      `Another process has held the database's write lock for ${this.#lockWaitMs} ms.`,
    )
    const refused = [...this.#jobs, ...this.#turns].filter(overdue)
    this.#jobs = this.#jobs.filter(job => !refused.includes(job))
    this.#turns = this.#turns.filter(turn => !refused.includes(turn))
    for (const waiting of refused) waiting.reject(cause)
  }
}

/**
 * Undoes whatever transaction a connection is in; never throws.
 *
 * @returns whether it is in none now
 */
export function rollBack(db: SqliteDatabase): boolean {
  try {
    if (db.inTransaction) db.exec('ROLLBACK')
    return true
  } catch {
    return false
  }
}
