/**
 * Lists undecided records by the indexes of the buckets: two exchanges for a bucket that has any,
 * one for one that has none. A page stops at its limit or after a while, so that it stays a short
 * call also where the server is far away.
 *
 * Not by SCAN: that would go through every key of the server, the application's own among them, and
 * in a cluster through every node by itself; and a record's name is a hash, so that its key would
 * have to be kept in each spent record as well.
 */
import type { ListedRecord, ListReply } from '../../engine/store.js'
import { type PageQuery, strangeCursor } from '../arguments.js'
import { BUCKETS, type Epochs } from './epochs.js'
import type { RedisExchange, RedisStep } from './exchange.js'
import { recordName } from './packing.js'
import { DOUBTED, INDEXED } from './scripts.js'

/** No more buckets are asked in one page once it has taken this long. */
const PAGE_MS = 250

/** Where a page begins: after a key of a score, in a bucket. */
interface Place {
  readonly bucket: number
  readonly score: string
  readonly key: string
}

/** What a bucket gave, and whether it has more. */
interface Some {
  readonly nowMs: number
  readonly records: readonly ListedRecord[]
  readonly last: Omit<Place, 'bucket'> | null
}

/** Gives one page. */
export async function listUndecided(
  exchange: RedisExchange,
  epochs: Epochs,
  prefix: string,
  { before, limit, cursor }: PageQuery,
  withinMs?: number,
): Promise<ListReply> {
  const untilMs = performance.now() + Math.min(PAGE_MS, (withinMs ?? PAGE_MS) / 2)
  const records: ListedRecord[] = []
  let place: Place = cursor === null ? startOf(0) : placeOf(cursor)
  for (;;) {
    const ask = (step: RedisStep) => exchange.run(step, withinMs)
    const some = await askBucket(ask, epochs, prefix, place, limit - records.length)
    records.push(...some.records.filter(({ sinceMs }) => sinceMs < before))
    const { nowMs, last } = some
    const next = last === null ? startOf(place.bucket + 1) : { bucket: place.bucket, ...last }
    if (next.bucket === BUCKETS) return { nowMs, records, cursor: null }
    if (records.length >= limit || performance.now() > untilMs) {
      return { nowMs, records, cursor: cursorOf(next) }
    }
    place = next
  }
}

async function askBucket(
  ask: (step: RedisStep) => Promise<unknown>,
  epochs: Epochs,
  prefix: string,
  { bucket, score, key }: Place,
  most: number,
): Promise<Some> {
  const slot = epochs.name(bucket)
  const keys = [epochs.index(bucket)]
  const args = [score, key, String(most)]
  const [nowMs, ...indexed] = (await ask({ script: INDEXED, keys, args, slot })) as [
    number,
    ...Buffer[],
  ]
  const entries: { key: string; score: string }[] = []
  for (let at = 0; at < 2 * most && at + 1 < indexed.length; at += 2) {
    entries.push({ key: String(indexed[at]), score: String(indexed[at + 1]) })
  }
  if (entries.length === 0) return { nowMs, records: [], last: null }
  const names = entries.map(entry => recordName(prefix, bucket, entry.key))
  const reply = await ask({ script: DOUBTED, keys: names, args: [], slot })
  const [, ...found] = reply as [number, ...([sinceMs: number, owner: Buffer] | null)[]]
  const records = entries.flatMap((entry, index): ListedRecord[] => {
    const [sinceMs, owner] = found[index] ?? []
    if (sinceMs === undefined || owner === undefined) return []
    return [{ key: entry.key, owner: String(owner), sinceMs }]
  })
  return { nowMs, records, last: indexed.length >= 2 * most ? (entries.at(-1) ?? null) : null }
}

function startOf(bucket: number): Place {
  return { bucket, score: '-inf', key: '' }
}

function cursorOf({ bucket, score, key }: Place): string {
  return `${bucket} ${score} ${key}`
}

function placeOf(cursor: string): Place {
  const [, bucket = '', score = '', key = ''] = /^(\d{1,2}) (-?inf|\d+) (.*)$/s.exec(cursor) ?? []
  if (bucket === '' || Number(bucket) >= BUCKETS) throw strangeCursor()
  return { bucket: Number(bucket), score, key }
}
