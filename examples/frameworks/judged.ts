/**
 * Starts the shops of this folder, and judges them by `poe check`.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import {
  type ConformanceOptions,
  type ConformanceReport,
  runConformance,
} from 'post-once-exactly/conformance'
import type { NodePoeOptions } from 'post-once-exactly/node'
import { createShop as onExpress } from './express.js'
import { createShop as onFastify } from './fastify.js'
import { createShop as onHono } from './hono.js'
import { createShop as onNode } from './node.js'

/** What the shops stand on. */
export const SERVERS = ['node', 'express', 'fastify', 'hono'] as const

/** One of them. */
export type ServerName = (typeof SERVERS)[number]

type Store = NodePoeOptions<unknown>['store']
type Door = NonNullable<ConformanceOptions['door']>

/** What `poe check` is told of each door. */
const DOORS: Readonly<Record<Door, Pick<ConformanceOptions, 'adapter'> & { path: string }>> = {
  poe: {
    path: '/basket',
    adapter: {
      valid: { json: { sku: 'tea-{n}', qty: 1 } },
      invalid: { json: { sku: '', qty: 0 } },
      effects: { url: '/ledger', pointer: '/orders' },
    },
  },
  'idempotency-key': {
    path: '/payments',
    adapter: {
      valid: { json: { amount: 500, reference: '{n}' } },
      invalid: { json: { amount: -1 } },
      effects: { url: '/ledger', pointer: '/payments' },
      door: { required: true },
    },
  },
  'action-id': {
    path: '/actions',
    adapter: {
      valid: { json: { m: '{n}' } },
      effects: { url: '/ledger', pointer: '/actions' },
    },
  },
  conditional: {
    path: '/stock/tea',
    adapter: {
      valid: { json: { add: 1, reference: '{n}' } },
      invalid: { json: { add: 'x' } },
      effects: { url: '/stock/tea', pointer: '/quantity' },
      door: { required: true },
    },
  },
}

/** What is cut off on purpose is no news. */
const QUIET = { onError: () => {} }

const COMMON = {
  fields: { 'X-User': 'ann' },
  credentials: ['X-User'],
  secondUser: { 'X-User': 'bob' },
  provoke: {
    slow: { fields: { 'Demo-Fault': 'delay=800' } },
    slowFailure: { fields: { 'Demo-Fault': 'delay=800, fail=500' } },
    failure: { fields: { 'Demo-Fault': 'fail=500' } },
  },
}

/** Judges one shop at every door, one after the other, as effects are counted. */
export async function judge(
  name: ServerName,
  store: Store,
  options: Pick<ConformanceOptions, 'profile' | 'rounds'>,
): Promise<ReadonlyMap<Door, ConformanceReport>> {
  const server = await start(name, store)
  const reports = new Map<Door, ConformanceReport>()
  try {
    const { port } = server.address() as AddressInfo
    for (const [door, { path, adapter }] of Object.entries(DOORS)) {
      const asked = {
        url: `http://127.0.0.1:${port}${path}`,
        door: door as Door,
        adapter: { ...COMMON, ...adapter },
        ageMs: 0,
        ...options,
      }
      const report = await runConformance(asked)
      // What a busy machine was too slow for is asked once more, by itself.
      const only = report.results.filter(isUnlike).map(({ id }) => id)
      const isAgain = only.length > 0 && only.length <= 3
      reports.set(door as Door, isAgain ? await runConformance({ ...asked, only }) : report)
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
  return reports
}

/** What did not pass, in words; what was not judged is left out. */
export function unlike({ results }: ConformanceReport): string[] {
  return results
    .filter(isUnlike)
    .map(({ result, id, expected, seen }) => `${result} ${id}: ${expected}, ${seen}`)
}

function isUnlike({ result }: ConformanceReport['results'][number]): boolean {
  return result !== 'pass' && result !== 'skipped'
}

async function start(name: ServerName, store: Store): Promise<Server> {
  if (name === 'fastify') {
    const app = onFastify(store, QUIET)
    await app.listen({ host: '127.0.0.1', port: 0 })
    return app.server as Server
  }
  const server = makeServer(name, store)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

function makeServer(name: Exclude<ServerName, 'fastify'>, store: Store): Server {
  switch (name) {
    case 'node':
      return onNode(store, QUIET)
    case 'express': {
      const app = onExpress(store)
      // Without this it writes every broken content to the console.
      app.set('env', 'test')
      return createServer(app)
    }
    case 'hono': {
      const { fetch } = onHono(store, QUIET)
      const listener = getRequestListener(fetch, { overrideGlobalObjects: false })
      return createServer((request, response) => void listener(request, response))
    }
  }
}
