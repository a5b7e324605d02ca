/**
 * Another SQLite library of this process that has the file open: `node:sqlite`, the package
 * `sqlite3`, a second better-sqlite3. What keeps writers apart is a lock of the process, so that
 * two libraries of one both write, each over what the other has committed; and whichever closes
 * the file lets go of the other's locks.
 *
 * @see https://sqlite.org/howtocorrupt.html, section 2.2.1
 */
import { fstatSync, readdirSync } from 'node:fs'
import { PoeError } from '../../errors.js'

/** A look goes through every open file and socket of the process, so it becomes rare. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [100, 10_000]

/** Looks now and then. */
export class OtherLibrary {
  #nextMs = 0
  #pauseMs = FIRST_PAUSE_MS
  #isThere = false

  /**
   * Refuses a file that another library has open, where the system tells of it (Linux, macOS).
   *
   * @param path - of the database file
   * @param shm - device and inode of its `-shm`, which a library opens once for all its connections
   * @throws PoeError `ERR_POE_STORE_DOWN` that says what to do
   */
  refuse(path: string, shm: string): void {
    const nowMs = performance.now()
    if (nowMs >= this.#nextMs) {
      this.#isThere = timesOpen(shm) > 1
      this.#nextMs = nowMs + this.#pauseMs
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    }
    if (!this.#isThere) return
    this.#pauseMs = FIRST_PAUSE_MS
    const text = `Another SQLite library of this process has ${path} open; its locks do not hold`
    const advice = 'Let it have another file, or open this one by the same better-sqlite3.'
    throw new PoeError('ERR_POE_STORE_DOWN', `${text} against better-sqlite3. ${advice}`)
  }
}

function timesOpen(identity: string): number {
  try {
    return readdirSync('/dev/fd').filter(name => identityOf(Number(name)) === identity).length
  } catch {
    return 0
  }
}

function identityOf(descriptor: number): string {
  try {
    const { dev, ino } = fstatSync(descriptor)
    return `${dev}:${ino}`
  } catch {
    // The one that the folder was read by.
    return ''
  }
}
