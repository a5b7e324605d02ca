/**
 * Stores with planted faults, each of them one that has been seen in the wild: the suites that are
 * meant to find such faults must find these.
 */
import type { Claim, Store, StoredOutcome } from '../../lib/engine/store.js'
import type { FakeClock } from '../../lib/testing/fake-clock.js'

/** Spoils a store. */
export type Spoil = (store: Store<unknown>, clock: FakeClock) => Store<unknown>

function replace(store: Store<unknown>, methods: Partial<Store<unknown>>): Store<unknown> {
  return new Proxy(store, {
    get(target, member) {
      const own: unknown = Reflect.get(methods, member)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, member, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Remembers whose claim was the last one, so that others can write in its name. */
function lastOwner(store: Store<unknown>) {
  const owners = new Map<string, string>()
  const claim = async (key: string, wanted: Claim) => {
    const reply = await store.claim(key, wanted)
    if (reply.state === 'claimed') owners.set(key, wanted.owner)
    return reply
  }
  return { claim, of: (key: string, owner: string) => owners.get(key) ?? owner }
}

/** Completes, releases and marks without a look at the owner. */
export const noOwnerCheck: Spoil = store => {
  const last = lastOwner(store)
  return replace(store, {
    claim: last.claim,
    complete: (key: string, owner: string, outcome: StoredOutcome) =>
      store.complete(key, last.of(key, owner), outcome),
    release: (key, owner) => store.release(key, last.of(key, owner)),
    mark: (key, owner) => store.mark(key, last.of(key, owner)),
  })
}

/** Gives an undecided key to the next who asks. */
export const undecidedIsFree: Spoil = store =>
  replace(store, {
    claim: async (key, wanted) => {
      const reply = await store.claim(key, wanted)
      if (reply.state !== 'undecided') return reply
      await store.settle(key, reply.owner, 'free')
      return store.claim(key, wanted)
    },
  })

/** Looks, waits a moment, and then takes. */
export const lookThenTake: Spoil = (store, clock) => {
  const last = lastOwner(store)
  return replace(store, {
    claim: async (key, wanted) => {
      const found = await store.read(key, wanted.epoch)
      if (found.state !== 'none') return last.claim(key, wanted)
      await clock.sleep(5)
      await store.release(key, last.of(key, ''))
      return last.claim(key, wanted)
    },
  })
}

/** Says that a mark is there when it is not. */
export const markIsLost: Spoil = (store, clock) =>
  replace(store, { mark: async () => ({ nowMs: clock.now(), state: 'ok' }) })

/** Takes the outcome, and forgets it. */
export const outcomeIsLost: Spoil = store =>
  replace(store, { complete: (key, owner) => store.release(key, owner) })

/** Settles by key alone, also what is running or has an outcome by now. */
export const settleIsBlind: Spoil = store => {
  const last = lastOwner(store)
  return replace(store, {
    claim: last.claim,
    settle: (key, owner, verdict) =>
      verdict === 'free'
        ? store.release(key, last.of(key, owner))
        : store.complete(key, last.of(key, owner), verdict),
  })
}
