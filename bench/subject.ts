/** Apps to be measured, as child processes that stay up, on one core where that can be had. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Measured, send } from './load.js'
import type { Ask, Side } from './rows.js'
import type { Spent, Start } from './server.js'

const FLAGS = [
  ...['--import', 'ts-blank-space/register', '-C', '@post-once-exactly/source'],
  // At 1 MiB, where it begins else, 64 requests at once decide how the whole run is: decision 0037.
  '--min-semi-space-size=16',
]
const CAN_PIN = spawnSync('taskset', ['--version']).status === 0
const BODY = JSON.stringify({ sku: 'tea', qty: 2, note: 'y'.repeat(165) })
const STATUS: Readonly<Record<Ask, number>> = {
  ...{ first: 201, reuse: 405, result: 200, page: 200, forged: 404 },
  ...{ key: 201, 'key-replay': 201, action: 201, condition: 201 },
}
/** Where an app runs; the load has the other core. */
export type CoreNumber = 0 | 1
const WARM_PIECE = 1_000
const AGAIN_MS = 50
/** How many links or keys those asks share that use one up only once. */
const SHARED = 1_000

/** One measurement. */
export interface Sample extends Measured, Spent {
  readonly requests: number
}

/** The command that starts a program of Node's, on a core of its own where that can be had. */
export function launch(core: CoreNumber = 0): readonly string[] {
  return [...(CAN_PIN ? ['taskset', '-c', String(core)] : []), process.execPath, ...FLAGS]
}

/** One side of a comparison, up and running. */
export class Subject {
  readonly #child: ChildProcess
  readonly #port: number
  readonly #side: Side
  readonly #polls: boolean
  #shared: readonly string[] = []
  #made = 0

  private constructor(child: ChildProcess, port: number, side: Side, polls: boolean) {
    this.#child = child
    this.#port = port
    this.#side = side
    this.#polls = polls
  }

  /**
   * Starts an app.
   *
   * @param polls - whether the load's process stays awake between answers
   */
  static async start(
    side: Side,
    where: Omit<Start, 'app'>,
    { polls = false, core = 0 }: { readonly polls?: boolean; readonly core?: CoreNumber },
  ): Promise<Subject> {
    const program = fileURLToPath(new URL('./server.ts', import.meta.url))
    const given = JSON.stringify({ app: side.app, ...where } satisfies Start)
    const [file = '', ...args] = [...launch(core), program, given]
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const { port } = await answerOf<{ port: number }>(child)
    const subject = new Subject(child, port, side, polls)
    await subject.#prepare()
    return subject
  }

