/**
 * The judged client: a program that is started for each scenario, a function, or a page that
 * somebody opens.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClientEnding } from './scenario.js'

/** Where a client is to send its order. */
export interface ClientTask {
  /** The page that hands out the link; for a page in a browser, the URL to open. */
  readonly url: string
  /** A link, for clients that take one. */
  readonly link: string
  /** Aborts when its time is over. */
  readonly signal: AbortSignal
}

/** A client as a function: sends one order, and tells how that ended. */
export type ClientFunction = (task: ClientTask) => Promise<ClientEnding>

/** A client as a program. */
export interface ClientCommand {
  /**
   * The program and its arguments; `{url}`, `{link}` and `{fresh}`, an empty folder of its own, are
   * filled in.
   */
  readonly command: readonly string[]
  /**
   * What its exit codes say.
   *
   * @defaultValue 0 accepted, 1 refused, 3 unknown, as `poe post` has them; any other: failed
   */
  readonly exits?: Readonly<Record<number, ClientEnding>>
}

/** What became of a client. */
export type Ran =
  | { readonly kind: 'ended'; readonly ending: ClientEnding; readonly said?: string }
  /**
   * It had not ended in its time, or within a number of requests that no order needs. `isGone`: the
   * command had, and the page that it should have opened has told nothing.
   */
  | { readonly kind: 'late'; readonly isGone?: boolean }
  /** The run was interrupted. */
  | { readonly kind: 'stopped' }
  /** It could not be started. */
  | { readonly kind: 'failed'; readonly message: string }

/** What ends a client that does not end by itself. */
export interface ClientBounds {
  readonly timeoutMs: number
  /** What a page tells; `null` where the client's own end counts. */
  readonly told: Promise<ClientEnding> | null
  /** Comes true where it sends more than anybody could want. */
  readonly flooded: Promise<void>
  readonly interruption: AbortSignal | undefined
}

/** How much of what a program says is kept: the end of it. */
const SAID_LIMIT_CHARS = 1_000
const LAST_WORDS_MS = 200
/** A script such as `npx` is started by a shell there. */
const HINT = process.platform === 'win32' ? '; on Windows, scripts need cmd /c before them' : ''

/** As `poe post` has them. */
export const EXITS: Readonly<Record<number, ClientEnding>> = {
  0: 'accepted',
  1: 'refused',
  3: 'unknown',
}

/**
 * Runs a client for one scenario.
 *
 * @param client - as a program or as a function; `null` where somebody else starts it
 * @param task - where it sends its order
 * @param bounds - what else ends it: then a program is killed, and a function is not waited for
 */
export async function runClient(
  client: ClientCommand | ClientFunction | null,
  task: Omit<ClientTask, 'signal'>,
  { timeoutMs, told, flooded, interruption }: ClientBounds,
): Promise<Ran> {
  const fresh = await freshFolder(client)
  const controller = new AbortController()
  const { signal } = controller
  let timer: NodeJS.Timeout | undefined
  let stop: () => void = () => {}
  let isGone = false
  const ends: Promise<Ran>[] = [
    flooded.then(() => ({ kind: 'late' })),
    new Promise(resolve => {
      timer = setTimeout(() => resolve({ kind: 'late', isGone }), timeoutMs)
      stop = () => resolve({ kind: 'stopped' })
    }),
  ]
  interruption?.addEventListener('abort', stop)
  if (interruption?.aborted === true) stop()
  if (told !== null) ends.push(told.then(ending => ({ kind: 'ended', ending })))
  if (client !== null) {
    const work =
      typeof client === 'function'
        ? call(client, { ...task, signal })
        : start(client, { ...task, fresh: fresh ?? '' }, signal)
    // A browser may hand over to another one and end: then only the page counts.
    const handOver = (ran: Ran) => {
      isGone = ran.kind === 'ended'
      return ran.kind === 'failed' ? ran : NEVER
    }
    ends.push(told === null ? work : work.then(handOver))
  }
  try {
    return await Promise.race(ends)
  } finally {
    clearTimeout(timer)
    interruption?.removeEventListener('abort', stop)
    controller.abort(new Error('it is over'))
    if (fresh !== null) await remove(fresh)
  }
}

const NEVER = new Promise<never>(() => {})

async function call(client: ClientFunction, task: ClientTask): Promise<Ran> {
  try {
    return { kind: 'ended', ending: await client(task) }
  } catch {
    // What throws has told an error, and nothing about what happened.
    return { kind: 'ended', ending: 'failed' }
  }
}

function start(
  { command, exits = EXITS }: ClientCommand,
  { url, link, fresh }: Omit<ClientTask, 'signal'> & { readonly fresh: string },
  signal: AbortSignal,
): Promise<Ran> {
  const filled = command.map(one =>
    one.replaceAll('{url}', url).replaceAll('{link}', link).replaceAll('{fresh}', fresh),
  )
  const [program = '', ...args] = filled
  return new Promise(resolve => {
    const env = { ...process.env, POE_URL: url, POE_LINK: link }
    // A group of its own, so that what it starts ends with it.
    const how = { env, detached: true, windowsHide: true }
    const child = spawn(program, args, { ...how, stdio: ['ignore', 'pipe', 'pipe'] })
    signal.addEventListener('abort', () => killGroup(child))
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('utf8')).slice(-SAID_LIMIT_CHARS)
      })
    }
    child.once('error', ({ message }) => resolve({ kind: 'failed', message: message + HINT }))
    child.once('exit', code => {
      const ending = code === null ? 'failed' : (exits[code] ?? 'failed')
      const tell = () => resolve({ kind: 'ended', ending, said })
      // What it has said may still be on its way; what it has started may hold the pipe open.
      child.once('close', tell)
      setTimeout(tell, LAST_WORDS_MS)
    })
  })
}

/** Made only where it is asked for. */
async function freshFolder(client: ClientCommand | ClientFunction | null): Promise<string | null> {
  const command = client !== null && typeof client !== 'function' ? client.command : []
  if (!command.some(one => one.includes('{fresh}'))) return null
  return await mkdtemp(join(tmpdir(), 'poe-check-client-'))
}

async function remove(folder: string): Promise<void> {
  // What still writes there has been killed, and is on its way out.
  const patience = { maxRetries: 10, retryDelay: 100 }
  await rm(folder, { recursive: true, force: true, ...patience }).catch(() => {})
}

function killGroup(child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // There are no groups everywhere, and it may be gone already.
    child.kill('SIGKILL')
  }
}
