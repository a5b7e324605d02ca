/**
 * The same judgement for a server that knows `Idempotency-Key` instead of links.
 */
import { createClient, type PostOutcome } from 'post-once-exactly/client'

/**
 * Pays once: one key, made before the first byte, goes with every try.
 *
 * @param url - of the payments
 * @param amount - in cents
 */
export async function pay(url: string, amount: number): Promise<PostOutcome> {
  const client = createClient()
  return await client.post(url, { amount }, { idempotencyKey: true })
}
