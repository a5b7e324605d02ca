/**
 * Whether what a journal holds is an entry at all: a file or a database may have been written by
 * somebody else than a client, and what it says names places and is sent.
 */
import { webUrl } from './answer.js'
import { type JournalEntry, journalHeaders } from './journal.js'

const ID = /^[\w.:-]{1,128}$/
/** RFC 9110 5.6.2 and 5.5. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]{1,256}$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** The longest link, key or field value, in characters. */
const MOST_CHARS = 65_536
const MOST_FIELDS = 256
/** The last moment of a `Date`. */
const LAST_MS = 8.64e15

/** Whether this can be the id of an entry. */
export function isEntryId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value)
}

/** Whether this is an absolute URL of the web, as the journal's entries have it. */
export function isEntryLink(value: unknown): value is string {
  return isText(value) && webUrl(value) !== null
}

/** Whether this is an entry, its content aside. */
export function isEntry(value: unknown): value is Omit<JournalEntry, 'body'> & { body: unknown } {
  if (typeof value !== 'object' || value === null) return false
  const entry: Partial<Record<keyof JournalEntry, unknown>> = value
  const { idempotencyKey, expiresAtMs } = entry
  return (
    isEntryId(entry.id) &&
    isEntryLink(entry.link) &&
    typeof entry.isRepeatable === 'boolean' &&
    (idempotencyKey === null || isText(idempotencyKey)) &&
    areHeaders(entry.headers) &&
    isTime(entry.createdAtMs) &&
    (expiresAtMs === null || isTime(expiresAtMs)) &&
    (entry.origin === undefined || isEntryLink(entry.origin))
  )
}

/** No login is among them: what a journal holds must not decide who is asking. */
function areHeaders(value: unknown): value is JournalEntry['headers'] {
  if (!Array.isArray(value) || value.length > MOST_FIELDS) return false
  if (!value.every(isField)) return false
  return journalHeaders(Object.fromEntries(value)).length === new Set(value.map(([n]) => n)).size
}

function isField(value: unknown): value is readonly [string, string] {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [name, text]: unknown[] = value
  if (typeof name !== 'string' || name !== name.toLowerCase()) return false
  return FIELD_NAME.test(name) && isFieldValue(text)
}

function isFieldValue(value: unknown): value is string {
  return isText(value) && FIELD_VALUE.test(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MOST_CHARS
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= LAST_MS
}
