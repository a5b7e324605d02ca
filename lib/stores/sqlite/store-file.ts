/**
 * The file and its connections: one that the queue writes with, one that the store reads with, one
 * that the app may read with. Handlers have another of their own.
 */
import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { PoeError } from '../../errors.js'
import {
  configure,
  isBusy,
  loadDriver,
  openConnection,
  prepared,
  type SqliteDatabase,
  storeError,
} from './driver.js'
import { refuseLoneMount } from './lone-mount.js'
import { OtherLibrary } from './other-library.js'
import { prepareFile } from './schema.js'

const LONGEST_PAUSE_MS = 20
/** Reads trust a look at the file for so long: each would cost a tenth of a request. */
const LOOK_MS = 10

/** An open database file. */
export class StoreFile {
  readonly path: string
  /** For the store's reads only: what a loop of the app's holds open would make them stale. */
  readonly reader: SqliteDatabase
  #writer: SqliteDatabase | null
  #appReader: SqliteDatabase | null = null
  #isPrepared = false
  /** What the file, its WAL and its locks are beside their names, once they are open. */
  #opened: string | null = null
  /** When they were last found there; 0 where they were not. */
  #lookedAtMs = 0
  readonly #otherLibrary = new OtherLibrary()
  /** Connections that could not be closed yet. */
  #stuck: SqliteDatabase[] = []

  /**
   * @param path - of the database file
   * @throws PoeError when it cannot be opened or used
   */
  constructor(path: string) {
    // A process may go to another folder, and connections are opened later, too. The driver trims.
    this.path = resolve(path.trim())
    // Where it is missing, no empty file is left behind.
    loadDriver()
    refuseLoneMount(this.path)
    makePrivate(this.path)
    this.#writer = openConnection(this.path)
    this.reader = openConnection(this.path)
    try {
      this.prepare()
    } catch (error) {
      // Another process is making the tables right now: the first call will wait for it.
      if (isBusy(error)) return
      this.close()
      throw storeError(`The database file ${path} cannot be used`, error)
    }
  }

  /**
   * Opens one more. A file that is gone is not made anew: that would be a memory without a past,
   * and readable for everybody.
   */
  openAnother(): SqliteDatabase {
    return openConnection(this.path, { fileMustExist: true })
  }

  /** For the write queue only; another one after {@link replaceWriter}. */
  get writer(): SqliteDatabase {
    this.#writer ??= this.openAnother()
    return this.#writer
  }

  /**
   * Gives the writer up, in whatever transaction it is stuck: closed, it has none any more. The
   * next write opens another.
   */
  replaceWriter(): void {
    if (this.#writer !== null) this.#stuck.push(this.#writer)
    this.#writer = null
    this.#isPrepared = false
  }

  /** A connection for the app's reads, opened at first use. */
  get appReader(): SqliteDatabase {
    if (this.#appReader === null) {
      const db = this.openAnother()
      this.#appReader = db
      db.pragma('query_only = ON')
    }
    return this.#appReader
  }

  /** Makes the tables if they are not known to be there; throws `SQLITE_BUSY` as sqlite does. */
  prepare(): void {
    if (this.#isPrepared) return
    configure(this.writer)
    prepareFile(this.writer)
    configure(this.reader)
    this.reader.pragma('query_only = ON')
    this.#isPrepared = true
    this.#opened ??= this.#found()
  }

  /**
   * Makes sure that the file is where it was opened: what is written to one that was removed, or
   * that another was put in place of, is gone when this process ends. Locks are in its `-shm`: two
   * processes that have each another one both write, and so do two libraries of one process.
   *
   * @throws PoeError `ERR_POE_STORE_DOWN`
   */
  checkPlace(): void {
    if (this.#opened === null) return
    this.#lookedAtMs = 0
    if (this.#found() !== this.#opened) {
      const text = `${this.path}, its -wal or its -shm was removed or replaced while it was open.`
      const advice =
        'End all its processes, and start them anew. Another SQLite library in one of them does ' +
        'that when it closes the file.'
      throw new PoeError('ERR_POE_STORE_DOWN', `${text} ${advice}`)
    }
    this.#otherLibrary.refuse(this.path, this.#opened.split(',').at(-1) ?? '')
    this.#lookedAtMs = performance.now()
  }

  #found(): string {
    return ['', '-wal', '-shm'].map(end => identityOf(this.path + end)).join()
  }

  /** Takes the write lock for the queue, or throws `SQLITE_BUSY`. */
  begin(): void {
    this.checkPlace()
    // One that is still in the middle of a query holds the lock, and is closed when that is over.
    this.#stuck = this.#stuck.filter(db => !closeQuietly(db))
    this.prepare()
    prepared(this.writer, 'BEGIN IMMEDIATE').run()
  }

  /**
   * Reads, and waits where sqlite is busy even for readers (recovery after a crash).
   *
   * @param read - synchronous
   * @param waitMs - for how long, in milliseconds
   * @throws PoeError `ERR_POE_STORE_BUSY` or `_DOWN`
   */
  async retrying<Result>(read: () => Result, waitMs: number): Promise<Result> {
    const giveUpMs = performance.now() + waitMs
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        if (performance.now() - this.#lookedAtMs > LOOK_MS) this.checkPlace()
        this.prepare()
        return read()
      } catch (error) {
        if (!isBusy(error) || performance.now() >= giveUpMs) {
          throw storeError('The database cannot be read', error)
        }
      }
      await pause(pauseMs)
    }
  }

  /** Closes every connection; the writer last, so that it may fold the WAL into the file. */
  close(): void {
    for (const db of [this.#appReader, this.reader, ...this.#stuck, this.#writer]) closeQuietly(db)
  }
}

/** What a file is, whatever its name; none has `''`. */
function identityOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? '' : `${found.dev}:${found.ino}`
}

/** Tells whether it is closed now. */
function closeQuietly(db: SqliteDatabase | null): boolean {
  try {
    db?.close()
    return true
  } catch {
    // A loop that the app has left open keeps its connection; the process's end closes it.
    return false
  }
}

/**
 * Makes the file, so that nobody but its owner can read it: there are secrets and answers in it.
 * sqlite gives its side files the same mode. One that is there keeps its own, and is not even
 * opened: closing it again would let go of every lock that this process holds on it.
 */
function makePrivate(path: string): void {
  if (existsSync(path)) return
  try {
    closeSync(openSync(path, 'a', 0o600))
  } catch {
    // Whatever is in the way, sqlite meets it too, and says it better.
  }
}
