/**
 * A client of which chance decides what its user does, before a server and a network that chance
 * has decided, too. What it says is held against what the server really did.
 */
import { getEventListeners } from 'node:events'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as fc from 'fast-check'
import {
  type Adapter,
  type ClientClock,
  type ClientOptions,
  type classify,
  createClient,
  type FetchLike,
  fileJournal,
  type Journal,
  type PoeClient,
  PostAborted,
  type PostOutcome,
} from 'post-once-exactly/client'
import { createClient as createCore } from 'post-once-exactly/client/browser'
import { Agent } from 'undici'
import { latch, until } from '../support/meeting.js'
import { type Fate, getFates, postFates, RandomFront } from './random-front.js'
import { type RandomServer, type ServerPlan, serverPlans, startServer } from './random-server.js'

/** The client's time goes so much faster. */
const SPEED = 20
const TIMEOUT_MS = 1_000
const TOTAL_MS = 6_000
/** A call may ask some questions after its time. */
const MOST_QUESTIONS = 8
const PATIENCE_MS = 20_000
const READING_MS = 600
/** What a busy machine may add, in real time. */
const SLACK_MS = 10_000

/** What the client's hook does with what `fetch` will give. */
const BETWEEN = {
  nothing: async () => {},
  reads: async ({ response }: PostOutcome) => void (await response?.text().catch(() => null)),
  cancels: async ({ response }: PostOutcome) => await response?.body?.cancel().catch(() => {}),
  waits: () => pause((1.2 * TIMEOUT_MS) / SPEED),
}

/** What the user does next. */
interface Act {
  /** `twins`: two calls side by side. */
  readonly does: 'post' | 'twins' | 'fetch' | 'resume'
  readonly abortMs: number | null
  readonly reads: boolean
  /** By a client that knows nothing of what was before. */
  readonly isFresh: boolean
  readonly between: keyof typeof BETWEEN
  /** The process dies before or after so many requests and hooks; of clients with a journal. */
  readonly diesAt: number | null
}

/** What chance has decided. */
export interface RandomNetwork {
  readonly client: 'whole' | 'core' | 'journal'
  readonly server: ServerPlan
  readonly posts: readonly Fate[]
  readonly gets: readonly Fate[]
  readonly isLong: boolean
  readonly tries: number
  /** Somebody else has used the link, with other content; of our servers. */
  readonly isTaken: boolean
  readonly acts: readonly Act[]
}

const act: fc.Arbitrary<Act> = fc.record({
  does: fc.constantFrom('post', 'post', 'twins', 'fetch', 'resume'),
  abortMs: fc.option(fc.constantFrom(0, 2, 8, 30), { freq: 5 }),
  reads: fc.boolean(),
  isFresh: fc.constantFrom(false, false, false, true),
  diesAt: fc.option(fc.nat(6), { freq: 3 }),
  between: fc.constantFrom('nothing', 'nothing', 'reads', 'cancels', 'waits'),
})

/** All of them. */
export const networks: fc.Arbitrary<RandomNetwork> = fc
  .record({
    client: fc.constantFrom('whole' as const, 'core' as const, 'journal' as const),
    server: serverPlans,
    posts: fc.array(postFates, { maxLength: 5 }),
    gets: fc.array(getFates, { maxLength: 4 }),
    isLong: fc.constantFrom(false, false, true),
    tries: fc.constantFrom(1, 2, 3, 5),
    isTaken: fc.constantFrom(false, false, false, true),
    acts: fc.array(act, { minLength: 1, maxLength: 3 }),
  })
  // The core knows no keys.
  .filter(({ client, server }) => client !== 'core' || server.door === 'link')

/** What is planted in a client, to see that it is found. */
export interface Planted {
  readonly adapter?: Adapter & { readonly provesNotSent?: () => boolean }
  readonly classify?: typeof classify
}

/** What a call has told: `yes`, `no`, or that it cannot be known. */
interface Told {
  readonly call: string
  readonly says: 'yes' | 'no' | 'open'
  readonly what: string
  /** The calls whose POSTs it speaks of. */
  readonly of: readonly string[]
}

/**
 * Plays one.
 *
 * @param given - what chance has decided
 * @param planted - what is wrong with the client
 * @returns what was wrong; nothing where all is well. And what was told
 */
