/** Clients that order through faults and are killed, again and again; then all is resumed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { createClient, fileJournal } from 'post-once-exactly/client'
import type { Fault } from 'post-once-exactly/testing'
import { strippedModule } from '../../support/stripped-tree.js'
import { openShop, type ShopStore, stall } from '../one-shop.js'
import { Random } from '../torture/random.js'
import { Book, check, type Violation } from './checker.js'
import type { ClientLine, ClientProgramOptions, Plant } from './client-program.js'

/** What a campaign is asked to do. */
export interface CampaignOptions {
  /** How many at most: an order that exists twice shows a fault on purpose, and ends it. */
  readonly kills: number
  readonly seed: number
  readonly plant: Plant | null
  readonly store: ShopStore
  /** Told after each kill. */
  readonly onKill?: (kills: number, operations: number) => void
  /** Ends it early. */
  readonly stop?: AbortSignal
}

/** How it went. */
export interface Campaign {
  readonly kills: number
  readonly operations: number
  readonly orders: number
  /** Operations that a client found in its journal, and was told how they ended. */
  readonly resumed: number
  /** Settled by a client that was killed before it told so. */
  readonly untold: number
  /** Ended as `unknown`, for good. */
  readonly unknown: number
  readonly faults: number
  /** How often the shop's event loop stood still. */
  readonly stalls: number
  readonly violations: readonly Violation[]
  readonly seed: number
}

/** Two clients share a journal, the third has one of its own. */
const LANES: readonly { readonly journal: string; readonly compactBytes: number }[] = [
  { journal: 'shared.journal', compactBytes: 16_384 },
  { journal: 'shared.journal', compactBytes: 16_384 },
  { journal: 'own.journal', compactBytes: 4_096 },
]
const START_MS = 30_000
/** So long after its first POST a life ends at the latest: half of them, and the others. */
const SHORT_MS = 80
const LONG_MS = 2_000
const RESUMPTIONS = 20
/** How often the shop stands still, in milliseconds: from, to. */
const STALL_EVERY_MS = [1_500, 4_500] as const

interface Site {
  readonly folder: string
  readonly origin: string
  readonly book: Book
  readonly random: Random
}

/**
 * Runs a campaign.
 *
 * @throws Error where a client ends by itself, or does not start
 */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const random = new Random(options.seed)
  const folder = await mkdtemp(join(tmpdir(), 'poe-kill-'))
  const { shop, skus, close } = await openShop(options.store)
  const proxy = shop.door
  const book = new Book()
  const site: Site = { folder, origin: proxy.origin, book, random }
  const over = new AbortController()
  let faults = 0
  const disturbing = disturb(random.fork('faults'), over.signal, async fault => {
    if (fault !== 'pass') faults += 1
    await proxy.set(fault)
  })
  let stalls = 0
  const dice = random.fork('stalls')
  const stalling = stallAgain(dice, over.signal, () => {
    stalls += 1
    stall(shop, () => dice.next())
  })
  try {
    const isFound = async () => options.plant !== null && hasTwice(await skus())
    const kills = await runLanes(site, options, isFound)
    over.abort()
    await Promise.all([disturbing, stalling])
    await proxy.set('pass')
    await resumeAll(site)
    const orders = await skus()
    const lines = [...book.operations.values()]
    return {
      kills,
      operations: lines.length,
      orders: orders.length,
      resumed: lines.filter(({ told }) => told.some(({ isResumed }) => isResumed === true)).length,
      untold: lines.filter(({ isSettled, told }) => isSettled && told.length === 0).length,
      unknown: lines.filter(({ told }) => told.some(isUnknown)).length,
      faults,
      stalls,
      violations: check(book, orders),
      seed: options.seed,
    }
  } finally {
    over.abort()
    await Promise.all([disturbing, stalling])
    await close()
    await rm(folder, { recursive: true, force: true })
  }
}

function isUnknown({ outcome, isFinal }: ClientLine): boolean {
  return outcome === 'unknown' && isFinal === true
}

function hasTwice(skus: readonly string[]): boolean {
  return new Set(skus).size < skus.length
}

