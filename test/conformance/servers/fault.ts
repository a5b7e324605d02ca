/**
 * A deliberate fault, and what several of them do to an answer.
 */
import type { IncomingMessage } from 'node:http'
import { type Answer, withFields, withoutFields } from './answers.js'
import type { Behaviour, Seen } from './behaviour.js'
import type { IndependentOptions } from './independent.js'

/** One fault of an otherwise right server. */
export interface Fault {
  readonly name: string
  /** What the server does wrong. */
  readonly says: string
  /** The requirements that it breaks. */
  readonly breaks: readonly string[]
  /** How the independent server is started, so that the fault can be seen. */
  readonly options: IndependentOptions
}

/** Makes a fault. */
export function fault(
  name: string,
  breaks: string,
  says: string,
  behaviour: Partial<Behaviour>,
  options: IndependentOptions = {},
): Fault {
  return { name, says, breaks: breaks.split(' '), options: { ...options, behaviour } }
}

/** Changes those answers that meet a condition. */
export function where(
  meets: (seen: Seen, answer: Answer) => boolean,
  change: (answer: Answer, seen: Seen) => Answer,
): Pick<Behaviour, 'amends'> {
  return {
    amends: (answer, seen) => (meets(seen, answer) ? change(answer, seen) : answer),
  }
}

/** An answer that hands out a link. */
export function isPage({ place }: Seen): boolean {
  return place === 'page' || place === 'mint'
}

/** The refusal of a POST to a spent link. */
export function isReuse({ place, state, request }: Seen): boolean {
  return place === 'link' && state === 'spent' && request.method === 'POST'
}

/** A GET of a spent link. */
export function isResult({ place, state, request }: Seen): boolean {
  return place === 'link' && state === 'spent' && request.method === 'GET'
}

/** A GET or HEAD of a spent link. */
export function isLook({ place, state, request }: Seen): boolean {
  return place === 'link' && state === 'spent' && ['GET', 'HEAD'].includes(request.method ?? '')
}

/** Gives an answer another status, in its document too. */
export function restated(answer: Answer, status: number): Answer {
  const text = answer.body?.toString().replace(/"status":\d+/, `"status":${status}`)
  return { ...answer, status, body: text === undefined ? null : Buffer.from(text) }
}

/** Sets fields, or drops those that are `null`. */
export function refielded(answer: Answer, fields: Readonly<Record<string, string | null>>): Answer {
  const entries = Object.entries(fields)
  const set = entries.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))
  return withFields(withoutFields(answer, ...Object.keys(fields)), Object.fromEntries(set))
}

/** The answer that the link was spent with, instead of a refusal. */
export function replayed(refused: Answer, { link }: Seen): Answer {
  if (link?.outcome == null) return refused
  const bare = refielded(refused, { Link: null, 'Content-Type': null })
  return { ...link.outcome, fields: { ...bare.fields, ...link.outcome.fields } }
}

/** Where the result of a link is. */
export function resultOf({ link }: Seen): string {
  return link?.outcome?.fields.Location ?? link?.path ?? '/'
}

/** A field of a request, as text. */
export function fieldOf(request: IncomingMessage, name: string): string {
  return String(request.headers[name] ?? '')
}
