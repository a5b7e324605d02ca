/**
 * An application of which chance decides: the server, the door, what its handler does and says, and
 * when; who around it loses patience; and how often it is asked, by clients that leave. What must
 * never be is the same for all.
 */
import { createRequire } from 'node:module'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import * as fc from 'fast-check'
import createError from 'http-errors'
import type { ResourceOptions } from '../../lib/koa/options.js'
import type { RequestPoe } from '../../lib/koa/request-poe.js'
import { aroundStore } from './around-store.js'
import { until } from './meeting.js'
import { openRequest, overHttp2, type Place } from './open-request.js'
import { openStore, type StoreKind } from './stores.js'
import { type TinyTransaction, tinyDatabase } from './tiny-transactions.js'
import type { World, WorldOptions } from './world.js'

const rawBody = createRequire(import.meta.url)('raw-body')
const PATIENCE_MS = 20_000
const CONTENT = JSON.stringify({ sku: 'tea' })
const OTHER = JSON.stringify({ sku: 'gum' })

/** What a handler says after its effect: that it is done. */
const YES = ['json', 'text', 'stream', 'slow', '204', '303', 'by itself', 'begun'] as const
/** What it says in place of an effect: that nothing happened. */
const NO = ['a refusal', 'a thrown refusal'] as const
/** What says nothing about the effect. */
const SILENCE = [
  ...(['an error', 'a status of others', '500', 'nothing', 'no Location', 'breaks'] as const),
  ...(['an end of others', 'an answer of others', 'content of others', 'a missing file'] as const),
  ...(['null', 'a broken pipe', 'no JSON', 'a lost answer', 'a lost request'] as const),
]
const DOORS = ['link', 'key', 'action', 'step', 'duplicate', 'link, step', 'key, step'] as const

/** Errors that are thrown alike on any server. */
export const ERRORS = {
  'an error': () => {
    throw new Error('planted')
  },
  'a status of others': () => {
    throw Object.assign(new Error('planted'), { status: 404 })
  },
  'an end of others': () => {
    throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  },
  'an answer of others': () => {
    throw createError(500, Object.assign(new Error('planted'), { status: 422 }))
  },
  'content of others': async () => {
    await rawBody(Readable.from([Buffer.alloc(9)]), { limit: 2 })
  },
  'a missing file': () => {
    throw createError(404, Object.assign(new Error('planted'), { code: 'ENOENT' }))
  },
  null: () => {
    throw null
  },
} as const

/** What JSON cannot say. */
export function circular(): object {
  const one: Record<string, unknown> = {}
  return Object.assign(one, { one })
}

/** Passes what is left of a content on to what fails. */
export async function pipeOn(content: Readable): Promise<void> {
  const failing = new Writable({ write: (_piece, _coding, done) => done(new Error('planted')) })
  await pipeline(content.readable ? content : Readable.from(['tea']), failing)
}

/** What a handler may say. */
export type Word = (typeof YES)[number] | (typeof NO)[number] | (typeof SILENCE)[number]

/** What a handler does when it is entered. */
interface Plan {
  /** Milliseconds before its effect, and after it. */
  readonly beforeMs: number
  readonly afterMs: number
  readonly says: Word
  /** Whether it reads the content itself. */
  readonly reads: boolean
  /** Whether it marks once more after the effect, as before a second one. */
  readonly marksAgain: boolean
}

/** One request. */
interface Sending {
  readonly atMs: number
  /** When the client leaves; `null` where it waits. */
  readonly leavesMs: number | null
  readonly isCut: boolean
  readonly isOther: boolean
  /** Another method than POST has no content. */
  readonly method: 'POST' | 'GET' | 'HEAD'
}

/** What chance has decided. */
export interface RandomApplication {
  /** The server; with ` on HTTP/2` behind it where that is spoken. */
  readonly on: string
  readonly store: StoreKind
  readonly door: (typeof DOORS)[number]
  readonly parses: boolean
  readonly marks: boolean
  /** Whether the effect is in the transaction of the innermost door. */
  readonly isTransactional: boolean
  /** How long a claim takes, in milliseconds. */
  readonly claimMs: number
  /** A call of the store that fails once: before it is done, or its reply is lost. */
  readonly fault: {
    readonly method: string
    readonly isDone: boolean
    readonly isSecond: boolean
  } | null
  readonly impatient: {
    readonly isOutermost: boolean
    readonly ms: number
    readonly status: number
  } | null
  /** How long the outermost middleware saves a session, in milliseconds. */
  readonly savesMs: number
  readonly plans: readonly [Plan, Plan]
  readonly sendings: readonly Sending[]
}

const plan: fc.Arbitrary<Plan> = fc.record({
  beforeMs: fc.constantFrom(0, 0, 3, 12),
  afterMs: fc.constantFrom(0, 0, 3, 12),
  says: fc.constantFrom<Word>(...YES, ...NO, ...NO, ...SILENCE),
  reads: fc.boolean(),
  marksAgain: fc.boolean(),
})