  /**
   * Sends so many requests without counting anything, fewer where that takes long.
   *
   * @param forMs - after which no more are sent, in milliseconds
   * @returns how many a second were answered at best
   */
  async warm(count: number, forMs = Number.POSITIVE_INFINITY): Promise<number> {
    const endMs = performance.now() + forMs
    let best = 0
    for (let done = 0; done < count && performance.now() < endMs; done += WARM_PIECE) {
      best = Math.max(best, (await this.#send(await this.#requests(WARM_PIECE))).perSecond)
    }
    return best === 0 ? Number.POSITIVE_INFINITY : best
  }

  /**
   * Sends so many requests; what they are made of is made before.
   *
   * @param profile - where to write a CPU profile of the span
   */
  async measure(count: number, profile?: string): Promise<Sample> {
    const requests = await this.#requests(count)
    await this.#ask({ ask: 'start', profile })
    const measured = await this.#send(requests)
    const spent = await this.#ask<Spent>({ ask: 'stop', profile })
    return { ...measured, ...spent, requests: count }
  }

  /** Sends so many requests, that many a second. Answers 503 are counted. */
  async pace(count: number, perSecond: number): Promise<Measured> {
    const requests = await this.#requests(count)
    const status = STATUS[this.#side.ask]
    return await send({ port: this.#port, requests, status, perSecond, countsRefusals: true })
  }

  /** What the app has of memory and handles while nothing is asked of it. */
  async rest(): Promise<Spent> {
    await this.#ask({ ask: 'start', profile: undefined })
    return await this.#ask<Spent>({ ask: 'stop', profile: undefined })
  }

  /** Ends the app. */
  stop(): void {
    this.#child.kill('SIGTERM')
  }

  #send(requests: readonly string[], status = STATUS[this.#side.ask]): Promise<Measured> {
    return send({ port: this.#port, requests, status, polls: this.#polls })
  }

  async #ask<Reply>(message: { ask: 'start' | 'stop'; profile: string | undefined }) {
    this.#child.send(message)
    return await answerOf<Reply>(this.#child)
  }

  /** Uses up what is to be asked for again. */
  async #prepare(): Promise<void> {
    const { ask } = this.#side
    if (ask === 'reuse' || ask === 'result') {
      const links = await this.#links('order', SHARED)
      await this.#send(
        links.map(link => post(link)),
        STATUS.first,
      )
      this.#shared = links.map(link => (ask === 'reuse' ? post(link) : get(link)))
    } else if (ask === 'key-replay') {
      this.#shared = Array.from({ length: SHARED }, () => this.#keyed())
      await this.#send(this.#shared)
    } else if (ask === 'page') {
      this.#shared = [get('/page')]
    } else if (ask === 'forged') {
      const links = await this.#links('order', SHARED)
      this.#shared = links.map(link => post(`${link.slice(0, -8)}AAAAAAAA`))
    }
  }

  async #requests(count: number): Promise<readonly string[]> {
    const { ask } = this.#side
    if (this.#shared.length > 0) {
      return Array.from({ length: count }, (_, at) => this.#shared[at % this.#shared.length] ?? '')
    }
    switch (ask) {
      case 'key':
        return Array.from({ length: count }, () => this.#keyed())
      case 'condition':
        return Array.from({ length: count }, () => post(`/stock/${this.#next()}`, 'If-Match: "1"'))
      case 'action':
        return (await this.#links('action', count)).map(link => post(link).replace('POST', 'PUT'))
      default:
        return (await this.#links('order', count)).map(link => post(link))
    }
  }

  #keyed(): string {
    return post('/keys', `Idempotency-Key: "${process.pid}-${this.#next()}-0123456789abcdef"`)
  }

  #next(): number {
    this.#made += 1
    return this.#made
  }

  /** There are none before the app knows its store's epoch. */
  async #links(name: string, count: number): Promise<string[]> {
    for (;;) {
      const asked = await fetch(`http://127.0.0.1:${this.#port}/links/${name}/${count}`)
      const links = (await asked.json()) as (string | null)[]
      if (!links.includes(null)) return links as string[]
      await sleep(AGAIN_MS)
    }
  }
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`
}

function post(path: string, field?: string): string {
  const type = 'Content-Type: application/json'
  const fields = typeof field === 'string' ? `${type}\r\n${field}` : type
  const length = `Content-Length: ${BODY.length}`
  return `POST ${path} HTTP/1.1\r\nHost: bench\r\n${fields}\r\n${length}\r\n\r\n${BODY}`
}

async function answerOf<Message>(child: ChildProcess): Promise<Message> {
  // Whichever comes first takes the listeners of the other along.
  const over = new AbortController()
  const { signal } = over
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), endOf(child, signal)])
    return message as Message
  } finally {
    over.abort()
  }
}

async function endOf(child: ChildProcess, signal: AbortSignal): Promise<never> {
  await once(child, 'exit', { signal })
  throw new Error('The app has ended.')
}

/** Moves this process, which makes the load, to another core than the app's. */
export function pinSelf(core: CoreNumber = 0): void {
  if (CAN_PIN) spawnSync('taskset', ['-cp', String(1 - core), String(process.pid)])
}
