/**
 * A server with Idempotency-Key, written from the draft alone: POST /payments {amount}. What it
 * decides can be overridden, so that it decides wrongly.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07
 */
import {
  type Asked,
  type DoorServer,
  faultIn,
  memberOf,
  refused,
  startPlain,
  type Told,
  told,
} from './plain.js'

/** A key and what became of its first request. */
export interface KeyRecord {
  readonly print: string
  /** The request that keeps the key although it has not come as a whole. */
  readonly owner: symbol | null
  readonly outcome: Promise<Told | null>
  /** The request that keeps the key, and since when. */
  readonly by: Asked
  readonly sinceMs: number
  isDone: boolean
  repeats: number
  /** It was there before a restart. */
  isOld: boolean
}

/** The decisions of the server; the defaults are right. */
export interface KeyBehaviour {
  readonly field: string
  readonly required: boolean
  /** `null`: no key; `undefined`: one that cannot be read. */
  reads(lines: readonly string[]): string | null | undefined
  whenMissing(): Told
  whenUnreadable(): Told
  scope(asked: Asked, key: string): string
  print(asked: Asked): string
  whenOther(record: KeyRecord, forget: () => void): Promise<Told> | Told
  /** `null` waits for the answer. */
  whenRunning(record: KeyRecord): Told | null
  /** The repeat is done once more. */
  runsAgain(record: KeyRecord, asked: Asked): boolean
  /** A payment is made besides what a repeat, or other content, is told. */
  paysAnyway(record: KeyRecord, asked: Asked): boolean
  replays(answer: Told): Told
  /** Changes what a repeat is told. */
  retells(answer: Told, record: KeyRecord, asked: Asked): Told
  readonly first: Readonly<Record<string, string>>
  /** What a payment is answered, but for its fields. */
  paid(payment: number, amount: number): Told
  /** Between looking for a key and keeping it, in milliseconds. */
  readonly claimPauseMs: number
  readonly runPauseMs: number
  /** So many payments are made of one request. */
  readonly pays: number
  /** Keeps the key only when all is done. */
  readonly claimsLate: boolean
  /** Keeps the key when the head has come. */
  readonly claimsEarly: boolean
  /** A refusal or a failure is kept as the outcome. */
  keeps(answer: Told, asked: Asked): boolean
  readonly policy: Told
  readonly remembers: boolean
}

