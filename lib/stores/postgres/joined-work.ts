/**
 * What goes on in one handler's transaction, by joining pools and by itself: who may send now, and
 * whether anything is still under way.
 *
 * A tool's own transaction is a savepoint. While it is open nobody else's statement is sent: it
 * would be undone with the tool's, although its author was told that it is there.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { QueryResult } from 'pg'
import type { Unawaited, UnawaitedListener } from '../unawaited.js'
import type { PostgresClient, PostgresPool } from './driver.js'
import type { Isolation } from './query.js'

/** A handler's transaction, as a joining pool sees it. */
export interface HandlerTransaction extends UnawaitedListener {
  /** The pool whose connection it has. */
  readonly pool: PostgresPool
  readonly isolation: Isolation
  readonly work: JoinedWork
  readonly unawaited: Unawaited
  /** Its connection, on which it begins if it has not. @throws why it is over */
  connection(): Promise<PostgresClient>
  /** Sends to its connection. @throws as `ctx.poe.tx.query` */
  send(args: readonly unknown[]): Promise<QueryResult>
  /** Why it is over; `null` while it is not. */
  readonly over: Error | null
  /** Undoes everything at once; gives the reason. */
  stop(reason: Error): Error
}

/** A query that reads its rows piece by piece: a cursor, or a stream that has one. */
export interface Stream {
  readonly destroyed?: unknown
  readonly state?: unknown
  readonly cursor?: Stream
}

function isClosing({ destroyed, state, cursor }: Stream): boolean {
  return destroyed === true || state === 'done' || (cursor !== undefined && isClosing(cursor))
}

const NOTHING: Promise<unknown> = Promise.resolve()
const NO_STREAMS: readonly Stream[] = []

/** The work of one transaction. */
export class JoinedWork {
  #underWay = 0
  /** Statements asked of the transaction itself, by no joining pool. */
  #direct = 0
  #waiting = 0
  /** Who has a transaction of its own open. */
  #holder: object | null = null
  #savepoints = 0
  /** What is being read piece by piece. */
  #streams: readonly Stream[] = NO_STREAMS
  /** The statement that was sent last. */
  #last: Promise<unknown> = NOTHING
  #changed: () => void = () => {}
  #change: Promise<void> | null = null

  /** Whether nothing was begun that is not at its end. */
  get isQuiet(): boolean {
    return this.#direct === 0 && this.isJoinedQuiet
  }

  /** Whether nothing that was begun by a joining pool is under way. */
  get isJoinedQuiet(): boolean {
    return this.#underWay === 0 && this.#holder === null && this.#streams.length === 0
  }

  /** Whether a statement waits for somebody's transaction to end. */
  get isWaitedFor(): boolean {
    return this.#waiting > 0
  }

  /**
   * Whether the connection is taken up by rows that are still being read; waits for a stream that
   * is being closed.
   */
  async isStreaming(): Promise<boolean> {
    while (this.#streams.length > 0) {
      if (!this.#streams.every(isClosing)) return true
      await this.#nextChange()
    }
    return false
  }

  /** Counts work as under way until it has ended. */
  async count<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#underWay += 1
    try {
      return await work()
    } finally {
      this.#underWay -= 1
      this.#tell()
    }
  }

  /** Counts a statement that is asked of the transaction itself. */
  beginDirect(): void {
    this.#direct += 1
  }

  /** One of those has ended. */
  endDirect(): void {
    this.#direct -= 1
    this.#tell()
  }

  /** Sends a statement when the one before it is answered: `pg` 9 will keep no queue. */
  async inTurn<Result>(send: () => Promise<Result>): Promise<Result> {
    const sent = this.#last.then(send)
    this.#last = sent.catch(() => {})
    return await sent
  }

  /** Whether a stream or cursor has the connection. */
  get hasStream(): boolean {
    return this.#streams.length > 0
  }

  /** Notes rows that are read piece by piece; gives what to call at their end. */
  addStream(stream: Stream): () => void {
    this.#streams = [...this.#streams, stream]
    return () => {
      if (!this.#streams.includes(stream)) return
      this.#streams = this.#streams.filter(other => other !== stream)
      this.#tell()
    }
  }

  /** Whether others' statements have to wait. */
  isHeldFrom(sender: object | null): boolean {
    return this.#holder !== null && this.#holder !== sender
  }

  /** Waits until a sender may send. */
  async turnOf(sender: object | null): Promise<void> {
    this.#waiting += 1
    try {
      while (this.isHeldFrom(sender)) await this.#nextChange()
    } finally {
      this.#waiting -= 1
    }
  }

  /** Keeps others from sending; gives the name of a new savepoint. */
  hold(sender: object): string {
    this.#holder = sender
    this.#savepoints += 1
    return `poe_joined_${this.#savepoints}`
  }

  /** Lets others send again. */
  free(sender: object): void {
    if (this.#holder !== sender) return
    this.#holder = null
    this.#tell()
  }

  /** Lets everybody see that it is over. */
  end(): void {
    this.#holder = null
    this.#streams = NO_STREAMS
    this.#tell()
  }

  /**
   * Waits until what was begun is at its end.
   *
   * @param withinMs - how long, in milliseconds
   * @param isForAll - whether what was asked of the transaction itself is waited for, too
   * @returns whether it is
   */
  async quiet(withinMs: number, isForAll: boolean): Promise<boolean> {
    const isQuiet = (): boolean => (isForAll ? this.isQuiet : this.isJoinedQuiet)
    const untilMs = performance.now() + withinMs
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>(resolve => {
      timer = setTimeout(() => resolve('late'), withinMs)
    })
    try {
      while (performance.now() < untilMs) {
        if (isQuiet()) {
          // Whoever was answered just now may have more to send.
          await nextTurn()
          if (isQuiet()) return true
        } else if ((await Promise.race([this.#nextChange(), late])) === 'late') break
      }
      return isQuiet()
    } finally {
      clearTimeout(timer)
    }
  }

  #nextChange(): Promise<void> {
    this.#change ??= new Promise(resolve => {
      this.#changed = resolve
    })
    return this.#change
  }

  #tell(): void {
    this.#change = null
    this.#changed()
  }
}
