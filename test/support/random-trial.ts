/** Runs an application of which chance has decided, and tells what must never be. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Reconciled } from '../../lib/engine/operation.js'
import type { ResourceOptions } from '../../lib/koa/options.js'
import type { RequestPoe } from '../../lib/koa/request-poe.js'
import { aroundStore } from './around-store.js'
import { until } from './meeting.js'
import { openRequest, overHttp2, type Place } from './open-request.js'
import type { Plan, RandomApplication, Sending } from './random-application.js'
import { openRows, type Rows } from './random-rows.js'
import { ERRORS, isNo, isYes, type Word } from './random-words.js'
import { openStore } from './stores.js'
import type { World, WorldOptions } from './world.js'

const PATIENCE_MS = 20_000
const CONTENT = JSON.stringify({ sku: 'tea' })
const OTHER = JSON.stringify({ sku: 'gum' })
/** More than is read ahead. */
const PADDING = ' '.repeat(1_200_000)
/** When the second half of a content comes. */
const HALF_MS = [3, 30]
const LEASE_MS = 100
/** How long a handler waits where a claim is to be over. */
const LONG_MS = 160
const KIND: Plan = {
  ...{ beforeMs: 0, afterMs: 0, says: 'json', reads: false, marksAgain: false, isLate: false },
}

/** What is planted, to see that it is found. */
export interface Planted {
  readonly wrapStore?: WorldOptions['wrapStore']
  readonly rules?: Pick<ResourceOptions, 'reports' | 'success' | 'reconcile'>
}

/** An application that is served. */
export type Served = Pick<World, 'port' | 'server' | 'link' | 'close'> & {
  readonly once: Pick<World['once'], 'status' | 'undecided' | 'settle'>
}

/** A handler that was entered: what it may do on any server. */
export interface Entered {
  readonly poe: Pick<RequestPoe<unknown>, 'pointOfNoReturn' | 'tx'>
  /** Reads the content, where nobody has. */
  readonly read: () => unknown
}

type Wrap = NonNullable<WorldOptions['wrapStore']>

/** Serves an application. */
export type Serve = (trial: Trial, store: Parameters<Wrap>[0]) => Promise<Served>

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
  const opened = await openStore(given.store)
  const trial = new Trial(given, planted)
  const store = await trial.open(opened)
  const servers = [await serve(trial, store), await serve(trial, store)]
  const places: Place[] = []
  const closing: (() => unknown)[] = []
  for (const { server, port } of servers) {
    const second = given.on.endsWith(' on HTTP/2') ? await overHttp2(server) : null
    places.push(second ?? { port, isHttp2: false })
    closing.push(() => second?.close())
  }
  try {
    return await trial.run(servers, places)
  } finally {
    for (const close of closing) close()
    for (const served of servers) await served.close()
    await trial.close()
    await opened.discard()
  }
}

/** One run of an application. */
export class Trial {
  readonly given: RandomApplication
  readonly planted: Planted
  /** Effects outside of a transaction. */
  readonly #effects = { done: 0, undone: 0 }
  /** And those inside. */
  #rows: Rows | null = null
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

  /** How often it took effect, or was undone. */
  async effects(what: 'done' | 'undone' = 'done'): Promise<number> {
    return this.#effects[what] + ((await this.#rows?.count(what)) ?? 0)
  }

  /** The options of `poe()`. */
  get options(): object {
    return { waitMs: 30, ...(isTimed(this.given) && { leaseMs: LEASE_MS }) }
  }

  /** The rules of whoever names the operation. */
  get rules(): object {
    const { marks, isTransactional } = this.given
    const own = isTransactional ? { transactional: true } : { marks }
    return { ...own, ...this.rulesOutside, ...this.planted.rules }
  }

