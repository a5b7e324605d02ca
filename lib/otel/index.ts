/**
 * Metrics and traces by OpenTelemetry: what `poe()` publishes on `diagnostics_channel`, as
 * instruments and spans of `@opentelemetry/api`. Attributes are of small, fixed sets; no token, no
 * key, owner, body, principal or message of an error is in any of them.
 *
 * @packageDocumentation
 * @see decision 0035; OpenTelemetry semantic conventions, "Metrics", "Recording errors"
 */
import diagnostics from 'node:diagnostics_channel'
import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import { type ChannelEvent, EVENTS_CHANNEL } from '../engine/ports.js'
import { Attempts } from './attempts.js'
import { Instruments, type Stateful } from './instruments.js'

export type { Stateful } from './instruments.js'

const SCOPE = 'post-once-exactly'

/** Options of {@link startTelemetry}. */
export interface TelemetryOptions {
  /** Default: the global one, as `metrics.setGlobalMeterProvider` has set it. */
  readonly meterProvider?: MeterProvider | undefined
  /** Default: the global one, as `trace.setGlobalTracerProvider` has set it. */
  readonly tracerProvider?: TracerProvider | undefined
  /**
   * What `poe()` gave. Its store is asked once for each collection of the metrics, and three gauges
   * tell of it: `poe.store.up`, `poe.store.latency`, `poe.writes.pending`.
   */
  readonly once?: Stateful | undefined
}

/** Telemetry that is on. */
export interface Telemetry {
  /** Ends it: nothing is published any more, spans that are open end. Harmless to repeat. */
  stop(): void
}

/**
 * Turns metrics and spans on, for every `poe()` of this process. Call it once, after the SDK's
 * start.
 *
 * A span `poe.handler <resource>` lasts from a claim to its answer, below the span that is active
 * then (the request's). What instruments there are: docs/observe.md.
 *
 * @param options - see {@link TelemetryOptions}; the global providers by default
 */
export function startTelemetry(options: TelemetryOptions = {}): Telemetry {
  const { meterProvider = metrics, tracerProvider = trace, once } = options
  const instruments = new Instruments(meterProvider.getMeter(SCOPE), once)
  const attempts = new Attempts(tracerProvider.getTracer(SCOPE), instruments)
  const hear = (message: unknown): void => {
    const event = message as ChannelEvent
    // What is wrong with an exporter must not become an uncaught exception of the server.
    try {
      instruments.count(event)
      attempts.hear(event)
    } catch {}
  }
  diagnostics.subscribe(EVENTS_CHANNEL, hear)
  return {
    stop() {
      diagnostics.unsubscribe(EVENTS_CHANNEL, hear)
      attempts.stop()
      instruments.stop()
    },
  }
}
