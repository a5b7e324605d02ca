/**
 * A client that orders through faults: it learns a link, sends its order there, and asks again at
 * the same link for as long as it does not know what became of it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { ask } from './exchange.js'
import type { Conclusion, Exchange, NamedOrder, OperationHistory } from './history.js'
import { judgeGet, judgePost, type Verdict } from './judge.js'
import type { OperationPlan } from './plan.js'

/** What clients need of the world. */
export interface ClientTools {
  /** The ports of the proxies before the shops. */
  readonly doors: readonly number[]
  /** Milliseconds since the run began. */
  readonly now: () => number
  /** No new tries after this; what is not known stays so until it is settled. */
  readonly stop: AbortSignal
}

/** A client sends an order at most so often, and for so long, before it leaves it for later. */
const TRIES = 14
const PATIENCE_MS = 12_000
/** In the end, when all is quiet, an answer must be had in this time. */
const SETTLE_MS = 15_000
/** An undecided link does not change by being asked; so often is enough. */
const UNDECIDED_TRIES = 3

/** Carries out one order as far as it comes. */
export async function perform(plan: OperationPlan, tools: ClientTools): Promise<OperationHistory> {
  const operation = new Operation(plan, tools)
  await operation.run()
  return operation.history
}

/** Asks about an order until it is known what became of it, now that everything is up. */
export async function settle(
  plan: OperationPlan,
  history: OperationHistory,
  tools: ClientTools,
): Promise<void> {
  await new Operation(plan, tools, history).settle()
}

class Operation {
  readonly history: OperationHistory
  readonly #plan: OperationPlan
  readonly #tools: ClientTools
  /** Whether a try that was sent before may have reached the server. */
  #mayHaveArrived: boolean

  constructor(plan: OperationPlan, tools: ClientTools, history?: OperationHistory) {
    const { index, sku, qty, user } = plan
    this.#plan = plan
    this.#tools = tools
    this.history = history ?? {
      ...{ index, sku, qty, user, link: null, exchanges: [], told: [], conclusion: 'unknown' },
    }
    this.#mayHaveArrived = this.history.exchanges.some(({ method }) => method === 'POST')
  }

