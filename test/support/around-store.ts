/**
 * A real store with something around each of its calls: slow, held back, broken or lying, for
 * tests that need a store at its worst.
 */
import type { Store } from '../../lib/engine/store.js'

/** Runs one call of a store; `key` is the record's, `null` for calls without one. */
export type AroundCall = (
  method: string,
  key: string | null,
  call: () => Promise<unknown>,
) => Promise<unknown>

/**
 * Wraps every asynchronous method of a store, but not its transactions.
 *
 * @param store - the real one
 * @param around - runs in place of each call, and makes it when and if it wants
 */
export function aroundStore<Tx>(store: Store<Tx>, around: AroundCall): Store<Tx> {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || typeof name !== 'string') return value
      if (name === 'transaction') return value.bind(target)
      return (...args: unknown[]) => {
        const key = typeof args[0] === 'string' ? args[0] : null
        return around(name, key, async () => value.apply(target, args))
      }
    },
  })
}

/** A store that can be switched off and on, as a machine that goes away and comes back. */
export interface Switch {
  /** `up`: as it is; `down`: every call rejects; `silent`: no call is ever answered. */
  mode: 'up' | 'down' | 'silent'
  /** Every call that was made, also those that were not answered. */
  readonly calls: { readonly method: string; readonly key: string | null }[]
  readonly wrap: <Tx>(store: Store<Tx>) => Store<Tx>
}

/** Makes a switch; it is up at first. */
export function storeSwitch(): Switch {
  const lever: Switch = {
    mode: 'up',
    calls: [],
    wrap: store =>
      aroundStore(store, (method, key, call) => {
        lever.calls.push({ method, key })
        if (lever.mode === 'down') return Promise.reject(new Error('ECONNREFUSED'))
        return lever.mode === 'silent' && method !== 'close' ? new Promise(() => {}) : call()
      }),
  }
  return lever
}
