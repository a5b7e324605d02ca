/**
 * What the independent server decides, as functions whose defaults are right. A wrong server
 * overrides one of them.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Answer, prefersHtml } from './answers.js'
import type { Entry, Link } from './link-book.js'
import type { Order, Refused } from './orders.js'

/** What the last word on an answer may depend on. */
export interface Seen {
  readonly request: IncomingMessage
  /** `handler`: what the order itself was answered, now; `link`: any other answer at a link. */
  readonly place: 'page' | 'mint' | 'link' | 'handler' | 'elsewhere'
  /** The state that the answer tells of; `absent` where there is no such link. */
  readonly state: Link['state'] | 'expired' | 'absent'
  readonly link: Link | null
  /** The POST was held until another one was decided. */
  readonly waited: boolean
}

/** A POST to a link, read. */
export interface Posted {
  readonly request: IncomingMessage
  readonly link: Link
  readonly text: string
  readonly type: string
}

/** The decisions of the server. */
export interface Behaviour {
  /** An answer to a request before anything is looked at; `null` to go on. */
  refusesUnseen(request: IncomingMessage): Answer | null
  /** Which link a request target names, and under which name its state is kept. */
  resolve(target: string): { readonly path: string; readonly record: string }
  /** The last segment of a new link. */
  newName(count: number): string
  /** Hands this link out again, rather than a new one. */
  handsOutAgain(link: Link): boolean
  /** A link as it is written in pages and fields. */
  writes(path: string): string
  /** The value of POE-Links; `null` for no field. */
  announces(link: string, request: IncomingMessage): string | null
  /** Fields of an answer with a link, besides those of the answer itself. */
  pageFields: Readonly<Record<string, string>>
  mayUse(link: Link, principal: string, method: string): boolean
  /** Takes a path that was never minted for a fresh link. */
  adoptsUnknown(path: string): boolean
  isExpired(link: Link, nowMs: number): boolean
  /** Another spelling of a spent link leads to it, whatever else is known by that name. */
  knowsSpent: boolean
  /** Tells that a link is spent before the content is asked for. */
  refusesAtHead: boolean
  whenSpent(posted: Posted): 'refuse' | 'run'
  whenRunning(posted: Posted): 'wait' | 'run'
  /** What becomes of a POST that has waited for one that failed. */
  whenFreed: 'claim' | 'refuse' | 'run'
  /** Between looking at a link and claiming it, in milliseconds. */
  claimPauseMs: number
  /** At least this long an order takes, in milliseconds. */
  handlerPauseMs: number
  /** Whether a method is treated as POST is. */
  runs(method: string): boolean
  /** Whether a request that is no POST uses the link up. */
  spends(request: IncomingMessage): boolean
  reopens(method: string): boolean
  /** Whether a refusal before the order was tried, or a status it reported, uses the link up. */
  burns(why: Refused | number, link: Link): boolean
  /** Whether an answer of the handler uses the link up. */
  isSuccess(outcome: Answer): boolean
  /** What an order is answered. */
  receipt(number: number, order: Order): unknown
  whenClientIsGone: 'counts' | 'undone' | 'lost'
  wantsHtml(request: IncomingMessage): boolean
  /** Which lines of the journal are believed after a restart. */
  recalls(entry: Entry): boolean
  /** Writes the order before it is carried out, and the mark after. */
  ordersEarly(request: IncomingMessage): boolean
  /** Writes an order besides, whatever is answered. */
  ordersToo(answer: Answer, seen: Seen): boolean
  /** The last word on every answer. */
  amends(answer: Answer, seen: Seen): Answer
}

/** Right in everything. */
export const RIGHT: Behaviour = {
  refusesUnseen: () => null,
  resolve: target => {
    const path = pathOf(target)
    return { path, record: path }
  },
  newName: count => `${12344 + count}-${randomBytes(16).toString('base64url')}`,
  handsOutAgain: () => false,
  writes: path => path,
  announces: link => `"${link}"`,
  pageFields: { 'Cache-Control': 'private, no-cache' },
  mayUse: (link, principal) => link.principal === principal,
  adoptsUnknown: () => false,
  isExpired: (link, nowMs) => nowMs >= link.expiresAtMs,
  knowsSpent: false,
  refusesAtHead: true,
  whenSpent: () => 'refuse',
  whenRunning: () => 'wait',
  whenFreed: 'claim',
  claimPauseMs: 0,
  handlerPauseMs: 0,
  runs: method => method === 'POST',
  spends: () => false,
  reopens: () => false,
  burns: () => false,
  isSuccess: () => true,
  receipt: (number, order) => ({ order: number, ...order }),
  whenClientIsGone: 'counts',
  wantsHtml: prefersHtml,
  recalls: () => true,
  ordersEarly: () => false,
  ordersToo: () => false,
  amends: answer => answer,
}

/** The path of a request target, as it is spelt. */
export function rawPathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/)[0] ?? ''
}

/** The path of a request target, plainly spelt: letters, digits and `-._~` are not encoded. */
export function pathOf(target: string): string {
  return rawPathOf(target).replace(/%[0-9a-f]{2}/gi, code => {
    const char = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return /[\w.~-]/.test(char) ? char : code
  })
}