export async function tryNetwork(
  given: RandomNetwork,
  planted: Planted = {},
): Promise<{ readonly wrong: readonly string[]; readonly told: readonly string[] }> {
  const server = await startServer(given.server)
  // What is refused now, for a reason of the moment, must not come once more by itself.
  const isPlain = given.server.misses.length === 0
  const posts = given.posts.filter(({ kind }) => isPlain || (kind !== 'twice' && kind !== 'late'))
  const front = new RandomFront(server.port, posts, given.gets)
  const folder = await mkdtemp(join(tmpdir(), 'once-network-'))
  const trial = new Trial(given, server, front, folder, await front.start(), planted)
  try {
    return await trial.run()
  } finally {
    await trial.close()
    await front.close()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A clock that goes fast, and knows who waits. */
class QuickClock implements ClientClock {
  waiting = 0

  now(): number {
    return performance.timeOrigin + performance.now() * SPEED
  }

  after(ms: number, call: () => void): () => void {
    let isOver = false
    const over = () => {
      if (!isOver) this.waiting -= 1
      isOver = true
      clearTimeout(timer)
    }
    this.waiting += 1
    const timer = setTimeout(() => {
      over()
      call()
    }, ms / SPEED)
    return over
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        cancel()
        reject(signal?.reason)
      }
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      })
      signal?.addEventListener('abort', stop, { once: true })
    })
  }
}

/** A process with a client, which can die. */
class Life {
  readonly client: PoeClient | ReturnType<typeof createCore>
  readonly died = latch()
  readonly journal: Journal | null
  readonly journalPath: string
  diesAt: number | null = null
  between: (outcome: PostOutcome) => Promise<void> = BETWEEN.nothing
  hasTold = false
  #events = 0

  constructor(
    options: ClientOptions,
    isCore: boolean,
    journal: Journal | null,
    journalPath: string,
    agent: Agent,
  ) {
    this.journal = journal
    this.journalPath = journalPath
    const send: FetchLike = async (input, init) => {
      await this.#event()
      try {
        return await fetch(input, { ...init, dispatcher: agent } as RequestInit)
      } finally {
        await this.#event()
      }
    }
    const core = { ...options, fetch: send }
    const onOutcome = async (ended: PostOutcome) => {
      await this.between(ended)
      this.hasTold = true
    }
    const whole = { ...core, onOutcome, ...(journal && { journal }) }
    this.client = isCore ? createCore(core) : createClient(whole)
  }

  readonly hook = (): Promise<void> => this.#event()

  /** Dies here, or goes on. */
  async #event(): Promise<void> {
    if (this.#events === this.diesAt) this.died.open()
    this.#events += 1
    if (this.died.isOpen) await new Promise(() => {})
  }
}

/** One play. */
class Trial {
  readonly #given: RandomNetwork
  readonly #server: RandomServer
  readonly #front: RandomFront
  readonly #folder: string
  readonly #url: string
  readonly #options: ClientOptions
  readonly #planted: Planted
  readonly #clock = new QuickClock()
  readonly #agent = new Agent()
  #told: Told[] = []
  readonly #wrong: string[] = []
  readonly #lives: Life[] = []
  readonly #content: string
  /** Calls of this process that have not told how they ended. */
  #open: string[] = []
  #calls = 0

