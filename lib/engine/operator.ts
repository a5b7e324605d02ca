/**
 * What an operator does about records: finds what is undecided, looks at one, and decides it.
 */
import { checkMembers, checkText } from './checks.js'
import type { Reconciled } from './operation.js'
import type { OnEvent } from './ports.js'
import { decisionOf } from './reconciled.js'
import type { ListedRecord, ListReply, ReadReply, Store } from './store.js'

/** What an {@link Operator} works with. */
export interface OperatorTools {
  readonly store: Store<unknown>
  /** Makes a call of the store, bounded in time. */
  readonly call: <Reply>(send: (withinMs: number) => Promise<Reply>) => Promise<Reply>
  readonly emit: OnEvent
  readonly bodyLimitBytes: number
}

/** Which undecided records are asked for. */
export interface UndecidedWishes {
  /** Only those whose owner fell silent before that time. */
  readonly before?: Date | undefined
}

/** An operator of one store. */
export class Operator {
  readonly #tools: OperatorTools

  constructor(tools: OperatorTools) {
    this.#tools = tools
  }

  /** Tells what is undecided; asks the store for 100 at a time. */
  async *undecided(wishes: UndecidedWishes = {}): AsyncGenerator<ListedRecord> {
    checkMembers('undecided(): its argument', wishes, ['before'])
    const { before } = wishes
    if (before !== undefined && !(before instanceof Date && !Number.isNaN(before.getTime()))) {
      throw new TypeError('undecided(): before must be a Date')
    }
    const { store, call } = this.#tools
    const query = { state: 'undecided', before: before?.getTime() } as const
    let cursor: string | null = null
    do {
      const after: string | null = cursor
      const page: ListReply = await call(ms => store.list({ ...query, cursor: after }, ms))
      yield* page.records
      cursor = page.cursor
    } while (cursor !== null)
  }

  /** Tells what the store holds at a key. */
  async inspect(key: string): Promise<ReadReply> {
    checkText('inspect()', 'key', key)
    const { store, call } = this.#tools
    return await call(ms => store.read(key, null, ms))
  }

  /**
   * Decides an undecided key, while it still is `expectedOwner`'s.
   *
   * @returns whether it took effect
   * @throws TypeError or RangeError where an argument makes no sense: nothing is written then
   */
  async settle(key: string, expectedOwner: string, verdict: Reconciled): Promise<boolean> {
    checkText('settle()', 'key', key)
    checkText('settle()', 'expectedOwner', expectedOwner)
    const { store, call, emit, bodyLimitBytes } = this.#tools
    const decided = decisionOf('settle()', verdict, bodyLimitBytes)
    if (decided === null) return false
    const reply = await call(ms => store.settle(key, expectedOwner, decided, ms))
    if (reply.state !== 'ok') return false
    emit({ type: 'settled', key, verdict: decided === 'free' ? 'did-not-happen' : 'happened' })
    return true
  }
}
