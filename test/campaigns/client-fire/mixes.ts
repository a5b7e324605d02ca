/** The mixes of faults: each of them loses answers, or requests, in a way of its own. */
import type { Fault } from 'post-once-exactly/testing'
import type { ShopStore } from '../one-shop.js'
import type { Fate } from './http-faults.js'

/** A mix. */
export interface Mix {
  readonly name: string
  /** How often the fault is thrown anew, in milliseconds, on average. */
  readonly everyMs: number
  /** What the network does now. */
  readonly fault?: (random: () => number) => Fault | 'pass'
  /** What the gateway does to the next request. */
  readonly fate?: (random: () => number) => Fate
  /** The shop is killed each time. */
  readonly killsShop?: boolean
  /** The shop's event loop stands still each time. */
  readonly stallsShop?: boolean
  /** How many of the orders are committed slowly, from 0 to 1. Default: none. */
  readonly slowShare?: number
  /** Where the orders are. Default: `sqlite`. */
  readonly store?: ShopStore
}

/** How long one try of the client waits, in milliseconds; a delay is longer. */
export const TRY_MS = 250

/** All of them, by name. */
export const MIXES: readonly Mix[] = [
  {
    name: 'reply-dropped',
    everyMs: 30,
    fault: random => (random() < 0.5 ? { kind: 'drop-reply', reset: random() < 0.5 } : 'pass'),
  },
  {
    name: 'request-dropped',
    everyMs: 30,
    fault: random => (random() < 0.5 ? { kind: 'drop-request', reset: random() < 0.5 } : 'pass'),
  },
  {
    name: 'cut',
    everyMs: 12,
    fault: random => (random() < 0.5 ? cut(random) : 'pass'),
  },
  {
    name: 'delayed',
    everyMs: 60,
    fault: random => (random() < 0.4 ? delay(random) : 'pass'),
  },
  {
    name: 'gateway',
    everyMs: 1_000,
    fate: random => {
      if (random() < 0.6) return 'pass'
      const status = [502, 503, 504][Math.floor(random() * 3)] ?? 502
      return { status, when: random() < 0.5 ? 'before' : 'after' }
    },
  },
  {
    name: 're-sent',
    everyMs: 1_000,
    fate: random => (random() < 0.4 ? 'twice' : 'pass'),
  },
  { name: 'killed', everyMs: 600, killsShop: true },
  { name: 'stalled', everyMs: 3_000, stallsShop: true, slowShare: 0.005 },
  {
    name: 'slow-commit',
    everyMs: 60,
    fault: random => (random() < 0.2 ? { kind: 'drop-reply', reset: random() < 0.5 } : 'pass'),
    slowShare: 0.1,
    store: 'postgres',
  },
]

/** Requests have about 400 bytes, replies about 600. */
function cut(random: () => number): Fault {
  const isRequest = random() < 0.5
  const bytes = 1 + Math.floor(random() * 700)
  const reset = random() < 0.5
  return isRequest
    ? { kind: 'cut', requestBytes: bytes, reset }
    : { kind: 'cut', replyBytes: bytes, reset }
}

function delay(random: () => number): Fault {
  const ms = TRY_MS * (1 + random())
  return random() < 0.5 ? { kind: 'delay', requestMs: ms } : { kind: 'delay', replyMs: ms }
}