  constructor(
    given: RandomNetwork,
    server: RandomServer,
    front: RandomFront,
    folder: string,
    origin: string,
    planted: Planted,
  ) {
    this.#given = given
    this.#server = server
    this.#front = front
    this.#folder = folder
    this.#url = origin + server.path
    this.#content = 'tea'.padEnd(given.isLong ? 600_000 : 3, 'a')
    this.#planted = planted
    this.#options = {
      tries: given.tries,
      timeoutMs: TIMEOUT_MS,
      totalMs: TOTAL_MS,
      baseMs: 20,
      capMs: 200,
      clock: this.#clock,
      ...(planted.adapter && { adapter: planted.adapter }),
    }
  }

  async run() {
    const { isTaken, server, acts } = this.#given
    const isFree = server.door === 'link' && server.misses.length === 0
    if (isTaken && server.kind === 'ours' && isFree) await this.#takeAway()
    let life = await this.#begin(null)
    for (const each of acts) {
      if (each.isFresh) life = await this.#begin(null)
      life = await this.#act(life, each)
    }
    await this.#checkLeft()
    this.#front.calm()
    const isQuiet = () => this.#server.atWork + this.#front.onward === 0
    await pause(5)
    await until(isQuiet, 'quiet', PATIENCE_MS).catch(() => this.#wrong.push('work is left'))
    this.#judge()
    const said = this.#told.map(({ call, what }) => `${call}: ${what}`)
    const { effects } = this.#server
    const story = `; told ${said.join(', ')}; effects of ${effects.map(({ call }) => call)}`
    return { wrong: this.#wrong.map(each => each + story), told: this.#told.map(one => one.what) }
  }

  async close(): Promise<void> {
    for (const { journal } of this.#lives) await journal?.close()
    await this.#agent.destroy()
  }

  async #takeAway(): Promise<void> {
    const { port, path } = this.#server
    const link = `http://127.0.0.1:${port}${path}`
    await (await createClient().post(link, 'gum', { headers: { 'x-call': 'other' } })).text()
  }

  /** A new process; with the journal that another one has left. */
  async #begin(left: string | null): Promise<Life> {
    const { client } = this.#given
    const path = join(this.#folder, `${this.#lives.length}.journal`)
    if (left !== null) await copyFile(left, path)
    const journal = client === 'journal' ? await fileJournal(path) : null
    const life = new Life(this.#options, client === 'core', journal, path, this.#agent)
    const { classify: spoilt } = this.#planted
    if (spoilt !== undefined) Object.assign(life.client.parts, { classify: spoilt })
    this.#lives.push(life)
    this.#open = []
    return life
  }

  async #act(life: Life, given: Act): Promise<Life> {
    if (given.does === 'resume') {
      await this.#resume(life)
      return life
    }
    const over = new AbortController()
    const user = new AbortController()
    // What fetch gives may be read for ever.
    const abortMs = given.abortMs ?? (given.does === 'fetch' ? READING_MS : null)
    if (abortMs !== null) setTimeout(() => user.abort(), abortMs).unref()
    const count = given.does === 'twins' ? 2 : 1
    const calls = Array.from({ length: count }, (_, index) => String(this.#calls + index + 1))
    this.#calls += count
    life.diesAt = life.journal === null ? null : given.diesAt
    Object.assign(life, { between: BETWEEN[given.between], hasTold: false })
    const signals = calls.map((_, index) =>
      index === 0 && abortMs !== null ? AbortSignal.any([user.signal, over.signal]) : over.signal,
    )
    const begunMs = performance.now()
    const all = Promise.all(
      calls.map((call, index) =>
        this.#call(life, given, call, calls, signals[index] as AbortSignal),
      ),
    )
    const ended = await Promise.race([
      all.then(() => 'ended' as const),
      life.died.opened.then(() => 'died' as const),
      pause(PATIENCE_MS, 'hangs' as const, { ref: false }),
    ])
    if (ended === 'hangs') this.#wrong.push('it hangs')
    const mostMs = (TOTAL_MS + MOST_QUESTIONS * TIMEOUT_MS) / SPEED + SLACK_MS
    if (performance.now() - begunMs > mostMs) this.#wrong.push('it lasts longer than it may')
    life.diesAt = null
    if (ended !== 'died') {
      const heard = signals.map(each => getEventListeners(each, 'abort').length)
      // A `Request` of Node's listens until it is collected.
      if (given.does !== 'fetch' && heard.some(each => each > 0))
        this.#wrong.push('it leaves listeners')
      return life
    }
    const next = await this.#begin(life.journalPath)
    over.abort()
    // A no may be told before its entry leaves; then it is sent once more, and told anew.
    const isOver = ({ call, says }: Told) => calls.includes(call) && says === 'no'
    this.#told = this.#told.filter(each => !isOver(each))
    await this.#resume(next, life.hasTold ? [] : calls)
    return next
  }

  /** Sends once, and notes what is told. */
  async #call(
    { client, hook, died }: Life,
    { does, reads }: Act,
    call: string,
    group: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { door } = this.#given.server
    const isKeyed = door === 'key'
    const headers = { 'x-call': call, 'content-type': 'text/plain' }
    // The core does not know what was before.
    const isWhole = 'fetch' in client
    const of = isWhole ? [...this.#open, ...(isKeyed ? [call] : group)] : [call]
    const note = (says: Told['says'], what: string, calls = of) => {
      if (!died.isOpen) this.#tell({ call, says, what, of: calls })
    }
    try {
      if (isWhole && does === 'fetch') {
        const answer = await this.#fetch(client, headers, signal)
        // A redirect is a success or a refusal.
        const says = answer.status >= 300 && answer.status < 400 ? 'open' : 'no'
        note(answer.ok ? 'yes' : says, `fetch gave ${answer.status}`)
        await this.#read(reads, () => answer.text(), answer.ok)
        if (!reads) await answer.body?.cancel()
        return
      }
      const onOutcome = async (outcome: PostOutcome) => {
        await hook()
        note(wordOf(outcome), describe(outcome))
        await hook()
      }
      const outcome = isWhole
        ? await client.post(this.#url, this.#content, {
            ...{ headers, signal, onOutcome, onStart: hook },
            ...(isKeyed && { idempotencyKey: 'the key' }),
          })
        : await client.post(this.#url, this.#content, { headers, signal })
      if (!isWhole) note(wordOf(outcome), describe(outcome))
      await this.#read(reads, () => outcome.text(), wordOf(outcome) === 'yes')
    } catch (error) {
      const isAbort = error instanceof PostAborted || error === signal.reason
      const isUnsent = error instanceof PostAborted && error.outcome === 'not-sent'
      const isKnown = isUnsent || (does === 'fetch' && isNotSent(error))
      const what = isUnsent ? 'aborted, not-sent' : String(error)
      note(isKnown ? 'no' : 'open', what, isAbort ? [call] : of)
      const isToldOpen = does === 'fetch' && hasCode(error, 'ERR_POE_UNKNOWN_OUTCOME')
      if (!(isAbort || isKnown || isToldOpen)) this.#wrong.push(`unclear: ${error}`)
    }
  }

  async #fetch(client: PoeClient, given: Record<string, string>, signal: AbortSignal) {
    const isKeyed = this.#given.server.door === 'key'
    if (!isKeyed) client.known.add(new URL(this.#url), null)
    const headers = isKeyed ? { ...given, 'idempotency-key': '"the key"' } : given
    return await client.fetch(this.#url, { method: 'POST', body: this.#content, headers, signal })
  }

  async #read(reads: boolean, text: () => Promise<string>, isResult: boolean): Promise<void> {
    if (!reads) return
    const content = await text().catch(() => null)
    if (content === null || !isResult) return
    if (!this.#server.results.includes(content) && !content.startsWith('a page of the front')) {
      this.#wrong.push(`half a result: ${content.length}`)
    }
  }

  async #resume({ client, journal }: Life, died: readonly string[] = []): Promise<void> {
    if (journal === null || !('resume' in client)) return
    const resumed: string[] = []
    const onOutcome = (entry: { readonly headers: JournalHeaders }, outcome: PostOutcome) => {
      const call = new Map(entry.headers).get('x-call') ?? ''
      resumed.push(call)
      const what = `resumed, ${describe(outcome)}`
      this.#tell({ call, says: wordOf(outcome), what, of: [call] })
    }
    await client.resume({ onOutcome })
    // What is in no journal was not begun, or was told.
    for (const call of died) {
      const isTold = this.#told.some(each => each.call === call)
      if (isTold || resumed.includes(call)) continue
      this.#tell({ call, says: 'no', what: 'not in the journal', of: [call] })
    }
  }

  #tell(told: Told): void {
    this.#told.push(told)
    if (told.says === 'open') this.#open.push(told.call)
    else this.#open = this.#open.filter(call => !told.of.includes(call))
  }

  /** Nothing waits, and no connection is in use, while the front still holds its answers back. */
  async #checkLeft(): Promise<void> {
    const isIdle = () => this.#clock.waiting === 0
    await until(isIdle, 'idle', SLACK_MS).catch(() => this.#wrong.push('a timer is left'))
    const closed = this.#agent.close().then(() => true)
    const isClosed = await Promise.race([closed, pause(SLACK_MS, false, { ref: false })])
    if (!isClosed) this.#wrong.push('a connection is left')
  }

  #judge(): void {
    const { effects } = this.#server
    const own = effects.filter(({ content }) => content === this.#content)
    if (effects.length > 1) this.#wrong.push(`${effects.length} effects`)
    for (const { says, what, of, call } of this.#told) {
      if (says === 'yes' && own.length === 0) this.#wrong.push(`${call} ${what}: false`)
      const isFalse = says === 'no' && own.some(effect => of.includes(effect.call))
      if (isFalse) this.#wrong.push(`${call} ${what}: false`)
    }
  }
}

type JournalHeaders = readonly (readonly [string, string])[]

function wordOf({ outcome }: PostOutcome): Told['says'] {
  if (outcome === 'unknown') return 'open'
  return outcome === 'accepted' || outcome === 'accepted-earlier' ? 'yes' : 'no'
}

function describe(outcome: PostOutcome): string {
  const reason = 'reason' in outcome ? ` (${outcome.reason})` : ''
  return `${outcome.outcome}${reason} ${outcome.status} after ${outcome.attempts}`
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === code
}

/** What kept a request from being sent. */
function isNotSent(error: unknown): boolean {
  if (hasCode(error, 'ERR_POE_NOT_TAKEN')) return true
  return error instanceof TypeError && error.message === 'fetch failed'
}
