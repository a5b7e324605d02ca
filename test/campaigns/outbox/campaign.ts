/**
 * Shops that take orders and workers that have them paid, killed and frozen at random; then
 * everything is let come to its end, and judged.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import { seededRandom, until } from '../../support/meeting.js'
import { emptyServerStore } from '../../support/server-stores.js'
import { sharedPostgres } from '../../support/servers/postgres-server.js'
import { strippedModule } from '../../support/stripped-tree.js'
import { type Evidence, type Findings, judge, type Told } from './judge.js'
import type { Plant, ProgramSettings } from './program.js'
import { openProvider, type Provider } from './provider.js'

const CLIENTS = 4
const SHOPS = 2
const WORKERS = 2
/** Longer than a lease of the program's. */
const FREEZE_MS = 1_400

/** What a run is asked to do. */
export interface CampaignOptions {
  readonly store: 'sqlite' | 'postgres'
  readonly seconds: number
  readonly seed: number
  readonly plant?: Plant
  /** How often a worker is frozen at least. Default 3. */
  readonly freezes?: number
  /** How long the end may take, in milliseconds. Default 60,000. */
  readonly drainMs?: number
}

/** How many processes are killed at least, however slow the machine is. */
const LEAST_KILLS = 5
const SLOWEST = 5

/** How it ended. */
export interface CampaignResult extends Findings {
  readonly orders: number
  readonly attempts: number
  readonly kills: number
  readonly freezes: number
}

/** A process that is killed and comes back. */
class Life {
  readonly settings: ProgramSettings
  port = 0
  isUp = false
  #child: ChildProcess | null = null
  readonly #told: Told[]

  constructor(settings: ProgramSettings, told: Told[]) {
    this.settings = settings
    this.#told = told
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async rise(): Promise<void> {
    const program = strippedModule('test/campaigns/outbox/program.ts')
    const child = spawn(process.execPath, [program, JSON.stringify(this.settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const ready = new Promise<number>((resolve, reject) => {
      child.once('exit', () => reject(new Error('it ended before it was ready')))
      createInterface({ input: child.stdout }).on('line', line => {
        const said = JSON.parse(line) as { readonly port?: number }
        if (said.port === undefined) this.#told.push({ ...said, pid: child.pid ?? 0 } as Told)
        else resolve(said.port)
      })
    })
    this.port = await ready
    this.isUp = true
  }

  async kill(): Promise<void> {
    this.isUp = false
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async freeze(): Promise<void> {
    const child = this.#child
    child?.kill('SIGSTOP')
    await pause(FREEZE_MS)
    child?.kill('SIGCONT')
  }
}

/** Runs it. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const random = seededRandom(options.seed)
  const folder = mkdtempSync(join(tmpdir(), 'poe-outbox-'))
  const provider = await openProvider(random)
  const told: Told[] = []
  const frozen = new Set<number>()
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
    const asking: Asking = { shops, random, forMs: drainMs }
    const clients = Array.from({ length: CLIENTS }, () => order(asking, accepted, stop.signal))
    const counts = await burn(lives, frozen, {
      ...{ provider, random, forMs: options.seconds * 1_000, leastFreezes: options.freezes ?? 3 },
    })
    stop.abort()
    provider.behave()
    await Promise.all(clients)
    const left = await drain(place.left, drainMs)
    await Promise.all(lives.map(life => life.kill()))
    const orders = await place.orders()
    const { asked, payments } = provider
    const evidence: Evidence = { accepted, orders, payments, asked, told, frozen, left }
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

/** What the fire goes by. */
interface Burning {
  readonly provider: Provider
  readonly random: () => number
  readonly forMs: number
  readonly leastFreezes: number
}

/** Kills and freezes, for so long; longer where the machine is slow. */
async function burn(
  lives: readonly Life[],
  frozen: Set<number>,
  { provider, random, forMs, leastFreezes }: Burning,
): Promise<{ readonly kills: number; readonly freezes: number }> {
  const startMs = performance.now()
  let kills = 0
  let freezes = 0
  const risen: Promise<void>[] = []
  const isOver = (): boolean => {
    const pastMs = performance.now() - startMs
    const isEnough = kills >= LEAST_KILLS && freezes >= leastFreezes
    return pastMs > forMs * SLOWEST || (pastMs > forMs && isEnough)
  }
  while (!isOver()) {
    await pause(100 + random() * 300)
    const life = lives[Math.floor(random() * lives.length)]
    if (life?.isUp !== true) continue
    if (life.settings.role === 'worker' && random() < 0.5) {
      // In the middle of a delivery, so that it comes late.
      const { pid } = life
      const isAsking = () => provider.asked.some(one => one.worker === pid && one.untilMs === null)
      await until(isAsking, 'a delivery', 2_000).catch(() => {})
      freezes += 1
      frozen.add(pid)
      await life.freeze()
    } else {
      kills += 1
      await life.kill()
      risen.push(life.rise())
    }
  }
  await Promise.all(risen)
  return { kills, freezes }
}

/** How clients ask. */
interface Asking {
  readonly shops: readonly Life[]
  readonly random: () => number
  /** When they give up, in milliseconds. */
  readonly forMs: number
}

/** A client: one order after the other, each tried until it is known how it ended. */
async function order(asking: Asking, accepted: string[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
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
