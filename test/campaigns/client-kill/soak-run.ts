/** Runs a soak: a server and a client, each a process, and what is wrong with what is left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { strippedModule } from '../../support/stripped-tree.js'
import type { SoakReport } from './soak-program.js'

/** How it went. */
export interface Soak extends SoakReport {
  readonly sends: number
  /** How long the client took to end after its last word, in milliseconds. */
  readonly endedMs: number
  /** What is wrong, in words. */
  readonly faults: readonly string[]
}

const COMPACT_BYTES = 64 * 1024
/** What is written before a look at the size, with all senders at once. */
const SLACK_BYTES = 16 * 1024
/** Where something is left of every send, it is more than this after some thousands. */
const GROWTH_BYTES = 4 * 1024 * 1024
const END_MS = 2_000

/**
 * Runs a soak.
 *
 * @param sends - how many POSTs
 * @param hasJournal - whether the client has a journal
 */
export async function runSoak(sends: number, hasJournal: boolean): Promise<Soak> {
  const folder = await mkdtemp(join(tmpdir(), 'poe-soak-'))
  const server = start('soak-server', [], 'pipe')
  try {
    const port = await lineOf(server)
    const journal = hasJournal ? join(folder, 'soak.journal') : null
    const origin = `http://127.0.0.1:${port}`
    const task = { origin, sends, journal, compactBytes: COMPACT_BYTES }
    const client = start('soak-program', [JSON.stringify(task)], 'ignore')
    const ended = once(client, 'exit')
    const report = JSON.parse(await lineOf(client)) as SoakReport
    const saidMs = performance.now()
    const late = setTimeout(() => client.kill('SIGKILL'), END_MS * 5)
    await ended
    clearTimeout(late)
    const endedMs = performance.now() - saidMs
    return { ...report, sends, endedMs, faults: faultsOf(report, sends, endedMs) }
  } finally {
    server.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

function faultsOf(report: SoakReport, sends: number, endedMs: number): string[] {
  const { outcomes, attempts, listeners, timers, heapBefore, heapAfter } = report
  const { accepted = 0, 'accepted-earlier': earlier = 0 } = outcomes
  const { journalMost, journalEntries } = report
  const growth = heapAfter - heapBefore
  const checks: readonly (readonly [boolean, string])[] = [
    [accepted + earlier === sends, `of ${sends} sends ${JSON.stringify(outcomes)}`],
    [sends < 1_000 || attempts > sends, 'nothing was tried again'],
    [listeners === 0, `${listeners} listeners on the signal`],
    [timers === 0, `${timers} timers`],
    [endedMs < END_MS, `it ended ${Math.round(endedMs)} ms after its last word`],
    [growth < GROWTH_BYTES, `the heap grew by ${growth} bytes`],
    [journalMost < COMPACT_BYTES + SLACK_BYTES, `the journal had ${journalMost} bytes`],
    [journalEntries === 0, `${journalEntries} entries in the journal`],
  ]
  return checks.flatMap(([isFine, fault]) => (isFine ? [] : [fault]))
}

function start(name: string, args: readonly string[], stdin: 'pipe' | 'ignore'): ChildProcess {
  const program = strippedModule(`test/campaigns/client-kill/${name}.ts`)
  return spawn(process.execPath, ['--expose-gc', program, ...args], {
    stdio: [stdin, 'pipe', 'inherit'],
  })
}

/** The first line that a process says. */
async function lineOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('The process has no output')
  for await (const line of createInterface(child.stdout)) return line
  throw new Error('The process ended without a word')
}