  /** Those of a door around that one. */
  get rulesOutside(): object {
    const { releasesOnThrow, maxRunMs, decides, isTransactional } = this.given
    const isAsked = decides === 'application' && !isTransactional
    return {
      ...(releasesOnThrow && { releaseOnThrow: true }),
      ...(maxRunMs !== null && { maxRunMs }),
      ...(isAsked && { reconcile: () => this.#truth() }),
    }
  }

  /** Whether somebody loses patience with a request. */
  isImpatient(method: string | undefined, isOutermost: boolean): boolean {
    const { impatient } = this.given
    return impatient?.isOutermost === isOutermost && !this.isLast && method === 'POST'
  }

  /** Puts what is wrong with a store around it. */
  async open(opened: Parameters<typeof openRows>[1]): Promise<Parameters<Wrap>[0]> {
    const { claimMs, isTransactional, losesLeases } = this.given
    const inner = this.planted.wrapStore?.(opened.store) ?? opened.store
    if (isTransactional) {
      this.#rows = await openRows(this.given.store, { ...opened, store: inner }, isOver => {
        this.#failAt('commit', isOver)
      })
    }
    return aroundStore(this.#rows?.store ?? inner, async (method, _key, call) => {
      if (method === 'claim' && !this.isLast && claimMs > 0) await pause(claimMs)
      if (method === 'renew' && losesLeases && !this.isLast) throw new Error('ECONNRESET')
      this.#failAt(method, false)
      const reply = await call()
      this.#failAt(method, true)
      return reply
    })
  }

  async close(): Promise<void> {
    await this.#rows?.close()
  }

  #failAt(method: string, isOver: boolean): void {
    const { fault } = this.given
    if (fault === null || method !== fault.method || this.isLast) return
    if (!isOver) this.#calls += 1
    if (isOver === fault.isDone && this.#calls === (fault.isSecond ? 2 : 1)) {
      throw new Error('ECONNRESET')
    }
  }

  /** Does what the plan says. @returns what is to be said then */
  async act({ poe, read }: Entered): Promise<Word> {
    const acts = this.isLast ? KIND : this.#plan(this.#entered)
    this.#entered += 1
    this.#atWork += 1
    try {
      if (acts.reads) await read()
      if (acts.isLate) this.#later(this.#take(poe, acts))
      else await this.#take(poe, acts)
      if (acts.afterMs > 0) await pause(acts.afterMs)
      this.#said.push(acts.says)
      return acts.says
    } finally {
      this.#atWork -= 1
    }
  }

  #plan(entered: number): Plan {
    const { plans, releasesOnThrow } = this.given
    const { beforeMs, afterMs, says, isLate, marksAgain, ...acts } = plans[entered === 0 ? 0 : 1]
    const lasting = (ms: number) => (isTimed(this.given) && ms > 10 ? LONG_MS : ms)
    const isPlain = isYes(says) || isNo(says) || says in ERRORS
    return {
      ...acts,
      beforeMs: lasting(beforeMs),
      afterMs: lasting(afterMs),
      says: releasesOnThrow && !isPlain ? 'an error' : says,
      // Who says that throws mean that nothing happened keeps to it.
      marksAgain: marksAgain && !releasesOnThrow,
      isLate: isLate && !releasesOnThrow,
    }
  }

  async #take(poe: Entered['poe'], { beforeMs, says, marksAgain }: Plan): Promise<void> {
    const { marks, isTransactional, releasesOnThrow } = this.given
    if (beforeMs > 0) await pause(beforeMs)
    if (isNo(says) || (releasesOnThrow && !isYes(says))) return
    if (isTransactional) return await this.#write(poe, 'done')
    if (marks) await poe.pointOfNoReturn()
    this.#effects.done += 1
    if (marks && marksAgain) await poe.pointOfNoReturn()
  }

  async #write({ tx }: Entered['poe'], row: string): Promise<void> {
    await this.#rows?.write(tx, row)
  }

  #later(work: Promise<void>): void {
    this.#atWork += 1
    const over = () => {
      this.#atWork -= 1
    }
    work.then(over, over)
  }

  /** Undoes what an action has done. */
  async undo({ poe }: Entered): Promise<void> {
    this.#atWork += 1
    try {
      await pause(3)
      if (this.given.isTransactional) return await this.#write(poe, 'undone')
      if (this.given.marks) await poe.pointOfNoReturn()
      this.#effects.undone += 1
    } finally {
      this.#atWork -= 1
    }
  }

  /** What became of it. */
  async #truth(): Promise<Reconciled> {
    if (this.#atWork > 0) return { verdict: 'unknown' }
    if ((await this.effects()) === 0) return { verdict: 'did-not-happen' }
    return { verdict: 'happened', outcome: { location: '/orders/1' } }
  }

  async run(servers: readonly Served[], places: readonly Place[]): Promise<string[]> {
    const { door, sendings, decides } = this.given
    const [first] = places as [Place]
    const path = door.startsWith('link')
      ? await (servers[0] as Served).link()
      : await this.#pathOf(first)
    const answers = await Promise.all(
      sendings.map(each => this.#send(places[each.isElsewhere ? 1 : 0] as Place, path, each)),
    )
    await pause(30)
    const isQuiet = async () => {
      const status = await Promise.all(servers.map(({ once }) => once.status()))
      return this.#atWork === 0 && status.every(({ atWork }) => atWork === 0)
    }
    const wrong: string[] = []
    await until(isQuiet, 'quiet', PATIENCE_MS).catch(() => wrong.push('something is left at work'))
    if (isTimed(this.given)) await pause(LEASE_MS + 20)
    wrong.push(...judgeAnswers(this.given, answers, await this.effects()))
    const said = [...this.#said]
    this.isLast = true
    if (decides === 'operator') await this.#decide(servers[1] as Served)
    const last = await this.#sendLast(first, path)
    const isRun = this.#said.length > said.length
    const effects = await this.effects()
    const undone = await this.effects('undone')
    wrong.push(...judgeLast(this.given, { answers, said, last, isRun, effects, undone }))
    return wrong.map(each => `${each}; answers ${answers}, said ${said}, last ${last}`)
  }

  /** A claim whose client has left may be on its way back to the store. */
  async #sendLast(place: Place, path: string): Promise<Answer> {
    let answer: Answer = 409
    for (let tries = 0; answer === 409 && tries < 4; tries += 1) {
      if (tries > 0) await pause(50)
      answer = await this.#send(place, path, {
        ...({ atMs: 0, leavesMs: null, isCut: false, isOther: false, comes: 'at once' } as const),
        ...({ isElsewhere: false, method: 'POST' } as const),
      })
    }
    return answer
  }

  async #decide({ once }: Served): Promise<void> {
    for await (const record of once.undecided()) {
      await once.settle(record.key, record.owner, await this.#truth())
    }
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
  async #send(place: Place, path: string, sending: Sending): Promise<Answer> {
    const { atMs, leavesMs, isCut, isOther, comes } = sending
    const method = methodOf(this.given, sending)
    const content = (isOther ? OTHER : CONTENT) + (comes === 'large' ? PADDING : '')
    const isFramed = comes === 'in chunks' && !place.isHttp2
    await pause(atMs)
    const hasContent = method === 'POST' || method === 'PUT'
    const { stream, told } = openRequest(place, method, path, {
      ...(hasContent && {
        'Content-Type': 'application/json',
        ...(isFramed
          ? { 'Transfer-Encoding': 'chunked' }
          : comes !== 'in chunks' && { 'Content-Length': content.length }),
      }),
      ...{ 'Idempotency-Key': '"abcdefghijklmnop"', 'If-Match': '"0"' },
    })
    if (!hasContent) stream.end()
    else if (isCut) stream.write(content.slice(0, comes === 'large' ? 600_000 : 5))
    else if (comes === 'at once' || comes === 'large') stream.end(content)
    else {
      stream.write(content.slice(0, 5))
      setTimeout(() => stream.end(content.slice(5)), HALF_MS[atMs > 0 ? 1 : 0])
    }
    const leaves = isCut ? (leavesMs ?? 5) : leavesMs
    const ways: Promise<Answer>[] = [
      ...[told.then(({ status }) => status || 'left'), unwatched(PATIENCE_MS, 'hangs' as const)],
      ...(leaves === null ? [] : [unwatched(leaves, 'left' as const)]),
    ]
    const how = await Promise.race(ways)
    stream.on('error', () => {}).destroy()
    return how
  }
}

