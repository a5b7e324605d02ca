/**
 * The store's own connections, apart from those that handlers use: a renewal never waits for a
 * handler. Every call is one exchange, bounded in time; a connection that gave no answer in time
 * is thrown away, and whatever was under way on it is known to nobody.
 */
import pg from 'pg'
import { PoeError } from '../../errors.js'
import { USUAL_MS, within } from '../within.js'
import { cancelStatement } from './cancel.js'
import {
  isConflict,
  needsOwnTransaction,
  type PostgresClient,
  type PostgresPool,
  sqlState,
  storeError,
  TYPES,
} from './driver.js'
import { isBusy } from './pool-use.js'
import { IS_STANDBY } from './states.js'

const CONFLICT_TRIES = 4
const POOL_LATER_MS = 1_000
const NO_CONNECTION = 'No connection to PostgreSQL was free, or could be made, in time.'
const NATIVE =
  "libpq takes no bytes, so the store needs pg's own client: leave out NODE_PG_FORCE_NATIVE and " +
  'the option Client. A pool of pg.native is fine.'
const ALL_IN_USE = 'Every connection of the pool was in use. Make it larger, or shorten handlers.'
/** What a call says that was not answered in time. */
export const NO_ANSWER = 'PostgreSQL gave no answer in time.'

/** How a store reaches its server. */
export interface ConnectionSettings {
  /** The app's pool; its settings are taken over, its connections are not. */
  readonly pool: PostgresPool
  readonly connections: number
  /** Whether the server keeps what a connection prepares (no pooler in transaction mode). */
  readonly direct: boolean
}

/** A call of a server-side function. */
export interface Call {
  /** Names it among the prepared statements. */
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
}

/** The store's own connections. */
export class Connections {
  readonly #pool: PostgresPool
  readonly #direct: boolean
  /** The database's defaults are such that each statement needs a transaction of its own. */
  #isWrapped = false
  #closing: Promise<void> | null = null

