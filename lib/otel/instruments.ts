/**
 * The instruments: what is counted, by which attributes.
 */
import type {
  Attributes,
  BatchObservableResult,
  Counter,
  Histogram,
  Meter,
  UpDownCounter,
} from '@opentelemetry/api'
import type { ChannelEvent } from '../engine/ports.js'
import { resourceOf } from '../engine/resource-of.js'

/** The part of a `Poe` that is asked how it goes. */
export interface Stateful {
  /** As `once.status()`. */
  status(): Promise<{
    readonly store: 'up' | 'down'
    readonly latencyMs: number | null
    readonly pendingWrites: number
  }>
}

/** As the semantic conventions have it for the duration of a request, in seconds. */
const BOUNDARIES_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** They have instruments of their own. */
const ELSEWHERE: ReadonlySet<ChannelEvent['type']> = new Set(['answered', 'not-run'])

/** Counts events. */
export class Instruments {
  readonly duration: Histogram
  readonly active: UpDownCounter
  readonly #notRun: Counter
  readonly #events: Counter
  readonly #stop: () => void

  constructor(meter: Meter, once: Stateful | undefined) {
    this.duration = meter.createHistogram('poe.handler.duration', {
      description: 'How long a claimed POST took, from its claim to its answer.',
      unit: 's',
      advice: { explicitBucketBoundaries: BOUNDARIES_S },
    })
    this.active = meter.createUpDownCounter('poe.handler.active', {
      description: 'Claimed POSTs that have no answer yet.',
      unit: '{request}',
    })
    this.#notRun = meter.createCounter('poe.requests.not_run', {
      description: 'POSTs that ran nothing, by what was found: repeats, and refusals.',
      unit: '{request}',
    })
    this.#events = meter.createCounter('poe.events', {
      description: 'What happened to records, to the store and to outbox messages.',
      unit: '{event}',
    })
    this.#stop = once === undefined ? () => {} : observe(meter, once)
  }

  /** Counts an event. */
  count(event: ChannelEvent): void {
    if (event.type === 'not-run') {
      this.#notRun.add(1, { ...resourceIn(event), 'poe.found': event.found })
    }
    if (ELSEWHERE.has(event.type)) return
    const verdict = 'verdict' in event ? { 'poe.verdict': event.verdict } : {}
    this.#events.add(1, { 'poe.event': event.type, ...resourceIn(event), ...verdict })
  }

  /** Observes no more. */
  stop(): void {
    this.#stop()
  }
}

/**
 * The resource of an event, as an attribute. The outbox has keys of its own, which name none.
 *
 * @returns no attribute where there is none
 */
export function resourceIn(event: ChannelEvent): Attributes {
  if ('route' in event) return { 'poe.resource': event.route }
  if (!('key' in event) || event.key === null || event.type.startsWith('outbox-')) return {}
  const name = resourceOf(event.key)
  return name === null ? {} : { 'poe.resource': name }
}

function observe(meter: Meter, once: Stateful): () => void {
  const up = meter.createObservableGauge('poe.store.up', {
    description: 'Whether the store answers: 1 or 0.',
    unit: '1',
  })
  const latency = meter.createObservableGauge('poe.store.latency', {
    description: 'How long the store took to answer a look at its epoch.',
    unit: 's',
  })
  const pending = meter.createObservableGauge('poe.writes.pending', {
    description: 'Outcomes and releases that the store has not taken yet.',
    unit: '{write}',
  })
  const instruments = [up, latency, pending]
  const look = async (result: BatchObservableResult): Promise<void> => {
    const { store, latencyMs, pendingWrites } = await once.status()
    result.observe(up, store === 'up' ? 1 : 0)
    if (latencyMs !== null) result.observe(latency, latencyMs / 1_000)
    result.observe(pending, pendingWrites)
  }
  meter.addBatchObservableCallback(look, instruments)
  return () => meter.removeBatchObservableCallback(look, instruments)
}
