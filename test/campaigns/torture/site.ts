/** The shops and their store, and everything that is done to them. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from '../../../lib/testing/index.js'
import { strippedModule } from '../../support/stripped-tree.js'
import type { Backend, StoreServer } from './backends/backend.js'
import type { SiteEvent } from './history.js'
import type { Plant } from './options.js'
import type { Disturbance } from './plan.js'
import { Shop } from './shop.js'

/** What a site is made of. */
export interface SiteOptions {
  readonly backend: Backend
  readonly shops: number
  readonly leaseMs: number
  readonly plant: Plant | null
  readonly by: 'knex' | null
  /** Milliseconds since the run began. */
  readonly now: () => number
}

/** What a site has gone through. */
export interface SiteCounts {
  kills: number
  faults: number
  /** Shops that ended without being killed. */
  falls: number
}

/** Faults that swallow bytes in the middle: what is open when they end would go on with a gap. */
const SWALLOWS: ReadonlySet<Fault['kind']> = new Set(['half-open', 'drop-request', 'drop-reply'])

/** The shops and their store. */
export class Site {
  readonly shops: readonly Shop[]
  readonly events: SiteEvent[] = []
  readonly counts: SiteCounts = { kills: 0, faults: 0, falls: 0 }
  readonly #backend: Backend
  readonly #now: () => number
  #storeIsUp = true
  readonly #under = new Set<Promise<void>>()

  private constructor(shops: readonly Shop[], options: SiteOptions) {
    this.shops = shops
    this.#backend = options.backend
    this.#now = options.now
  }

  /** Starts everything; resolves when every shop answers. */
  static async open(options: SiteOptions): Promise<Site> {
    const { backend, leaseMs, plant, by } = options
    const { server, ledger } = backend
    const program = strippedModule('test/campaigns/torture/shop-process.ts')
    const note = (text: string): void => site.#fell(text)
    const making = Array.from({ length: options.shops }, (_, index) =>
      Shop.make({
        ...{ index, program, leaseMs, plant, ledger, onFall: note },
        // One goes on writing its own SQL, where nothing is wrong on purpose.
        by: index === 0 && plant === null ? null : by,
        storePort: server === null ? null : () => server.port,
        storeSetting: port => backend.storeSetting(port),
      }),
    )
    const site = new Site(await Promise.all(making), options)
    try {
      await Promise.all(site.shops.map(shop => shop.rise()))
    } catch (error) {
      await site.close()
      throw error
    }
    return site
  }

