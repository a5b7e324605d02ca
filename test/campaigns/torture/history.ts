/**
 * What a run leaves behind for the checker: what every client sent and was told, and what was done
 * to processes and connections meanwhile. All times are milliseconds since the run began.
 */

/** An order as an answer names it. */
export interface NamedOrder {
  readonly id: number
  readonly sku: string
}

/** One request and what came of it. */
export interface Exchange {
  readonly sentMs: number
  readonly endedMs: number
  readonly method: 'GET' | 'POST'
  readonly what: 'basket' | 'order' | 'bad order' | 'result'
  /** Which shop's door it went to. */
  readonly shop: number
  /** `complete`, or how it ended instead. */
  readonly ended: string
  /** Everything below is `null` without a complete answer. */
  readonly status: number | null
  /** The last part of the problem's type. */
  readonly problem: string | null
  /** The process that answered, as `shop.life`. */
  readonly by: string | null
  readonly order: NamedOrder | null
  /** Whether the answer proves that it is about this link: a result link with its anchor. */
  readonly isProven: boolean
  /** What a 405 says of the content that was sent. */
  readonly payloadMatches: boolean | null
  readonly retryAfterMs: number | null
}

/** A statement about the order that an answer made. */
export interface Told {
  readonly atMs: number
  readonly kind: 'accepted' | 'not accepted'
  /** In which words. */
  readonly how: string
  /** The order that it names, if it does. */
  readonly order: NamedOrder | null
}

/** What is known of an operation in the end. */
export type Conclusion =
  | 'accepted'
  | 'not accepted'
  /** The server says that it cannot be told any more. */
  | 'forgotten'
  | 'undecided'
  | 'running'
  /** Nothing but lost answers, 5xx and the like. */
  | 'unknown'

/** One client's order, from its link to its end. */
export interface OperationHistory {
  readonly index: number
  readonly sku: string
  readonly qty: number
  readonly user: string
  /** `null` when none was got: nothing was sent then. */
  link: string | null
  readonly exchanges: Exchange[]
  readonly told: Told[]
  conclusion: Conclusion
}

/** Something that was done to the site. */
export interface SiteEvent {
  readonly atMs: number
  /** Until when it lasted; the same as `atMs` where it does not last. */
  untilMs: number
  readonly kind: 'kill' | 'freeze' | 'fault' | 'note'
  /** A shop, or the store. */
  readonly whom: number | 'store'
  /** Whether it can silence a handler: a death, a freeze, or trouble between shop and store. */
  readonly silences: boolean
  readonly text: string
}

/** An order as the database has it. */
export interface OrderRow extends NamedOrder {
  readonly qty: number
  readonly user: string
}