const ITEM = /^"([\x20\x21\x23-\x5b\x5d-\x7e]+)"(?: *; *[a-z*][\w.*-]*(?:=[\w."*-]+)?)*$/

/** Right in everything. */
export const RIGHT_KEYS: KeyBehaviour = {
  field: 'Idempotency-Key',
  required: true,
  reads: lines => {
    const [line] = lines
    if (line === undefined) return null
    const key = ITEM.exec(line)?.[1]
    return lines.length > 1 || (key?.length ?? 256) > 255 ? undefined : key
  },
  whenMissing: () => refused(400, 'Send Idempotency-Key'),
  whenUnreadable: () => refused(400, 'Idempotency-Key is a text in quotes'),
  scope: ({ user, method, target }, key) => JSON.stringify([user, method, target, key]),
  print: ({ text }) => text,
  whenOther: () => refused(422, 'The key was used for something else'),
  whenRunning: () => refused(409, 'The first request is still running'),
  runsAgain: () => false,
  paysAnyway: () => false,
  retells: answer => answer,
  replays: answer => {
    const { 'Set-Cookie': _, ...fields } = answer.fields
    return { ...answer, fields: { ...fields, 'Idempotent-Replayed': 'true' } }
  },
  first: {},
  paid: (payment, amount) => told(201, { payment, amount }),
  claimPauseMs: 0,
  runPauseMs: 40,
  pays: 1,
  claimsLate: false,
  claimsEarly: false,
  keeps: answer => answer.status < 400,
  policy: told(200, { expires: 'after a day' }),
  remembers: true,
}

/** Starts it. */
export async function startKeyServer(some: Partial<KeyBehaviour> = {}): Promise<DoorServer> {
  const shop = new Shop({ ...RIGHT_KEYS, ...some })
  return await startPlain({
    begins: asked => shop.begins(asked),
    answer: (asked, pause) => shop.answer(asked, pause),
    restarted: () => shop.restarted(),
  })
}

type Pause = (ms: number) => Promise<void>

class Shop {
  readonly #behaviour: KeyBehaviour
  readonly #records = new Map<string, KeyRecord>()
  #payments = 0

  constructor(behaviour: KeyBehaviour) {
    this.#behaviour = behaviour
  }

  restarted(): void {
    if (!this.#behaviour.remembers) this.#records.clear()
    for (const record of this.#records.values()) record.isOld = true
  }

  begins(asked: Asked): void {
    if (!this.#behaviour.claimsEarly || asked.method !== 'POST') return
    const key = this.#behaviour.reads(asked.lines(this.#behaviour.field))
    if (typeof key !== 'string') return
    const scope = this.#behaviour.scope(asked, key)
    if (this.#records.has(scope)) return
    const outcome = Promise.resolve(null)
    this.#records.set(scope, recordOf('', asked.id, outcome, asked))
  }

  async answer(asked: Asked, pause: Pause): Promise<Told> {
    const { method, path } = asked
    if (path === '/ledger') return told(200, { payments: this.#payments })
    if (path === '/policy') return this.#behaviour.policy
    if (path !== '/payments') return refused(404, 'There is nothing here')
    if (method !== 'POST') return refused(405, 'Only POST')
    return await this.#post(asked, pause)
  }

  async #post(asked: Asked, pause: Pause): Promise<Told> {
    const behaviour = this.#behaviour
    const key = behaviour.reads(asked.lines(behaviour.field))
    if (key === undefined) return behaviour.whenUnreadable()
    if (key === null) {
      return behaviour.required ? behaviour.whenMissing() : await this.#pay(asked, pause)
    }
    const scope = behaviour.scope(asked, key)
    const known = this.#records.get(scope)
    if (known !== undefined && known.owner !== asked.id && !behaviour.runsAgain(known, asked)) {
      return await this.#repeat(asked, known, scope)
    }
    if (behaviour.claimPauseMs > 0) await pause(behaviour.claimPauseMs)
    return await this.#first(asked, scope, pause)
  }

  async #first(asked: Asked, scope: string, pause: Pause): Promise<Told> {
    const behaviour = this.#behaviour
    const outcome = this.#pay(asked, pause)
    const print = behaviour.print(asked)
    const record = recordOf(print, null, outcome, asked)
    if (!behaviour.claimsLate) this.#records.set(scope, record)
    const answer = await outcome
    record.isDone = true
    if (behaviour.keeps(answer, asked)) this.#records.set(scope, record)
    else this.#records.delete(scope)
    return answer
  }

  async #repeat(asked: Asked, record: KeyRecord, scope: string): Promise<Told> {
    const behaviour = this.#behaviour
    if (behaviour.paysAnyway(record, asked)) this.#payments += 1
    if (record.owner === null && record.print !== behaviour.print(asked)) {
      return await behaviour.whenOther(record, () => this.#records.delete(scope))
    }
    const busy = record.isDone ? null : behaviour.whenRunning(record)
    if (busy !== null) return busy
    const answer = await record.outcome
    record.repeats += 1
    if (answer === null) return refused(409, 'The key is in use')
    return behaviour.retells(behaviour.replays(answer), record, asked)
  }

  async #pay(asked: Asked, pause: Pause): Promise<Told> {
    await pause(faultIn(asked, 'slow') + this.#behaviour.runPauseMs)
    const status = faultIn(asked, 'fail')
    if (status > 0) return refused(status, 'As was asked for')
    const amount = memberOf(asked.text, 'amount')
    if (typeof amount !== 'number' || amount <= 0) return refused(422, 'amount is a number')
    this.#payments += this.#behaviour.pays
    const payment = this.#payments
    const own = { Location: `/payments/${payment}`, 'Set-Cookie': `seen=${payment}` }
    const fields = { ...own, ...this.#behaviour.first }
    const answer = this.#behaviour.paid(payment, amount)
    return { ...answer, fields: { ...answer.fields, ...fields } }
  }
}

function recordOf(
  print: string,
  owner: symbol | null,
  outcome: Promise<Told | null>,
  by: Asked,
): KeyRecord {
  const sinceMs = performance.now()
  return { print, owner, outcome, by, sinceMs, isDone: false, repeats: 0, isOld: false }
}
