/**
 * The judge of a run. It knows the orders in the database, what every client was told, and when
 * something was done to the site; and nothing about how the shop keeps its promises.
 */
import type { OperationHistory, OrderRow, SiteEvent, Told } from './history.js'

/** What a run left behind. */
export interface Evidence {
  readonly operations: readonly OperationHistory[]
  readonly rows: readonly OrderRow[]
  readonly events: readonly SiteEvent[]
  /** Orders are an effect outside the store's transactions: silence may mean doubt. */
  readonly isExternal: boolean
  /** The store may forget, and then says so; its links may end as `forgotten`. */
  readonly mayForget: boolean
}

/** What can be wrong. */
export type ViolationKind = 'duplicates' | 'lost' | 'falseAccepted' | 'falseRefused' | 'stuck'

/** Something that is wrong with one operation. */
export interface Violation {
  readonly kind: ViolationKind
  readonly text: string
  /** `null` for an order that nobody has sent. */
  readonly operation: OperationHistory | null
}

/** The verdict on a run. */
export interface Findings {
  readonly violations: readonly Violation[]
  /** Links in doubt that have a reason to be. */
  readonly undecided: number
  /** How many operations ended in each way. */
  readonly conclusions: ReadonlyMap<string, number>
}

/** Compares what was told with what is there. */
export function check(evidence: Evidence): Findings {
  const rowsOf = bySku(evidence.rows)
  const violations: Violation[] = []
  const conclusions = new Map<string, number>()
  let undecided = 0
  for (const operation of evidence.operations) {
    const { sku, conclusion } = operation
    conclusions.set(conclusion, (conclusions.get(conclusion) ?? 0) + 1)
    const rows = rowsOf.get(sku) ?? []
    rowsOf.delete(sku)
    violations.push(...contradictions(operation, rows))
    const doubt = endOf(operation, evidence)
    if (doubt === 'undecided') undecided += 1
    else if (doubt !== null) violations.push({ kind: 'stuck', text: doubt, operation })
  }
  for (const [sku, rows] of rowsOf) {
    const text = `${rows.length} orders for ${sku}, which nobody has sent`
    violations.push({ kind: 'duplicates', text, operation: null })
  }
  return { violations, undecided, conclusions }
}

/** Counts the violations of a kind. */
export function countOf({ violations }: Findings, kind: ViolationKind): number {
  return violations.filter(violation => violation.kind === kind).length
}

function bySku(rows: readonly OrderRow[]): Map<string, OrderRow[]> {
  const groups = new Map<string, OrderRow[]>()
  for (const row of rows) groups.set(row.sku, [...(groups.get(row.sku) ?? []), row])
  return groups
}

function contradictions(operation: OperationHistory, rows: readonly OrderRow[]): Violation[] {
  const found: Violation[] = []
  const add = (kind: ViolationKind, text: string): void => {
    found.push({ kind, text, operation })
  }
  const accepted = operation.told.filter(({ kind }) => kind === 'accepted')
  const refused = operation.told.filter(({ kind }) => kind === 'not accepted')
  const [firstAccepted] = accepted
  const [firstRefused] = refused
  if (rows.length > 1) {
    add('duplicates', `${rows.length} orders: ${rows.map(({ id }) => `number ${id}`).join(', ')}`)
  }
  if (rows.length === 0 && firstAccepted !== undefined) {
    add('lost', `told that it was accepted (${firstAccepted.how}), and there is no order`)
  }
  if (rows.length > 0 && firstRefused !== undefined) {
    add('falseRefused', `told that it was not accepted (${firstRefused.how}), and there is one`)
  }
  const wrong = rows.length === 0 ? null : wrongAnswer(operation, accepted, rows)
  if (wrong !== null) add('falseAccepted', wrong)
  return found
}

/** An answer that names an order which is not this one, or an order that is not what was sent. */
function wrongAnswer(
  { sku, qty, user }: OperationHistory,
  accepted: readonly Told[],
  rows: readonly OrderRow[],
): string | null {
  for (const { how, order } of accepted) {
    if (order === null) continue
    if (order.sku !== sku) return `${how} told of an order for ${order.sku}`
    if (rows.some(row => row.id === order.id)) continue
    const numbers = rows.map(({ id }) => id).join(', ')
    return `${how} told of number ${order.id}, and the order has ${numbers}`
  }
  const other = rows.find(row => row.qty !== qty || row.user !== user)
  if (other === undefined) return null
  return `number ${other.id} is for ${other.qty} by ${other.user}, sent was ${qty} by ${user}`
}

/**
 * How an operation ended, where that is no end: `undecided` with a reason, or what is wrong.
 *
 * @returns `null` when it is as it should be
 */
function endOf(operation: OperationHistory, evidence: Evidence): 'undecided' | string | null {
  switch (operation.conclusion) {
    case 'accepted':
    case 'not accepted':
      return null
    case 'forgotten':
      return evidence.mayForget ? null : 'the link is forgotten by a store that never forgets'
    case 'running':
      return 'still running, long after everything was quiet'
    case 'unknown':
      return 'no answer tells what became of it, though everything is up'
    case 'undecided':
      if (!evidence.isExternal) return 'undecided, though orders are in the transaction'
      return isExcused(operation, evidence.events)
        ? 'undecided'
        : 'undecided, though nothing was killed, frozen or cut off'
  }
}

/** Something that can silence a handler happened while this was under way. */
function isExcused({ exchanges }: OperationHistory, events: readonly SiteEvent[]): boolean {
  const posts = exchanges.filter(({ method }) => method === 'POST')
  const fromMs = Math.min(...posts.map(({ sentMs }) => sentMs))
  const untilMs = Math.max(...posts.map(({ endedMs }) => endedMs))
  return events.some(event => {
    return event.silences && event.untilMs >= fromMs && event.atMs <= untilMs
  })
}