/** A status, or what came of a request without one. */
type Answer = number | 'hangs' | 'left'

/** What is known in the end. */
interface End {
  readonly answers: readonly Answer[]
  readonly said: readonly Word[]
  readonly last: Answer
  /** Whether the last request has run the handler. */
  readonly isRun: boolean
  readonly effects: number
  readonly undone: number
}

/** Only an action is asked by PUT and DELETE. */
function methodOf({ door }: RandomApplication, { method }: Sending): Sending['method'] {
  const isForActions = method === 'PUT' || method === 'DELETE'
  return isForActions && door !== 'action' ? 'POST' : method
}

/** Whether its handlers outlast their claims. */
function isTimed({ maxRunMs, losesLeases }: RandomApplication): boolean {
  return maxRunMs !== null || losesLeases
}

/** Whether a handler has let go of its effect, so that its own word is none. */
function isLoose({ plans }: RandomApplication): boolean {
  return plans.some(({ isLate }) => isLate)
}

function judgeAnswers(
  given: RandomApplication,
  answers: readonly Answer[],
  effects: number,
): string[] {
  const { impatient, sendings } = given
  const wrong: string[] = []
  answers.forEach((status, at) => {
    if (status === 'hangs') wrong.push('no answer')
    if (typeof status !== 'number' || status === impatient?.status || effects > 0) return
    const method = methodOf(given, sendings[at] as Sending)
    if (status < 400 && method !== 'DELETE' && !isLoose(given)) {
      wrong.push(`${status}, and no effect`)
    }
    if (status === 405 && method === 'POST' && !isLoose(given))
      wrong.push('told as used, and no effect')
  })
  return wrong
}

