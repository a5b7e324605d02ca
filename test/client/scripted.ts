/**
 * A server in a table: answers for a client's `fetch`, one after the other, by method. It keeps
 * what was asked, and it can fall silent, so that a fake clock decides.
 */
import { type ClientOptions, createClient, type PoeClient } from 'post-once-exactly/client'
import { createClient as createBrowserClient } from 'post-once-exactly/client/browser/journal'
import { type FakeClock, fakeClock } from 'post-once-exactly/testing'

/** One answer, an error to throw, or silence until the try ends. */
export type Step =
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
      readonly type?: 'opaqueredirect'
    }
  | Error
  | 'silence'

/** A request as the server saw it. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly body: string
  readonly atMs: number
}

/** A client, its server and its time. */
export interface Scene {
  readonly client: PoeClient
  readonly clock: FakeClock
  readonly seen: Seen[]
  /** The POSTs among them. */
  readonly posts: Seen[]
  /** GETs of addresses beside the link that were never issued; they are not among `seen`. */
  readonly controls: Seen[]
  /** Lets time pass until the work is done. */
  finish<T>(work: Promise<T>): Promise<T>
}

/** The link that the tables speak of. */
export const LINK = 'https://shop.example/orders/once/t0ken'

const BESIDE = new URL('.', LINK).href

/** Fields by which our own server says that `LINK` is spent. */
export const SPENT = {
  allow: 'GET, HEAD, OPTIONS',
  link: `</orders/7>; rel="related urn:post-once-exactly:rel:result"; anchor="/orders/once/t0ken"`,
}

/** A failure without an answer: the connection was cut. */
export function lost(): Error {
  return new TypeError('fetch failed', { cause: withCode('ECONNRESET', 'read') })
}

/** A failure that proves that nothing was sent. */
export function refusedConnection(): Error {
  return new TypeError('fetch failed', { cause: withCode('ECONNREFUSED', 'connect') })
}

/**
 * Makes a client whose server answers from a table; the last answer of a list is repeated.
 *
 * @param table - for POSTs, for GETs (default: 404), and for GETs of addresses beside the link
 *   that were never issued (default: 404)
 * @param options - of the client
 * @param entry - which entry point's client
 */
export function scene(
  table: {
    readonly post: readonly Step[]
    readonly get?: readonly Step[]
    readonly control?: Step
  },
  options: ClientOptions = {},
  entry: 'node' | 'browser' = 'node',
): Scene {
  const clock = fakeClock(Date.parse('Wed, 21 Oct 2026 12:00:00 GMT'))
  const seen: Seen[] = []
  const controls: Seen[] = []
  const issued = new Set([LINK])
  const left = { POST: [...table.post], GET: [...(table.get ?? [{ status: 404 }])] }
  const fetch = async (input: string | URL | Request, init: RequestInit = {}) => {
    const request = new Request(input, init)
    const { method, url, headers } = request
    const one = { method, url, headers, body: await request.text(), atMs: clock.now() }
    if (method === 'POST') issued.add(url)
    if (url.startsWith(BESIDE) && !issued.has(url)) {
      controls.push(one)
      return await answer(table.control ?? { status: 404 }, init.signal ?? undefined)
    }
    seen.push(one)
    const steps = method === 'POST' ? left.POST : left.GET
    const step = steps.length > 1 ? steps.shift() : steps[0]
    if (step === undefined) throw new Error(`the table has no answer to a ${method}`)
    return await answer(step, init.signal ?? undefined)
  }
  const make = entry === 'node' ? createClient : createBrowserClient
  return {
    client: make({ fetch, clock, random: () => 0.5, ...options }),
    clock,
    seen,
    controls,
    get posts() {
      return seen.filter(({ method }) => method === 'POST')
    },
    finish: work => finish(clock, work),
  }
}

async function answer(step: Step, signal: AbortSignal | undefined): Promise<Response> {
  if (step instanceof Error) throw step
  if (step === 'silence') {
    return await new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
  const { status, headers, body = null, type } = step
  if (type === undefined) return new Response(body, { status, ...(headers ? { headers } : {}) })
  const opaque = Response.error()
  Object.defineProperty(opaque, 'type', { value: type })
  return opaque
}

async function finish<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isDone = false
  const done = () => {
    isDone = true
  }
  work.then(done, done)
  // Digests are made beside the event loop, so that turns are no measure of what is awaited.
  const endMs = performance.now() + 10_000
  for (let turn = 0; !isDone; turn += 1) {
    if (performance.now() > endMs) throw new Error('the work does not end')
    await new Promise(resolve => setImmediate(resolve))
    if (isDone || turn % 5 !== 4) continue
    const { nextWakeMs } = clock
    if (nextWakeMs !== null) await clock.advance(Math.max(0, nextWakeMs - clock.now()))
  }
  return await work
}

function withCode(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall })
}
