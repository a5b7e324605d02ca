/**
 * The outbox of the PostgreSQL store as calls of its server-side functions.
 */
import type {
  AttemptEnd,
  CountsReply,
  DeadReply,
  NewMessage,
  OutboxStore,
  TakeQuery,
  TakeReply,
} from '../../engine/outbox/outbox-store.js'
import type { OwnerReply } from '../../engine/store.js'
import { PURGE_MS, USUAL_MS } from '../within.js'
import type { Call, Connections } from './connections.js'

type DoneRow = readonly [nowMs: number, isDone: boolean]
type TakenRow = readonly [
  ...[key: string, name: string, payload: string, attempt: number, firstMs: number],
]
type DeadRow = readonly [
  ...[key: string, name: string, payload: string, attempts: number, error: string | null],
  sinceMs: number,
]
type CountRow = readonly [
  ...[name: string, waiting: number, running: number, dead: number, oldestMs: number | null],
]

/** The outbox of one schema. */
export class ServerOutbox implements OutboxStore {
  readonly #connections: Connections
  readonly #poe: string
  readonly #lockWaitMs: number | null

  /**
   * @param connections - the store's own
   * @param poe - the schema's name, quoted
   * @param lockWaitMs - how long the server waits for a lock, in milliseconds; `null` for half of
   *   what a call has
   */
  constructor(connections: Connections, poe: string, lockWaitMs: number | null) {
    this.#connections = connections
    this.#poe = poe
    this.#lockWaitMs = lockWaitMs
  }

  async take({ names, owner, leaseMs, limit }: TakeQuery, withinMs?: number): Promise<TakeReply> {
    const values = [[...names], owner, Math.floor(leaseMs), limit, this.#lockMs(withinMs)]
    const [nowMs, taken] = await this.#call<readonly [number, unknown]>('take', values, withinMs)
    const messages = rowsIn<TakenRow>(taken).map(([key, name, payload, attempt, firstMs]) => ({
      ...{ key, name, payload: textIn(payload), attempt, firstMs },
    }))
    return { nowMs, messages }
  }

  renew(key: string, owner: string, leaseMs: number, withinMs?: number): Promise<OwnerReply> {
    return this.#write('renew', [key, owner, Math.floor(leaseMs)], withinMs)
  }

  end(key: string, owner: string, end: AttemptEnd, withinMs?: number): Promise<OwnerReply> {
    const delayMs = end.verdict === 'again' ? Math.floor(end.delayMs) : null
    const error = end.verdict === 'delivered' ? null : Buffer.from(end.error)
    return this.#write('end', [key, owner, end.verdict, delayMs, error], withinMs)
  }

  async dead(limit: number, cursor: string | null, withinMs?: number): Promise<DeadReply> {
    const [nowMs, listed, last] = await this.#call<readonly [number, unknown, number | null]>(
      ...(['dead', [limit, cursor ?? 0], withinMs] as const),
    )
    const messages = rowsIn<DeadRow>(listed).map(
      ([key, name, payload, attempts, error, sinceMs]) => ({
        ...{ key, name, payload: textIn(payload), attempts, error: textIn(error ?? ''), sinceMs },
      }),
    )
    return { nowMs, messages, cursor: last === null ? null : String(last) }
  }

  revive(key: string, withinMs?: number): Promise<OwnerReply> {
    return this.#write('decide', [key, true], withinMs)
  }

  drop(key: string, withinMs?: number): Promise<OwnerReply> {
    return this.#write('decide', [key, false], withinMs)
  }

  async counts(withinMs?: number): Promise<CountsReply> {
    const [nowMs, counted] = await this.#call<readonly [number, unknown]>('counts', [], withinMs)
    const counts = rowsIn<CountRow>(counted).map(([name, waiting, running, dead, oldestMs]) => ({
      ...{ name, waiting, running, dead, oldestMs },
    }))
    return { nowMs, counts }
  }

  async purge(keepMs: number, limit: number): Promise<number> {
    const values = [Math.floor(keepMs), limit, this.#lockMs()]
    const [removed] = await this.#call<readonly [number]>('purge', values, PURGE_MS)
    return removed
  }

  async #write(
    name: string,
    values: readonly unknown[],
    withinMs: number | undefined,
  ): Promise<OwnerReply> {
    const all = [...values, this.#lockMs(withinMs)]
    const [nowMs, isDone] = await this.#call<DoneRow>(name, all, withinMs)
    return { nowMs, state: isDone ? 'ok' : 'stale' }
  }

  #call<Row extends readonly unknown[]>(
    name: string,
    values: readonly unknown[],
    withinMs?: number,
  ): Promise<Row> {
    const places = values.map((_, index) => `$${index + 1}`).join(', ')
    const text = `SELECT * FROM ${this.#poe}.outbox_${name}(${places})`
    const call: Call = { name: `outbox_${name}`, text, values }
    return this.#connections.call<Row>(`The call of outbox_${name}() failed`, call, withinMs)
  }

  #lockMs(withinMs: number = USUAL_MS): number {
    return this.#lockWaitMs ?? Math.ceil(withinMs / 2)
  }
}

/**
 * The statement that writes a message in a handler's transaction.
 *
 * @param poe - the schema's name, quoted
 */
export function addMessage(
  poe: string,
  { key, name, payload, delayMs }: NewMessage,
): { readonly text: string; readonly values: unknown[] } {
  // As text: libpq, which the application's pool may have (`pg.native`), takes no bytes.
  const text = `SELECT ${poe}.outbox_add($1, $2, decode($3, 'base64'), $4)`
  const base64 = Buffer.from(payload).toString('base64')
  return { text, values: [key, name, base64, Math.floor(delayMs)] }
}

/** An app may have told `pg` to leave JSON as it is. */
function rowsIn<Row>(value: unknown): readonly Row[] {
  return (typeof value === 'string' ? JSON.parse(value) : value) as readonly Row[]
}

function textIn(base64: string): string {
  return Buffer.from(base64, 'base64').toString()
}