function judgeLast(given: RandomApplication, end: End): string[] {
  const { door, isTransactional, fault, decides } = given
  const { said, last, isRun, effects, undone } = end
  const wrong: string[] = []
  const isAlone = !door.includes(',')
  const keeps = /^(?:stripe|kept)/.test(door)
  const deletes = given.sendings.some(each => methodOf(given, each) === 'DELETE')
  if (effects > 1) wrong.push(`${effects} effects`)
  if (undone > effects && !isLoose(given)) wrong.push(`${undone} undone of ${effects}`)
  if (last === 'hangs' || last === 'left') wrong.push(`the last request: ${last}`)
  if (Number(last) < 400 && effects === 0 && !isLoose(given)) wrong.push(`the last: ${last}`)
  if (last === 405 && effects === 0 && !deletes && !isLoose(given))
    wrong.push('the last was told as used')
  // Whatever was said and undone before, everybody is kind to the last request.
  const isFair = fault === null && !isTimed(given) && !keeps && !deletes && !isLoose(given)
  if (isFair && isTransactional && isAlone && effects === 0) wrong.push('no effect')
  const isDecided = decides === 'operator' || (decides === 'application' && !isTransactional)
  if (isFair && isDecided && effects === 0) wrong.push('no effect, though decided')
  // What is in a transaction may have been undone.
  if (isRun && !isTransactional && said.some(isYes)) wrong.push('run again after a success')
  wrong.push(...judgeFreed(given, end, isFair))
  return wrong
}

/** Whether what was said keeps, or frees, what it has to. */
function judgeFreed(given: RandomApplication, { said, isRun, last }: End, isFair: boolean) {
  const { door, fault, impatient, sendings, releasesOnThrow, isTransactional, marks } = given
  const wrong: string[] = []
  const isPlain = impatient === null && fault === null && sendings.every(each => !each.isCut)
  const frees = (word: Word) => isNo(word) || (releasesOnThrow && word in ERRORS)
  if (isPlain && isFair && !isRun && said.every(frees))
    wrong.push(`not free after ${said}: ${last}`)
  const keepsAll = door === 'stripe' && !isTransactional && !marks && !releasesOnThrow
  if (isPlain && isRun && said.length > 0) {
    if (keepsAll) wrong.push('run again, though all is kept')
    if (door === 'kept' && said.some(isNo)) wrong.push('run again after a refusal that is kept')
  }
  return wrong
}

/** A time that keeps no process alive. */
function unwatched<What>(ms: number, what: What): Promise<What> {
  return pause(ms, what, { ref: ms < PATIENCE_MS })
}
