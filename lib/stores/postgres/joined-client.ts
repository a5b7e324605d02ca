/**
 * A connection that a joining pool gives out inside a handler: the one of the handler's
 * transaction, with a tool's `BEGIN`, `COMMIT` and `ROLLBACK` as savepoints.
 */
import { EventEmitter } from 'node:events'
import type { QueryResult } from 'pg'
import { PoeError } from '../../errors.js'
import type { PostgresClient } from './driver.js'
import { currentTransaction, runAsPartOf } from './handler-context.js'
import { isAsStrict, type Plan, planOf } from './joined-statement.js'
import type { HandlerTransaction, Stream } from './joined-work.js'
import { type Callback, stolen, textOf } from './query.js'

/** What `pg` calls a query that reads its rows itself: a cursor, a stream. */
interface Submittable extends Stream {
  submit(connection: unknown): unknown
}

/** After an error `pg` calls a query no more. */
const ENDS: ReadonlySet<string> = new Set(['handleReadyForQuery', 'handleError'])

/** Statements of one user of a handler's connection. */
export class JoinedSender {
  readonly #transaction: HandlerTransaction
  /** The savepoints that stand for its transactions, the innermost last. */
  readonly #savepoints: string[] = []
  readonly #isForOne: boolean
  #isReleased = false

  /** @param isForOne - whether it is there for one query, and so for no transaction of its own */
  constructor(transaction: HandlerTransaction, isForOne = false) {
    this.#transaction = transaction
    this.#isForOne = isForOne
  }

