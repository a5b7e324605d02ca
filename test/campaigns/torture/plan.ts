/**
 * What a run will do, from its seed alone: every order with its pace, and every kill, freeze and
 * fault with its moment. What comes of it depends on the machine; what is tried does not.
 */
import type { Fault } from '../../../lib/testing/fault-proxy.js'
import { Random } from './random.js'

/** What a plan is made for. Times are milliseconds. */
export interface PlanSettings {
  readonly seed: number
  readonly forMs: number
  readonly shops: number
  readonly leaseMs: number
  /** Whether the store is a server, which can be killed and cut off. */
  readonly hasServer: boolean
  /** The longest that a handler dwells on an order that it has written. */
  readonly dwellMs: number
  /** The share of orders on which it dwells. */
  readonly dwellShare: number
  /** Shops are killed, and nothing else is done. */
  readonly killsOnly: boolean
  /** The share of orders whose commit is slow. */
  readonly slowShare: number
}

/** One client's order. */
export interface OperationPlan {
  readonly index: number
  /** Unique in the run; also tells the shop how long to take over it. */
  readonly sku: string
  readonly user: string
  readonly qty: number
  /** A bad order is sent to the link first. */
  readonly badFirst: boolean
  /** The first POST goes out on two connections at once. */
  readonly twin: boolean
  /** Sent once more after it was accepted. */
  readonly repeats: boolean
  /** Decides doors, patience and pauses. */
  readonly random: Random
}

/** Something that is done to the site. */
export type Disturbance = { readonly atMs: number } & (
  | {
      /** A stalled shop runs, but its event loop stands still. */
      readonly kind: 'kill-shop' | 'freeze-shop' | 'stall-shop'
      readonly shop: number
      readonly forMs: number
    }
  | { readonly kind: 'kill-store' | 'freeze-store'; readonly forMs: number }
  | { readonly kind: 'break-next'; readonly shop: number; readonly faults: readonly Fault[] }
  | {
      readonly kind: 'break'
      readonly shop: number
      readonly side: 'clients' | 'store'
      readonly fault: Fault
      readonly forMs: number
    }
)

/** How often things happen: the mean pause between two, in milliseconds. */
const EVERY_MS = {
  killShop: 2_200,
  freezeShop: 3_500,
  stallShop: 2_500,
  killStore: 6_000,
  freezeStore: 9_000,
  breakNext: 350,
  breakClients: 4_000,
  breakStore: 1_500,
}
/** The first of each comes so early that a short run has some of all. */
const FIRST_SHARE = 0.4
const USERS = 24

/** The `index`-th order of a run. */
export function operationOf(settings: PlanSettings, index: number): OperationPlan {
  const random = new Random(settings.seed).fork(`operation ${index}`)
  const beforeMs = paceMs(random, settings.leaseMs)
  const afterMs = random.chance(settings.dwellShare) ? random.whole(1, settings.dwellMs) : 0
  const slow = random.fork('commit')
  const commitMs = slow.chance(settings.slowShare) ? slow.whole(500, 3_000) : 0
  return {
    index,
    sku: `s${settings.seed}-${index}.b${beforeMs}.a${afterMs}.c${commitMs}`,
    user: `client-${random.whole(1, USERS)}`,
    qty: random.whole(1, 99),
    badFirst: random.chance(0.12),
    twin: random.chance(0.15),
    repeats: random.chance(0.12),
    random,
  }
}

/** How long the shop takes over an order: before and after writing it, and to commit it. */
export interface Pace {
  readonly beforeMs: number
  readonly afterMs: number
  readonly commitMs: number
}

/** Reads an order's pace from its sku. */
export function paceOf(sku: string): Pace {
  const found = /\.b(\d{1,5})\.a(\d{1,5})\.c(\d{1,5})$/.exec(sku) ?? []
  const [, before = '0', after = '0', commit = '0'] = found
  return { beforeMs: Number(before), afterMs: Number(after), commitMs: Number(commit) }
}

