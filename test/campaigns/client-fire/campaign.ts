/**
 * Many operations of the client through one mix of faults, and a check that knows nothing of the
 * client: what it said of each operation against the orders in the database.
 */
import { join } from 'node:path'
import {
  createClient,
  fileJournal,
  type Journal,
  type PoeClient,
  type PostOutcome,
} from 'post-once-exactly/client'
import { seededRandom } from '../../support/meeting.js'
import type { OneShop } from '../one-shop.js'
import { pacedSku } from '../paced-sku.js'
import { type Mix, TRY_MS } from './mixes.js'
import { PLANTS, type Plant } from './plants.js'
import { type Site, startSite } from './site.js'

/** What a campaign is run with. */
export interface CampaignOptions {
  readonly mix: Mix
  readonly operations: number
  readonly seed: number
  readonly plant: Plant | null
  /** A shop that other campaigns use too, one after the other, each with another mix or seed. */
  readonly shop?: OneShop
  readonly onProgress?: (done: number) => void
}

/** What was found. */
export interface Campaign {
  readonly mix: string
  readonly operations: number
  readonly faults: number
  readonly kills: number
  /** How often each outcome was told at first. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Operations that were unknown at first and are settled by `resume`. */
  readonly resumed: number
  /** Operations that the client told to be done, at first or in the end. */
  readonly done: number
  /** What must be none. */
  readonly duplicates: number
  readonly falseAccepted: number
  readonly falseRefused: number
  readonly unsettled: number
  readonly unexplained: number
}

const DONE = new Set(['accepted', 'accepted-earlier'])
const NOT = new Set(['refused', 'gone', 'used-before'])
const LANES = 32
const RESUMES = 20

/** One operation: what the client said first, and in the end. */
interface Told {
  readonly sku: string
  first: PostOutcome['outcome'] | 'error'
  last: PostOutcome['outcome'] | 'error'
}

/** Runs a campaign. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const random = seededRandom(options.seed)
  const site = await startSite(options.mix, random, options.shop)
  const journal = await fileJournal(join(site.folder, 'client.journal'))
  try {
    const client = makeClient(journal, random)
    const told = await sendAll(site, client, options, random)
    await site.calm()
    // A wrong client knows nothing of resuming, which would hide what it said.
    const resumed = options.plant === null ? await settleAll(client, told) : 0
    const own = (await site.orders()).filter(sku => sku.startsWith(nameOf(options)))
    return judge(options, site, told, resumed, own)
  } finally {
    await journal.close()
    await site.close()
  }
}

/** What the names of a campaign's orders begin with. */
function nameOf({ mix, seed, plant }: CampaignOptions): string {
  return `op-${mix.name}-${plant ?? 'right'}-${seed}-`
}

function makeClient(journal: Journal, random: () => number): PoeClient {
  return createClient({
    journal,
    random,
    tries: 6,
    timeoutMs: TRY_MS,
    totalMs: 4_000,
    baseMs: 20,
    capMs: 400,
    headers: { accept: 'application/json' },
  })
}

async function sendAll(
  site: Site,
  client: PoeClient,
  options: CampaignOptions,
  random: () => number,
): Promise<Told[]> {
  const told: Told[] = []
  let next = 0
  const send = options.plant === null ? post : PLANTS[options.plant]
  async function lane(): Promise<void> {
    while (next < options.operations) {
      next += 1
      const sku = pacedSku(`${nameOf(options)}${next}`, random, options.mix.slowShare ?? 0)
      const one: Told = { sku, first: 'error', last: 'error' }
      const outcome = await send(client, site.origin, sku)
      if (outcome === null) continue
      one.first = outcome.outcome
      one.last = outcome.outcome
      told.push(one)
      options.onProgress?.(told.length)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return told
}

async function post(client: PoeClient, origin: string, sku: string): Promise<PostOutcome | null> {
  const found = await mint(client, origin)
  if (found === null) return null
  return await client.post(found, { sku, qty: 1 })
}

/** A link that cannot be had is no operation: nothing was sent. */
export async function mint(client: PoeClient, origin: string): Promise<string | null> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    try {
      return (await client.mint(`${origin}/basket/links`)).link
    } catch {
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  return null
}

async function settleAll(client: PoeClient, told: readonly Told[]): Promise<number> {
  const bySku = new Map(told.map(one => [one.sku, one]))
  let resumed = 0
  for (let round = 0; round < RESUMES; round += 1) {
    const done = await client.resume()
    for (const { entry, outcome } of done) {
      const { sku } = JSON.parse(new TextDecoder().decode(entry.body)) as { sku: string }
      const one = bySku.get(sku)
      if (one === undefined) continue
      one.last = outcome.outcome
      resumed += 1
    }
    if (done.length === 0) break
  }
  return resumed
}

function judge(
  { mix, operations }: CampaignOptions,
  site: Site,
  told: readonly Told[],
  resumed: number,
  skus: readonly string[],
): Campaign {
  const orders = new Map<string, number>()
  for (const sku of skus) orders.set(sku, (orders.get(sku) ?? 0) + 1)
  const known = new Set(told.map(({ sku }) => sku))
  const outcomes: Record<string, number> = {}
  for (const { first } of told) outcomes[first] = (outcomes[first] ?? 0) + 1
  const has = (sku: string) => (orders.get(sku) ?? 0) > 0
  const saysDone = ({ first, last }: Told) => DONE.has(first) || DONE.has(last)
  const saysNot = ({ first, last }: Told) => NOT.has(first) || NOT.has(last)
  const count = (test: (one: Told) => boolean) => told.filter(test).length
  return {
    mix: mix.name,
    operations,
    faults: site.faults,
    kills: site.kills,
    outcomes,
    resumed,
    done: count(saysDone),
    duplicates: [...orders.values()].filter(times => times > 1).length,
    falseAccepted: count(one => saysDone(one) && !has(one.sku)),
    falseRefused: count(one => saysNot(one) && has(one.sku)),
    unsettled: count(one => one.last === 'unknown' || one.last === 'error'),
    unexplained: [...orders.keys()].filter(sku => !known.has(sku)).length,
  }
}

/** Whether a campaign found something. */
export function isViolated(campaign: Campaign): boolean {
  const { duplicates, falseAccepted, falseRefused, unsettled, unexplained } = campaign
  return duplicates + falseAccepted + falseRefused + unsettled + unexplained > 0
}
