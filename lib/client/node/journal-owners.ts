/**
 * Who uses a journal file: each user has a small file beside it, whose time shows that it lives.
 */
import { readdir, readFile, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'

const BEAT_MS = 2_000
/** Without a beat for so long, an owner is taken for dead; it may only be asleep. */
const DEAD_MS = 10_000

interface OwnerFile {
  readonly pid: number
  readonly host: string
}

/** The users of one journal file. */
export class JournalOwners {
  readonly id: string
  readonly #path: string
  readonly #prefix: string
  readonly #timer: NodeJS.Timeout

  private constructor(journal: string, id: string) {
    this.id = id
    this.#prefix = `${basename(journal)}.owner-`
    this.#path = join(dirname(journal), `${this.#prefix}${id}`)
    this.#timer = setInterval(() => void this.#beat().catch(() => {}), BEAT_MS)
    this.#timer.unref()
  }

  /** Enters a user, and removes the files of those that died. */
  static async enter(journal: string): Promise<JournalOwners> {
    const owners = new JournalOwners(journal, crypto.randomUUID())
    const content: OwnerFile = { pid: process.pid, host: hostname() }
    await writeFile(owners.#path, JSON.stringify(content), { mode: 0o600, flag: 'wx' })
    for (const id of await owners.others()) await owners.isAlive(id)
    return owners
  }

  /** The ids of the other users, dead ones included. */
  async others(): Promise<string[]> {
    const names = await readdir(dirname(this.#path))
    return names
      .filter(name => name.startsWith(this.#prefix))
      .map(name => name.slice(this.#prefix.length))
      .filter(id => id !== this.id)
  }

  /** Whether a user lives; the file of one that does not is removed. */
  async isAlive(id: string): Promise<boolean> {
    if (id === this.id) return true
    const path = join(dirname(this.#path), `${this.#prefix}${id}`)
    const isAlive = await this.#lives(path).catch(() => false)
    if (!isAlive) await unlink(path).catch(() => {})
    return isAlive
  }

  /** Takes this user away. */
  async leave(): Promise<void> {
    clearInterval(this.#timer)
    await unlink(this.#path).catch(() => {})
  }

  async #lives(path: string): Promise<boolean> {
    const { pid, host } = await readOwner(path)
    if (host === hostname() && !runs(pid)) return false
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs < DEAD_MS) return true
    // Only the time of the same file system says how old it is.
    await this.#beat()
    const own = await stat(this.#path)
    return own.mtimeMs - mtimeMs < DEAD_MS
  }

  async #beat(): Promise<void> {
    const now = new Date()
    await utimes(this.#path, now, now)
  }
}

/** A file that is not complete yet belongs to a user that is just entering. */
async function readOwner(path: string): Promise<OwnerFile> {
  const text = await readFile(path, 'utf8')
  return text === '' ? { pid: 0, host: '' } : (JSON.parse(text) as OwnerFile)
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
