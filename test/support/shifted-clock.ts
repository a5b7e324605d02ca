/**
 * A store on a server, as if its clock were another: for tests that let hours pass. Leases go on
 * as they do on the server.
 */
import type { Claim, Store } from '../../lib/engine/store.js'

const REPLIES = new Set<PropertyKey>([
  ...['claim', 'renew', 'mark', 'complete', 'attachBody', 'release', 'read', 'settle', 'epoch'],
])

/**
 * Shifts a store's clock.
 *
 * @param aheadMs - how far it is ahead, asked at each call, in milliseconds
 */
export function shiftedClock(store: Store<unknown>, aheadMs: () => number): Store<unknown> {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (!REPLIES.has(name)) return value.bind(target)
      return async (...args: unknown[]) => {
        const ahead = aheadMs()
        const sent = name === 'claim' ? [args[0], back(args[1] as Claim, ahead)] : args
        const reply = (await value.apply(target, sent)) as { nowMs: number; sinceMs?: number }
        const since = reply.sinceMs === undefined ? {} : { sinceMs: reply.sinceMs + ahead }
        return { ...reply, ...since, nowMs: reply.nowMs + ahead }
      }
    },
  })
}

function back(claim: Claim, ahead: number): Claim {
  const earlier = (ms: number | null) => (ms === null ? null : ms - ahead)
  return {
    ...claim,
    claimByMs: claim.claimByMs - ahead,
    tokenExpiresMs: earlier(claim.tokenExpiresMs),
    keepUntilMs: earlier(claim.keepUntilMs),
  }
}
