/**
 * An application of which chance decides: the door, what its handler does and says, and when; who
 * around it loses patience; and how often it is asked, by clients that leave. What must never be is
 * the same for all.
 */
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import * as fc from 'fast-check'
import type { Context, Next } from 'koa'
import type { ResourceOptions } from '../../lib/koa/options.js'
import { aroundStore } from './around-store.js'
import { until } from './meeting.js'
import { startWorld, type World, type WorldOptions } from './world.js'

const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }
const PATIENCE_MS = 20_000
const CONTENT = JSON.stringify({ sku: 'tea' })
const OTHER = JSON.stringify({ sku: 'gum' })

/** What a handler says after its effect: that it is done. */
const YES = ['json', 'text', 'stream', 'slow', '204', '303', 'past Koa', 'begun'] as const
/** What it says in place of an effect: that nothing happened. */
const NO = ['a refusal', 'a thrown refusal'] as const
/** What says nothing about the effect. */
const SILENCE = ['an error', 'a status of others', '500', 'nothing', 'no Location'] as const
const DOORS = ['link', 'key', 'step', 'duplicate', 'link, step', 'key, step'] as const

type Word = (typeof YES)[number] | (typeof NO)[number] | (typeof SILENCE)[number]
type Entry = 'key' | 'duplicate' | 'step'

/** What a handler does when it is entered. */
interface Plan {
  /** Milliseconds before its effect, and after it. */
  readonly beforeMs: number
  readonly afterMs: number
  readonly says: Word
  /** Whether it reads the content itself. */
  readonly reads: boolean
}

/** One request. */
interface Sending {
  readonly atMs: number
  /** When the client leaves; `null` where it waits. */
  readonly leavesMs: number | null
  readonly isCut: boolean
  readonly isOther: boolean
}

/** What chance has decided. */
export interface RandomApplication {
  readonly koa: 2 | 3
  readonly door: (typeof DOORS)[number]
  readonly parses: boolean
  readonly marks: boolean
  /** How long a claim takes, in milliseconds. */
  readonly claimMs: number
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
})

/** All of them. */
export const applications: fc.Arbitrary<RandomApplication> = fc.record({
  koa: fc.constantFrom(3 as const, 2 as const),
  door: fc.constantFrom(...DOORS),
  parses: fc.boolean(),
  marks: fc.boolean(),
  claimMs: fc.constantFrom(0, 0, 6, 15),
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
    }),
    { minLength: 1, maxLength: 4 },
  ),
})

/** What is planted, to see that it is found. */
export interface Planted {
  readonly wrapStore?: WorldOptions['wrapStore']
  readonly rules?: Pick<ResourceOptions, 'reports' | 'success'>
}

/**
 * Runs one, and asks once more when all is quiet.
 *
 * @returns what was wrong; nothing where all is well
 */
export async function tryApplication(
  given: RandomApplication,
  planted: Planted = {},
): Promise<readonly string[]> {
  const trial = new Trial(given)
  const world = await startWorld(
    { store: 'memory', koa: given.koa, at: 'root' },
    trial.options(planted),
  )
  try {
    return await trial.run(world)
  } finally {
    await world.close()
  }
}

/** One run of an application. */
class Trial {
  readonly #given: RandomApplication
  #effects = 0
  #entered = 0
  #atWork = 0
  readonly #said: Word[] = []
  /** Whether the last request is sent, to which everybody is kind. */
  #isLast = false

  constructor(given: RandomApplication) {
    this.#given = given
  }

