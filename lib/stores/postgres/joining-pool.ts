/**
 * A pool of `pg` that an application gives to its ORM or query builder: inside the handler of a
 * transactional resource its queries and connections are the handler's transaction, elsewhere it
 * is the plain pool.
 *
 * @see decision 0026
 */
import pg from 'pg'
import { describe } from '../../engine/checks.js'
import { PoeError } from '../../errors.js'
import { checkKeys } from '../options.js'
import type { PostgresClient, PostgresPool } from './driver.js'
import { currentTransaction, followHandlers } from './handler-context.js'
import { JoinedSender, joinedClient, overdue } from './joined-client.js'
import type { HandlerTransaction } from './joined-work.js'
import { type Callback, textOf } from './query.js'

const WHERE = 'joiningPool'

/** Options of {@link joiningPool}. */
export interface JoiningPoolOptions {
  /**
   * The store's pool, where it is another one that leads to the same database in a way that cannot
   * be seen: by another name of the host, or past a pooler. What this pool does to its own
   * connections (`on('connect')`, `search_path`) then holds outside of handlers only.
   */
  readonly sameDatabaseAs?: PostgresPool | undefined
}

/** The plain pool of each joining one. */
const plainPools = new WeakMap<object, PostgresPool>()

/** The pool behind a joining one; any other pool is given back as it is. */
export function plainPool(pool: PostgresPool): PostgresPool {
  return plainPools.get(pool) ?? pool
}

/**
 * Makes a pool join handlers' transactions.
 *
 * Inside the handler of a resource with `transactional: true`, and in all that it awaits or begins,
 * `query` and `connect` use the handler's transaction. `BEGIN` (also `START TRANSACTION`), `COMMIT`
 * and `ROLLBACK` become a savepoint, its release, and the way back to it; they may nest. One
 * connection runs one statement after another, and while a tool's transaction is open the handler's
 * other statements wait for its end.
 *
 * What cannot be had there rejects with `ERR_POE_TX_NOT_JOINED` and is not run: another database
 * than the store's, `LISTEN`, `SET` without `LOCAL`, a stricter isolation level than the store's,
 * a query while a stream is read. A query after the handler's end rejects with `ERR_POE_TX_OVER`.
 * Everywhere else it is the plain pool, of which all other members are.
 *
 * @param pool - of `pg` 8; best the very one that the store has. It stays plain itself
 * @returns what the tool takes for a pool of `pg`; the store takes either
 * @throws TypeError where it is no pool
 */
export function joiningPool(pool: PostgresPool, options: JoiningPoolOptions = {}): PostgresPool {
  checkKeys(WHERE, options, ['sameDatabaseAs'])
  if (!isPool(pool)) throw new TypeError(`${WHERE}: give a Pool of pg, got ${describe(pool)}.`)
  const { sameDatabaseAs = pool } = options
  if (!isPool(sameDatabaseAs)) {
    const text = 'sameDatabaseAs takes the Pool that the store has'
    throw new TypeError(`${WHERE}: ${text}, got ${describe(sameDatabaseAs)}.`)
  }
  followHandlers()
  const plain = plainPool(pool)
  const members = new Members(plain, plainPool(sameDatabaseAs))
  const query = (...args: unknown[]): unknown => members.query(args)
  const connect = (callback?: ConnectCallback): unknown => members.connect(callback)
  const joining = new Proxy(plain, {
    get(target, name, receiver) {
      if (name === 'query') return query
      if (name === 'connect') return connect
      if (name === 'end' && currentTransaction() !== null) return refuseEnd
      return Reflect.get(target, name, receiver) as unknown
    },
  })
  plainPools.set(joining, plain)
  return joining
}

/** Whether something has what is used of a pool of `pg`. */
export function isPool(pool: unknown): pool is PostgresPool {
  return typeof pool === 'object' && pool !== null && 'connect' in pool && 'totalCount' in pool
}

type Release = (error?: Error | boolean) => void
type ConnectCallback = (error: Error | undefined, client?: PostgresClient, done?: Release) => void

/** `query` and `connect` of a joining pool. */
class Members {
  readonly #plain: PostgresPool
  readonly #storePool: PostgresPool

  constructor(plain: PostgresPool, storePool: PostgresPool) {
    this.#plain = plain
    this.#storePool = storePool
  }

