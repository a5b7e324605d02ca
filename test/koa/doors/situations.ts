/**
 * The same situations for every door. Each runs one operation through something that happens, and
 * tells the answers in a few words; what those must be is in `expected.ts`.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { until } from '../../support/meeting.js'
import { BINARY, type DoorsSite, LEASE_MS, SHORT_MS } from './doors-app.js'
import { type Door, type Operation, operationAt, type Say, send } from './operations.js'

/** One situation. */
export interface Situation {
  readonly id: string
  /** What happens, as the guide has it. */
  readonly title: string
  /** Answers in words, in order; the effects are added. */
  run(at: At): Promise<readonly string[]>
}

/** Where a situation takes place. */
export interface At {
  readonly site: DoorsSite
  readonly door: Door
  /** Makes an operation; its effects are counted. */
  operation(variant?: 'long' | 'short'): Promise<Operation>
}

const OTHER = { json: { n: 2 } }

/** All of them. */
export const SITUATIONS: readonly Situation[] = [
  {
    id: 'first',
    title: 'first use',
    run: at => inTurn(at, [{}]),
  },
  {
    id: 'again',
    title: 'the same request again, after a success',
    run: at => inTurn(at, [{}, {}]),
  },
  {
    id: 'elsewhere',
    title: 'the same request again, at another process',
    run: at => inTurn(at, [{}, { twin: true }]),
  },
  {
    id: 'other-content',
    title: 'the same name with other content, after a success',
    run: at => inTurn(at, [{}, OTHER]),
  },
  {
    id: 'running',
    title: 'the same request again, while the first runs longer than twins wait',
    run: at => during(at, {}),
  },
  {
    id: 'running-other-content',
    title: 'the same name with other content, while the first runs',
    run: at => during(at, OTHER),
  },
  {
    id: 'refused',
    title: 'the handler answers 422, then the request comes again and it agrees',
    run: at => inTurn(at, [{ do: 'refuse 422' }, {}]),
  },
  {
    id: 'refused-then-other',
    title: 'the handler answers 422, then the content is corrected',
    run: at => inTurn(at, [{ do: 'refuse 422' }, OTHER]),
  },
  {
    id: 'refused-by-throw',
    title: 'the handler throws a 403, then the request comes again and it agrees',
    run: at => inTurn(at, [{ do: 'throw 403' }, {}]),
  },
  {
    id: 'failed',
    title: 'the handler answers 503, then the request comes again and it works',
    run: at => inTurn(at, [{ do: 'refuse 503' }, {}]),
  },
  {
    id: 'surprise',
    title: 'the handler throws something unexpected, then the request comes again',
    run: at => inTurn(at, [{ do: 'boom' }, {}]),
  },
  {
    id: 'silence',
    title: 'the process falls silent after the effect, then the request comes again',
    run: silence,
  },
  {
    id: 'client-gone',
    title: 'the client leaves while the handler runs, then comes back',
    run: clientGone,
  },
  {
    id: 'other-user',
    title: 'somebody else sends the same request, after a success',
    run: at => inTurn(at, [{}, { user: 'mallory' }]),
  },
  {
    id: 'other-route',
    title: 'the name is used at another route, after a success',
    run: otherRoute,
  },
  {
    id: 'over',
    title: 'the same request again, after the time for which its name is remembered or valid',
    run: over,
  },
  {
    id: 'nameless',
    title: 'a request that lacks its name',
    run: nameless,
  },
  {
    id: 'malformed',
    title: 'a name that cannot be read, or was never given out',
    run: malformed,
  },
  {
    id: 'too-much',
    title: 'more content than is taken',
    run: at => inTurn(at, [{ json: { text: 'x'.repeat(1_100_000) } }, {}]),
  },
  {
    id: 'empty',
    title: 'a 204, repeated',
    run: at => inTurn(at, [{ do: 'empty' }, { do: 'empty' }]),
  },
  {
    id: 'binary',
    title: 'a binary answer, repeated',
    run: at => inTurn(at, [{ do: 'binary' }, { do: 'binary' }]),
  },
  {
    id: 'stream',
    title: 'a streamed answer, repeated',
    run: at => inTurn(at, [{ do: 'stream' }, { do: 'stream' }]),
  },
  {
    id: 'large',
    title: 'an answer too large to keep, with a Location, repeated',
    run: at => inTurn(at, [{ do: 'large' }, {}]),
  },
  {
    id: 'large-bare',
    title: 'an answer too large to keep, without a Location, repeated',
    run: at => inTurn(at, [{ do: 'large-bare' }, {}]),
  },
  {
    id: 'redirect',
    title: 'a 303 after success, repeated',
    run: at => inTurn(at, [{ do: 'redirect' }, {}]),
  },
  {
    id: 'cookies',
    title: 'an answer with cookies and a challenge, repeated',
    run: cookies,
  },
]

/** Sends the requests of one operation in turn. */
async function inTurn(at: At, says: readonly Say[]): Promise<string[]> {
  const operation = await at.operation()
  const told: string[] = []
  let first: Buffer | null = null
  for (const say of says) {
    const response = await operation.send(say)
    const body = Buffer.from(await response.clone().arrayBuffer())
    told.push(await tell(response))
    if (say.do === 'binary') expect(response.status >= 400 || body.equals(BINARY)).to.equal(true)
    // A repeated answer is the first one, byte for byte.
    const isWhole = told.at(-1)?.includes('again') && response.status !== 303
    if (isWhole && first !== null) expect(body.equals(first)).to.equal(true)
    first ??= body
  }
  return told
}

