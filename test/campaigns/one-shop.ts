/**
 * The shop that the client's campaigns order from: one of the fire test's, which can be killed, can
 * be made to stand still, and commits as slowly as an order's sku asks for.
 */
import { areInstalled } from '../support/servers/programs.js'
import { strippedModule } from '../support/stripped-tree.js'
import type { Backend } from './torture/backends/backend.js'
import { postgresBackend } from './torture/backends/postgres.js'
import { sqliteBackend } from './torture/backends/sqlite.js'
import { Shop } from './torture/shop.js'

/** Where its orders are. A file is committed to without a pause: a slow disk stops the process. */
export type ShopStore = 'sqlite' | 'postgres'

/** A running shop. */
export interface OneShop {
  readonly shop: Shop
  /** The skus of all orders, read past the shop. */
  skus(): Promise<string[]>
  /** @throws Error where the shop ended although nobody killed it */
  close(): Promise<void>
}

/** A claim of a shop that was killed is free after this, in milliseconds. */
const LEASE_MS = 1_000
/** How long an event loop stands still, in milliseconds: from, to. */
const [FROM_MS, TO_MS] = [200, 2_200]

/** Starts a shop. */
export async function openShop(store: ShopStore): Promise<OneShop> {
  const backend: Backend = store === 'sqlite' ? sqliteBackend() : await postgresBackend()
  const falls: string[] = []
  const { server, storeSetting } = backend
  const shop = await Shop.make({
    index: 1,
    program: strippedModule('test/campaigns/torture/shop-process.ts'),
    leaseMs: LEASE_MS,
    plant: null,
    by: null,
    ledger: null,
    storePort: server === null ? null : () => server.port,
    storeSetting,
    onFall: text => falls.push(text),
  })
  await shop.rise()
  await backend.readied?.()
  return {
    shop,
    skus: async () => (await backend.orders()).map(({ sku }) => sku),
    async close() {
      await shop.close()
      await backend.close()
      if (falls.length > 0) throw new Error(falls.join('\n'))
    },
  }
}

/** Whether the programs of a store are installed; what is not tested without them is told. */
export function isInstalled(store: ShopStore, what: string): boolean {
  return store === 'sqlite' || areInstalled(['postgres', 'initdb'], what)
}

/** Makes the shop stand still for a while. */
export function stall(shop: Shop, random: () => number): void {
  shop.stall(Math.round(FROM_MS + random() * (TO_MS - FROM_MS)))
}
