/**
 * Sends many POSTs with one signal, and says in a line what is left of them. Its argument is
 * {@link SoakTask} as JSON; it needs `--expose-gc`. It ends by itself when nothing is left.
 */
import { getEventListeners, setMaxListeners } from 'node:events'
import { statSync, writeSync } from 'node:fs'
import { createClient, fileJournal } from 'post-once-exactly/client'

/** What the program is told. */
export interface SoakTask {
  readonly origin: string
  readonly sends: number
  /** `null` for none. */
  readonly journal: string | null
  readonly compactBytes: number
}

/** What it says in the end; sizes are bytes. */
export interface SoakReport {
  readonly outcomes: Readonly<Record<string, number>>
  readonly attempts: number
  /** Listeners on the signal that went with every POST. */
  readonly listeners: number
  readonly timers: number
  readonly tookMs: number
  /** The heap after a collection: when a fifth was sent, and in the end. */
  readonly heapBefore: number
  readonly heapAfter: number
  /** The largest that the journal was seen. */
  readonly journalMost: number
  readonly journalEntries: number
}

const SENDERS = 8
const LOOK_EVERY = 20

const { origin, sends, journal: path, compactBytes } = JSON.parse(process.argv[2] ?? '') as SoakTask
const { signal } = new AbortController()
setMaxListeners(0, signal)
const journal = path === null ? null : await fileJournal(path, { compactBytes })
const client = createClient({ baseMs: 1, ...(journal && { journal }) })
const outcomes: Record<string, number> = {}
let [begun, attempts, journalMost] = [0, 0, 0]

async function sendUpTo(last: number): Promise<void> {
  while (begun < last) {
    begun += 1
    const number = begun
    const outcome = await client.post(`${origin}/once/${number}`, { number }, { signal })
    // Not everybody reads what is answered.
    if (number % 2 === 0) await outcome.bytes()
    outcomes[outcome.outcome] = (outcomes[outcome.outcome] ?? 0) + 1
    attempts += outcome.attempts
    if (path !== null && number % LOOK_EVERY === 0) {
      journalMost = Math.max(journalMost, statSync(path).size)
    }
  }
}

async function send(last: number): Promise<void> {
  await Promise.all(Array.from({ length: SENDERS }, () => sendUpTo(last)))
}

/** Twice, since what is finalized by the first collection is freed by the second. */
async function heap(): Promise<number> {
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc?.()
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

if (globalThis.gc === undefined) throw new Error('It needs --expose-gc')
const beganMs = performance.now()
await send(Math.ceil(sends / 5))
const heapBefore = await heap()
await send(sends)
const tookMs = performance.now() - beganMs
const heapAfter = await heap()
const report: SoakReport = {
  outcomes,
  attempts,
  listeners: getEventListeners(signal, 'abort').length,
  timers: process.getActiveResourcesInfo().filter(name => name === 'Timeout').length,
  tookMs,
  heapBefore,
  heapAfter,
  journalMost,
  journalEntries: (await journal?.list())?.length ?? 0,
}
await journal?.close()
writeSync(1, `${JSON.stringify(report)}\n`)
