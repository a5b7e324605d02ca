/**
 * `npm start`: runs the shop with its live page in a process of its own, and starts another one
 * where that was killed, as a supervisor does in earnest.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Heritage, Report } from './process.js'
import { Allowance, StepLog } from './runs.js'

/** A shop that dies more often than this is not started again. */
const STARTS: readonly [number, number] = [40, 60_000]

const program = fileURLToPath(new URL(`process${extname(import.meta.url)}`, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'once-shop-live-'))
const log = new StepLog()
const starts = new Allowance(...STARTS)
let port = process.env.PORT ?? ''
let isEnding = false
let hasGreeted = false
/** Has loaded all that it needs, and waits for its turn. */
let reserve: ChildProcess | null = null

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    isEnding = true
    endReserve()
    current.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
  })
}
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
let current = takeTurn()
process.exitCode = await watch()
endReserve()

/** Lets another one take over as long as the shop is killed; gives the last one's exit code. */
async function watch(): Promise<number> {
  for (;;) {
    const [code, signal] = (await once(current, 'exit')) as [number | null, NodeJS.Signals | null]
    if (code !== null) return code
    if (isEnding || starts.take() > 0) return 128 + constants.signals[signal ?? 'SIGKILL']
    console.log(`Process ${current.pid} was killed (${signal}); another one takes over.`)
    current = takeTurn()
  }
}

function takeTurn(): ChildProcess {
  const next = reserve ?? fork(program)
  reserve = null
  next.on('message', message => hear(message as Report))
  const heritage: Heritage = { past: log.all(), port, file: join(folder, 'ordinary.db') }
  // One that cannot be told any more has ended, which is seen elsewhere.
  next.send(heritage, () => {})
  return next
}

function endReserve(): void {
  reserve?.kill('SIGKILL')
  reserve = null
}

function hear(message: Report): void {
  if ('step' in message) {
    log.add(message.step)
    return
  }
  port = new URL(message.origin).port
  if (!isEnding) reserve ??= fork(program)
  if (hasGreeted) return
  hasGreeted = true
  console.log(
    `The shop is open at ${message.origin} (${message.notes}). ` +
      `See what happens to an order when something breaks: ${message.origin}/live`,
  )
}
