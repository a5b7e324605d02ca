/**
 * Shops that take orders and workers that have them paid, killed and frozen at random; then
 * everything is let come to its end, and judged.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import { seededRandom, until } from '../../support/meeting.js'
import { emptyServerStore } from '../../support/server-stores.js'
import { sharedPostgres } from '../../support/servers/postgres-server.js'
import { burn, type FireCounts } from './fire.js'
import {
  deliveredIn,
  type Evidence,
  type Findings,
  type Freeze,
  judge,
  type Told,
} from './judge.js'
import { Life } from './life.js'
import type { Plant, ProgramSettings } from './program.js'
import { openProvider, type Provider } from './provider.js'

const CLIENTS = 4
const SHOPS = 2
const WORKERS = 2
/** More than this many messages are not let wait, so that a lapsed lease is soon taken up. */
const MOST_WAITING = 8

/** What a run is asked to do. */
export interface CampaignOptions {
  readonly store: 'sqlite' | 'postgres'
  /** For how long processes are killed and frozen at least; until the fault is seen at most. */
  readonly seconds: number
  readonly seed: number
  readonly plant?: Plant
  /** How long the end may take, in milliseconds. Default 60,000. */
  readonly drainMs?: number
}

/** What each fault on purpose must show. */
const SHOWN_BY = { lease: 'overlaps', fence: 'doubleEnds' } as const

/** How it ended. */
export interface CampaignResult extends Findings, FireCounts {
  readonly orders: number
  readonly attempts: number
}

/** Runs it. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const random = seededRandom(options.seed)
  const folder = mkdtempSync(join(tmpdir(), 'poe-outbox-'))
  const provider = await openProvider(random)
  const told: Told[] = []
  const frozen: Freeze[] = []
  const place = await makePlace(options, join(folder, 'shop.db'), provider)
  const lives = ['shop', 'worker'].flatMap(role =>
    Array.from({ length: role === 'shop' ? SHOPS : WORKERS }, () => {
      return new Life({ ...place.settings, role: role as 'shop' | 'worker' }, told)
    }),
  )
  try {
    await Promise.all(lives.map(life => life.rise()))
    const stop = new AbortController()
    const accepted: string[] = []
    const shops = lives.filter(({ settings }) => settings.role === 'shop')
    const drainMs = options.drainMs ?? 60_000
    const isBusy = () => accepted.length - deliveredIn(told).size > MOST_WAITING
    const asking: Asking = { shops, random, isBusy, forMs: drainMs }
    const clients = Array.from({ length: CLIENTS }, () => order(asking, accepted, stop.signal))
    const { asked, payments } = provider
    const seen = { payments, asked, told, frozen }
    const { plant } = options
    const isFound = () => {
      if (plant === undefined) return false
      return judge({ ...seen, accepted: [], orders: [], left: 0 })[SHOWN_BY[plant]] > 0
    }
    const forMs = options.seconds * 1_000
    const counts = await burn({ lives, frozen, told, provider, random, forMs, isFound })
    stop.abort()
    provider.behave()
    await Promise.all(clients)
    const left = await drain(place.left, drainMs)
    await Promise.all(lives.map(life => life.kill()))
    const orders = await place.orders()
    const evidence: Evidence = { ...seen, accepted, orders, left }
    return { ...judge(evidence), orders: orders.length, attempts: asked.length, ...counts }
  } finally {
    await Promise.all(lives.map(life => life.kill()))
    await Promise.all([provider.close(), place.close()])
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Place {
  readonly settings: Omit<ProgramSettings, 'role'>
  orders(): Promise<Evidence['orders']>
  /** How many messages are not delivered. */
  left(): Promise<number>
  close(): Promise<void>
}

async function makePlace(
  { store, plant = undefined }: CampaignOptions,
  file: string,
  { url }: Provider,
): Promise<Place> {
  const common = { file, provider: url, plant: plant ?? null }
  const table = 'orders (key TEXT NOT NULL, message TEXT NOT NULL)'
  if (store === 'postgres') {
    const server = await emptyServerStore('postgres')
    const { query } = await sharedPostgres()
    const { name } = server
    await query(`CREATE TABLE ${name}.${table}`)
    const left = `SELECT count(*) FROM ${name}.outbox WHERE state <> 'delivered'`
    return {
      settings: { ...common, server },
      orders: async () => (await query(`SELECT key, message FROM ${name}.orders`)).rows as [],
      left: async () => Number((await query(left)).rows[0]?.count),
      close: async () => void (await query(`DROP SCHEMA ${name} CASCADE`)),
    }
  }
  await sqliteStore(file).close()
  const db = new Database(file, { timeout: 5_000 })
  db.exec(`CREATE TABLE ${table}`)
  const left = "SELECT count(*) FROM poe_outbox WHERE state <> 'delivered'"
  return {
    settings: { ...common, server: null },
    orders: async () => db.prepare('SELECT key, message FROM orders').all() as [],
    left: async () => db.prepare(left).pluck().get() as number,
    close: async () => void db.close(),
  }
}

/** How clients ask. */
interface Asking {
  readonly shops: readonly Life[]
  readonly random: () => number
  /** Whether the workers have enough to do. */
  readonly isBusy: () => boolean
  /** When they give up, in milliseconds. */
  readonly forMs: number
}

/** A client: one order after the other, each tried until it is known how it ended. */
async function order(asking: Asking, accepted: string[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    if (asking.isBusy()) {
      await pause(20)
      continue
    }
    const link = await anyAnswer(asking, async base => {
      return ((await (await fetch(`${base}/link`)).json()) as { link: string | null }).link
    })
    if (link === null) continue
    const status = await anyAnswer(asking, async base => {
      const response = await fetch(base + link, { method: 'POST' })
      await response.arrayBuffer()
      return response.status === 201 || response.status === 405 ? response.status : null
    })
    if (status !== null) accepted.push(await keyOf(asking, link))
  }
}

/** The key that the answer of a spent link tells. */
async function keyOf(asking: Asking, link: string): Promise<string> {
  const key = await anyAnswer(asking, async base => {
    const response = await fetch(base + link)
    if (response.status !== 200) return null
    return ((await response.json()) as { key: string }).key
  })
  return key ?? `the result of ${link} was never told`
}

/** Asks one shop after the other until one gives an answer that counts. */
async function anyAnswer<Answer>(
  { shops, random, forMs }: Asking,
  ask: (base: string) => Promise<Answer | null>,
): Promise<Answer | null> {
  const giveUpMs = performance.now() + forMs
  while (performance.now() < giveUpMs) {
    const shop = shops[Math.floor(random() * shops.length)]
    if (shop?.isUp === true) {
      const answer = await ask(`http://127.0.0.1:${shop.port}`).catch(() => null)
      if (answer !== null) return answer
    }
    await pause(20)
  }
  return null
}

/** Waits until all is delivered; gives how much is not. */
async function drain(left: () => Promise<number>, forMs: number): Promise<number> {
  await until(async () => (await left()) === 0, 'the deliveries', forMs).catch(() => {})
  return await left()
}
