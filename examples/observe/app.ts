/**
 * A shop that can be watched: metrics for Prometheus at `/metrics`, spans below the request's, a
 * health check at `/health`.
 */
import { createServer, type Server } from 'node:http'
import Router from '@koa/router'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import Koa from 'koa'
import type { Store } from 'post-once-exactly'
import { anyone, poe } from 'post-once-exactly/koa'
import { startTelemetry, type TelemetryOptions } from 'post-once-exactly/otel'

/** A shop's server, and how its telemetry ends. */
export interface WatchedShop {
  readonly server: Server
  close(): Promise<void>
}

/** Makes the shop. */
export function createShop(
  store: Store<unknown>,
  place: (ctx: Koa.Context) => Promise<void>,
  more: Pick<TelemetryOptions, 'tracerProvider'> = {},
): WatchedShop {
  const once = poe({ store, principal: anyone })

  const exporter = new PrometheusExporter({ preventServerStart: true })
  const meterProvider = new MeterProvider({ readers: [exporter] })
  const telemetry = startTelemetry({ once, meterProvider, ...more })

  const app = new Koa()
  const router = new Router()
  router.get('/metrics', ctx => {
    ctx.respond = false
    exporter.getMetricsRequestHandler(ctx.req, ctx.res)
  })
  router.get('/health', async ctx => {
    const { isReady, store: state, code } = await once.status()
    ctx.status = isReady ? 200 : 503
    ctx.body = { isReady, store: state, code }
  })
  router.get('/basket', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  once.resource(router, { name: 'order', path: '/orders/once/:token' }, place)
  app.silent = true
  app.use(once.middleware())
  app.use(router.routes())
  const server = createServer(app.callback())
  return {
    server,
    async close() {
      server.close()
      telemetry.stop()
      await meterProvider.shutdown()
      await once.close()
    },
  }
}
