/**
 * Calls of one kind that go to a server together: those of one turn of the event loop, and those
 * that came while enough others were under way. Each has its own answer, its own failure and its
 * own deadline; where the server refuses a batch, each of it asks by itself.
 */
import { setImmediate } from 'node:timers'
import { PoeError } from '../errors.js'
import { endWait, startWait, Wait } from './within.js'

/** Together; what is larger by itself goes alone, so that nobody waits for it. */
const LARGEST_BYTES = 256 * 1_024
/** A batch that takes longer waits for somebody; the next one does not wait for that. */
const PATIENCE_MS = 20

/** How a kind of calls is made. */
export interface BatchKind<Item, Reply> {
  /** Gives a reply for each, `null` for one that is to ask by itself. */
  together(items: readonly Item[], withinMs: number): Promise<readonly (Reply | null)[]>
  alone(item: Item, withinMs: number): Promise<Reply>
  /** Whether a batch that failed so may be asked again, one by one. */
  isRefused(error: unknown): boolean
  /** What a call says that was not answered in time. */
  readonly noAnswer: string
  /** How many go together, at most. */
  readonly largest: number
  /** How large a call is, in bytes, where that may matter. */
  bytesOf(item: Item): number
  /** How many are under way at once, batches and single calls. */
  readonly most: number
}

/** A call and its deadline. */
class Asking<Item, Reply> extends Wait {
  readonly item: Item
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: unknown) => void
  readonly #noAnswer: string
  isOver = false

  constructor(
    item: Item,
    withinMs: number,
    noAnswer: string,
    resolve: (reply: Reply) => void,
    reject: (error: unknown) => void,
  ) {
    super(withinMs)
    this.#noAnswer = noAnswer
    this.item = item
    this.resolve = resolve
    this.reject = reject
  }

  giveUp(): void {
    this.fail(new PoeError('ERR_POE_STORE_DOWN', this.#noAnswer))
  }

  answer(reply: Reply): void {
    this.isOver = true
    endWait(this)
    this.resolve(reply)
  }

  fail(error: unknown): void {
    this.isOver = true
    endWait(this)
    this.reject(error)
  }
}

/** Gathers the calls of one kind. */
export class Batches<Item, Reply> {
  readonly #kind: BatchKind<Item, Reply>
  #waiting: Asking<Item, Reply>[] = []
  #underway = 0
  #isDue = false

  constructor(kind: BatchKind<Item, Reply>) {
    this.#kind = kind
  }

  /**
   * Makes a call, with those that come in the same turn of the event loop.
   *
   * @throws PoeError when it fails, or has no answer in time
   */
  ask(item: Item, withinMs: number): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      const asking = new Asking(item, withinMs, this.#kind.noAnswer, resolve, reject)
      startWait(asking)
      this.#waiting.push(asking)
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#isDue || this.#waiting.length === 0 || this.#underway >= this.#kind.most) return
    this.#isDue = true
    setImmediate(this.#sendWaiting)
  }

  readonly #sendWaiting = (): void => {
    this.#isDue = false
    while (this.#underway < this.#kind.most) {
      const batch = this.#next()
      if (batch.length === 0) return
      this.#underway += 1
      this.#send(batch)
    }
  }

  /** Takes what fits together; nobody who has been refused by now is sent. */
  #next(): Asking<Item, Reply>[] {
    const batch: Asking<Item, Reply>[] = []
    let bytes = 0
    let taken = 0
    for (const asking of this.#waiting) {
      bytes += this.#kind.bytesOf(asking.item)
      const isFull = batch.length >= this.#kind.largest || bytes > LARGEST_BYTES
      if (isFull && batch.length > 0) break
      taken += 1
      if (!asking.isOver) batch.push(asking)
    }
    this.#waiting.splice(0, taken)
    return batch
  }

  #send(batch: Asking<Item, Reply>[]): void {
    let isCounted = true
    const letOthers = (): void => {
      if (!isCounted) return
      isCounted = false
      this.#underway -= 1
      this.#wake()
    }
    const patience = setTimeout(letOthers, PATIENCE_MS)
    const ended = (): void => {
      clearTimeout(patience)
      // It may be old by now, and would keep what was asked by it from going.
      batch.length = 0
      letOthers()
    }
    const [first] = batch
    const sent = batch.length === 1 && first ? this.#alone(first) : this.#together(batch)
    sent.then(ended, ended)
  }

  async #together(batch: readonly Asking<Item, Reply>[]): Promise<void> {
    const items = batch.map(({ item }) => item)
    const leftMs = batch.reduce((most, asking) => Math.max(most, asking.leftMs()), 0)
    let replies: readonly (Reply | null)[] = []
    try {
      replies = await this.#kind.together(items, leftMs)
    } catch (error) {
      if (!this.#kind.isRefused(error)) {
        for (const asking of batch) asking.fail(error)
        return
      }
    }
    batch.forEach((asking, place) => {
      const reply = replies[place] ?? null
      if (reply !== null) asking.answer(reply)
      // The place of this batch is not kept for those that ask again.
      else if (!asking.isOver) this.#alone(asking).catch(() => {})
    })
  }

  async #alone(asking: Asking<Item, Reply>): Promise<void> {
    try {
      asking.answer(await this.#kind.alone(asking.item, asking.leftMs()))
    } catch (error) {
      asking.fail(error)
    }
  }
}
