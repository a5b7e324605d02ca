/**
 * A record as an operator is shown it: no secret, no digest of who claimed it, no content.
 */
import { resourceOf } from '../../engine/resource-of.js'
import type { StoredRecord } from '../../engine/store-admin.js'

/** A record, for JSON. Times are ISO 8601. */
export interface RecordView {
  readonly id: string
  readonly key: string | null
  readonly resource: string | null
  readonly state: StoredRecord['state']
  readonly owner: string | null
  /** Of a claim at work: when its lease ends. */
  readonly leaseUntil: string | null
  /** Of an undecided record: since when it is. */
  readonly since: string | null
  /** Of a claim: what it becomes when its owner falls silent. */
  readonly onSilence: string | null
  readonly keepUntil: string | null
  readonly status: number | null
  readonly location: string | null
  readonly contentType: string | null
  readonly bodyBytes: number | null
}

/** Makes it. */
export function viewOf(record: StoredRecord): RecordView {
  const { id, key, state, owner, leaseUntilMs, onSilence, keepUntilMs, bodyBytes } = record
  const isSilent = state === 'undecided' || state === 'free'
  const head = headOf(record.head)
  const field = (name: string) => head?.fields.find(([found]) => found === name)?.[1] ?? null
  return {
    ...{ id, key, resource: key === null ? null : resourceOf(key), state, owner },
    leaseUntil: isSilent ? null : timeOf(leaseUntilMs),
    since: isSilent ? timeOf(leaseUntilMs) : null,
    ...{ onSilence, keepUntil: timeOf(keepUntilMs), status: head?.status ?? null },
    ...{ location: field('location'), contentType: field('content-type'), bodyBytes },
  }
}

interface Head {
  readonly status: number
  readonly fields: readonly (readonly [name: string, value: string])[]
}

/** What is written in a store may be of another release, or anybody's. */
function headOf(text: string | null): Head | null {
  try {
    const [status, fields]: unknown[] = JSON.parse(text ?? 'null') ?? []
    if (typeof status !== 'number' || !Array.isArray(fields)) return null
    return { status, fields: fields as Head['fields'] }
  } catch {
    return null
  }
}

function timeOf(ms: number | null): string | null {
  if (ms === null || Math.abs(ms) > 8_640_000_000_000_000) return null
  return new Date(ms).toISOString()
}
