/**
 * Who uses a journal file: each user has a small file beside it, whose time shows that it lives.
 */
import { lstat, open, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'

const BEAT_MS = 2_000
/** Without a beat for so long, an owner is taken for dead; it may only be asleep. */
const DEAD_MS = 10_000
const MOST_BYTES = 4_096
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

/** Whether this can name a user of a journal, and so a file beside it; `''` names none. */
export function isOwnerId(value: unknown): value is string {
  return typeof value === 'string' && (value === '' || UUID.test(value))
}

interface OwnerFile {
  readonly pid: number
  readonly host: string
  /** When the process began, as its system tells: a restarted container has the same numbers. */
  readonly began: string | null
}

/** The users of one journal file. */
export class JournalOwners {
  readonly id: string
  /** Called when others have taken this user for dead. */
  onRemoved: () => void = () => {}
  readonly #path: string
  readonly #prefix: string
  readonly #timer: NodeJS.Timeout
  #content = ''

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
    try {
      await owners.comeBack()
      for (const id of await owners.others()) await owners.isAlive(id)
      return owners
    } catch (error) {
      await owners.leave()
      throw error
    }
  }

  /** Whether this user's file is still there: others remove it when it slept for too long. */
  async isIn(): Promise<boolean> {
    return await stat(this.#path).then(
      () => true,
      () => false,
    )
  }

  /** Enters this user once more. */
  async comeBack(): Promise<void> {
    const { pid } = process
    const content: OwnerFile = { pid, host: hostname(), began: await beginOf(pid) }
    this.#content = JSON.stringify(content)
    await writeFile(this.#path, this.#content, { mode: 0o600 })
  }

  /** The ids of the other users, dead ones included. */
  async others(): Promise<string[]> {
    const names = await readdir(dirname(this.#path))
    return names
      .filter(name => name.startsWith(this.#prefix))
      .map(name => name.slice(this.#prefix.length))
      .filter(id => id !== this.id && UUID.test(id))
  }

  /** Whether a user lives; the file of one that does not is removed. */
  async isAlive(id: string): Promise<boolean> {
    if (id === this.id) return true
    // What is no user's id names no file of ours: the journal may have been made by anybody.
    if (!UUID.test(id)) return false
    const path = join(dirname(this.#path), `${this.#prefix}${id}`)
    const isAlive = await this.#lives(path).catch(error => error.code !== 'ENOENT')
    if (!isAlive) await unlink(path).catch(() => {})
    return isAlive
  }

  /** Takes this user away. */
  async leave(): Promise<void> {
    clearInterval(this.#timer)
    await unlink(this.#path).catch(() => {})
  }

  async #lives(path: string): Promise<boolean> {
    const file = await lstat(path)
    if (!file.isFile() || file.size > MOST_BYTES) return false
    const { pid, host, began } = await readOwner(path)
    if (host === hostname() && !(await runs(pid, began))) return false
    const { mtimeMs } = await stat(path)
    // Clocks differ, and a machine may have slept with all of its processes: what counts is how
    // much younger our own file is, by the time of the same file system.
    const own = await stat(this.#path).catch(() => null)
    return own === null || own.mtimeMs - mtimeMs < DEAD_MS
  }

  async #beat(): Promise<void> {
    try {
      const file = await open(this.#path, 'r+')
      // The same again, so that the file system notes its own time.
      await file.write(this.#content, 0).finally(() => file.close())
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.onRemoved()
      throw error
    }
  }
}

/** A file that is not complete yet belongs to a user that is just entering. */
async function readOwner(path: string): Promise<OwnerFile> {
  const text = await readFile(path, 'utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (isOwnerFile(value)) return value
  } catch {}
  return { pid: 0, host: '', began: null }
}

/** The number of a process names a file, too. */
function isOwnerFile(value: unknown): value is OwnerFile {
  const { pid, host, began } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (!Number.isSafeInteger(pid) || typeof host !== 'string') return false
  return Number(pid) > 0 && (began === null || typeof began === 'string')
}

async function runs(pid: number, began: string | null): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = await beginOf(pid)
  return began === null || now === null || now === began
}

/**
 * When a process began, in its system's ticks; `ended` for one that its parent has not noticed to
 * have ended; `null` where that cannot be told.
 */
async function beginOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The second field is the program's name in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? 'ended' : (fields[19] ?? null)
}
