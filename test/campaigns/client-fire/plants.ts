/** Clients that are wrong on purpose: the check has to find each of them. */
import type { PoeClient, PostOutcome } from 'post-once-exactly/client'
import { mint } from './campaign.js'

/** How a client can be wrong. */
export type Plant = 'new-link' | 'pessimist' | 'optimist' | 'accuser'

/** Sends one operation. */
export type SendOne = (
  client: PoeClient,
  origin: string,
  sku: string,
) => Promise<PostOutcome | null>

/**
 * - `new-link`: after a lost answer it sends the same through another link.
 * - `pessimist`: a lost answer is a refusal.
 * - `optimist`: a lost answer is a success.
 * - `accuser`: a link that was used at the first try was used by somebody else.
 */
export const PLANTS: Readonly<Record<Plant, SendOne>> = {
  'new-link': async (client, origin, sku) => {
    for (;;) {
      const outcome = await once(client, origin, sku)
      if (outcome?.outcome !== 'unknown') return outcome
    }
  },
  pessimist: async (client, origin, sku) => said(await once(client, origin, sku), 'refused'),
  optimist: async (client, origin, sku) => said(await once(client, origin, sku), 'accepted'),
  accuser: async (client, origin, sku) => {
    const outcome = await once(client, origin, sku)
    if (outcome?.status !== 405) return outcome
    return { ...outcome, outcome: 'used-before' } as PostOutcome
  },
}

async function once(client: PoeClient, origin: string, sku: string): Promise<PostOutcome | null> {
  const link = await mint(client, origin)
  return link === null ? null : await client.post(link, { sku, qty: 1 }, { tries: 1, totalMs: 1 })
}

/** The outcome as the wrong client tells it. */
function said(outcome: PostOutcome | null, word: 'refused' | 'accepted'): PostOutcome | null {
  if (outcome?.outcome !== 'unknown') return outcome
  return { ...outcome, outcome: word } as PostOutcome
}