/** Everything that is done to the site, in the order of time. */
export function disturbancesOf(settings: PlanSettings): Disturbance[] {
  const { leaseMs, hasServer } = settings
  const long = Math.round(leaseMs * 2.2)
  const shopAt = (random: Random): number => random.whole(0, settings.shops - 1)
  const list: Disturbance[] = [
    ...series(settings, 'kill shop', EVERY_MS.killShop, (atMs, random) => {
      return { atMs, kind: 'kill-shop', shop: shopAt(random), forMs: random.whole(0, 400) }
    }),
    ...series(settings, 'freeze shop', EVERY_MS.freezeShop, (atMs, random) => {
      return { atMs, kind: 'freeze-shop', shop: shopAt(random), forMs: random.whole(200, long) }
    }),
    ...series(settings, 'stall shop', EVERY_MS.stallShop, (atMs, random) => {
      return { atMs, kind: 'stall-shop', shop: shopAt(random), forMs: random.whole(200, long) }
    }),
    ...series(settings, 'break next', EVERY_MS.breakNext, (atMs, random) => {
      const faults = Array.from({ length: random.whole(1, 3) }, () => oneFault(random))
      return { atMs, kind: 'break-next', shop: shopAt(random), faults }
    }),
    ...series(settings, 'break clients', EVERY_MS.breakClients, (atMs, random) => {
      const fault = random.chance(0.2) ? ({ kind: 'refuse' } as const) : oneFault(random)
      const forMs = random.whole(100, 900)
      return { atMs, kind: 'break', side: 'clients', shop: shopAt(random), fault, forMs }
    }),
  ]
  if (hasServer) list.push(...storeDisturbances(settings, shopAt))
  const chosen = settings.killsOnly ? list.filter(({ kind }) => kind === 'kill-shop') : list
  return chosen.sort((one, other) => one.atMs - other.atMs)
}

function storeDisturbances(
  settings: PlanSettings,
  shopAt: (random: Random) => number,
): Disturbance[] {
  return [
    ...series(settings, 'kill store', EVERY_MS.killStore, (atMs, random): Disturbance => {
      return { atMs, kind: 'kill-store', forMs: random.whole(0, 900) }
    }),
    ...series(settings, 'freeze store', EVERY_MS.freezeStore, (atMs, random): Disturbance => {
      return { atMs, kind: 'freeze-store', forMs: random.whole(100, 1_500) }
    }),
    ...series(settings, 'break store', EVERY_MS.breakStore, (atMs, random): Disturbance => {
      const fault = oneFault(random)
      const forMs = random.whole(30, 1_300)
      return { atMs, kind: 'break', side: 'store', shop: shopAt(random), fault, forMs }
    }),
  ]
}

function series(
  { seed, forMs }: PlanSettings,
  label: string,
  everyMs: number,
  make: (atMs: number, random: Random) => Disturbance,
): Disturbance[] {
  const random = new Random(seed).fork(label)
  const list: Disturbance[] = []
  let atMs = everyMs * FIRST_SHARE * random.next()
  while (atMs < forMs) {
    list.push(make(Math.round(atMs), random))
    atMs += everyMs * (0.3 + 1.4 * random.next())
  }
  return list
}

function oneFault(random: Random): Fault {
  const reset = random.chance(0.5)
  switch (random.whole(0, 6)) {
    case 0:
    case 1:
      return { kind: 'drop-reply', reset }
    case 2:
      return { kind: 'drop-request', reset }
    case 3:
      return { kind: 'cut', requestBytes: random.whole(1, 700), reset }
    case 4:
      return { kind: 'cut', replyBytes: random.whole(1, 900), reset }
    case 5:
      return { kind: 'delay', requestMs: random.whole(0, 800), replyMs: random.whole(0, 800) }
    default:
      return { kind: 'half-open' }
  }
}

/** Mostly a moment, sometimes long, now and then longer than the lease. */
function paceMs(random: Random, leaseMs: number): number {
  const kind = random.next()
  if (kind < 0.72) return random.whole(0, 20)
  if (kind < 0.92) return random.whole(30, 300)
  if (kind < 0.98) return random.whole(300, 900)
  return Math.round(leaseMs * (1.1 + 0.7 * random.next()))
}
