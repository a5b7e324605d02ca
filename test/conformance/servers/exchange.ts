/**
 * A request at the independent server and what belongs to it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Behaviour, Seen } from './behaviour.js'
import type { Book } from './link-book.js'

/** The ways of handing out links. */
export type Style = 'draft' | 'mint' | 'header'

/** Where a style has its page and its links. */
export const STYLES: Readonly<Record<Style, { readonly page: string; readonly links: string }>> = {
  draft: { page: '/accounts/bob/new-order', links: '/accounts/bob/orders/' },
  mint: { page: '/links', links: '/links/' },
  header: { page: '/page', links: '/once/' },
}

/** One run of the server, from start to stop. */
export interface Site {
  readonly style: Style
  readonly waitMs: number
  readonly lifetimeMs: number
  readonly fieldDecides: boolean
  readonly behaviour: Behaviour
  readonly book: Book
  readonly stopped: AbortSignal
}

/** One request. */
export interface Exchange {
  readonly site: Site
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly method: string
  readonly target: string
  readonly principal: string
  readonly waitsForContinue: boolean
  /** Refusals are pages. */
  readonly asHtml: boolean
  readonly seen: Seen
}

/** What a request asks for by `X-Fault: slow=<ms>, fail=<status>, lifetime=<ms>`. */
export function faultOf(
  request: IncomingMessage,
  name: 'slow' | 'fail' | 'lifetime',
): number | null {
  const members = String(request.headers['x-fault'] ?? '').split(',')
  const found = members.map(each => each.trim().split('=')).find(([key]) => key === name)?.[1]
  return found !== undefined && /^\d{1,7}$/.test(found) ? Number(found) : null
}
