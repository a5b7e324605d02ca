/**
 * The records of a journal file: how they are written, read, and what they add up to.
 *
 * A record is one line: JSON, a tab, and the CRC-32 of the JSON in hexadecimal. It begins with a
 * line feed of its own, so that what a killed process left unfinished spoils nothing after it.
 */
import { crc32 } from 'node:zlib'
import { type JournalEntry, pinned } from '../journal.js'
import { isEntry, isEntryId, isEntryLink } from '../journal-entry.js'
import { isOwnerId } from './journal-owners.js'

const BASE64 = /^[A-Za-z\d+/]*={0,2}$/

/** What happened to an entry. */
export type JournalRecord =
  | { readonly kind: 'add'; readonly owner: string; readonly entry: WrittenEntry }
  | {
      readonly kind: 'take'
      readonly id: string
      readonly owner: string
      /** Who held it, `null` for nobody: of two that take it, the first in the file does. */
      readonly from: string | null
    }
  | {
      readonly kind: 'pin'
      readonly id: string
      readonly link: string
      readonly isRepeatable: boolean
    }
  | { readonly kind: 'leave'; readonly id: string; readonly owner: string }
  | { readonly kind: 'done'; readonly id: string }

/** An entry whose content is base64. */
export type WrittenEntry = Omit<JournalEntry, 'body'> & { readonly body: string }

/** An entry that is open, and who holds it. */
export interface OpenEntry {
  readonly entry: JournalEntry
  readonly owner: string | null
}

/** Writes a record as bytes. */
export function formatRecord(record: JournalRecord): Buffer {
  const json = JSON.stringify(record)
  return Buffer.from(`\n${json}\t${checksum(json)}\n`)
}

/**
 * Reads the lines that are complete; what is no record of this form is skipped.
 *
 * @param text - from the end of what was read before
 * @returns the records, and how many bytes they and what was skipped take
 */
export function readRecords(text: Buffer): { records: JournalRecord[]; length: number } {
  const length = text.lastIndexOf('\n') + 1
  const lines = text.toString('utf8', 0, length).split('\n')
  const records = lines.flatMap(line => {
    const record = line === '' ? null : parseLine(line)
    return record === null ? [] : [record]
  })
  return { records, length }
}

/** Turns an entry into what can be written. */
export function toWritten(entry: JournalEntry): WrittenEntry {
  return { ...entry, body: Buffer.from(entry.body).toString('base64') }
}

/** Applies a record to the entries that are open. */
export function applyRecord(open: Map<string, OpenEntry>, record: JournalRecord): void {
  if (record.kind === 'add') {
    const { owner, entry } = record
    const body = Uint8Array.from(Buffer.from(entry.body, 'base64'))
    open.set(entry.id, { entry: { ...entry, body }, owner })
    return
  }
  const known = open.get(record.id)
  if (known === undefined) return
  if (record.kind === 'done') open.delete(record.id)
  if (record.kind === 'take' && known.owner === record.from) {
    open.set(record.id, { ...known, owner: record.owner })
  }
  if (record.kind === 'leave' && known.owner === record.owner) {
    open.set(record.id, { ...known, owner: null })
  }
  if (record.kind === 'pin') {
    const { link, isRepeatable } = record
    open.set(record.id, { ...known, entry: pinned(known.entry, link, isRepeatable) })
  }
}

function parseLine(line: string): JournalRecord | null {
  const tab = line.lastIndexOf('\t')
  const json = line.slice(0, Math.max(tab, 0))
  if (tab === -1 || line.slice(tab + 1) !== checksum(json)) return null
  const value = parsed(json)
  return isRecord(value) ? value : null
}

/** A checksum is no signature: whoever can write the file can make one. */
function isRecord(value: unknown): value is JournalRecord {
  if (typeof value !== 'object' || value === null) return false
  const record = value as Readonly<Record<string, unknown>>
  const { kind, id, owner, from } = record
  if (kind === 'add') return isOwnerId(owner) && isWrittenEntry(record.entry)
  if (!isEntryId(id)) return false
  if (kind === 'take') return isOwnerId(owner) && (from === null || isOwnerId(from))
  if (kind === 'pin') return isEntryLink(record.link) && typeof record.isRepeatable === 'boolean'
  return kind === 'done' || (kind === 'leave' && isOwnerId(owner))
}

/** Whether this can be written as an entry, so that it can be read again. */
export function isWrittenEntry(value: unknown): value is WrittenEntry {
  return isEntry(value) && typeof value.body === 'string' && BASE64.test(value.body)
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown
  } catch {
    return null
  }
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}
