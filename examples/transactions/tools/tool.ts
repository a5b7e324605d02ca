/**
 * What the examples of this folder do with their tool, so that one table of situations fits all of
 * them. Each gets the joining pool, and is written as its own getting-started has it.
 */
import type pg from 'pg'

/** A tool that writes orders into `shop_orders`. */
export interface Tool {
  /** Writes one order. */
  insert(sku: string): Promise<unknown>
  /** Writes orders in the tool's own transaction, and then does something more in it. */
  transaction(skus: readonly string[], last: () => void): Promise<unknown>
  /** Writes one in a transaction, and another in a transaction inside it, which is undone. */
  nested(kept: string, undone: string): Promise<unknown>
  /** Looks whether there is one; of a tool that would look for several handlers at once. */
  has?(sku: string): Promise<boolean>
  /** Begins to write one, and awaits nothing. */
  forget(sku: string): void
  /** Whether `forget` writes at all: a query of some tools is run when it is awaited. */
  readonly isEager: boolean
  close(): Promise<unknown>
}

/** Makes the tool. */
export type OpenTool = (pool: pg.Pool) => Tool | Promise<Tool>

/** Makes a transaction go back. */
export function fail(): never {
  throw new Error('undo this')
}

/** Takes the error of {@link fail} for the end that was meant. */
export function undone(error: unknown): void {
  if (!(error instanceof Error && error.message === 'undo this')) throw error
}
