/**
 * The client that is killed: it resumes what its journal holds, then orders without end. Its
 * argument is {@link ClientProgramOptions} as JSON; it says each thing that it knows in a line of
 * its own, written before it goes on.
 */
import { writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import {
  createClient,
  fileJournal,
  type Journal,
  type JournalEntry,
  type PoeClient,
  type PostOutcome,
} from 'post-once-exactly/client'
import { seededRandom } from '../../support/meeting.js'
import { pacedSku } from '../paced-sku.js'

/**
 * A client that is wrong on purpose: it notes a POST when it has been sent, forgets it as soon as
 * it is noted, or begins what it finds afresh.
 */
export type Plant = 'late-journal' | 'forgetful' | 'afresh'

/** What the program is told. */
export interface ClientProgramOptions {
  readonly origin: string
  readonly journal: string
  readonly compactBytes: number
  /** Its orders are for `op-<life>-1`, `op-<life>-2` and so on. */
  readonly life: number
  readonly plant: Plant | null
}

/**
 * What it says, of an operation by its sku.
 *
 * - `taken`: it was found in the journal, and is about to be resumed.
 * - `begun`: it is in the journal; the first byte has not left.
 * - `told`: the program was told how it ended.
 * - `settled`: it ended, and is about to leave the journal.
 */
export interface ClientLine {
  readonly say: 'taken' | 'begun' | 'told' | 'settled'
  readonly sku: string
  readonly outcome?: PostOutcome['outcome']
  /** Whether nothing more can be learned. */
  readonly isFinal?: boolean
  /** Whether it was found in the journal. */
  readonly isResumed?: boolean
}

const LIMITS = { tries: 6, baseMs: 5, capMs: 60, timeoutMs: 800, totalMs: 5_000 }
/** How many of its orders are committed slowly. */
const SLOW_SHARE = 0.15
/** Longer than most of its orders take. */
const LATE_MS = 40

const options = JSON.parse(process.argv[2] ?? '{}') as ClientProgramOptions

function say(line: ClientLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

function tell(sku: string, outcome: PostOutcome, isResumed: boolean): void {
  const { outcome: kind } = outcome
  const isOpen = kind === 'refused' ? outcome.status === null : kind === 'unknown'
  const isFinal = kind === 'unknown' ? outcome.isFinal : !isOpen
  say({ say: 'told', sku, outcome: kind, isFinal, isResumed })
}

function skuOf({ body }: JournalEntry): string {
  return String(JSON.parse(new TextDecoder().decode(body)).sku)
}

/** Says what leaves the journal. */
function talking(journal: Journal): Journal {
  const around: Journal = {
    begin: async entry => talkingHold(await journal.begin(entry)),
    list: () => journal.list(),
    take: async id => {
      const hold = await journal.take(id)
      if (hold === null) return null
      say({ say: 'taken', sku: skuOf(hold.entry) })
      return talkingHold(hold)
    },
    close: () => journal.close(),
  }
  return around
}

function talkingHold(hold: Awaited<ReturnType<Journal['begin']>>): typeof hold {
  return {
    entry: hold.entry,
    pin: (link, isRepeatable) => hold.pin(link, isRepeatable),
    leave: () => hold.leave(),
    async done() {
      say({ say: 'settled', sku: skuOf(hold.entry) })
      await hold.done()
    },
  }
}

function planted(journal: Journal, plant: Plant | null): Journal {
  if (plant === 'forgetful') {
    return {
      ...journal,
      async begin(entry) {
        await (await journal.begin(entry)).done()
        return talkingHold({ entry, ...nothing })
      },
    }
  }
  if (plant !== 'late-journal') return talking(journal)
  return {
    ...talking(journal),
    async begin(entry) {
      const noted = pause(LATE_MS).then(() => journal.begin(entry))
      const leave = async () => (await noted).leave()
      const done = async () => (await noted).done()
      return talkingHold({ entry, ...nothing, leave, done })
    },
  }
}

const nothing = { pin: async () => {}, done: async () => {}, leave: async () => {} }

async function resume(client: PoeClient, journal: Journal): Promise<void> {
  if (options.plant !== 'afresh') {
    await client.resume({ onOutcome: (entry, outcome) => tell(skuOf(entry), outcome, true) })
    return
  }
  for (const { id } of await journal.list()) {
    const hold = await journal.take(id)
    if (hold === null) continue
    await order(createClient(LIMITS), skuOf(hold.entry))
    await hold.done()
  }
}

async function order(client: PoeClient, sku: string): Promise<void> {
  const link = await linkFrom(client)
  const onStart = () => say({ say: 'begun', sku })
  const outcome = await client.post(link, { sku, qty: 1 }, { onStart })
  tell(sku, outcome, false)
}

async function linkFrom(client: PoeClient): Promise<string> {
  for (;;) {
    const [found] = await client.links(`${options.origin}/basket`).catch(() => [])
    if (found !== undefined) return found.link
    await pause(5)
  }
}

const { journal: path, compactBytes, life, plant } = options
const own = await fileJournal(path, { compactBytes })
const journal = planted(
  {
    begin: entry => own.begin(entry),
    list: () => own.list(),
    take: id => own.take(id),
    close: () => own.close(),
  },
  plant,
)
const client = createClient({ ...LIMITS, journal })
const dice = seededRandom(life)
await resume(client, journal)
for (let number = 1; ; number += 1) {
  await order(client, pacedSku(`op-${life}-${number}`, dice, SLOW_SHARE))
}
