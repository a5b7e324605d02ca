/**
 * A job that may be killed at any moment: link and content are in a file before the first byte
 * leaves, and the next start goes on.
 */
import { createClient, fileJournal, linkPool } from 'post-once-exactly/client'

/**
 * Finishes what an earlier run left open, then sends the new orders.
 *
 * @param origin - of the shop
 * @param file - the journal
 * @param skus - what to order
 */
export async function orderAll(
  origin: string,
  file: string,
  skus: readonly string[],
): Promise<readonly string[]> {
  const journal = await fileJournal(file)
  const client = createClient({ journal })
  const told: string[] = []
  for (const { entry, outcome } of await client.resume()) {
    told.push(`resumed ${new TextDecoder().decode(entry.body)}: ${outcome.outcome}`)
  }

  const links = linkPool(client, { source: `${origin}/basket/links` })
  for (const sku of skus) {
    const { link } = await links.take()
    const { outcome } = await client.post(link, { sku, qty: 1 })
    told.push(`${sku}: ${outcome}`)
  }
  await journal.close()
  return told
}
