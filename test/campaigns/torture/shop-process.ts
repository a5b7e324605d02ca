/**
 * A shop as a process of the fire test: the real shop with a short lease and a handler that takes
 * its time. It ends when its standard input does, so that it never outlives the run.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { createShop } from '../../../examples/shop/app.js'
import type { OrderBook } from '../../../examples/shop/orders.js'
import { readSettings } from '../../../examples/shop/settings.js'
import { openStorage } from '../../../examples/shop/storage.js'
import { joinedBook } from './joined-book.js'
import { ledgerBook } from './ledger-book.js'
import type { Plant } from './options.js'
import { paceOf } from './plan.js'
import { planted } from './plants.js'

/** What a shop process is started with, as JSON in its first argument. */
export interface ShopSettings {
  /** What answers carry as `X-Shop`. */
  readonly name: string
  readonly port: number
  /** As `POE_STORE`. */
  readonly store: string
  readonly leaseMs: number
  readonly plant: Plant | null
  readonly by: 'knex' | null
  /** A file for orders that are kept apart from the store. */
  readonly ledger: string | null
}

/** What the process prints once it takes requests. */
const READY = 'ready\n'

/** Takes the time that the order's sku asks for, before and after it is written. */
function unhurried(book: OrderBook, commitsInProcess: boolean): OrderBook {
  return {
    ...book,
    async add(order, tx) {
      const { beforeMs, afterMs, commitMs } = paceOf(order.sku)
      await pause(beforeMs)
      const placed = await book.add(order, tx)
      await pause(afterMs)
      // A file is committed to without a pause: a slow disk stops the process.
      if (commitsInProcess && commitMs > 0) setImmediate(() => standStill(commitMs))
      return placed
    },
  }
}

/** Keeps the event loop from turning. */
function standStill(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

async function main(): Promise<void> {
  process.stdin.once('end', () => process.exit(0))
  process.stdin.on('data', line => standStill(Number.parseInt(String(line), 10)))
  const settings = JSON.parse(process.argv[2] ?? '') as ShopSettings
  const { name, port, leaseMs, plant, ledger, by } = settings
  const { store: setting } = readSettings({ POE_STORE: settings.store })
  const opened = await openStorage(setting)
  const own = { ...opened, ...(ledger !== null && { book: ledgerBook(ledger) }) }
  if (by !== null && setting.kind === 'postgres') {
    own.book = joinedBook(own.book, setting.url, plant !== 'no-join')
  }
  const storage = plant === null ? own : planted(own, setting, plant)
  const shop = createShop({
    storage: { ...storage, book: unhurried(storage.book, setting.kind === 'sqlite') },
    leaseMs,
  })
  // Lost connections and refused orders are what this is about.
  shop.app.silent = true
  const answer = shop.app.callback()
  const server = createServer((request, response) => {
    response.setHeader('X-Shop', name)
    void answer(request, response)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  process.stdout.write(READY)
}

await main()
