/**
 * A journal in IndexedDB. Each entry is held by a lock of the Web Locks API, which ends with the
 * tab, so that another tab can go on at once.
 */
import { systemClock } from './clock.js'
import { ClientError } from './errors.js'
import { type Journal, type JournalEntry, type JournalHold, pinned } from './journal.js'
import { isEntry } from './journal-entry.js'
import { within } from './timing.js'

/** Options of {@link indexedDbJournal}. */
export interface IndexedDbJournalOptions {
  /**
   * Name of the database; pages of one origin that give the same name share a journal.
   *
   * @defaultValue 'post-once-exactly'
   */
  readonly name?: string
}

const ENTRIES = 'entries'
/** Some browsers do not answer, or as long as a page of before stands in the way. */
const OPENING_MS = 5_000

/**
 * Opens a journal. Entries are written with strict durability.
 *
 * @param options - see {@link IndexedDbJournalOptions}
 * @returns the journal
 * @throws ClientError `ERR_POE_JOURNAL` where the browser keeps no data, does not open the database
 *   within 5,000 ms, or has no locks (pages that did not come by https, or from this machine)
 */
export async function indexedDbJournal(options: IndexedDbJournalOptions = {}): Promise<Journal> {
  const { name = 'post-once-exactly' } = options
  const locks: LockManager | undefined = globalThis.navigator?.locks
  if (locks === undefined) throw failure('this page may not use locks; serve it by https')
  return new IndexedDbJournal(name, await open(name), locks)
}

class IndexedDbJournal implements Journal {
  readonly #name: string
  #database: IDBDatabase | null = null
  readonly #locks: LockManager
  readonly #releases = new Set<() => void>()

  constructor(name: string, database: IDBDatabase, locks: LockManager) {
    this.#name = name
    this.#locks = locks
    this.#use(database)
  }

  async begin(entry: JournalEntry): Promise<JournalHold> {
    // It would never be read again.
    if (!isWhole(entry)) throw failure('this is no entry')
    const release = await this.#lock(entry.id)
    if (release === null) throw failure('an entry with this id exists')
    try {
      await this.#write(entries => entries.add(entry))
    } catch (error) {
      release()
      throw error
    }
    return this.#hold(entry, release)
  }

  async list(): Promise<readonly JournalEntry[]> {
    const all = await this.#read<unknown[]>(entries => entries.getAll())
    return all.filter(isWhole).toSorted((one, other) => one.createdAtMs - other.createdAtMs)
  }

  async take(id: string): Promise<JournalHold | null> {
    const release = await this.#lock(id)
    if (release === null) return null
    try {
      const entry = await this.#read<unknown>(entries => entries.get(id))
      if (isWhole(entry)) return this.#hold(entry, release)
    } catch (error) {
      release()
      throw error
    }
    release()
    return null
  }

  async close(): Promise<void> {
    for (const release of this.#releases) release()
    this.#database?.close()
  }

  /** Opens it anew where the browser or a page has cleared what is kept here. */
  async #opened(): Promise<IDBDatabase> {
    return this.#database ?? this.#use(await open(this.#name))
  }

  #use(database: IDBDatabase): IDBDatabase {
    // A later version of the page shall not have to wait for this one.
    database.onversionchange = database.onclose = () => {
      database.close()
      this.#database = null
    }
    this.#database = database
    return database
  }

  #hold(entry: JournalEntry, release: () => void): JournalHold {
    const hold = {
      entry,
      pin: async (link: string, isRepeatable: boolean) => {
        hold.entry = pinned(hold.entry, link, isRepeatable)
        await this.#write(entries => entries.put(hold.entry))
      },
      done: async () => {
        try {
          await this.#write(entries => entries.delete(entry.id))
        } finally {
          release()
        }
      },
      leave: async () => release(),
    }
    return hold
  }

  /** Gives what ends the lock, or `null` where somebody else has it. */
  async #lock(id: string): Promise<(() => void) | null> {
    return await new Promise((resolve, reject) => {
      const held = (lock: Lock | null) => {
        if (lock === null) {
          resolve(null)
          return
        }
        return new Promise<void>(over => {
          const release = () => {
            this.#releases.delete(release)
            over()
          }
          this.#releases.add(release)
          resolve(release)
        })
      }
      const lockName = `${this.#name} ${id}`
      this.#locks.request(lockName, { ifAvailable: true }, held).catch(reject)
    })
  }

  async #read<T>(ask: (entries: IDBObjectStore) => IDBRequest): Promise<T> {
    return await attempt(async () => {
      const database = await this.#opened()
      const request = ask(database.transaction(ENTRIES).objectStore(ENTRIES))
      return (await settled(request)) as T
    })
  }

  async #write(ask: (entries: IDBObjectStore) => IDBRequest): Promise<void> {
    await attempt(async () => {
      const options = { durability: 'strict' } as const
      const database = await this.#opened()
      const transaction = database.transaction(ENTRIES, 'readwrite', options)
      ask(transaction.objectStore(ENTRIES))
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve()
        transaction.onabort = () => reject(transaction.error)
      })
    })
  }
}

/** Whatever else runs on the page's origin writes to the same database. */
function isWhole(value: unknown): value is JournalEntry {
  return isEntry(value) && value.body instanceof Uint8Array
}

async function open(name: string): Promise<IDBDatabase> {
  const opened = async (signal: AbortSignal) => {
    const request = indexedDB.open(name, 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore(ENTRIES, { keyPath: 'id' })
    }
    const database = (await settled(request)) as IDBDatabase
    if (signal.aborted) database.close()
    return database
  }
  return await attempt(() => within(systemClock, OPENING_MS, undefined, opened))
}

function settled(request: IDBRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    // Of a browser without room the message is empty.
    throw failure((cause as Error | null)?.message || String(cause), cause)
  }
}

function failure(why: string, cause?: unknown): ClientError {
  return new ClientError('ERR_POE_JOURNAL', `The journal cannot be used: ${why}`, { cause })
}
