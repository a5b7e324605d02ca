/**
 * What the shops of this folder sell, without a word of HTTP servers: what is asked goes in, what
 * is to be answered comes out. It lives in this process.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** An answer, for any server to send. */
export interface Answer {
  readonly status: number
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A shop. */
export class Shop {
  readonly #orders: unknown[] = []
  readonly #payments: unknown[] = []
  readonly #messages: unknown[] = []
  readonly #actions = new Map<string, unknown>()
  readonly #stock = new Map<string, { quantity: number; version: number }>()

  /** Takes an order of `{ sku, qty }`. */
  order(content: unknown): Answer {
    const { sku, qty } = membersOf(content)
    if (typeof sku !== 'string' || sku === '' || !isCount(qty)) return invalid('sku and qty')
    const id = this.#orders.push({ sku, qty })
    return created(`/orders/${id}`, { id, sku, qty })
  }

  /** Takes a payment of `{ amount }`. */
  pay(content: unknown): Answer {
    const { amount } = membersOf(content)
    if (!isCount(amount)) return invalid('amount')
    const id = this.#payments.push(amount)
    return created(`/payments/${id}`, { id, amount })
  }

  /** Sends a message of `{ to, text }`. */
  send(content: unknown): Answer {
    const { to, text } = membersOf(content)
    if (typeof to !== 'string' || typeof text !== 'string') return invalid('to and text')
    const id = this.#messages.push({ to, text })
    return created(`/messages/${id}`, { id, to, text })
  }

  /** Does what an action says. @param key - names it here as it does in the store */
  act(key: string, content: unknown): Answer {
    this.#actions.set(key, content)
    return { status: 201, body: { done: content } }
  }

  /** Undoes an action. */
  undo(key: string): Answer {
    this.#actions.delete(key)
    return { status: 204 }
  }

  /** Adds `{ add }` to the stock. */
  addStock(sku: string, content: unknown): Answer {
    const { add } = membersOf(content)
    if (typeof add !== 'number' || !Number.isInteger(add)) return invalid('add')
    const { quantity, version } = this.#at(sku)
    this.#stock.set(sku, { quantity: quantity + add, version: version + 1 })
    return this.stock(sku)
  }

  /** How much there is. */
  stock(sku: string): Answer {
    const { quantity } = this.#at(sku)
    return { status: 200, fields: { ETag: this.etag(sku) }, body: { sku, quantity } }
  }

  /** Names the state of the stock. */
  etag(sku: string): string {
    return `"${this.#at(sku).version}"`
  }

  /** One of the orders, payments or messages. */
  show(kind: 'orders' | 'payments' | 'messages', id: string): Answer {
    const all = { orders: this.#orders, payments: this.#payments, messages: this.#messages }[kind]
    const found = all[Number(id) - 1]
    return found === undefined ? { status: 404, body: { error: 'not here' } } : shown(found)
  }

  /** How much of everything was done. */
  ledger(): Answer {
    return shown({
      orders: this.#orders.length,
      payments: this.#payments.length,
      messages: this.#messages.length,
      actions: [...this.#actions.keys()],
    })
  }

  #at(sku: string) {
    return this.#stock.get(sku) ?? { quantity: 0, version: 1 }
  }
}

/**
 * What the shops may be asked for in the field `Demo-Fault`, to see what becomes of it:
 * `delay=800`, `fail=500`, or both with a comma.
 *
 * @returns the failure; `null` for none
 */
export async function faultAsked(field: unknown): Promise<Answer | null> {
  const asked = new Map(
    String(field ?? '')
      .split(',')
      .map(each => each.trim().split('=') as [string, string]),
  )
  const delayMs = Number(asked.get('delay') ?? 0)
  if (delayMs > 0 && delayMs <= 10_000) await sleep(delayMs)
  const status = Number(asked.get('fail') ?? 0)
  return status >= 400 && status <= 599 ? { status, body: { error: 'as asked' } } : null
}

function membersOf(content: unknown): Readonly<Record<string, unknown>> {
  return typeof content === 'object' && content !== null ? { ...content } : {}
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

function invalid(what: string): Answer {
  return { status: 422, body: { error: `${what} must be given` } }
}

function created(location: string, body: unknown): Answer {
  return { status: 201, fields: { Location: location }, body }
}

function shown(body: unknown): Answer {
  return { status: 200, body }
}
