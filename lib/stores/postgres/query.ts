/**
 * A query as `pg` takes it, and what is told of one that a handler's transaction cannot have.
 */
import type { QueryResult } from 'pg'
import { PoeError } from '../../errors.js'

/** How strictly a handler's transaction is kept apart from others. */
export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

/** A callback as `pg` calls it. */
export type Callback = (error: Error | null, result?: QueryResult) => void

/** The SQL of a query. @throws TypeError where there is none */
export function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  if (typeof query === 'object' && query !== null && 'text' in query) return String(query.text)
  throw new TypeError('ctx.poe.tx.query() takes SQL, or an object with text and values.')
}

/** What is told to whoever would end a handler's transaction. */
export function stolen(control: string): PoeError {
  const text = `${control} inside a transaction of ours: leave it out; a savepoint is fine.`
  return new PoeError('ERR_POE_TX_STOLEN', text)
}
