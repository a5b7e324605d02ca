/** Compares what clients said, killed or not, with the orders in the shop's database. */
import type { ClientLine } from './client-program.js'

/** What is known of an operation. */
export interface Operation {
  readonly sku: string
  /** It was in the journal before its first byte left. */
  isBegun: boolean
  /** It was about to leave the journal. */
  isSettled: boolean
  /** How it ended, each time that was told. */
  readonly told: ClientLine[]
}

/** What is wrong with an operation. */
export type ViolationKind = 'double' | 'lost' | 'falseAccepted' | 'falseRefused' | 'unjournalled'

/** One violation. */
export interface Violation {
  readonly kind: ViolationKind
  readonly sku: string
  readonly text: string
}

/** Each operation has a link of its own, so that nobody else can have used it. */
const DENIALS = new Set<ClientLine['outcome']>(['refused', 'gone', 'used-before'])

/** Everything that was said, by operation. */
export class Book {
  readonly operations: Map<string, Operation> = new Map()

  /** Takes in a line. */
  note(line: ClientLine): void {
    const operation = this.#operation(line.sku)
    if (line.say === 'begun') operation.isBegun = true
    if (line.say === 'settled') operation.isSettled = true
    if (line.say === 'told') operation.told.push(line)
  }

  #operation(sku: string): Operation {
    const known = this.operations.get(sku)
    if (known !== undefined) return known
    const operation = { sku, isBegun: false, isSettled: false, told: [] }
    this.operations.set(sku, operation)
    return operation
  }
}

/**
 * Finds what is wrong.
 *
 * @param book - all that was said, the last resumption included
 * @param orders - the skus of all orders in the database
 */
export function check(book: Book, orders: readonly string[]): Violation[] {
  const counts = new Map<string, number>()
  for (const sku of orders) counts.set(sku, (counts.get(sku) ?? 0) + 1)
  const unknown = [...counts.keys()].filter(sku => !book.operations.has(sku))
  return [
    ...unknown.map(sku => violation('unjournalled', sku, 'an order that nobody began')),
    ...[...book.operations.values()].flatMap(one => judge(one, counts.get(one.sku) ?? 0)),
  ]
}

function judge({ sku, isBegun, isSettled, told }: Operation, effects: number): Violation[] {
  const finals = told.filter(({ isFinal }) => isFinal).map(({ outcome }) => outcome)
  const isAccepted = finals.some(kind => kind === 'accepted' || kind === 'accepted-earlier')
  const isDenied = finals.some(kind => DENIALS.has(kind))
  const found: Violation[] = []
  const add = (kind: ViolationKind, text: string) => found.push(violation(kind, sku, text))
  if (effects > 1) add('double', `${effects} orders`)
  if (isAccepted && effects === 0) add('falseAccepted', `told ${finals}, and there is no order`)
  if (isDenied && effects > 0) add('falseRefused', `told ${finals}, and there is an order`)
  const isKnown = isBegun || isSettled || told.length > 0
  if (!isKnown && effects > 0) add('unjournalled', 'an order, and it was never in the journal')
  if (finals.length === 0 && !isSettled) {
    add('lost', `begun, ${effects} orders, and nobody was told how it ended`)
  }
  return found
}

function violation(kind: ViolationKind, sku: string, text: string): Violation {
  return { kind, sku, text }
}