  /** `query` as a connection of `pg` has it. */
  query(args: readonly unknown[]): unknown {
    const [query, ...rest] = args
    if (isSubmittable(query)) return this.#submit(query)
    const callback = callbackOf(args)
    if (callback === null) return this.#run(args)
    const values = rest.filter(each => typeof each !== 'function')
    const config = typeof query === 'string' ? query : { ...(query as object), callback: undefined }
    this.#run([config, ...values]).then(
      result => callback(null, result),
      (error: Error) => callback(error),
    )
    return undefined
  }

  /** Ends its use; a transaction of its own that it left open is undone. */
  release(): void {
    if (this.#isReleased) {
      throw new Error('Release called on client which has already been released to the pool.')
    }
    this.#isReleased = true
    const [outermost] = this.#savepoints.splice(0)
    if (outermost === undefined) return
    const { work, over } = this.#transaction
    if (over !== null) return
    const undone = work.count(() => this.#goBack(outermost)).catch(ignore)
    void undone.finally(() => work.free(this))
  }

  #run(args: readonly unknown[]): Promise<QueryResult> {
    const { work, unawaited } = this.#transaction
    const asked = work
      .count(() => this.#perform(args))
      .catch((error: unknown) => {
        if (isOver(error)) this.#transaction.noteUnawaited()
        throw error
      })
    return unawaited.watch(asked)
  }

  async #perform(args: readonly unknown[]): Promise<QueryResult> {
    const { work } = this.#transaction
    this.#refuseLate()
    const plan = planOf(textOf(args[0]))
    if (this.#isForOne && BRACKETS.has(plan.kind)) {
      throw new PoeError('ERR_POE_TX_NOT_JOINED', ONE_QUERY)
    }
    if (work.hasStream && (await work.isStreaming())) {
      throw new PoeError('ERR_POE_TX_NOT_JOINED', STREAMING)
    }
    // Several may wait, and the first of them may hold it again.
    while (work.isHeldFrom(this)) {
      await work.turnOf(this)
      this.#refuseLate()
    }
    switch (plan.kind) {
      case 'begin':
        return await this.#begin(plan)
      case 'commit':
        return await this.#commit()
      case 'rollback':
        return await this.#rollback()
      case 'isolation':
        return await this.#setIsolation(plan)
      case 'plain':
        return await this.#send(args)
      default:
        this.#refuse(plan)
        return await this.#send(args)
    }
  }

  #refuse(plan: Extract<Plan, { kind: 'savepoint' | 'refused' | 'stolen' }>): void {
    if (plan.kind === 'stolen') throw this.#transaction.stop(stolen(plan.word))
    if (plan.kind === 'refused') throw new PoeError('ERR_POE_TX_NOT_JOINED', plan.why)
    if (this.#savepoints.length === 0) throw new PoeError('ERR_POE_TX_NOT_JOINED', NO_TRANSACTION)
  }

  async #begin({ isolation }: Extract<Plan, { kind: 'begin' }>): Promise<QueryResult> {
    const transaction = this.#transaction
    if (isolation !== null) this.#demandIsolation(isolation)
    const name = transaction.work.hold(this)
    try {
      const result = await this.#send([`SAVEPOINT ${name}`])
      this.#savepoints.push(name)
      return result
    } catch (error) {
      if (this.#savepoints.length === 0) transaction.work.free(this)
      throw error
    }
  }

  async #commit(): Promise<QueryResult> {
    const name = this.#savepoints.at(-1)
    if (name === undefined) throw new PoeError('ERR_POE_TX_NOT_JOINED', NO_TRANSACTION)
    const result = await this.#send([`RELEASE SAVEPOINT ${name}`])
    this.#popped()
    return result
  }

  async #rollback(): Promise<QueryResult> {
    const name = this.#savepoints.at(-1)
    // As PostgreSQL has it: nothing to undo. A tool sends it after a BEGIN that failed.
    if (name === undefined) return await this.#send([''])
    const result = await this.#goBack(name)
    this.#popped()
    return result
  }

  async #setIsolation({ isolation }: Extract<Plan, { kind: 'isolation' }>): Promise<QueryResult> {
    this.#demandIsolation(isolation)
    return await this.#send([''])
  }

  #demandIsolation(asked: string): void {
    const { isolation } = this.#transaction
    if (isAsStrict(isolation, asked as typeof isolation)) return
    const text = `The handler's transaction is ${isolation}, and ${asked} was asked for: give it`
    throw new PoeError('ERR_POE_TX_NOT_JOINED', `${text} as isolation to postgresStore().`)
  }

  async #goBack(name: string): Promise<QueryResult> {
    const back = this.#send([`ROLLBACK TO SAVEPOINT ${name}`])
    const released = this.#send([`RELEASE SAVEPOINT ${name}`])
    const [result] = await Promise.all([back, released])
    return result
  }

  #send(args: readonly unknown[]): Promise<QueryResult> {
    return this.#transaction.work.inTurn(() => this.#transaction.send(args))
  }

  #popped(): void {
    this.#savepoints.pop()
    if (this.#savepoints.length === 0) this.#transaction.work.free(this)
  }

  #refuseLate(): void {
    const { over } = this.#transaction
    if (over !== null) throw isOver(over) ? overdue() : over
    const current = currentTransaction()
    // It would be kept or undone with somebody else's order.
    if (current !== null && current !== this.#transaction) {
      throw new PoeError('ERR_POE_TX_NOT_JOINED', OTHER_HANDLER)
    }
    if (this.#isReleased) throw new PoeError('ERR_POE_TX_NOT_JOINED', RELEASED)
  }

  /** Cursors and streams: `pg` calls them, so their calls are made parts of the handler again. */
  #submit<Query extends Submittable>(query: Query): Query {
    const transaction = this.#transaction
    const { work } = transaction
    this.#refuseLate()
    const plan = planOf(submittedText(query))
    if (plan.kind !== 'plain') {
      this.#refuse(plan.kind === 'refused' ? plan : { kind: 'stolen', word: plan.kind })
    }
    if (work.hasStream) throw new PoeError('ERR_POE_TX_NOT_JOINED', STREAMING)
    if (work.isHeldFrom(this)) throw new PoeError('ERR_POE_TX_NOT_JOINED', HELD)
    const ended = work.addStream(query)
    makePartOf(transaction, query as unknown as Record<string, unknown>, ended)
    // Not in turn: whoever reads it is to get it now.
    transaction.send([query]).catch(ended)
    return query
  }
}

