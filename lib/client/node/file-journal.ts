/**
 * A journal in a file that is only appended to. Several processes may share it, on one machine or
 * on a file system that they share; whatever kills one of them, the others read what it finished.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ClientError } from '../errors.js'
import { type Journal, type JournalEntry, type JournalHold, pinned } from '../journal.js'
import { JournalOwners } from './journal-owners.js'
import {
  applyRecord,
  formatRecord,
  isWrittenEntry,
  type JournalRecord,
  type OpenEntry,
  readRecords,
  toWritten,
} from './journal-records.js'

/** Options of {@link fileJournal}. */
export interface FileJournalOptions {
  /**
   * From which size on the file is written anew without what is settled, in bytes. That is done
   * only while no other process uses it.
   *
   * @defaultValue 1 MiB
   */
  readonly compactBytes?: number
}

const MODE = 0o600
/** How much is read at once, and how much where one record is longer than that. */
const PIECE_BYTES = 16 * 1024 * 1024
const MOST_BYTES = 256 * 1024 * 1024
/** Writing the file anew takes moments; whoever takes longer hangs, or is none of ours. */
const COMPACTION_MS = 30_000
const PAUSE_MS = 20

/**
 * Opens a journal file, or makes it, readable for its owner only (on Windows: as its folder is): it
 * holds links and content.
 *
 * What `begin` and `pin` write is on the disk (fdatasync) when they resolve; that an entry is
 * settled is not waited for, since an entry that is resumed once more takes no effect twice.
 * Beside the file a small one for each process shows that it lives.
 *
 * @param path - of the file; its folder must exist
 * @param options - see {@link FileJournalOptions}
 * @returns the journal; `close` it
 * @throws ClientError `ERR_POE_JOURNAL`
 */
export async function fileJournal(
  path: string,
  options: FileJournalOptions = {},
): Promise<Journal> {
  const { compactBytes = 1024 * 1024 } = options
  return await attempt(path, async () => {
    const full = await pathOf(path)
    const owners = await JournalOwners.enter(full)
    try {
      await waitForCompaction(full, owners)
      const journal = new FileJournal(full, owners, compactBytes)
      await journal.refresh()
      return journal
    } catch (error) {
      await owners.leave()
      throw error
    }
  })
}

/** The one path by which all users know the file, made where a link leads to what is not there. */
async function pathOf(path: string): Promise<string> {
  return await realpath(path).catch(async () => {
    await (await open(path, 'a', MODE)).close()
    return await realpath(path)
  })
}

interface Pending {
  readonly kind: JournalRecord['kind']
  readonly bytes: Buffer
  readonly isSynced: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

class FileJournal implements Journal {
  readonly #path: string
  readonly #owners: JournalOwners
  readonly #compactBytes: number
  readonly #open = new Map<string, OpenEntry>()
  readonly #taking = new Set<string>()
  #pending: Pending[] = []
  #turn: Promise<void> = Promise.resolve()
  #file: FileHandle | null = null
  #read = 0
  #nextCompaction: number
  #isClosed = false