async function runLanes(
  site: Site,
  options: CampaignOptions,
  isFound: () => Promise<boolean>,
): Promise<number> {
  const { kills, onKill, stop } = options
  let [begun, killed] = [0, 0]
  await Promise.all(
    LANES.map(async lane => {
      while (begun < kills && stop?.aborted !== true && !(await isFound())) {
        begun += 1
        await live(site, { ...lane, life: begun, plant: options.plant })
        killed += 1
        onKill?.(killed, site.book.operations.size)
      }
    }),
  )
  return killed
}

type Life = Pick<ClientProgramOptions, 'journal' | 'compactBytes' | 'life' | 'plant'>

/** Starts a client, and kills it at a moment that the seed decides. */
async function live({ folder, origin, book, random }: Site, life: Life): Promise<void> {
  const told = { ...life, origin, journal: join(folder, life.journal) }
  const program = strippedModule('test/campaigns/client-kill/client-program.ts')
  const child = spawn(process.execPath, [program, JSON.stringify(told)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', chunk => {
    complaint += String(chunk)
  })
  const closed = once(child, 'close')
  const busy = new Promise<void>(resolve => {
    createInterface(child.stdout).on('line', text => {
      book.note(JSON.parse(text) as ClientLine)
      resolve()
    })
  })
  const dice = random.fork(`life ${life.life}`)
  const lifeMs = dice.next() * (dice.chance(0.5) ? SHORT_MS : LONG_MS)
  try {
    await Promise.race([busy, closed, pause(START_MS, undefined, { ref: false })])
    await Promise.race([pause(lifeMs), closed])
  } finally {
    await killed(child, closed)
  }
  if (child.signalCode !== 'SIGKILL')
    throw new Error(`A client ended by itself, status ${child.exitCode}: ${complaint}`)
}

async function killed(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  child.kill('SIGKILL')
  await closed
}

/** Sets faults until it is told to stop. */
async function disturb(
  dice: Random,
  over: AbortSignal,
  set: (fault: Fault | 'pass') => Promise<void>,
): Promise<void> {
  while (!over.aborted) {
    await set(faultOf(dice))
    await pause(dice.whole(10, 60), undefined, { signal: over }).catch(() => {})
  }
}

/** Makes the shop stand still again and again, until it is told to stop. */
async function stallAgain(dice: Random, over: AbortSignal, stand: () => void): Promise<void> {
  while (!over.aborted) {
    await pause(dice.whole(...STALL_EVERY_MS), undefined, { signal: over }).catch(() => {})
    if (!over.aborted) stand()
  }
}

function faultOf(dice: Random): Fault | 'pass' {
  const die = dice.next()
  if (die < 0.55) return 'pass'
  if (die < 0.7) return { kind: 'drop-reply', reset: dice.chance(0.5) }
  if (die < 0.8) return { kind: 'cut', replyBytes: dice.whole(1, 700) }
  if (die < 0.9) return { kind: 'cut', requestBytes: dice.whole(1, 500) }
  return { kind: 'delay', requestMs: dice.whole(0, 40), replyMs: dice.whole(0, 40) }
}

/** Without faults, everything that is left in the journals is settled. */
async function resumeAll({ folder, origin, book }: Site): Promise<void> {
  for (const name of new Set(LANES.map(({ journal }) => journal))) {
    const journal = await fileJournal(join(folder, name))
    const client = createClient({ journal, baseMs: 50, totalMs: 20_000 })
    try {
      for (let round = 0; (await journal.list()).length > 0; round += 1) {
        if (round === RESUMPTIONS) throw new Error(`${name} is not empty; ${origin} answers`)
        const resumed = await client.resume()
        for (const { entry, outcome } of resumed) {
          const { sku } = JSON.parse(new TextDecoder().decode(entry.body))
          const isOpen = outcome.outcome === 'unknown' && !outcome.isFinal
          const { outcome: kind } = outcome
          book.note({ say: 'told', sku, outcome: kind, isFinal: !isOpen, isResumed: true })
        }
      }
    } finally {
      await journal.close()
    }
  }
}
