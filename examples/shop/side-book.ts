/**
 * The shop's other books: payments, actions and messages, which are entries of one kind or another,
 * and the stock.
 */

/** What an entry is. */
export type EntryKind = 'payment' | 'action' | 'message'

/** An entry about to be written. */
export interface NewEntry {
  readonly kind: EntryKind
  readonly user: string
  /** By which it is taken back; `null` where that is not done. */
  readonly name: string | null
  /** JSON. */
  readonly content: unknown
}

/** An entry as written. */
export interface Entry extends NewEntry {
  readonly id: number
}

/** What is there of one sku. */
export interface Stock {
  readonly quantity: number
  /** Counts the changes: no state has the version of another. */
  readonly version: number
}

/** Keeps entries and the stock. `tx` gives `ctx.poe.tx`, for a transactional book. */
export interface SideBook<Tx = unknown> {
  /** Writes an entry. */
  add(entry: NewEntry, tx: () => Tx): Promise<Entry>
  /** Takes back the entry of a name. */
  remove(kind: EntryKind, name: string, tx: () => Tx): Promise<void>
  /** One entry, or `null` where that user has none of this kind and number. */
  find(kind: EntryKind, id: number, user: string): Promise<Entry | null>
  /** How many entries of a kind exist, of all users. */
  count(kind: EntryKind): Promise<number>
  /**
   * What is there of a sku; nothing of it is 0.
   *
   * @param tx - read in there; `null`: as it is now
   */
  stock(sku: string, tx: Tx | null): Promise<Stock>
  /** Changes what is there of a sku. */
  addStock(sku: string, add: number, tx: () => Tx): Promise<Stock>
}

const NOTHING: Stock = { quantity: 0, version: 0 }

/** Entries and stock in this process; they are gone with it. */
export function memorySideBook(): SideBook {
  const entries: (Entry | null)[] = []
  const stocks = new Map<string, Stock>()
  const ofKind = (kind: EntryKind) => entries.filter(entry => entry?.kind === kind)
  return {
    async add(entry) {
      const written = { id: entries.length + 1, ...entry }
      entries.push(written)
      return written
    },
    async remove(kind, name) {
      const at = entries.findIndex(entry => entry?.kind === kind && entry.name === name)
      if (at >= 0) entries[at] = null
    },
    async find(kind, id, user) {
      const entry = entries[id - 1] ?? null
      return entry?.kind === kind && entry.user === user ? entry : null
    },
    count: async kind => ofKind(kind).length,
    stock: async sku => stocks.get(sku) ?? NOTHING,
    async addStock(sku, add) {
      const { quantity, version } = stocks.get(sku) ?? NOTHING
      const changed = { quantity: quantity + add, version: version + 1 }
      stocks.set(sku, changed)
      return changed
    },
  }
}
