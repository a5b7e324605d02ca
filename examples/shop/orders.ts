/** The order book: what an order is, and the book of a process that keeps nothing. */
import type { OrderInput } from './validate.js'

/** An order about to be written. */
export interface NewOrder extends OrderInput {
  readonly user: string
  /** When, as an ISO 8601 date and time in UTC. */
  readonly placedAt: string
}

/** An order as placed. */
export interface Order extends NewOrder {
  readonly id: number
}

/** What `GET /ledger` counts. */
export interface Ledger {
  readonly orders: number
  readonly payments: number
  readonly messages: number
  /** Entries into the order handler since this process started. */
  readonly runs: number
}

/** Keeps orders. Users see their own; only the count is everybody's. */
export interface OrderBook<Tx = unknown> {
  /** `true`: `add` writes in the transaction that also makes the link spent. */
  readonly transactional: boolean
  /**
   * Writes an order.
   *
   * @param tx - gives `ctx.poe.tx`; called only by a transactional book
   */
  add(order: NewOrder, tx: () => Tx): Promise<Order>
  /** A user's latest orders, at most {@link LIST_LIMIT}, newest first. */
  list(user: string): Promise<readonly Order[]>
  /** One order, or `null` where that user has none of this number. */
  find(id: number, user: string): Promise<Order | null>
  /** How many orders exist, of all users. */
  count(): Promise<number>
}

/** How many orders a list shows. */
export const LIST_LIMIT = 100

/** Orders in this process; they are gone with it. */
export function memoryBook(): OrderBook {
  const orders: Order[] = []
  return {
    transactional: false,
    async add(order) {
      const placed = { id: orders.length + 1, ...order }
      orders.push(placed)
      return placed
    },
    async list(user) {
      const own = orders.filter(order => order.user === user)
      return own.reverse().slice(0, LIST_LIMIT)
    },
    async find(id, user) {
      return orders.find(order => order.id === id && order.user === user) ?? null
    },
    async count() {
      return orders.length
    },
  }
}