  constructor({ pool, connections, direct }: ConnectionSettings) {
    this.#direct = direct
    const { options } = pool
    this.#pool = new pg.Pool({
      ...options,
      // pg hides it from those who copy the rest.
      ...(options.password !== undefined && { password: options.password }),
      max: connections,
      min: 0,
      allowExitOnIdle: true,
      // What the store reads it reads as text.
      binary: false,
    } as pg.PoolConfig)
    this.#pool.on('error', ignore)
  }

  /**
   * Calls a function that gives one row.
   *
   * @param what - what is tried, for the message
   * @param withinMs - the longest wait, a connection included
   * @throws PoeError when it fails, or gives no answer in time
   */
  async call<Row extends readonly unknown[]>(
    what: string,
    call: Call,
    withinMs?: number,
  ): Promise<Row> {
    const [row] = await this.rows<Row>(what, call, withinMs)
    return row as Row
  }

  /** As {@link call}, for a function that gives any number of rows. */
  async rows<Row extends readonly unknown[]>(
    what: string,
    call: Call,
    withinMs: number = USUAL_MS,
  ): Promise<readonly Row[]> {
    if (this.#closing !== null) throw new PoeError('ERR_POE_STORE_CLOSED')
    const untilMs = performance.now() + withinMs
    for (let tries = 1; ; tries += 1) {
      const isWrapped = this.#isWrapped
      try {
        return await this.#once<Row>(call, isWrapped, untilMs - performance.now())
      } catch (error) {
        const isOver = performance.now() >= untilMs
        if (needsOwnTransaction(error) && !isWrapped) this.#isWrapped = true
        else if (isOver || !isConflict(error) || tries >= CONFLICT_TRIES) {
          throw storeError(what, error)
        }
      }
    }
  }

  /** Runs statements that give nothing; for a migration. */
  async run(what: string, text: string): Promise<void> {
    if (this.#closing !== null) throw new PoeError('ERR_POE_STORE_CLOSED')
    try {
      await this.#pool.query(text)
    } catch (error) {
      throw storeError(what, error)
    }
  }

  /** Lets go of every connection, once what is under way has been answered. */
  close(): Promise<void> {
    this.#closing ??= this.#pool.end()
    return this.#closing
  }

  async #once<Row extends readonly unknown[]>(
    call: Call,
    isWrapped: boolean,
    withinMs: number,
  ): Promise<readonly Row[]> {
    // The pool reads it for each wait; a little later than ours, whose word is clearer.
    this.#pool.options.connectionTimeoutMillis = Math.ceil(withinMs) + POOL_LATER_MS
    const client = await checkOut(this.#pool, withinMs)
    const deadline = performance.now() + withinMs
    if ('native' in client) {
      giveBack(client)
      throw new PoeError('ERR_POE_STORE_CONFIG', NATIVE)
    }
    try {
      const sent = this.#send<Row>(client, call, isWrapped)
      const rows = await within(deadline - performance.now(), sent, NO_ANSWER)
      giveBack(client)
      return rows
    } catch (error) {
      // In a transaction, late, or cut off: whatever it is in, it is not used again. What is late
      // would go on in the server, and each call that waits for the same adds one. Nor is one that
      // leads to a standby: its address may lead to the primary by now.
      const isStandby = sqlState(error) === IS_STANDBY
      if (error instanceof PoeError) discard(client, true)
      else giveBack(client, isWrapped || isStandby || !(error instanceof pg.DatabaseError))
      throw error
    }
  }

  async #send<Row extends readonly unknown[]>(
    client: PostgresClient,
    call: Call,
    isWrapped: boolean,
  ): Promise<readonly Row[]> {
    const { name, text, values } = call
    const query = {
      text,
      values: [...values],
      rowMode: 'array' as const,
      types: TYPES,
      ...(this.#direct && { name: `poe ${name}` }),
    }
    if (!isWrapped) return rowsOf<Row>(await client.query(query))
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    const rows = rowsOf<Row>(await client.query(query))
    await client.query('COMMIT')
    return rows
  }
}

/**
 * Takes a connection out of a pool.
 *
 * @param withinMs - how long it may take, in milliseconds; one that comes later goes back at once
 * @param patienceMs - how long a pool is waited for that is only busy, in milliseconds; it must be
 *   one that is watched
 * @throws PoeError `ERR_POE_STORE_DOWN` when there is none in time, `_BUSY` when the pool was busy
 *   all the time; what the driver throws
 */
export async function checkOut(
  pool: PostgresPool,
  withinMs: number,
  patienceMs = 0,
): Promise<PostgresClient> {
  const untilMs = performance.now() + patienceMs
  const coming = connectionOf(pool)
  let isLate = false
  coming.then(
    client => {
      if (isLate) giveBack(client)
    },
    () => {},
  )
  for (;;) {
    try {
      return await within(withinMs, coming, NO_CONNECTION)
    } catch (error) {
      const isPatient = patienceMs > 0 && isBusy(pool)
      // What the pool itself gives up will not come any more.
      if (isPatient && error instanceof PoeError && performance.now() < untilMs) continue
      isLate = true
      throw isPatient ? new PoeError('ERR_POE_STORE_BUSY', ALL_IN_USE, { cause: error }) : error
    }
  }
}

/**
 * Takes a connection out of a pool, however long that takes. The pool hears its errors no more from
 * then on, and the server's next word may be in the same packet as its first: whoever began to
 * listen after a promise would be too late, and the error would end the process.
 */
export function connectionOf(pool: PostgresPool): Promise<PostgresClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      client?.on('error', noteLoss)
      if (client === undefined) reject(error)
      else resolve(client)
    })
  })
}

/** Gives a connection back to its pool, or throws it away. */
export function giveBack(client: PostgresClient, isSpoilt = false): void {
  // Without a listener an error of the connection would end the process, so it stays to the end.
  if (!isSpoilt) client.off('error', noteLoss)
  client.release(isSpoilt)
}

/**
 * Closes a connection in the middle of something.
 *
 * @param isAtWork - whether the server is, and is to stop that
 */
export function discard(client: PostgresClient, isAtWork: boolean): void {
  const close = (): void => giveBack(client, true)
  if (isAtWork) cancelStatement(client).then(close, close)
  else close()
}

function rowsOf<Row>(result: { readonly rows: unknown[] }): readonly Row[] {
  return result.rows as Row[]
}

/** What connections have failed by. */
const losses = new WeakMap<PostgresClient, Error>()

/** What a connection has failed by since it was taken out of its pool, if it has. */
export function lossOf(client: PostgresClient): Error | undefined {
  return losses.get(client)
}

/**
 * An error of a connection shows in its next call, too; nobody has to hear it twice. The first one
 * is the reason, the others say that it is gone.
 */
function noteLoss(this: PostgresClient, error: Error): void {
  if (!losses.has(this)) losses.set(this, error)
}

function ignore(): void {}
