/** What each of these tools does with `ctx.poe.tx` of a sqlite store. */
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'

/** Writes an order, and gives its number. */
export type Write = (tx: SqliteTransaction, sku: string) => Promise<number>

/** Writes orders in a transaction of the tool's own; what the work throws undoes them. */
export type Nest = (
  tx: SqliteTransaction,
  work: (add: (sku: string) => PromiseLike<unknown>) => Promise<void>,
) => Promise<void>

/** A tool. */
export interface Tool {
  readonly write: Write
  readonly nest: Nest
  readonly close?: () => Promise<void>
}
