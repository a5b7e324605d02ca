/** What a run needs of the place where links and orders are kept. */
import type { OrderRow } from '../history.js'

/** A server that can be killed, at a port that shops reach through proxies. */
export interface StoreServer {
  /** Where the server is now; a failover may change it. */
  readonly port: number
  /** Ends it as `kill -9` would. */
  kill(): Promise<void>
  /** Starts it again, or what takes its place; resolves when it takes commands. */
  restart(): Promise<void>
  /** Stops its processes where they are, until {@link thaw}. */
  freeze(): void
  thaw(): void
}

/** A place for links and orders. */
export interface Backend {
  readonly title: string
  /** Orders are an effect outside the store's transactions. */
  readonly isExternal: boolean
  /** It may forget what it was told, and says so. */
  readonly mayForget: boolean
  /** The longest that a handler should dwell on what it has written, in milliseconds. */
  readonly dwellMs: number
  /** `null` where there is no server to kill. */
  readonly server: StoreServer | null
  /**
   * A file for orders that are kept apart from the store, as something out in the world; `null`
   * where they are kept in the shop's own way.
   */
  readonly ledger: string | null
  /**
   * What a shop gets as `POE_STORE`.
   *
   * @param port - of the proxy before the server; any where there is none
   */
  storeSetting(port: number): string
  /** Called once the shops have made their tables. */
  readied?(): Promise<void>
  /** Every order that there is, read past the shops. */
  orders(): Promise<OrderRow[]>
  /** Ends everything and removes it. */
  close(): Promise<void>
}