  constructor(path: string, owners: JournalOwners, compactBytes: number) {
    this.#path = path
    this.#owners = owners
    this.#compactBytes = compactBytes
    this.#nextCompaction = compactBytes
    const comeBack = async () => (this.#isClosed ? undefined : await this.#comeBack())
    owners.onRemoved = () => void this.#inTurn(comeBack).catch(() => {})
  }

  async begin(entry: JournalEntry): Promise<JournalHold> {
    const written = toWritten(entry)
    // It would never be read again.
    if (!isWrittenEntry(written)) throw failure(this.#path, new Error('this is no entry'))
    await this.#append({ kind: 'add', owner: this.#owners.id, entry: written }, true)
    return this.#hold(entry)
  }

  async list(): Promise<readonly JournalEntry[]> {
    await this.refresh()
    return [...this.#open.values()].map(({ entry }) => entry)
  }

  async take(id: string): Promise<JournalHold | null> {
    if (this.#taking.has(id)) return null
    this.#taking.add(id)
    try {
      return await this.#take(id)
    } finally {
      this.#taking.delete(id)
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#turn
    await this.#file?.close()
    await this.#owners.leave()
  }

  /** Reads what was appended since, by whomever. */
  async refresh(): Promise<void> {
    this.#checkOpen()
    await this.#inTurn(() => this.#readOn())
  }

  async #take(id: string): Promise<JournalHold | null> {
    await this.refresh()
    const known = this.#open.get(id)
    if (known === undefined || (await this.#isHeld(known))) return null
    await this.#append({ kind: 'take', id, owner: this.#owners.id, from: known.owner }, true)
    await this.refresh()
    const taken = this.#open.get(id)
    return taken?.owner === this.#owners.id ? this.#hold(taken.entry) : null
  }

  #checkOpen(): void {
    if (this.#isClosed) throw failure(this.#path, new Error('it was closed'))
  }

  async #isHeld({ owner }: OpenEntry): Promise<boolean> {
    return owner !== null && (await this.#owners.isAlive(owner))
  }

  #hold(entry: JournalEntry): JournalHold {
    const { id } = entry
    const hold = {
      entry,
      pin: async (link: string, isRepeatable: boolean) => {
        await this.#append({ kind: 'pin', id, link, isRepeatable }, true)
        hold.entry = pinned(hold.entry, link, isRepeatable)
      },
      done: () => this.#append({ kind: 'done', id }, false),
      leave: () => this.#append({ kind: 'leave', id, owner: this.#owners.id }, false),
    }
    return hold
  }

  /** Records that come while others are written go to the disk together. */
  async #append(record: JournalRecord, isSynced: boolean): Promise<void> {
    this.#checkOpen()
    const written = new Promise<void>((resolve, reject) => {
      const { kind } = record
      this.#pending.push({ kind, bytes: formatRecord(record), isSynced, resolve, reject })
    })
    if (this.#pending.length === 1) void this.#inTurn(() => this.#flush()).catch(() => {})
    await written
  }

  async #flush(): Promise<void> {
    const batch = this.#pending
    this.#pending = []
    try {
      const file = await this.#write(Buffer.concat(batch.map(({ bytes }) => bytes)))
      if (batch.some(({ isSynced }) => isSynced)) await file.datasync()
    } catch (error) {
      await this.#undo(batch).catch(() => {})
      for (const { reject } of batch) reject(failure(this.#path, error))
      return
    }
    for (const { resolve } of batch) resolve()
    await this.#compactIfDue()
  }

  /**
   * Writes, and again if the file was, or may have been, replaced meanwhile: records may stand
   * there twice. While this owner's file is there, nobody replaces the journal unseen.
   */
  async #write(bytes: Buffer): Promise<FileHandle> {
    for (;;) {
      const { file } = await this.#current()
      for (let at = 0; at < bytes.length; ) {
        at += (await file.write(bytes, at)).bytesWritten
      }
      if (!(await this.#owners.isIn())) await this.#comeBack()
      else if (await this.#isCurrent(file)) return file
    }
  }

  /** Others took this owner for dead, for example when the machine had slept. */
  async #comeBack(): Promise<void> {
    if (await this.#owners.isIn()) return
    await this.#owners.comeBack()
    await waitForCompaction(this.#path, this.#owners)
  }

  /** Spoils what was written of it, in place: a begin that failed must never be resumed. */
  async #undo(batch: readonly Pending[]): Promise<void> {
    const file = await open(this.#path, 'r+')
    try {
      const text = await file.readFile()
      for (const { kind, bytes } of batch) {
        const at = text.lastIndexOf(bytes.subarray(1, -1))
        if (at !== -1 && (kind === 'add' || kind === 'take')) await file.write('x', at)
      }
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  /** The file that the path names now. */
  async #current(): Promise<{ file: FileHandle }> {
    if (this.#file !== null && (await this.#isCurrent(this.#file))) return { file: this.#file }
    const old = this.#file
    this.#file = null
    await old?.close()
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT
    const file = await open(this.#path, flags, MODE)
    try {
      if (!(await file.stat()).isFile()) throw new Error('it is no file but a device or a pipe')
      await syncFolder(this.#path)
    } catch (error) {
      await file.close()
      throw error
    }
    this.#file = file
    this.#open.clear()
    this.#read = 0
    return { file }
  }

  async #isCurrent(file: FileHandle): Promise<boolean> {
    // On Windows the number of a file does not always fit into a `number`.
    const bigint = true
    const [named, own] = await Promise.all([
      stat(this.#path, { bigint }).catch(() => null),
      file.stat({ bigint }),
    ])
    return named !== null && named.ino === own.ino && named.dev === own.dev
  }

  async #readOn(): Promise<void> {
    const { file } = await this.#current()
    const { size } = await file.stat()
    for (let most = PIECE_BYTES; this.#read < size; ) {
      const text = Buffer.alloc(Math.min(size - this.#read, most))
      const { bytesRead } = await file.read(text, 0, text.length, this.#read)
      const { records, length } = readRecords(text.subarray(0, bytesRead))
      for (const record of records) applyRecord(this.#open, record)
      this.#read += length
      // What has no end yet is the last record, or one that is longer.
      if (length === 0 && bytesRead < most) return
      most = length === 0 ? most * 2 : PIECE_BYTES
      if (most > MOST_BYTES) throw new Error(`it has a record of over ${MOST_BYTES} bytes`)
    }
  }

  async #compactIfDue(): Promise<void> {
    const { file } = await this.#current()
    const { size } = await file.stat()
    if (size < this.#nextCompaction) return
    this.#nextCompaction = size * 2
    const marker = await markCompaction(this.#path, this.#owners)
    if (marker === null) return
    try {
      await this.#readOn()
      await this.#rewrite()
    } finally {
      if ((await readMarker(marker)) === this.#owners.id) await unlink(marker).catch(() => {})
    }
  }

  async #rewrite(): Promise<void> {
    const temporary = `${this.#path}.new`
    const records = [...this.#open.values()].map(({ entry, owner }) => {
      const added = formatRecord({ kind: 'add', owner: owner ?? '', entry: toWritten(entry) })
      if (owner !== null) return added
      return Buffer.concat([added, formatRecord({ kind: 'leave', id: entry.id, owner: '' })])
    })
    // One that is there was left by a process that died, or leads to a file of somebody else's.
    await unlink(temporary).catch(() => {})
    const file = await open(temporary, 'wx', MODE)
    try {
      await file.writeFile(Buffer.concat(records))
      await file.sync()
    } finally {
      await file.close()
    }
    // After a sleep others may be writing.
    if (!(await this.#owners.isIn())) return
    // Windows replaces no file that is open.
    await this.#file?.close()
    this.#file = null
    await rename(temporary, this.#path)
    await syncFolder(this.#path)
    await this.#readOn()
    this.#nextCompaction = Math.max(this.#compactBytes, this.#read * 2)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => attempt(this.#path, work))
    this.#turn = done.catch(() => {})
    return done
  }
}

/**
 * Marks that the file is being replaced. Whoever enters afterwards waits; whoever was there before
 * is seen, and then nothing is replaced.
 */
async function markCompaction(path: string, owners: JournalOwners): Promise<string | null> {
  const marker = `${path}.compact`
  try {
    await writeFile(marker, owners.id, { flag: 'wx', mode: MODE })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const other = await readMarker(marker)
    if (other !== null && !(await owners.isAlive(other))) await unlink(marker).catch(() => {})
    return null
  }
  for (const id of await owners.others()) {
    if (!(await owners.isAlive(id))) continue
    await unlink(marker)
    return null
  }
  return marker
}

async function waitForCompaction(path: string, owners: JournalOwners): Promise<void> {
  for (let waitedMs = 0; waitedMs < COMPACTION_MS; waitedMs += PAUSE_MS) {
    const other = await readMarker(`${path}.compact`)
    if (other === null || !(await owners.isAlive(other))) return
    await pause(PAUSE_MS)
  }
  throw failure(path, new Error('another process is writing it anew, and does not end'))
}

async function readMarker(marker: string): Promise<string | null> {
  try {
    const file = await open(marker, 'r')
    try {
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch {
    return null
  }
}

/** A file is there after a crash only when its folder says so; Windows sees to that by itself. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof ClientError ? error : failure(path, error)
  }
}

const NO_SPACE = 'make room on its disk'
const NO_RIGHT = 'let this user write the file and its folder, or give a path elsewhere'
const HELP: Readonly<Record<string, string>> = {
  ENOENT: 'make its folder first',
  ENOTDIR: 'give a path whose folder is one',
  EISDIR: 'this is a folder; give the path of a file in it',
  EACCES: NO_RIGHT,
  EPERM: NO_RIGHT,
  EROFS: NO_RIGHT,
  ENOSPC: NO_SPACE,
  EDQUOT: NO_SPACE,
  EFBIG: NO_SPACE,
}

function failure(path: string, cause: unknown): ClientError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const help = HELP[(cause as NodeJS.ErrnoException).code ?? '']
  const text = `The journal ${path} cannot be used: ${help === undefined ? '' : `${help}. `}${why}`
  return new ClientError('ERR_POE_JOURNAL', text, { cause })
}
