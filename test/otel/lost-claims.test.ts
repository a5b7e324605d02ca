/** Telemetry of two attempts at one key: the first has lost its claim, and is still at work. */
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { expect } from 'chai'
import { startTelemetry } from 'post-once-exactly/otel'
import { latch, until } from '../support/meeting.js'
import { startWorld } from '../support/world.js'

describe('telemetry of a claim that was lost', () => {
  it('[FALSE-3910] each attempt is told as it ended, by itself', async () => {
    const spans = new InMemorySpanExporter()
    const processor = new SimpleSpanProcessor(spans)
    const telemetry = startTelemetry({
      meterProvider: new MeterProvider(),
      tracerProvider: new BasicTracerProvider({ spanProcessors: [processor] }),
    })
    const [first, second] = [latch(), latch()]
    let aheadMs = 0
    const world = await startWorld(
      { store: 'sqlite', koa: 3, at: 'root' },
      {
        now: () => Date.now() + aheadMs,
        resource: { transactional: 'may-be-empty' },
        handler: async (ctx, { runs }) => {
          await (runs === 1 ? first : second).opened
          ctx.status = 201
        },
      },
    )
    const told = () => spans.getFinishedSpans().map(span => span.attributes['poe.outcome'])
    const link = await world.link()
    const post = async () => (await world.send('POST', link, { json: { sku: 'a' } })).status
    try {
      const lost = post()
      await until(() => world.runs === 1, 'the first is at work')
      aheadMs = 60_000
      const done = post()
      await until(() => world.runs === 2, 'the second has its claim')
      first.open()
      expect(await lost).to.equal(409)
      expect(told()).to.deep.equal(['lost'])
      second.open()
      expect(await done).to.equal(201)
      expect(told()).to.deep.equal(['lost', 'done'])
      const [, span] = spans.getFinishedSpans()
      expect(span?.events.map(({ name }) => name)).to.deep.equal(['poe.spent'])
    } finally {
      first.open()
      second.open()
      telemetry.stop()
      await world.close()
    }
  })
})
