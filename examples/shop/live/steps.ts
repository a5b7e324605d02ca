/**
 * What is told of an experiment, step by step: the words between the shop, the process that keeps
 * them while the shop is killed, and the page that draws them.
 */

/** The two forms: one on a route as people write them, one at a link that works once. */
export type Side = 'ordinary' | 'once'

/** What an experiment does to both. `none`: nothing, the visitor presses as he likes. */
export const FAULTS = ['none', 'drop', 'slow', 'crash', 'double', 'tabs', 'client'] as const

/** One of {@link FAULTS}. */
export type Fault = (typeof FAULTS)[number]

/** An order as a ledger shows it. */
export interface Row {
  readonly id: number
  readonly path: string
  readonly sku: string
  readonly qty: number
}

/** The orders of an experiment, as they stand in both databases. */
export type Ledgers = Readonly<Record<Side, readonly Row[]>>

/** What belongs to one exchange: `exchange` is its number, `press` names who sent it and why. */
export interface OfExchange {
  readonly side: Side
  readonly exchange: number
  readonly press: string | null
}

/** A request arrived. `waits`: another one is at work there. */
export interface RequestStep extends OfExchange {
  readonly kind: 'request'
  readonly path: string
  readonly delayMs: number
  readonly waits: boolean
}

/** It was answered, with these fields among others. */
export interface AnswerStep extends OfExchange {
  readonly kind: 'answer'
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
}

/** What happened. */
export type Told =
  | {
      readonly kind: 'run'
      readonly fault: Fault
      /** The highest number of an order before. */
      readonly before: Readonly<Record<Side, number>>
    }
  | RequestStep
  /** An order was written; `path` leads to it. */
  | (OfExchange & { readonly kind: 'effect'; readonly path: string })
  | AnswerStep
  /** The connection was cut in place of the answer. */
  | (OfExchange & { readonly kind: 'lost' })
  /** The process was killed in place of the answer. */
  | (OfExchange & { readonly kind: 'killed'; readonly pid: number })
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'ledgers'; readonly ledgers: Ledgers }
  | { readonly kind: 'end' }

/** A step as it is kept and sent. `run` is the experiment, `id` grows with every step. */
export type Step = Told & {
  readonly id: number
  readonly run: string
  readonly visitor: string
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number
}
