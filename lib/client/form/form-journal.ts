/**
 * What a form has begun, kept so that a tab that is opened again can finish it. Where the browser
 * keeps nothing, forms are sent all the same.
 */
import { systemClock } from '../clock.js'
import { indexedDbJournal } from '../indexed-db-journal.js'
import { type Journal, type JournalEntry, type JournalHold, journalHeaders } from '../journal.js'
import { randomHex } from '../random.js'
import type { Order } from '../sending.js'

/** The database that all enhanced forms of an origin share. */
const NAME = 'post-once-exactly forms'

let opened: Promise<Journal | null> | null = null

/** Opens the journal; `null` where there can be none. */
export function formJournal(): Promise<Journal | null> {
  opened ??= indexedDbJournal({ name: NAME }).catch(() => null)
  return opened
}

/** Keeps a POST before its first byte leaves; `null` where it cannot be kept. */
export async function keep(order: Order): Promise<JournalHold | null> {
  const journal = await formJournal()
  const { link, payload, headers } = order
  const entry: JournalEntry = {
    id: randomHex(),
    link: link.href,
    isRepeatable: true,
    idempotencyKey: null,
    body: payload.content as Uint8Array<ArrayBuffer>,
    headers: journalHeaders(headers),
    createdAtMs: systemClock.now(),
    expiresAtMs: null,
  }
  return (await journal?.begin(entry).catch(() => null)) ?? null
}

/** Takes over what nobody alive is sending, oldest first. */
export async function leftBehind(): Promise<readonly JournalHold[]> {
  const journal = await formJournal()
  if (journal === null) return []
  const holds: JournalHold[] = []
  for (const { id } of await journal.list().catch(() => [])) {
    const hold = await journal.take(id).catch(() => null)
    if (hold !== null) holds.push(hold)
  }
  return holds
}
