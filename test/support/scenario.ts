/**
 * What a run of the simulation is made of, and what comes of it: plain data.
 */

/** How a resource does its work. */
export const KINDS = [
  'external',
  'release-on-throw',
  'marks',
  'reconciled',
  'transactional',
] as const

/** How a resource does its work. */
export type Kind = (typeof KINDS)[number]

/** What a handler does. */
export interface HandlerPlan {
  readonly beforeMs: number
  readonly afterMs: number
  readonly end: 'succeed' | 'report' | 'throw-before' | 'throw-after' | 'die-before' | 'die-after'
}

/** One thing that happens. */
export type Step =
  | { readonly do: 'post'; readonly process: number; readonly plan: HandlerPlan }
  | { readonly do: 'look' | 'die'; readonly process: number }
  | { readonly do: 'wait'; readonly ms: number }

/** What becomes of one call to the store. */
export interface Wire {
  readonly kind: 'pass' | 'refuse' | 'lose' | 'hang' | 'slow' | 'slow-reply' | 'arrive-late'
  readonly ms: number
}

/** Everything that one run depends on. */
export interface Scenario {
  readonly kind: Kind
  readonly processes: number
  readonly steps: readonly Step[]
  /** What becomes of calls to the store, in their order; those beyond pass. */
  readonly wires: readonly Wire[]
}

/** What was seen in a run. */
export interface Played {
  /** What must not be; nothing, if all is well. */
  readonly violations: readonly string[]
  /** What POSTs were told, and `at the end` the state of the record. */
  readonly seen: ReadonlySet<string>
}
