/**
 * What a journal is: the place that holds link and content of a POST before its first byte leaves,
 * so that another process or page can go on where this one ended.
 */

/** A POST that is not settled. */
export interface JournalEntry {
  /** Random; names the entry. */
  readonly id: string
  /** The absolute URL that is posted to; after a 307 its target. */
  readonly link: string
  /** Whether a further try there is safe. */
  readonly isRepeatable: boolean
  /** The key that goes with every try, `null` for a POE link. */
  readonly idempotencyKey: string | null
  /** The content. */
  readonly body: Uint8Array<ArrayBuffer>
  /** Fields that go with it, names in lower case; no login among them. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** When it was begun, in milliseconds since the Unix epoch. */
  readonly createdAtMs: number
  /** When the link ends, in milliseconds since the Unix epoch; `null` where that is not known. */
  readonly expiresAtMs: number | null
  /**
   * The origin that it was begun at, where a redirect has led to another one: what is given for
   * requests does not go with it there. Absent otherwise.
   */
  readonly origin?: string
}

/** The entry where the POST goes to another URL from now on. */
export function pinned(entry: JournalEntry, link: string, isRepeatable: boolean): JournalEntry {
  const { origin = new URL(entry.link).origin } = entry
  const isElsewhere = entry.origin !== undefined || new URL(link).origin !== origin
  return { ...entry, link, isRepeatable, ...(isElsewhere ? { origin } : {}) }
}

/** An entry that belongs to this process or page until `done` or `leave`. */
export interface JournalHold {
  readonly entry: JournalEntry
  /**
   * Notes that the POST goes to another URL from now on; durable when it resolves.
   *
   * @throws ClientError `ERR_POE_JOURNAL`
   */
  pin(link: string, isRepeatable: boolean): Promise<void>
  /**
   * It is settled: removes the entry.
   *
   * @throws ClientError `ERR_POE_JOURNAL`; the entry may then be resumed again, which is harmless
   */
  done(): Promise<void>
  /** It is not settled: lets others resume it. */
  leave(): Promise<void>
}

/** A journal. All of its methods may be called at once, and by several processes or pages. */
export interface Journal {
  /**
   * Adds an entry, held by the caller; durable when it resolves.
   *
   * @throws ClientError `ERR_POE_JOURNAL`: nothing may be sent
   */
  begin(entry: JournalEntry): Promise<JournalHold>
  /** Entries that are not settled, held or not, oldest first. */
  list(): Promise<readonly JournalEntry[]>
  /**
   * Takes over an entry that nobody alive holds.
   *
   * @returns `null` where somebody holds it, or it is settled
   */
  take(id: string): Promise<JournalHold | null>
  /** Lets everything go. */
  close(): Promise<void>
}

/** How long keys are remembered by servers that do not say: the least that is usual. */
const KEY_LIFE_MS = 86_400_000

/**
 * When an entry may be sent no more, in milliseconds since the Unix epoch: a server that has
 * forgotten a key runs it anew, and a link is used up for good.
 *
 * @returns `null` where that is not known
 */
export function entryEndMs(entry: JournalEntry): number | null {
  const { idempotencyKey, createdAtMs, expiresAtMs } = entry
  return expiresAtMs ?? (idempotencyKey === null ? null : createdAtMs + KEY_LIFE_MS)
}

const LOGIN = new Set(['authorization', 'proxy-authorization', 'cookie'])

/** Whether a field names a person: then it is given anew when an entry is resumed. */
export function isLogin(name: string): boolean {
  return LOGIN.has(name)
}

/**
 * The fields of a POST that a journal may keep.
 *
 * @param headers - what goes with the POST
 * @returns names and values, without those of a login
 */
export function journalHeaders(
  headers: Readonly<Record<string, string>>,
): (readonly [string, string])[] {
  return Object.entries(headers).filter(([name]) => !isLogin(name))
}
