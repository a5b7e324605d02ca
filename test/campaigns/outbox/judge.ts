/** Compares what clients were told, what the database holds, and what the provider saw. */
import type { Asked } from './provider.js'

/** What a process said of a message. */
export interface Told {
  readonly pid: number
  readonly type: string
  readonly key: string
  readonly attempt?: number
}

/** A worker that stood still. */
export interface Freeze {
  readonly worker: number
  readonly fromMs: number
  toMs: number
}

/** After it woke, what it had taken before may come to the provider. */
const AWAKE_MS = 1_000

/** All that is known at the end. */
export interface Evidence {
  /** Keys of records whose clients were told that they succeeded. */
  readonly accepted: readonly string[]
  /** Rows of orders. */
  readonly orders: readonly { readonly key: string; readonly message: string }[]
  readonly payments: ReadonlyMap<string, ReadonlySet<string>>
  readonly asked: readonly Asked[]
  readonly told: readonly Told[]
  readonly frozen: readonly Freeze[]
  /** What is not delivered in the end. */
  readonly left: number
}

/** How often each fault was found. */
export interface Findings {
  /** An order that was told of and is not there, or is not paid. */
  readonly lost: number
  /** An order twice, or paid by two keys. */
  readonly duplicates: number
  /** A payment without an order: its transaction was undone. */
  readonly ghosts: number
  /** Two attempts of one message at once, though the first one's lease held. */
  readonly overlaps: number
  /** A message that two attempts have ended as delivered. */
  readonly doubleEnds: number
  readonly stuck: number
}

const DELIVERED = 'outbox-delivered'

/** Judges. */
export function judge(evidence: Evidence): Findings {
  const { accepted, orders, payments, told, left } = evidence
  const keys = orders.map(({ key }) => key)
  const known = new Set(keys)
  const isPaid = ({ key, message }: { key: string; message: string }) =>
    payments.get(key)?.has(message) === true
  const delivered = told.filter(({ type }) => type === DELIVERED)
  return {
    lost:
      accepted.filter(key => !known.has(key)).length + orders.filter(row => !isPaid(row)).length,
    duplicates:
      keys.length - known.size + [...payments.values()].filter(({ size }) => size > 1).length,
    ghosts: [...payments.keys()].filter(key => !known.has(key)).length,
    overlaps: overlapsIn(evidence),
    doubleEnds: delivered.length - deliveredIn(told).size,
    stuck: left,
  }
}

/** Keys of messages that somebody has ended as delivered. */
export function deliveredIn(told: readonly Told[]): ReadonlySet<string> {
  return new Set(told.filter(({ type }) => type === DELIVERED).map(({ key }) => key))
}

function overlapsIn({ asked, told, frozen }: Evidence): number {
  const nameOf = (key: string, attempt: number | undefined) => `${key} ${attempt}`
  const isOver = ({ type }: Told) => type === 'outbox-lease-lost' || type === 'outbox-late'
  const excused = new Set(told.filter(isOver).map(({ key, attempt }) => nameOf(key, attempt)))
  const hasStood = ({ worker, fromMs, untilMs }: Asked) =>
    frozen.some(
      one => one.worker === worker && one.fromMs < endOf(untilMs) && fromMs < one.toMs + AWAKE_MS,
    )
  const byKey = new Map<string, Asked[]>()
  for (const one of asked) byKey.set(one.key, [...(byKey.get(one.key) ?? []), one])
  let overlaps = 0
  for (const tries of byKey.values()) {
    for (const [index, one] of tries.slice(1).entries()) {
      const before = tries[index]
      if (before === undefined || endOf(before.untilMs) <= one.fromMs) continue
      // Whoever took it first is the one whose lease must be over, also where it asks last.
      const first = before.attempt < one.attempt ? before : one
      if (!hasStood(first) && !excused.has(nameOf(first.key, first.attempt))) overlaps += 1
    }
  }
  return overlaps
}

function endOf(untilMs: number | null): number {
  return untilMs ?? Number.POSITIVE_INFINITY
}