/** All of them, on some servers and a store. */
export function applicationsOn(
  servers: readonly string[],
  store: StoreKind,
): fc.Arbitrary<RandomApplication> {
  return fc.record({
    on: fc.constantFrom(...servers),
    store: fc.constant(store),
    door: fc.constantFrom(...DOORS),
    parses: fc.boolean(),
    marks: fc.boolean(),
    isTransactional: store === 'memory' ? fc.boolean() : fc.constant(false),
    claimMs: fc.constantFrom(0, 0, 6, 15),
    fault: fc.option(
      fc.record({
        method: fc.constantFrom(
          'claim',
          'mark',
          'complete',
          'attachBody',
          'release',
          'read',
          'confirm',
        ),
        isDone: fc.boolean(),
        isSecond: fc.boolean(),
      }),
    ),
    impatient: fc.option(
      fc.record({
        isOutermost: fc.boolean(),
        ms: fc.constantFrom(1, 5, 12),
        status: fc.constantFrom(504, 503, 408, 202),
      }),
    ),
    savesMs: fc.constantFrom(0, 0, 5),
    plans: fc.tuple(plan, plan),
    sendings: fc.array(
      fc.record({
        atMs: fc.constantFrom(0, 0, 4, 15),
        leavesMs: fc.option(fc.constantFrom(0, 4, 10, 25)),
        isCut: fc.constantFrom(false, false, false, true),
        isOther: fc.constantFrom(false, false, false, true),
        method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'GET', 'HEAD'),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
}

/** What is planted, to see that it is found. */
export interface Planted {
  readonly wrapStore?: WorldOptions['wrapStore']
  readonly rules?: Pick<ResourceOptions, 'reports' | 'success'>
}

/** An application that is served. */
export type Served = Pick<World, 'port' | 'server' | 'link' | 'close'> & {
  readonly once: Pick<World['once'], 'status'>
}

/** A handler that was entered: what it may do on any server. */
export interface Entered {
  readonly poe: Pick<RequestPoe<unknown>, 'pointOfNoReturn' | 'tx'>
  /** Reads the content, where nobody has. */
  readonly read: () => unknown
}

/** Serves an application. */
export type Serve = (trial: Trial, store: Parameters<Wrap>[0]) => Promise<Served>

type Wrap = NonNullable<WorldOptions['wrapStore']>

/**
 * Runs one, and asks once more when all is quiet.
 *
 * @returns what was wrong; nothing where all is well
 */
export async function tryApplication(
  given: RandomApplication,
  serve: Serve,
  planted: Planted = {},
): Promise<readonly string[]> {
  const trial = new Trial(given, planted)
  const { store, discard } = await openStore(given.store)
  const served = await serve(trial, trial.slow(store))
  const second = given.on.endsWith(' on HTTP/2') ? await overHttp2(served.server) : null
  try {
    return await trial.run(served, second ?? { port: served.port, isHttp2: false })
  } finally {
    second?.close()
    await served.close()
    await discard()
  }
}

/** One run of an application. */
export class Trial {
  readonly given: RandomApplication
  readonly planted: Planted
  /** Effects outside of a transaction, and those that were committed. */
  #effects = 0
  #rows: readonly string[] = []
  #entered = 0
  #atWork = 0
  /** Those of the store that one of fails. */
  #calls = 0
  readonly #said: Word[] = []
  /** Whether everybody is kind to requests, as to the last one. */
  isLast = false

  constructor(given: RandomApplication, planted: Planted) {
    this.given = given
    this.planted = planted
  }

  /** How often it took effect. */
  get effects(): number {
    return this.#effects + this.#rows.length
  }

  /** The rules of whoever names the operation. */
  get rules(): object {
    const { marks, isTransactional } = this.given
    const own = isTransactional ? { transactional: true } : { marks }
    return { ...own, ...this.planted.rules }
  }

  /** Whether somebody loses patience with a request. */
  isImpatient(method: string | undefined, isOutermost: boolean): boolean {
    const { impatient } = this.given
    return impatient?.isOutermost === isOutermost && !this.isLast && method === 'POST'
  }

  /** The store with claims that take their time. */
  slow: Wrap = store => {
    const { claimMs, fault, isTransactional } = this.given
    const inner = this.planted.wrapStore?.(store) ?? store
    const database = isTransactional ? tinyDatabase(inner) : null
    this.#rows = database?.rows ?? []
    return aroundStore(database?.store ?? inner, async (method, _key, call) => {
      if (method === 'claim' && !this.isLast && claimMs > 0) await pause(claimMs)
      if (method !== fault?.method || this.isLast) return await call()
      this.#calls += 1
      if (this.#calls !== (fault.isSecond ? 2 : 1)) return await call()
      if (fault.isDone) await call()
      throw new Error('ECONNRESET')
    })
  }

  /** Does what the plan says. @returns what is to be said then */
  async act({ poe, read }: Entered): Promise<Word> {
    const { plans, marks, isTransactional, door } = this.given
    const kind: Plan = { beforeMs: 0, afterMs: 0, says: 'json', reads: false, marksAgain: false }
    const acts = this.isLast ? kind : plans[this.#entered === 0 ? 0 : 1]
    this.#entered += 1
    this.#atWork += 1
    try {
      if (acts.reads) await read()
      if (acts.beforeMs > 0) await pause(acts.beforeMs)
      if (!isNo(acts.says)) {
        if (isTransactional) (poe.tx as TinyTransaction).write('tea')
        else {
          const mayMark = marks && !door.includes(',')
          if (mayMark) await poe.pointOfNoReturn()
          this.#effects += 1
          if (mayMark && acts.marksAgain) await poe.pointOfNoReturn()
        }
      }
      if (acts.afterMs > 0) await pause(acts.afterMs)
      this.#said.push(acts.says)
      return acts.says
    } finally {
      this.#atWork -= 1
    }
  }

  async run(served: Served, place: Place): Promise<string[]> {
    const { door, sendings, fault, impatient, isTransactional } = this.given
    const path = door.startsWith('link') ? await served.link() : await this.#pathOf(place)
    const answers = await Promise.all(sendings.map(each => this.#send(place, path, each)))
    await pause(30)
    const isQuiet = async () => this.#atWork === 0 && (await served.once.status()).atWork === 0
    const wrong: string[] = []
    await until(isQuiet, 'quiet', PATIENCE_MS).catch(() => wrong.push('something is left at work'))
    answers.forEach((status, at) => {
      if (status === 'hangs') wrong.push('no answer')
      if (typeof status !== 'number' || status === impatient?.status || this.effects > 0) return
      if (status < 400) wrong.push(`${status}, and no effect`)
      const isPost = sendings[at]?.method === 'POST'
      if (status === 405 && isPost) wrong.push('told as used, and no effect')
    })
    const said = [...this.#said]
    this.isLast = true
    const last = await this.#send(place, path, {
      ...({ atMs: 0, leavesMs: null, isCut: false, isOther: false, method: 'POST' } as const),
    })
    if (this.effects > 1) wrong.push(`${this.effects} effects`)
    // Whatever was said and undone before, everybody is kind to the last request.
    if (isTransactional && !door.includes(',') && fault === null && this.effects === 0)
      wrong.push('no effect')
    if (last === 'hangs' || last === 'left') wrong.push(`the last request: ${last}`)
    const isRun = this.#said.length > said.length
    // What is in a transaction may have been undone.
    if (isRun && !isTransactional && said.some(isYes)) wrong.push('run again after a success')
    const isPlain = impatient === null && fault === null && sendings.every(each => !each.isCut)
    if (isPlain && !isRun && said.every(isNo)) wrong.push(`not free after ${said}: ${last}`)
    return wrong.map(each => `${each}; answers ${answers}, said ${said}, last ${last}`)
  }

  /** Where a door is; an action has an address of its own. */
  async #pathOf(place: Place): Promise<string> {
    const path = `/${this.given.door.split(',')[0]}`
    if (this.given.door !== 'action') return path
    this.isLast = true
    const { stream, told } = openRequest(place, 'POST', path, { 'Content-Length': 0 })
    stream.end()
    const { location } = (await told).headers
    this.isLast = false
    return String(location)
  }

  /** Sends a request by hand: its content may be cut off. */
  async #send(place: Place, path: string, sending: Sending): Promise<number | 'hangs' | 'left'> {
    const { atMs, leavesMs, isCut, isOther, method } = sending
    const content = isOther ? OTHER : CONTENT
    await pause(atMs)
    const { stream, told } = openRequest(place, method, path, {
      ...(method === 'POST' && {
        ...{ 'Content-Type': 'application/json', 'Content-Length': content.length },
      }),
      ...{ 'Idempotency-Key': '"abcdefghijklmnop"', 'If-Match': '"0"' },
    })
    if (method !== 'POST') stream.end()
    else if (isCut) stream.write(content.slice(0, 5))
    else stream.end(content)
    const leaves = isCut ? (leavesMs ?? 5) : leavesMs
    const ways: Promise<number | 'hangs' | 'left'>[] = [
      ...[told.then(({ status }) => status || 'left'), unwatched(PATIENCE_MS, 'hangs' as const)],
      ...(leaves === null ? [] : [unwatched(leaves, 'left' as const)]),
    ]
    const how = await Promise.race(ways)
    stream.destroy()
    return how
  }
}

/** A time that keeps no process alive. */
function unwatched<What>(ms: number, what: What): Promise<What> {
  return pause(ms, what, { ref: ms < PATIENCE_MS })
}

function isYes(word: Word): boolean {
  return (YES as readonly Word[]).includes(word)
}

function isNo(word: Word): boolean {
  return (NO as readonly Word[]).includes(word)
}

/** Comes in pieces. */
export async function* slowly(): AsyncGenerator<Buffer> {
  yield Buffer.from('do')
  await pause(8)
  yield Buffer.from('ne')
}

/** Comes in pieces, and not to an end. */
export async function* breaking(): AsyncGenerator<Buffer> {
  yield* slowly()
  throw new Error('planted')
}
