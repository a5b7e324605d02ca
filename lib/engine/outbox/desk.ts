/**
 * What an operator does about messages: counts them, and decides about those that nobody could
 * deliver.
 */
import { checkText } from '../checks.js'
import type { OnEvent } from '../ports.js'
import type { Store } from '../store.js'
import type { StoreGuard } from '../store-guard.js'
import type { Bell } from './bell.js'
import {
  type DeadMessage,
  type DeadReply,
  type MessageCount,
  type OutboxStore,
  outboxOf,
} from './outbox-store.js'

const PAGE = 100
/** No request waits for a look at what there is: a slow one is no outage. */
const LOOK_MS = 15_000

/** A message that nobody could deliver. */
export interface DeadLetter extends Omit<DeadMessage, 'payload'> {
  readonly payload: unknown
}

/** What an operator does with the outbox. */
export interface OutboxDesk {
  /** Counts what is not delivered, by name; costs as much as there is of that. */
  counts(): Promise<readonly MessageCount[]>
  /** Tells what is dead, the oldest first; asks the store for 100 at a time. */
  dead(): AsyncIterable<DeadLetter>
  /** Lets a dead message be tried anew, with its key. @returns whether it was dead */
  revive(key: string): Promise<boolean>
  /** Removes a dead message. @returns whether it was dead */
  drop(key: string): Promise<boolean>
}

/** What the desk works with. */
export interface DeskTools {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly emit: OnEvent
  readonly bell: Bell
}

/** What an operator does with the outbox. */
export function makeDesk(tools: DeskTools): OutboxDesk {
  const { store, guard, emit, bell } = tools
  const outbox = (): OutboxStore => outboxOf(store, 'outbox')
  return {
    counts: async () => {
      const asked = outbox()
      return (await guard.call(ms => asked.counts(ms), LOOK_MS)).counts
    },
    dead: () => listDead(outbox(), guard),
    revive: async key => {
      checkText('revive()', 'key', key)
      const asked = outbox()
      const { state } = await guard.call(ms => asked.revive(key, ms))
      if (state === 'ok') {
        emit({ type: 'outbox-revived', key })
        bell.ring()
      }
      return state === 'ok'
    },
    drop: async key => {
      checkText('drop()', 'key', key)
      const asked = outbox()
      const { state } = await guard.call(ms => asked.drop(key, ms))
      if (state === 'ok') emit({ type: 'outbox-dropped', key })
      return state === 'ok'
    },
  }
}

async function* listDead(outbox: OutboxStore, guard: StoreGuard): AsyncGenerator<DeadLetter> {
  let [limit, cursor]: [number, string | null] = [PAGE, null]
  for (;;) {
    const [most, after]: [number, string | null] = [limit, cursor]
    let page: DeadReply
    try {
      page = await guard.call(ms => outbox.dead(most, after, ms), LOOK_MS)
    } catch (error) {
      // They may be too large to come together in a call's time.
      if (limit === 1) throw error
      limit = Math.floor(limit / 10)
      continue
    }
    for (const message of page.messages) {
      yield { ...message, payload: JSON.parse(message.payload) as unknown }
    }
    if (page.cursor === null) return
    cursor = page.cursor
  }
}