  options({ wrapStore, rules }: Planted): WorldOptions {
    const { parses, marks, claimMs, impatient, door } = this.#given
    const isNested = door.includes(',')
    const own = { marks, ...rules }
    return {
      parse: parses,
      poe: { waitMs: 30 },
      resource: isNested ? {} : own,
      outside: impatient?.isOutermost === false ? [this.#impatient] : [],
      wrapStore: store =>
        aroundStore(wrapStore?.(store) ?? store, async (method, _key, call) => {
          if (method === 'claim' && !this.#isLast && claimMs > 0) await pause(claimMs)
          return call()
        }),
      handler: this.#handle,
      extend: (app, router, once) => {
        app.middleware.unshift(this.#saves as never)
        if (impatient?.isOutermost === true) app.middleware.unshift(this.#impatient as never)
        const validator = () => ({ etag: `"${this.#effects}"` })
        const step = once.conditional({ name: 'step', validator, ...own })
        if (door === 'link, step') app.use(step)
        const key = once.idempotencyKey({ name: 'key', ...KEPT, ...(isNested ? {} : own) })
        const identity = () => 'the same'
        const duplicate = { name: 'duplicate', identity, windowMs: 60_000, ...own }
        const entries = { key, step, duplicate: once.detectDuplicates(duplicate) }
        const outside = impatient?.isOutermost === false ? [this.#impatient] : []
        const inside = door === 'key, step' ? [step] : []
        for (const name of ['key', 'step', 'duplicate'] as const) {
          const more = name === 'key' ? inside : []
          router.post(`/${name}`, ...outside, entries[name], ...more, this.#handle as never)
        }
      },
    }
  }

  async run(world: World): Promise<string[]> {
    const { door, sendings, impatient } = this.#given
    const path = door.startsWith('link') ? await world.link() : `/${door.split(',')[0] as Entry}`
    const answers = await Promise.all(sendings.map(each => this.#send(world, path, each)))
    await pause(30)
    const isQuiet = async () => this.#atWork === 0 && (await world.once.status()).atWork === 0
    const wrong: string[] = []
    await until(isQuiet, 'quiet', PATIENCE_MS).catch(() => wrong.push('something is left at work'))
    const effects = this.#effects
    for (const status of answers) {
      if (status === 'hangs') wrong.push('no answer')
      if (typeof status !== 'number' || status === impatient?.status) continue
      if (status < 400 && effects === 0) wrong.push(`${status}, and no effect`)
      if (status === 405 && effects === 0) wrong.push('told as used, and no effect')
    }
    const said = [...this.#said]
    this.#isLast = true
    const last = await this.#send(world, path, {
      atMs: 0,
      leavesMs: null,
      isCut: false,
      isOther: false,
    })
    if (this.#effects > 1) wrong.push(`${this.#effects} effects`)
    if (last === 'hangs' || last === 'left') wrong.push(`the last request: ${last}`)
    const isRun = this.#said.length > said.length
    if (isRun && said.some(isYes)) wrong.push('run again after a success')
    const isPlain = impatient === null && sendings.every(each => !each.isCut)
    if (isPlain && !isRun && said.every(isNo)) wrong.push(`not free after ${said}: ${last}`)
    return wrong.map(each => `${each}; answers ${answers}, said ${said}, last ${last}`)
  }

  /** Sends a request by hand: its content may be cut off. */
  #send(world: World, path: string, { atMs, leavesMs, isCut, isOther }: Sending) {
    const content = isOther ? OTHER : CONTENT
    const headers = {
      ...{ 'Content-Type': 'application/json', 'Content-Length': content.length },
      ...{ 'Idempotency-Key': '"abcdefghijklmnop"', 'If-Match': '"0"' },
    }
    return new Promise<number | 'hangs' | 'left'>(resolve => {
      const { port } = world
      const sent = request({ port, host: '127.0.0.1', path, method: 'POST', headers, agent: false })
      const leave = (how: 'hangs' | 'left') => {
        resolve(how)
        sent.destroy()
      }
      const patience = setTimeout(leave, PATIENCE_MS, 'hangs')
      sent.on('error', () => resolve('left'))
      sent.on('close', () => clearTimeout(patience))
      sent.on('response', response => {
        response.on('error', () => resolve(response.statusCode ?? 0))
        response.on('end', () => resolve(response.statusCode ?? 0)).resume()
      })
      const leaves = isCut ? (leavesMs ?? 5) : leavesMs
      setTimeout(() => {
        if (isCut) sent.write(content.slice(0, 5))
        else sent.end(content)
        if (leaves !== null) setTimeout(leave, leaves, 'left')
      }, atMs)
    })
  }

  readonly #impatient = async (ctx: Context, next: Next): Promise<void> => {
    const { impatient } = this.#given
    if (impatient === null || this.#isLast || ctx.method !== 'POST') return await next()
    const { ms, status } = impatient
    const isOver = await Promise.race([next().then(() => false), pause(ms, true)])
    if (!isOver || ctx.headerSent) return
    ctx.status = status
    ctx.body = 'too slow'
  }

  readonly #saves = async (_ctx: Context, next: Next): Promise<void> => {
    await next()
    const { savesMs } = this.#given
    if (savesMs > 0) await pause(savesMs)
  }

  readonly #handle = async (ctx: Context): Promise<void> => {
    const { plans, marks, door } = this.#given
    const kind = { beforeMs: 0, afterMs: 0, says: 'json', reads: false } as const
    const acts = this.#isLast ? kind : plans[this.#entered === 0 ? 0 : 1]
    this.#entered += 1
    this.#atWork += 1
    try {
      if (acts.reads && Reflect.get(ctx.request, 'body') === undefined)
        for await (const _ of ctx.req);
      if (acts.beforeMs > 0) await pause(acts.beforeMs)
      if (!isNo(acts.says)) {
        if (marks && !door.startsWith('link,') && !door.startsWith('key,'))
          await ctx.poe.pointOfNoReturn()
        this.#effects += 1
      }
      if (acts.afterMs > 0) await pause(acts.afterMs)
      this.#said.push(acts.says)
      say(ctx, acts.says)
    } finally {
      this.#atWork -= 1
    }
  }
}

function isYes(word: Word): boolean {
  return (YES as readonly Word[]).includes(word)
}

function isNo(word: Word): boolean {
  return (NO as readonly Word[]).includes(word)
}

async function* slowly() {
  yield 'do'
  await pause(8)
  yield 'ne'
}

const WORDS: Readonly<Record<Word, (ctx: Context) => void>> = {
  json: ctx => {
    ctx.status = 201
    ctx.set('Location', '/orders/1')
    ctx.body = { done: true }
  },
  text: ctx => {
    ctx.body = 'done'
  },
  stream: ctx => {
    ctx.body = Readable.from(['do', 'ne'])
  },
  slow: ctx => {
    ctx.body = Readable.from(slowly())
  },
  '204': ctx => {
    ctx.status = 204
  },
  '303': ctx => {
    ctx.status = 303
    ctx.set('Location', '/orders/1')
  },
  'past Koa': ctx => {
    ctx.respond = false
    ctx.res.statusCode = 201
    ctx.res.end('done')
  },
  begun: ctx => {
    ctx.status = 201
    ctx.flushHeaders()
    ctx.body = 'done'
  },
  'a refusal': ctx => {
    ctx.status = 422
    ctx.body = 'no tea'
  },
  'a thrown refusal': ctx => ctx.throw(409, 'no tea'),
  'an error': () => {
    throw new Error('planted')
  },
  'a status of others': () => {
    throw Object.assign(new Error('planted'), { status: 404 })
  },
  '500': ctx => {
    ctx.status = 500
  },
  nothing: () => {},
  'no Location': ctx => {
    ctx.status = 303
  },
}

function say(ctx: Context, word: Word): void {
  WORDS[word](ctx)
}