/** Makes the calls that `pg` makes of a query parts of a handler. */
function makePartOf(
  transaction: HandlerTransaction,
  query: Record<string, unknown>,
  ended: () => void,
): void {
  for (const name of methodsOf(query)) {
    const own = query[name]
    if (!name.startsWith('handle') || typeof own !== 'function') continue
    query[name] = (...args: unknown[]): unknown => {
      if (ENDS.has(name)) ended()
      return runAsPartOf(transaction, () => own.apply(query, args) as unknown)
    }
  }
}

function methodsOf(query: object): Set<string> {
  const names = new Set<string>()
  for (let at: object | null = query; at !== null; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name)
  }
  return names
}

const BRACKETS: ReadonlySet<Plan['kind']> = new Set(['begin', 'commit', 'rollback', 'savepoint'])
const ONE_QUERY =
  'A transaction needs a connection: take one with connect(), and release it afterwards.'
const STREAMING =
  "The handler's one connection is taken up by a stream or cursor: read it to its end, or close " +
  'it, before the next query.'
const HELD = 'Another connection of this handler has a transaction open: await that first.'
const NO_TRANSACTION = 'There is no transaction on this connection: send BEGIN first.'
const OTHER_HANDLER =
  'This connection belongs to another handler: each takes its own with connect().'
const RELEASED = 'This connection was given back: connect() again.'

/** What a query gets that comes when its handler has ended. */
export function overdue(): PoeError {
  const text =
    'The handler that this query belongs to has ended, so it was not run. Await it in the ' +
    'handler, or begin it outside; what is to go on afterwards may use the plain pool.'
  return new PoeError('ERR_POE_TX_OVER', text)
}

function isOver(error: unknown): boolean {
  return error instanceof PoeError && error.code === 'ERR_POE_TX_OVER'
}

function isSubmittable(query: unknown): query is Submittable {
  return typeof query === 'object' && query !== null && 'submit' in query
}

/** The SQL of a cursor, or of a stream that has one. */
function submittedText(query: Submittable): string {
  const { text, cursor } = query as { readonly text?: unknown; readonly cursor?: unknown }
  const found = text ?? (cursor as { readonly text?: unknown } | undefined)?.text
  if (typeof found === 'string') return found
  throw new PoeError('ERR_POE_TX_NOT_JOINED', 'It cannot be seen which SQL this query object has.')
}

function callbackOf(args: readonly unknown[]): Callback | null {
  const [query] = args
  const last = args.findLast(each => typeof each === 'function')
  if (last !== undefined) return last as Callback
  if (typeof query !== 'object' || query === null || !('callback' in query)) return null
  return typeof query.callback === 'function' ? (query.callback as Callback) : null
}

const EVENT_METHODS = [
  ...['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners', 'emit'],
  ...['prependListener', 'prependOnceListener', 'listeners', 'rawListeners', 'listenerCount'],
  ...['eventNames', 'setMaxListeners', 'getMaxListeners'],
]

/**
 * Makes what looks like a connection of a pool.
 *
 * @param client - the connection of the handler's transaction; its other members show through, and
 *   what is set or listened to stays apart from it
 */
export function joinedClient(
  transaction: HandlerTransaction,
  client: PostgresClient,
): PostgresClient {
  const sender = new JoinedSender(transaction)
  const events = new EventEmitter()
  const refuse = (): never => {
    throw new PoeError(
      'ERR_POE_TX_NOT_JOINED',
      "The handler's connection is not the tool's to end.",
    )
  }
  const own: Record<PropertyKey, unknown> = {
    query: (...args: unknown[]) => sender.query(args),
    release: () => sender.release(),
    connect: refuse,
    end: refuse,
  }
  for (const name of EVENT_METHODS) {
    const method = Reflect.get(events, name) as (...args: unknown[]) => unknown
    own[name] = (...args: unknown[]) => {
      const result = method.apply(events, args)
      return result === events ? shown : result
    }
  }
  const shown: PostgresClient = new Proxy(client, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set(_target, name, value) {
      own[name] = value
      return true
    },
  })
  return shown
}

function ignore(): void {}
