/**
 * The terminal, or whatever the process was started from.
 */
import { clearLine, cursorTo } from 'node:readline'
import { Interrupted, type Terminal } from './command.js'
import { shown, shownLine } from './shown.js'

/** Why stdout lacks something; `null` where it does not, or where nobody reads on. */
let unwritten: string | null = null

/** What surrounds this process. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // Whoever has read enough closes the pipe; the POST goes on, and its exit code tells.
      if (error.code !== 'EPIPE' && stream === process.stdout) unwritten ??= error.message
    })
  }
  return {
    // What a server says must not move the cursor or paint: here everything comes by.
    out: line => void process.stdout.write(`${shownLine(line)}\n`),
    err: line => void process.stderr.write(`${shownLine(line)}\n`),
    write: bytes => void process.stdout.write(bytes),
    flushed: () => written(process.stdout),
    env: process.env,
    folder: process.cwd(),
    stdin: () => process.stdin,
    isTyped: process.stdin.isTTY === true,
    isWatched: process.stdout.isTTY === true,
    // Heeds NO_COLOR, too.
    isColoured: process.stderr.isTTY === true && process.stderr.hasColors(),
    ...(process.stderr.isTTY === true ? { live } : {}),
    interruption: interruption(),
  }
}

/**
 * Waits until everything printed has left, and ends the process.
 *
 * @param code - of the command
 * @param isOfPost - it tells what became of a POST, whatever becomes of the output
 */
export async function endProcess(code: number, isOfPost: boolean): Promise<never> {
  await written(process.stdout)
  if (unwritten !== null) process.stderr.write(`The output cannot be written: ${unwritten}.\n`)
  await written(process.stderr)
  // Nothing that is still open, a half-read answer or a pipe, may keep it alive.
  process.exit(unwritten !== null && code === 0 && !isOfPost ? 2 : code)
}

async function written(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>(resolve => stream.write('', () => resolve()))
}

function live(line: string): void {
  clearLine(process.stderr, 0)
  cursorTo(process.stderr, 0)
  process.stderr.write(shown(line).slice(0, Math.max(0, process.stderr.columns - 1)))
}

function interruption(): () => AbortSignal {
  let controller: AbortController | null = null
  return () => {
    if (controller !== null) return controller.signal
    const own = new AbortController()
    controller = own
    // A terminal and npm may each deliver the same interrupt: only the first one counts.
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => own.abort(new Interrupted(name)))
    }
    return own.signal
  }
}