  /** Does one thing of the plan; it is undone in its own time. */
  disturb(disturbance: Disturbance): void {
    const done = this.#carryOut(disturbance).catch(error => {
      this.#note('note', 'store', false, `${disturbance.kind} failed: ${String(error)}`)
    })
    this.#under.add(done)
    void done.finally(() => this.#under.delete(done))
  }

  /** Brings everything back and waits until it is; after this nothing is broken. */
  async calm(): Promise<void> {
    await Promise.all(this.#under)
    const { server } = this.#backend
    // Whatever happened to the server, from here on it is a fresh process on its old data.
    if (server !== null) {
      server.thaw()
      await this.#killStore(server, 0)
    }
    await Promise.all(this.shops.map(shop => this.#heal(shop)))
    await Promise.all(this.shops.map(shop => shop.rise()))
  }

  /** Ends every process and proxy; the backend stays. */
  async close(): Promise<void> {
    for (const shop of this.shops) shop.thaw()
    await Promise.all(this.shops.map(shop => shop.close()))
  }

  async #heal(shop: Shop): Promise<void> {
    shop.thaw()
    for (const proxy of [shop.door, shop.back]) {
      proxy?.cutAll('reset')
      await proxy?.set('pass')
    }
  }

  async #carryOut(disturbance: Disturbance): Promise<void> {
    const { server } = this.#backend
    switch (disturbance.kind) {
      case 'kill-shop':
        return this.#killShop(this.#shop(disturbance.shop), disturbance.forMs)
      case 'freeze-shop':
        return this.#freezeShop(this.#shop(disturbance.shop), disturbance.forMs)
      case 'stall-shop':
        return this.#stallShop(this.#shop(disturbance.shop), disturbance.forMs)
      case 'kill-store':
        return server === null ? undefined : this.#killStore(server, disturbance.forMs)
      case 'freeze-store':
        return server === null ? undefined : this.#freezeStore(server, disturbance.forMs)
      case 'break-next': {
        const { shop, faults } = disturbance
        this.counts.faults += faults.length
        this.#note('fault', shop, false, `next connections to shop ${shop}: ${namesOf(faults)}`)
        return this.#shop(shop).door.next(...faults)
      }
      case 'break':
        return this.#break(this.#shop(disturbance.shop), disturbance)
    }
  }

  async #killShop(shop: Shop, forMs: number): Promise<void> {
    if (!shop.isUp) return
    const event = this.#note('kill', shop.index, true, `kill -9 of shop ${shop.life}`)
    this.counts.kills += 1
    await shop.kill()
    await pause(forMs)
    await shop.rise()
    event.untilMs = this.#now()
  }

  async #freezeShop(shop: Shop, forMs: number): Promise<void> {
    if (!shop.isUp) return
    this.counts.faults += 1
    const event = this.#note('freeze', shop.index, true, `shop ${shop.life} frozen`)
    shop.freeze()
    await pause(forMs)
    shop.thaw()
    event.untilMs = this.#now()
  }

  async #stallShop(shop: Shop, forMs: number): Promise<void> {
    if (!shop.isUp) return
    this.counts.faults += 1
    const event = this.#note('freeze', shop.index, true, `event loop of shop ${shop.life} stalled`)
    shop.stall(forMs)
    await pause(forMs)
    event.untilMs = this.#now()
  }

  async #killStore(server: StoreServer, forMs: number): Promise<void> {
    if (!this.#storeIsUp) return
    this.#storeIsUp = false
    this.counts.kills += 1
    const event = this.#note('kill', 'store', true, 'kill -9 of the store')
    try {
      await server.kill()
      await pause(forMs)
      await server.restart()
    } finally {
      event.untilMs = this.#now()
      for (const shop of this.shops) shop.follow()
      this.#storeIsUp = true
    }
  }

  async #freezeStore(server: StoreServer, forMs: number): Promise<void> {
    if (!this.#storeIsUp) return
    this.#storeIsUp = false
    this.counts.faults += 1
    const event = this.#note('freeze', 'store', true, 'the store frozen')
    server.freeze()
    await pause(forMs)
    server.thaw()
    this.#storeIsUp = true
    event.untilMs = this.#now()
  }

  async #break(shop: Shop, disturbance: Disturbance & { kind: 'break' }): Promise<void> {
    const { side, fault, forMs } = disturbance
    const proxy = side === 'store' ? shop.back : shop.door
    if (proxy === null) return
    this.counts.faults += 1
    const where = side === 'store' ? `shop ${shop.index} to store` : `clients to shop ${shop.index}`
    const event = this.#note('fault', shop.index, side === 'store', `${where}: ${namesOf([fault])}`)
    await proxy.set(fault)
    await pause(forMs)
    if (SWALLOWS.has(fault.kind)) proxy.cutAll('reset')
    await proxy.set('pass')
    event.untilMs = this.#now()
  }

  #fell(text: string): void {
    this.counts.falls += 1
    this.#note('note', 'store', true, text)
  }

  #note(
    kind: SiteEvent['kind'],
    whom: SiteEvent['whom'],
    silences: boolean,
    text: string,
  ): SiteEvent {
    const atMs = this.#now()
    const event: SiteEvent = { atMs, untilMs: atMs, kind, whom, silences, text }
    this.events.push(event)
    return event
  }

  #shop(index: number): Shop {
    const shop = this.shops[index]
    if (shop === undefined) throw new RangeError(`there is no shop ${index}`)
    return shop
  }
}

function namesOf(faults: readonly Fault[]): string {
  return faults
    .map(({ kind, ...details }) => {
      const list = Object.entries(details).map(([name, value]) => `${name} ${value}`)
      return list.length === 0 ? kind : `${kind} (${list.join(', ')})`
    })
    .join(', ')
}
