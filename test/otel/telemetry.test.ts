/**
 * Telemetry of a server that is asked through several doors: spans below the request's, metrics
 * that add up, nothing of what is private in any of it, and no cost where nobody listens.
 */
import diagnostics from 'node:diagnostics_channel'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { context, type Tracer, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { expect } from 'chai'
import Koa from 'koa'
import { type ChannelEvent, EVENTS_CHANNEL, type PoeEvent } from 'post-once-exactly'
import { type Poe, poe } from 'post-once-exactly/koa'
import { startTelemetry, type Telemetry } from 'post-once-exactly/otel'
import { type SqliteStore, sqliteStore } from 'post-once-exactly/stores/sqlite'
import { publishNotRun } from '../../lib/engine/ports.js'

/** Each stands for what must never be told. */
const MARKERS = {
  body: 'marker-of-the-body',
  answer: 'marker-of-the-answer',
  key: 'marker-of-the-idempotency-key',
  principal: 'marker-of-the-principal',
  secret: 'marker-of-the-signing-secret-0123456789',
  query: 'marker-of-the-query',
  error: 'marker-of-the-error',
} as const

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

describe('telemetry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'poe-otel-'))
  const spans = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(spans)],
  })
  const reader = new Reader()
  const meterProvider = new MeterProvider({ readers: [reader] })
  const log: string[] = []
  const heard: ChannelEvent[] = []
  const failures: unknown[] = []
  let store: SqliteStore
  let once: Poe<unknown>
  let server: Server
  let base: string
  let telemetry: Telemetry
  const links: string[] = []
  const hear = (message: unknown) => heard.push(message as ChannelEvent)

  before(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    store = sqliteStore(join(folder, 'shop.db'))
    once = poe<unknown>({
      store: store as never,
      principal: () => MARKERS.principal,
      secrets: [MARKERS.secret],
      onEvent: event => log.push(said(event)),
    })
    telemetry = startTelemetry({ once, meterProvider, tracerProvider })
    diagnostics.subscribe(EVENTS_CHANNEL, hear)
    server = createServer(shop(once, tracerProvider.getTracer('the application')).callback())
    server.listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await askEverything()
  })
  after(async () => {
    telemetry.stop()
    diagnostics.unsubscribe(EVENTS_CHANNEL, hear)
    server.close()
    await once.close()
    await store.close()
    context.disable()
    rmSync(folder, { recursive: true, force: true })
  })

  function shop(made: Poe<unknown>, tracer: Tracer): Koa {
    const app = new Koa()
    const router = new Router()
    app.on('error', error => failures.push(error))
    app.use((_, next) =>
      tracer.startActiveSpan('request', span => next().finally(() => span.end())),
    )
    app.use(bodyParser())
    app.use(made.middleware())
    router.get('/link', ctx => {
      ctx.body = { link: ctx.poe.link('order') }
    })
    const handler = async (ctx: Koa.Context): Promise<void> => {
      if (ctx.get('X-Do') === 'throw') throw new Error(MARKERS.error)
      ctx.status = ctx.get('X-Do') === 'refuse' ? 422 : 201
      ctx.body = MARKERS.answer
    }
    made.resource(router, { name: 'order', path: '/orders/once/:token' }, handler)
    const door = made.idempotencyKey({ name: 'payment', retentionMs: 60_000 })
    router.post('/payments', door, handler)
    app.use(router.routes())
    return app
  }

  async function post(path: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await fetch(`${base}${path}?q=${MARKERS.query}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ note: MARKERS.body }),
    })
    await response.arrayBuffer()
    return response.status
  }

  async function link(): Promise<string> {
    const page = (await (await fetch(`${base}/link`)).json()) as { link: string }
    links.push(page.link)
    return page.link
  }

  async function askEverything(): Promise<void> {
    const one = await link()
    const key = { 'Idempotency-Key': `"${MARKERS.key}"` }
    const refused = await link()
    const statuses = [
      await post(one),
      await post(one),
      await post(refused, { 'X-Do': 'refuse' }),
      await post(await link(), { 'X-Do': 'throw' }),
      await post('/payments', key),
      await post('/payments', key),
      await post(refused.replace(/.$/, last => (last === 'A' ? 'Q' : 'A'))),
    ]
    expect(statuses).to.deep.equal([201, 405, 422, 500, 201, 201, 404])
    for await (const { key: undecided, owner } of once.undecided()) {
      await once.settle(undecided, owner, { verdict: 'did-not-happen' })
    }
  }

  const ours = () => spans.getFinishedSpans().filter(({ name }) => name.startsWith('poe.'))
  const points = async (name: string) => {
    const { resourceMetrics } = await reader.collect()
    const all = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics)
    return all.find(metric => metric.descriptor.name === name)?.dataPoints ?? []
  }
  /** What an instrument holds, by its attributes' values. */
  const held = async (name: string) => {
    const entries = (await points(name)).map(({ attributes, value }) => {
      const count = typeof value === 'number' ? value : (value as { count: number }).count
      return [Object.values(attributes).join(' '), count] as const
    })
    return Object.fromEntries(entries)
  }

  it('[OBS-02] a span lasts from claim to answer, below the span of its request', () => {
    const told = ours().map(span => [span.name, span.attributes['poe.outcome']])
    expect(told).to.deep.equal([
      ['poe.handler order', 'done'],
      ['poe.handler order', 'refused'],
      ['poe.handler order', 'threw'],
      ['poe.handler payment', 'done'],
    ])
    const requests = new Map(
      spans.getFinishedSpans().map(span => [span.spanContext().spanId, span]),
    )
    for (const span of ours()) {
      const parent = requests.get(span.parentSpanContext?.spanId ?? '')
      expect(parent?.name).to.equal('request')
      expect(span.spanContext().traceId).to.equal(parent?.spanContext().traceId)
    }
    const [done, , threw] = ours() as [ReadableSpan, ReadableSpan, ReadableSpan]
    expect(done.events.map(({ name }) => name)).to.deep.equal(['poe.spent'])
    expect(done.attributes['poe.record']).to.equal('spent')
    expect(threw.attributes['error.type']).to.equal('threw')
    expect(threw.events[0]?.attributes).to.deep.equal({ 'error.type': 'Error' })
  })

  it('[OBS-02] metrics add up', async () => {
    expect(await held('poe.handler.duration')).to.deep.equal({
      ...{ 'order done': 1, 'order refused': 1, 'order threw threw': 1, 'payment done': 1 },
    })
    expect(await held('poe.handler.active')).to.deep.equal({ order: 0, payment: 0 })
    expect(await held('poe.requests.not_run')).to.deep.equal({
      'order spent': 1,
      'payment spent': 1,
    })
    expect(await held('poe.events')).to.deep.equal({
      ...{ 'claimed order': 3, 'spent order': 1, 'released order': 1, 'undecided order': 1 },
      ...{ 'claimed payment': 1, 'spent payment': 1, 'unverifiable order': 1 },
      'settled order did-not-happen': 1,
    })
    expect(await held('poe.store.up')).to.deep.equal({ '': 1 })
    expect(await held('poe.writes.pending')).to.deep.equal({ '': 0 })
  })

  it('[OBS-01] the channel has every event of onEvent, and those of requests', () => {
    const types = heard.map(({ type }) => type)
    expect(types.filter(type => type !== 'not-run' && type !== 'answered')).to.deep.equal(
      log.map(line => (JSON.parse(line) as PoeEvent).type),
    )
    expect(types).to.include('not-run').and.to.include('answered')
  })

  it('[OBS-04] no token, key, body, principal or secret is in any of it', async () => {
    const { resourceMetrics } = await reader.collect()
    const traces = ours().map(span => [
      ...[span.name, span.attributes, span.events, span.status, span.links],
    ])
    const everything = {
      log: log.join('\n'),
      channel: JSON.stringify(heard),
      metrics: JSON.stringify(resourceMetrics),
      traces: JSON.stringify(traces),
      status: JSON.stringify(await once.status()),
    }
    const tokens = links.map(each => each.split('/').at(-1) ?? '')
    const tags = tokens.map(token => token.slice(47))
    for (const [where, text] of Object.entries(everything)) {
      expect(text.length, where).to.be.above(30)
      for (const marker of [...Object.values(MARKERS), ...tokens, ...tags]) {
        expect(text, where).not.to.include(marker)
      }
    }
    const nonces = tokens.map(token => token.slice(25, 47))
    for (const nonce of nonces) {
      expect(everything.log + everything.channel, 'logs name the record').to.include(nonce)
      for (const where of ['metrics', 'traces', 'status'] as const) {
        expect(everything[where], where).not.to.include(nonce)
      }
    }
    // The handler's own error is the application's; ours say nothing of what came.
    expect(failures.map(said).join()).not.to.include(MARKERS.body)
    const file = readFileSync(join(folder, 'shop.db')).toString('latin1')
    const wal = readFileSync(join(folder, 'shop.db-wal')).toString('latin1')
    for (const name of ['key', 'principal', 'secret', 'body'] as const) {
      expect(file + wal, `the ${name} in the store`).not.to.include(MARKERS[name])
    }
    expect(file + wal, 'the answer is what a store keeps').to.include(MARKERS.answer)
  })

  it('[OBS-01] where nobody subscribes, nothing is published', () => {
    telemetry.stop()
    telemetry.stop()
    diagnostics.unsubscribe(EVENTS_CHANNEL, hear)
    expect(diagnostics.hasSubscribers(EVENTS_CHANNEL)).to.equal(false)
    publishNotRun('key', 'expired')
    diagnostics.subscribe(EVENTS_CHANNEL, hear)
    publishNotRun('key', 'spent')
    expect(heard.slice(-1)).to.deep.equal([{ type: 'not-run', key: 'key', found: 'spent' }])
    expect(heard).not.to.deep.include({ type: 'not-run', key: 'key', found: 'expired' })
  })

  it('[OBS-02] an exporter that throws takes no request with it', async () => {
    const broken = {
      ...trace.getTracer('none'),
      startSpan: () => {
        throw new Error('the exporter is broken')
      },
    } as unknown as Tracer
    const second = startTelemetry({ meterProvider, tracerProvider: { getTracer: () => broken } })
    expect(await post(await link())).to.equal(201)
    second.stop()
  })
})

/** As a log has it that writes causes out: an error's text included, but for the handler's own. */
function said(what: unknown): string {
  return JSON.stringify(what, (_, value: unknown) => {
    if (!(value instanceof Error)) return value
    const isOurs = value.name === 'PoeError'
    return { name: value.name, message: isOurs ? value.message : '' }
  })
}
