/**
 * An application of which chance decides: the server, the door, what its handler does and says, and
 * when; who around it loses patience; and how often it is asked, by clients that leave.
 * `random-trial.ts` runs it, and tells what must never be.
 */
import * as fc from 'fast-check'
import { NO, SILENCE, type Word, YES } from './random-words.js'
import type { StoreKind } from './stores.js'

/** Doors; one behind a comma is inside of the other. */
const DOORS = [
  ...(['link', 'key', 'replay', 'stripe', 'kept', 'action', 'step', 'duplicate'] as const),
  ...(['link, step', 'key, step', 'replay, step', 'stripe, step', 'duplicate, step'] as const),
]

/** What a handler does when it is entered. */
export interface Plan {
  /** Milliseconds before its effect, and after it. */
  readonly beforeMs: number
  readonly afterMs: number
  readonly says: Word
  /** Whether it reads the content itself. */
  readonly reads: boolean
  /** Whether it marks once more after the effect, as before a second one. */
  readonly marksAgain: boolean
  /** Whether it answers without waiting for its effect. */
  readonly isLate: boolean
}

/** One request. */
export interface Sending {
  readonly atMs: number
  /** When the client leaves; `null` where it waits. */
  readonly leavesMs: number | null
  readonly isCut: boolean
  readonly isOther: boolean
  /** How its content comes: at once, its second half late, without a length, or a large one. */
  readonly comes: 'at once' | 'in halves' | 'in chunks' | 'large'
  /** Whether it goes to the other process that serves the same. */
  readonly isElsewhere: boolean
  /** PUT and DELETE are for actions; GET and HEAD have no content. */
  readonly method: 'POST' | 'PUT' | 'DELETE' | 'GET' | 'HEAD'
}

/** What chance has decided. */
export interface RandomApplication {
  /** The server; with ` on HTTP/2` behind it where that is spoken. */
  readonly on: string
  readonly store: StoreKind
  readonly door: (typeof DOORS)[number]
  readonly parses: boolean
  readonly marks: boolean
  /** Whether the effect is in the transaction of the innermost door. */
  readonly isTransactional: boolean
  /** Whether any throw says that nothing happened; the handler keeps to it. */
  readonly releasesOnThrow: boolean
  /** Who finds out in the end about what is undecided. */
  readonly decides: 'nobody' | 'application' | 'operator'
  /** How long a handler may run, in milliseconds; `null` for long enough. */
  readonly maxRunMs: number | null
  /** Whether no claim is renewed, and handlers last longer than one. */
  readonly losesLeases: boolean
  /** How long a claim takes, in milliseconds. */
  readonly claimMs: number
  /** A call of the store that fails once: before it is done, or its reply is lost. */
  readonly fault: {
    readonly method: string
    readonly isDone: boolean
    readonly isSecond: boolean
  } | null
  readonly impatient: {
    readonly isOutermost: boolean
    readonly ms: number
    readonly status: number
  } | null
  /** How long the outermost middleware saves a session, in milliseconds. */
  readonly savesMs: number
  readonly plans: readonly [Plan, Plan]
  readonly sendings: readonly Sending[]
}

const rarely = fc.constantFrom(false, false, false, true)
const never = fc.constantFrom(...Array<boolean>(9).fill(false), true)

const plan: fc.Arbitrary<Plan> = fc.record({
  beforeMs: fc.constantFrom(0, 0, 3, 12),
  afterMs: fc.constantFrom(0, 0, 3, 12),
  says: fc.constantFrom<Word>(...YES, ...NO, ...NO, ...SILENCE),
  reads: fc.boolean(),
  marksAgain: fc.boolean(),
  isLate: never,
})

const FAULTY = [
  ...['claim', 'mark', 'complete', 'attachBody', 'release', 'read', 'confirm', 'settle', 'commit'],
]

/** All of them, on some servers and a store. */
export function applicationsOn(
  servers: readonly string[],
  store: StoreKind,
): fc.Arbitrary<RandomApplication> {
  return fc.record({
    on: fc.constantFrom(...servers),
    store: fc.constant(store),
    door: fc.constantFrom(...DOORS),
    parses: fc.boolean(),
    marks: fc.boolean(),
    isTransactional: store === 'redis' ? fc.constant(false) : fc.boolean(),
    releasesOnThrow: rarely,
    decides: fc.constantFrom('nobody', 'application', 'operator'),
    maxRunMs: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, fc.constant(8)),
    losesLeases: never,
    claimMs: fc.constantFrom(0, 0, 6, 15),
    fault: fc.option(
      fc.record({
        method: fc.constantFrom(...FAULTY),
        isDone: fc.boolean(),
        isSecond: fc.boolean(),
      }),
    ),
    impatient: fc.option(
      fc.record({
        isOutermost: fc.boolean(),
        ms: fc.constantFrom(1, 5, 12),
        status: fc.constantFrom(504, 503, 408, 202),
      }),
    ),
    savesMs: fc.constantFrom(0, 0, 5),
    plans: fc.tuple(plan, plan),
    sendings: fc.array(
      fc.record({
        atMs: fc.constantFrom(0, 0, 4, 15),
        leavesMs: fc.option(fc.constantFrom(0, 4, 10, 25)),
        isCut: rarely,
        isOther: rarely,
        comes: fc.constantFrom(
          ...(['at once', 'at once', 'at once', 'in halves', 'in chunks', 'large'] as const),
        ),
        isElsewhere: rarely,
        method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'PUT', 'DELETE', 'GET', 'HEAD'),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
}
