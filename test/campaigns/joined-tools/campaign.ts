/**
 * Orders that do random statements through random tools, and end well, badly, or with the process;
 * then the database is compared with the links.
 */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { freshDatabase } from '../../support/joined-shop.js'
import { seededRandom } from '../../support/meeting.js'
import { installTools, TOOLS } from '../../support/tool-examples.js'
import type { Plant, RandomOrder, Step } from './program.js'
import { RandomShop } from './shop.js'

const AT_ONCE = 6
const MOST_STEPS = 8
/** Within which a process is killed that does not die by itself, in milliseconds. */
const SOON_MS = 60

const KINDS = [
  ...(['insert', 'transaction', 'undone', 'nested', 'forgotten'] as const),
  ...(['at once', 'begun at once', 'begun at once'] as const),
]
const ENDS = ['ok', 'ok', 'ok', 'throw', 'refuse'] as const
const DEATHS = ['die', 'die at the commit', 'is killed'] as const

/** What a run is asked to do. */
export interface CampaignOptions {
  readonly seed: number
  /** Six orders each. */
  readonly rounds: number
  /** In how many of them, the first ones, the process dies. Default 0. */
  readonly deaths?: number
  /** With a fault, it is over when that was seen. */
  readonly plant?: Plant
}

/** How it ended. */
export interface CampaignResult {
  /** Where rows and links do not agree. */
  readonly faults: readonly string[]
  readonly orders: number
  /** How many links were spent before the others were tried again. */
  readonly spent: number
  readonly deaths: number
}

interface Sent {
  readonly link: string
  readonly order: RandomOrder
}

/** Runs it. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { seed, rounds, plant = null } = options
  const folder = await installTools()
  const url = await freshDatabase(`random_${plant ?? 'right'}`)
  const start = () => RandomShop.start({ url, folder, plant, atOnce: AT_ONCE })
  const admin = new pg.Pool({ connectionString: url, max: 1 })
  const chance = new Chance(seed)
  const sent: Sent[] = []
  let shop = await start()
  let next: Promise<RandomShop> | null = null
  let deaths = 0
  try {
    for (let round = 0; round < rounds; round += 1) {
      const isDeadly = round < (options.deaths ?? 0)
      // It comes up while this one is still there: starting is what lasts.
      if (isDeadly) next = start()
      const batch = await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, at): Promise<Sent> => {
          const order = chance.order(`${sent.length + at}`)
          return { link: await shop.link(), order }
        }),
      )
      sent.push(...batch)
      await (isDeadly ? burn(shop, batch, chance) : send(shop, batch))
      if (next !== null) {
        deaths += 1
        shop = await next
        next = null
      }
      if (plant !== null && (await faultsOf(shop, admin, sent)).length > 0) break
    }
    const faults = await faultsOf(shop, admin, sent)
    const spent = (await spentOf(shop, sent)).size
    if (plant === null && faults.length === 0) faults.push(...(await finish(shop, admin, sent)))
    return { faults, orders: sent.length, spent, deaths }
  } finally {
    await Promise.all([shop.kill(), next?.then(one => one.kill()).catch(() => {}), admin.end()])
  }
}

async function send(shop: RandomShop, batch: readonly Sent[]): Promise<void> {
  await Promise.all(batch.map(({ link, order }) => shop.post(link, order)))
}

/** Lets the process die of one of the orders, or at any moment. */
async function burn(shop: RandomShop, batch: readonly Sent[], chance: Chance): Promise<void> {
  const how = chance.pick(DEATHS)
  const [deadly, ...others] = batch
  if (how === 'is killed' || deadly === undefined) {
    const sent = send(shop, batch)
    await pause(chance.below(SOON_MS))
    await shop.kill()
    return await sent
  }
  const { link, order } = deadly
  const last = { link, order: { ...order, end: how } }
  const [status] = await Promise.all([shop.post(last.link, last.order), send(shop, others)])
  // Where a busy machine left the store no time, the order was refused, and nobody dies of it.
  if (status === 503) await shop.kill()
  else await shop.gone()
}

/** Tries again what did not succeed: now each order has its rows, once. */
async function finish(shop: RandomShop, admin: pg.Pool, sent: readonly Sent[]): Promise<string[]> {
  const spent = await spentOf(shop, sent)
  const left = sent.filter(({ link }) => !spent.has(link))
  const faults: string[] = []
  for (const { link, order } of left) {
    const status = await shop.post(link, { steps: order.steps, end: 'ok' })
    if (status !== 201) faults.push(`${link} has ${status} at last`)
  }
  return [...faults, ...(await faultsOf(shop, admin, sent))]
}

async function faultsOf(
  shop: RandomShop,
  admin: pg.Pool,
  sent: readonly Sent[],
): Promise<string[]> {
  const spent = await spentOf(shop, sent)
  const { rows } = await admin.query('SELECT sku FROM shop_orders')
  const there = new Set(rows.map(({ sku }) => String(sku)))
  const faults = sent.flatMap(({ link, order }) =>
    order.steps.flatMap(({ sku, kind }) => {
      const isThere = there.delete(sku)
      const isOwed = spent.has(link) && kind !== 'undone'
      // What nobody awaited may not have been begun.
      if (isThere === isOwed || (kind === 'forgotten' && isOwed)) return []
      return [`${link} is ${isOwed ? '' : 'not '}owed ${sku} (${kind})`]
    }),
  )
  return [...faults, ...[...there].map(sku => `${sku} is nobody's`)]
}

async function spentOf(shop: RandomShop, sent: readonly Sent[]): Promise<ReadonlySet<string>> {
  const links = sent.map(({ link }) => link)
  const areSpent = await Promise.all(links.map(link => shop.isSpent(link)))
  return new Set(links.filter((_, at) => areSpent[at]))
}

/** What is left to chance; a seed brings it back. */
class Chance {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  below(limit: number): number {
    return this.#random() * limit
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.below(items.length))] as Item
  }

  order(name: string): RandomOrder {
    const steps = Array.from({ length: 1 + Math.floor(this.below(MOST_STEPS)) }, (_, at): Step => {
      return { tool: this.pick(TOOLS), kind: this.pick(KINDS), sku: `${name}.${at}` }
    })
    return { steps, end: this.pick(ENDS) }
  }
}
