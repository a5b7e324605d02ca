/**
 * Attempts as spans: from a claim to its answer, and what happened to the record meanwhile.
 */
import { type Attributes, type Span, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { ChannelEvent } from '../engine/ports.js'
import { type Instruments, resourceIn } from './instruments.js'

/** More than a process has at once; if one is never answered, it must not be kept for ever. */
const MOST = 10_000
/** Verdicts by which nothing went wrong. */
const FINE: ReadonlySet<string> = new Set(['done', 'refused'])
/** Events of a record that are noted in its span. */
const NOTED: ReadonlySet<string> = new Set([
  ...['marked', 'spent', 'released', 'undecided', 'lease-lost', 'stale-completion', 'unrecorded'],
  ...['body-unreadable', 'body-not-kept', 'transaction-timeout', 'transaction-unused'],
])

interface Attempt {
  readonly key: string
  readonly span: Span
  readonly startMs: number
  readonly resource: Attributes
}

/**
 * The attempts that are under way, by the owners of their claims: one that has lost its claim may
 * be at work beside the next one at the same key.
 */
export class Attempts {
  readonly #tracer: Tracer
  readonly #instruments: Instruments
  readonly #open = new Map<string, Attempt>()
  /** Who has claimed a key last: what is told of a record is told of that one. */
  readonly #owners = new Map<string, string>()

  constructor(tracer: Tracer, instruments: Instruments) {
    this.#tracer = tracer
    this.#instruments = instruments
  }

  /** Takes note of an event. */
  hear(event: ChannelEvent): void {
    if (!('key' in event) || event.key === null || event.type.startsWith('outbox-')) return
    if (event.type === 'claimed') this.#begin(event.key, event.owner, resourceIn(event))
    else if (event.type === 'answered') this.#end(event.owner, event.verdict)
    else if (NOTED.has(event.type)) this.#note(event.key, event)
  }

  /** Ends all spans. */
  stop(): void {
    for (const owner of [...this.#open.keys()]) this.#end(owner, 'unknown')
  }

  #begin(key: string, owner: string, resource: Attributes): void {
    const [oldest] = this.#open.size < MOST ? [] : this.#open.keys()
    if (oldest !== undefined) this.#end(oldest, 'unknown')
    const name = resource['poe.resource'] ?? 'unnamed'
    // Below whatever is active where the claim was made: the request's span.
    const span = this.#tracer.startSpan(`poe.handler ${name}`, { attributes: resource })
    this.#open.set(owner, { key, span, startMs: performance.now(), resource })
    this.#owners.set(key, owner)
    this.#instruments.active.add(1, resource)
  }

  #note(key: string, event: ChannelEvent): void {
    const span = this.#open.get(this.#owners.get(key) ?? '')?.span
    if (span === undefined) return
    span.addEvent(`poe.${event.type}`, typeOf('cause' in event ? event.cause : undefined))
    if (event.type === 'spent' || event.type === 'released' || event.type === 'undecided') {
      span.setAttribute('poe.record', event.type)
    }
  }

  #end(owner: string, verdict: string): void {
    const attempt = this.#open.get(owner)
    if (attempt === undefined) return
    this.#open.delete(owner)
    const { key, span, startMs, resource } = attempt
    if (this.#owners.get(key) === owner) this.#owners.delete(key)
    const isFine = FINE.has(verdict)
    const told = { 'poe.outcome': verdict, ...(!isFine && { 'error.type': verdict }) }
    span.setAttributes(told)
    if (!isFine) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
    this.#instruments.active.add(-1, resource)
    this.#instruments.duration.record((performance.now() - startMs) / 1_000, {
      ...resource,
      ...told,
    })
  }
}

/** What an error is, never what it says: its code where it is one of ours, else its class. */
function typeOf(cause: unknown): Attributes {
  if (!(cause instanceof Error)) return {}
  const code: unknown = Reflect.get(cause, 'code')
  const isOurs = typeof code === 'string' && /^ERR_[A-Z_]{1,60}$/.test(code)
  return { 'error.type': isOurs ? code : cause.constructor.name }
}
