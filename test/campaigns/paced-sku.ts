/** Skus that ask the campaigns' shop to commit an order slowly. */

/** How long a slow commit takes, in milliseconds: from, to. */
const [FROM_MS, TO_MS] = [500, 3_000]

/**
 * A sku whose order is committed slowly in a share of the cases.
 *
 * @param name - what it is without its pace
 * @param random - gives numbers from 0 to below 1
 * @param slowShare - from 0 to 1
 */
export function pacedSku(name: string, random: () => number, slowShare: number): string {
  if (random() >= slowShare) return name
  return `${name}.b0.a0.c${Math.round(FROM_MS + random() * (TO_MS - FROM_MS))}`
}