async function during(at: At, say: Say): Promise<string[]> {
  const operation = await at.operation()
  const first = operation.send({ do: 'wait' })
  await until(() => at.site.runsOf(operation.id) === 1, 'the first runs')
  const second = await tell(await operation.send(say))
  at.site.letGo(operation.id)
  return [await tell(await first), second]
}

/** Its lease is kept by the engine of the first application, which is stopped for good here. */
async function silence(at: At): Promise<string[]> {
  const operation = await at.operation()
  const controller = new AbortController()
  const lost = operation.send({ do: 'hang', twin: true, signal: controller.signal })
  await until(() => at.site.effectsOf(operation.id) === 1, 'the effect')
  await at.site.apps[1].once.close({ graceMs: 0 })
  controller.abort()
  await lost.catch(() => {})
  await pause(LEASE_MS + 100)
  return ['nothing', await tell(await operation.send())]
}

async function clientGone(at: At): Promise<string[]> {
  const operation = await at.operation()
  const controller = new AbortController()
  const lost = operation.send({ do: 'slow 60', signal: controller.signal })
  await until(() => at.site.runsOf(operation.id) === 1, 'the first runs')
  controller.abort()
  await lost.catch(() => {})
  await until(() => at.site.effectsOf(operation.id) === 1, 'the effect')
  await pause(30)
  return ['nothing', await tell(await operation.send())]
}

async function otherRoute(at: At): Promise<string[]> {
  const operation = await at.operation()
  const first = await tell(await operation.send())
  return [first, await tell(await operation.elsewhere())]
}

async function over(at: At): Promise<string[]> {
  let operation = await at.operation('short')
  let first = await tell(await operation.send())
  // A busy machine came too late with the first one.
  for (let late = 1; late < 5 && first === '410 expired'; late += 1) {
    operation = await at.operation('short')
    first = await tell(await operation.send())
  }
  await pause(SHORT_MS + 1_200)
  return [first, await tell(await operation.send())]
}

async function nameless(at: At): Promise<string[]> {
  const operation = await at.operation()
  const { method, path } = operation.name
  const isLink = at.door === 'link' || at.door === 'action'
  const bare = isLink ? path.slice(0, path.lastIndexOf('/') + 1) : path
  return [await tell(await send(at.site, { method, path: bare, headers: {} }, operation.id))]
}

async function malformed(at: At): Promise<string[]> {
  const operation = await at.operation()
  const { path } = operation.name
  const forged = path.replace(/.$/, last => (last === 'A' ? 'B' : 'A'))
  const broken: Readonly<Record<Door, { path?: string; headers?: Record<string, string> }>> = {
    link: { path: forged },
    action: { path: forged },
    key: { headers: { 'Idempotency-Key': '"unbalanced' } },
    stripe: { headers: { 'Idempotency-Key': 'x'.repeat(256) } },
    repeatable: { headers: { 'Repeatability-First-Sent': 'yesterday' } },
    replay: { headers: { 'X-Request-Name': 'x'.repeat(256) } },
    condition: { headers: { 'If-Match': 'v0' } },
    content: { headers: { 'Duplicate-Override': 'not a value' } },
  }
  const { headers } = broken[at.door]
  const name = { ...operation.name, path: broken[at.door].path ?? path }
  return [await tell(await send(at.site, name, operation.id, { ...(headers && { headers }) }))]
}

async function cookies(at: At): Promise<string[]> {
  const operation = await at.operation()
  const first = await operation.send({ do: 'cookies' })
  expect(first.headers.getSetCookie()).to.have.lengthOf(2)
  const second = await operation.send({ do: 'cookies' })
  for (const name of ['Set-Cookie', 'X-Request-Id', 'WWW-Authenticate']) {
    expect(second.headers.get(name), name).to.equal(null)
  }
  return [await tell(first), await tell(second)]
}

/** An answer in a few words: its status, what kind of no, whether it is a repetition. */
export async function tell(response: Response): Promise<string> {
  const words = [String(response.status)]
  const isProblem = response.headers.get('Content-Type')?.startsWith('application/problem+json')
  const body = Buffer.from(await response.arrayBuffer())
  if (isProblem) {
    const { type } = JSON.parse(body.toString()) as { type: string }
    words.push(type.slice(type.lastIndexOf(':') + 1))
  }
  const isMarked =
    response.headers.get('Idempotent-Replayed') === 'true' ||
    (response.headers.get('Repeatability-Result') === 'accepted' && isRepeated(response))
  if (isMarked) words.push('again')
  if (response.headers.has('Retry-After')) words.push('later')
  return words.join(' ')
}

/** The profile without a mark of its own: what is repeated may not be stored by caches. */
function isRepeated(response: Response): boolean {
  return response.headers.get('Cache-Control') === 'no-store'
}

/** Runs a situation at a door, and gives it in words, effects included. */
export async function play(situation: Situation, site: DoorsSite, door: Door): Promise<string> {
  let operation: Operation | null = null
  const told = await situation.run({
    site,
    door,
    async operation(variant) {
      operation = await operationAt(site, door, variant)
      return operation
    },
  })
  const made = operation as Operation | null
  const effects = made === null ? 0 : site.effectsOf(made.id)
  return `${told.join(', then ')}; ${effects === 1 ? '1 effect' : `${effects} effects`}`
}
