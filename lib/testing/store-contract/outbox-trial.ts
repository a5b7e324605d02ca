/**
 * What every case about the outbox works with: messages that are written, taken and ended.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AttemptEnd, OutboxStore, TakenMessage } from '../../engine/outbox/outbox-store.js'
import type { Store } from '../../engine/store.js'
import {
  answer,
  LEASE_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

/** What a case about the outbox works with. */
export class OutboxTrial<Tx> {
  readonly trial: Trial<Tx>

  constructor(trial: Trial<Tx>) {
    this.trial = trial
  }

  get outbox(): OutboxStore {
    return outboxOf(this.trial.store)
  }

  /** Writes messages in one committed transaction. */
  async write(keys: readonly string[], wishes: Wishes = {}): Promise<void> {
    const link = `link ${randomUUID()}`
    await this.trial.take(link, 'a', { onSilence: 'free' })
    const transaction = this.trial.store.transaction?.(link, 'a')
    assert.ok(transaction?.later !== undefined, 'a transaction has later()')
    for (const key of keys) {
      await transaction.later({ key, name: 'mail', payload: '{}', delayMs: 0, ...wishes })
    }
    assert.equal((await transaction.commit(answer())).state, 'ok', 'the commit')
  }

  async take(owner: string, wishes: TakeWishes = {}): Promise<readonly TakenMessage[]> {
    const { from = this.outbox, ...rest } = wishes
    const query = { names: ['mail'], owner, leaseMs: LEASE_MS, limit: 10, ...rest }
    return (await from.take(query)).messages
  }

  /** The keys that an owner gets. */
  async keys(owner: string, wishes: TakeWishes = {}): Promise<readonly string[]> {
    return (await this.take(owner, wishes)).map(({ key }) => key)
  }

  /** Lets an owner's lease lapse. */
  async lapse(key: string, owner: string): Promise<void> {
    assert.equal((await this.outbox.renew(key, owner, 0)).state, 'ok', `${owner} ends its lease`)
  }

  async expectEnd(
    key: string,
    owner: string,
    end: AttemptEnd,
    state: 'ok' | 'stale',
  ): Promise<void> {
    const reply = await this.outbox.end(key, owner, end)
    assert.equal(reply.state, state, `'${end.verdict}' by ${owner} at ${key}`)
  }

  async expectDead(keys: readonly string[], why: string): Promise<void> {
    const { messages } = await this.outbox.dead(10, null)
    assert.deepEqual(
      messages.map(({ key }) => key),
      keys,
      why,
    )
  }
}

type Wishes = { readonly name?: string; readonly payload?: string; readonly delayMs?: number }
type TakeWishes = {
  readonly names?: readonly string[]
  readonly leaseMs?: number
  readonly limit?: number
  readonly from?: OutboxStore
}

/** The outbox of a store that keeps one. */
export function outboxOf(store: Store<never> | Store<unknown>): OutboxStore {
  assert.ok(store.outbox !== undefined, 'the store keeps an outbox')
  return store.outbox
}

/** Makes a case out of what it does with the outbox of a fresh store. */
export function outboxCase<Tx>(
  options: StoreContractOptions<Tx>,
  title: string,
  body: (outbox: OutboxTrial<Tx>) => Promise<void>,
): StoreCase {
  return storeCase(options, title, trial => body(new OutboxTrial(trial)))
}