  query(args: readonly unknown[]): unknown {
    const transaction = currentTransaction()
    const isMistake = typeof args[0] === 'function'
    if (transaction === null || isMistake) {
      return (this.#plain.query as (...all: unknown[]) => unknown)(...args)
    }
    const callback = args.findLast(each => typeof each === 'function') as Callback | undefined
    const values = args.filter(each => typeof each !== 'function')
    const asked = this.#ask(transaction, values)
    if (callback === undefined) return asked
    asked.then(
      result => callback(null, result),
      (error: Error) => callback(error),
    )
    return undefined
  }

  connect(callback?: ConnectCallback): Promise<PostgresClient> | undefined {
    const transaction = currentTransaction()
    if (transaction === null) {
      return this.#plain.connect(callback as never) as Promise<PostgresClient> | undefined
    }
    const connected = this.#join(transaction)
    if (callback === undefined) return connected
    connected.then(
      client => callback(undefined, client, error => client.release(error)),
      (error: Error) => callback(error, undefined, () => {}),
    )
    return undefined
  }

  #ask(transaction: HandlerTransaction, args: readonly unknown[]): Promise<pg.QueryResult> {
    const [query] = args
    const isStream = typeof query === 'object' && query !== null && 'submit' in query
    return transaction.unawaited.watch(
      isStream
        ? Promise.reject(new PoeError('ERR_POE_TX_NOT_JOINED', STREAM_BY_POOL))
        : this.#send(transaction, args),
    )
  }

  async #send(transaction: HandlerTransaction, args: readonly unknown[]): Promise<pg.QueryResult> {
    this.#demandSameDatabase(transaction)
    // Read first: what is no SQL must not begin a transaction.
    textOf(args[0])
    const sender = new JoinedSender(transaction, true)
    try {
      return await (sender.query(args) as Promise<pg.QueryResult>)
    } finally {
      sender.release()
    }
  }

  #join(transaction: HandlerTransaction): Promise<PostgresClient> {
    const joined = transaction.work
      .count(async () => {
        this.#demandSameDatabase(transaction)
        if (isEnded(transaction)) throw overdue()
        return joinedClient(transaction, await transaction.connection())
      })
      .catch((error: unknown) => {
        if (isEnded(transaction)) transaction.noteUnawaited()
        throw error
      })
    return transaction.unawaited.watch(joined)
  }

  #demandSameDatabase({ pool }: HandlerTransaction): void {
    if (pool === this.#plain || pool === this.#storePool) return
    const [there, here] = [routeOf(pool), routeOf(this.#plain)]
    if (there !== here) throw new PoeError('ERR_POE_TX_NOT_JOINED', OTHER_DATABASE)
    const { onConnect } = this.#plain.options as { readonly onConnect?: unknown }
    if (this.#plain.listenerCount('connect') === 0 && onConnect === undefined) return
    throw new PoeError('ERR_POE_TX_NOT_JOINED', OTHER_SETTINGS)
  }
}

/** It would wait for the handler's own connection, and the handler for it. */
function refuseEnd(callback?: (error: Error) => void): Promise<void> | undefined {
  const error = new PoeError('ERR_POE_TX_NOT_JOINED', NOT_TO_END)
  if (callback === undefined) return Promise.reject(error)
  queueMicrotask(() => callback(error))
  return undefined
}

const NOT_TO_END = "The pool is the application's: end it outside of handlers."
const STREAM_BY_POOL =
  'A stream or cursor needs a connection: take one with connect(), and release it afterwards.'
const OTHER_DATABASE =
  "This pool does not lead to the database of the handler's transaction, or by another host, " +
  'user or setting, so what is sent could not be undone with it. For the same database give the ' +
  'store this very pool, or name its pool as sameDatabaseAs; for another one use the plain pool.'
const OTHER_SETTINGS =
  "This pool sets up its connections when they are made, and the store's pool has not done so: " +
  'give the store this very pool, or name its pool as sameDatabaseAs.'

function isEnded({ over }: HandlerTransaction): boolean {
  return over instanceof PoeError && over.code === 'ERR_POE_TX_OVER'
}

/** Where a pool's connections lead, and as whom. */
function routeOf({ options }: PostgresPool): string {
  const { host, port, database, user } = new pg.Client(options)
  const { options: settings = '' } = options as { readonly options?: string }
  return JSON.stringify([host, port, database, user, settings])
}