  async run(): Promise<void> {
    const { now, stop } = this.#tools
    const giveUpMs = now() + PATIENCE_MS
    const goesOn = (tries: number) => tries < TRIES && now() < giveUpMs && !stop.aborted
    if (!(await this.#learnLink(goesOn))) return
    if (this.#plan.badFirst && !(await this.#sendBadOrder(goesOn))) return
    for (let tries = 0; goesOn(tries); tries += 1) {
      if (await this.#try(tries === 0 && this.#plan.twin)) break
    }
    const isAccepted = this.history.conclusion === 'accepted'
    // Somebody presses the button again, or a proxy in between does.
    if (isAccepted && this.#plan.repeats && !stop.aborted) await this.#try(false)
  }

  async settle(): Promise<void> {
    const giveUpMs = this.#tools.now() + SETTLE_MS
    let undecided = 0
    while (this.#tools.now() < giveUpMs && undecided < UNDECIDED_TRIES) {
      if (await this.#try(false)) break
      if (this.history.conclusion === 'undecided') undecided += 1
    }
  }

  async #learnLink(goesOn: (tries: number) => boolean): Promise<boolean> {
    for (let tries = 0; goesOn(tries); tries += 1) {
      const { exchange, json } = await this.#ask('GET', 'basket', '/basket', null)
      if (exchange.status === 200 && typeof json?.link === 'string') {
        this.history.link = json.link
        return true
      }
      await this.#breathe(exchange)
    }
    return false
  }

  /** An order that cannot be placed must leave the link open. */
  async #sendBadOrder(goesOn: (tries: number) => boolean): Promise<boolean> {
    for (let tries = 0; goesOn(tries); tries += 1) {
      const exchange = await this.#post('bad order')
      const verdict = judgePost(exchange, this.#mayHaveArrived)
      this.#mayHaveArrived = true
      if (verdict.kind === 'open') return true
      if (this.#note(verdict)) return false
      await this.#breathe(exchange)
    }
    return false
  }

  /** Sends the order once, or twice at the same time; tells whether it is settled. */
  async #try(isTwin: boolean): Promise<boolean> {
    const sent = isTwin ? [this.#post('order'), this.#post('order')] : [this.#post('order')]
    const exchanges = await Promise.all(sent)
    const mayHaveArrived = this.#mayHaveArrived || isTwin
    this.#mayHaveArrived ||= exchanges.some(({ ended }) => ended !== 'refused')
    let isSettled = false
    for (const exchange of exchanges) {
      const verdict = judgePost(exchange, mayHaveArrived)
      if (this.#note(verdict)) isSettled = true
      if (verdict.kind === 'accepted earlier') await this.#getResult()
    }
    const [first] = exchanges
    if (!isSettled && first !== undefined) await this.#breathe(first)
    return isSettled
  }

  /** The order itself, where the answer to the POST only said that there is one. */
  async #getResult(): Promise<void> {
    const { link } = this.history
    for (let tries = 0; link !== null && tries < 3; tries += 1) {
      const { exchange } = await this.#ask('GET', 'result', link, null)
      const verdict = judgeGet(exchange)
      this.#note(verdict)
      if (verdict.kind !== 'again') return
      await this.#breathe(exchange)
    }
  }

  /** Notes what was told; `true` when that settles it. */
  #note(verdict: Verdict): boolean {
    switch (verdict.kind) {
      case 'accepted':
        return this.#tell('accepted', verdict.how, verdict.order)
      case 'accepted earlier':
        return this.#tell('accepted', '405 used', null)
      case 'refused':
        return this.#tell('not accepted', verdict.how, null)
      case 'forgotten':
        return this.#conclude('forgotten')
      case 'open':
        return false
      case 'again':
        this.#conclude(verdict.why)
        return false
    }
  }

  #tell(kind: 'accepted' | 'not accepted', how: string, order: NamedOrder | null): true {
    this.history.told.push({ atMs: this.#tools.now(), kind, how, order })
    return this.#conclude(kind)
  }

  /** The first thing that is certain stays. */
  #conclude(conclusion: Conclusion): true {
    const known = this.history.conclusion
    if (known !== 'accepted' && known !== 'not accepted') this.history.conclusion = conclusion
    return true
  }

  async #post(what: 'order' | 'bad order'): Promise<Exchange> {
    const { sku } = this.history
    const qty = what === 'order' ? this.history.qty : 0
    const body = JSON.stringify({ sku, qty })
    return (await this.#ask('POST', what, this.history.link ?? '/', body)).exchange
  }

  async #ask(
    method: 'GET' | 'POST',
    what: Exchange['what'],
    path: string,
    body: string | null,
  ): Promise<Awaited<ReturnType<typeof ask>>> {
    const { doors, now } = this.#tools
    const { random } = this.#plan
    const shop = random.whole(0, doors.length - 1)
    const port = doors[shop] ?? 0
    // Some give up while the shop is still at work.
    const timeoutMs = random.chance(0.15) ? random.whole(150, 600) : 3_000
    const { user } = this.history
    const asked = await ask({ method, what, path, user, body, shop, port, timeoutMs }, now)
    this.history.exchanges.push(asked.exchange)
    return asked
  }

  /** Less than `Retry-After` asks for: an impatient client is the harder test. */
  async #breathe({ retryAfterMs }: Exchange): Promise<void> {
    const jitterMs = this.#plan.random.whole(10, 150)
    const { stop } = this.#tools
    const waitMs = Math.min(retryAfterMs ?? 0, 350) + jitterMs
    await pause(waitMs, undefined, { signal: stop }).catch(() => {})
  }
}
