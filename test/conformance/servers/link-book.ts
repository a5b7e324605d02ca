/**
 * What the independent server knows: its links, what came of them, and the orders. It stands in a
 * journal, a line for each event, so that a restarted server knows it too (POE draft, appendix A).
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { Answer } from './answers.js'
import type { Order } from './orders.js'

/** A POE resource. `outcome` is there when it is spent. */
export interface Link {
  readonly path: string
  readonly principal: string
  readonly expiresAtMs: number
  state: 'unspent' | 'running' | 'spent'
  outcome: Answer | null
  /** The order that spent it, as it was sent. */
  spentBy: { readonly text: string; readonly type: string } | null
}

/** A line of the journal. */
export type Entry =
  | {
      readonly kind: 'minted'
      readonly path: string
      readonly principal: string
      readonly expiresAtMs: number
    }
  | { readonly kind: 'ordered'; readonly number: number; readonly order: Order }
  | {
      readonly kind: 'spent'
      readonly path: string
      readonly status: number
      readonly fields: Readonly<Record<string, string>>
      /** In base64. */
      readonly body: string | null
    }

/** The journal and what it says. */
export interface Book {
  readonly links: ReadonlyMap<string, Link>
  readonly orders: ReadonlyMap<number, Order>
  /** One more than the number of links so far. */
  nextLink(): number
  nextOrder(): number
  /** Adds entries, all or none of them. */
  write(...entries: readonly Entry[]): void
  /** Calls back when the link is no longer running; returns how to stop waiting. */
  whenSettled(link: Link, wake: () => void): () => void
  /** Sets a link free, or tells those who wait that it is spent. */
  settle(link: Link, state: 'unspent' | 'spent'): void
}

/**
 * Opens a book.
 *
 * @param file - the journal; made with the first entry
 * @param recalls - which entries are believed when the journal is read again
 */
export function openBook(file: string, recalls: (entry: Entry) => boolean): Book {
  const links = new Map<string, Link>()
  const orders = new Map<number, Order>()
  const waiting = new Map<Link, Set<() => void>>()
  let lastOrder = 0

  const apply = (entry: Entry): void => {
    if (entry.kind === 'minted') {
      const { path, principal, expiresAtMs } = entry
      const fresh = { state: 'unspent', outcome: null, spentBy: null } as const
      links.set(path, { path, principal, expiresAtMs, ...fresh })
    } else if (entry.kind === 'ordered') {
      lastOrder = Math.max(lastOrder, entry.number)
      orders.set(entry.number, entry.order)
    } else {
      const link = links.get(entry.path)
      if (link === undefined) return
      const body = entry.body === null ? null : Buffer.from(entry.body, 'base64')
      link.outcome = { status: entry.status, fields: entry.fields, body }
      settle(link, 'spent')
    }
  }
  const settle = (link: Link, state: 'unspent' | 'spent'): void => {
    link.state = state
    const woken = waiting.get(link) ?? new Set()
    waiting.delete(link)
    for (const wake of woken) wake()
  }

  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  for (const entry of lines.map(line => JSON.parse(line) as Entry)) {
    if (recalls(entry)) apply(entry)
  }

  return {
    links,
    orders,
    nextLink: () => links.size + 1,
    nextOrder: () => lastOrder + 1,
    write: (...entries) => {
      appendFileSync(file, entries.map(entry => `${JSON.stringify(entry)}\n`).join(''))
      for (const entry of entries) apply(entry)
    },
    whenSettled: (link, wake) => {
      const woken = waiting.get(link) ?? new Set()
      waiting.set(link, woken.add(wake))
      return () => woken.delete(wake)
    },
    settle,
  }
}

/** The entry for a link that was used up with an answer. */
export function spentEntry(link: Link, { status, fields, body }: Answer): Entry {
  const text = body === null ? null : body.toString('base64')
  return { kind: 'spent', path: link.path, status, fields, body: text }
}
