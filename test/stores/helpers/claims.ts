/**
 * Claims as the tests of single stores make them.
 */
import type { Claim, Store, StoredOutcome } from '../../../lib/engine/store.js'

/**
 * Makes a claim that nothing speaks against.
 *
 * @param nowMs - the time by the store's clock
 * @param wishes - what is to be otherwise
 */
export function makeClaim(nowMs: number, wishes: Partial<Claim> = {}): Claim {
  return {
    owner: 'owner',
    epoch: null,
    leaseMs: 30_000,
    claimByMs: nowMs + 60_000,
    tokenExpiresMs: nowMs + 3_600_000,
    keepUntilMs: nowMs + 7_200_000,
    onSilence: 'undecided',
    fingerprint: null,
    principal: 'somebody',
    ...wishes,
  }
}

/** Claims a key and tells its state. */
export async function claimState<Tx>(
  store: Store<Tx>,
  key: string,
  wishes: Partial<Claim> = {},
): Promise<string> {
  const { nowMs } = await store.epoch()
  return (await store.claim(key, makeClaim(nowMs, wishes))).state
}

/** Makes an outcome with a text as its body. */
export function outcome(text = 'done'): StoredOutcome {
  return { head: '[201,[],"k"]', body: Buffer.from(text) }
}
