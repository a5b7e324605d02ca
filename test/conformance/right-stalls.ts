/**
 * How a stall is judged: with an adapter that says what its habits ask for.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  type ConformanceOptions,
  type ConformanceReport,
  runConformance,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import { type Habits, stallServer } from './servers/right/stall.js'

/** Nothing out of the ordinary. */
export const PLAIN_HABITS: Habits = {
  success: 201,
  body: 'json',
  isDynamic: false,
  result: 'stored',
  contentLocation: 'none',
  freshness: 'no-store',
  page: 'json',
  pageCache: 'private',
  hailedBy: '',
  validator: 'none',
  token: 'hex',
  gone: 'counts',
  clockMs: 0,
  meanwhile: 'held',
  unknown: 404,
  unspent: '405',
  casing: 'as it is',
  framing: 'length',
  hints: false,
  isContentFirst: false,
  invalid: 422,
  options: 'state',
  head: 'like GET',
  allow: 'GET, HEAD',
  refusal: 'text',
  coding: 'none',
  reference: 'path',
  isForUsers: false,
  delete: '405',
  hasCookies: false,
}

function adapterFor({ isForUsers, hailedBy, page }: Habits): ServerAdapter {
  const isInField = hailedBy === '' && page !== 'mint'
  const users = {
    fields: { Authorization: 'Basic ann' },
    secondUser: { Authorization: 'Basic bob' },
  }
  return {
    ...(isInField ? { link: 'field' } : {}),
    ...(isForUsers ? users : {}),
    valid: { json: { what: 'tea {n}' } },
    invalid: { json: { what: '' } },
    effects: { url: '/count', pointer: '/orders' },
    provoke: {
      slow: { fields: { 'X-Slow': '700' } },
      slowFailure: { fields: { 'X-Slow': '700', 'X-Fail': '1' } },
      failure: { fields: { 'X-Fail': '1' } },
    },
  }
}

/** Starts it, and judges it. */
export async function judgedStall(
  habits: Habits,
  options: Partial<ConformanceOptions> = {},
): Promise<ConformanceReport> {
  const server = stallServer(habits)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/shop`
    const adapter = adapterFor(habits)
    return await runConformance({ url, adapter, rounds: 2, ageMs: 0, ...options })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** What a right server is not told: all but what passed, warns or was not judged. */
export function accusationsIn({ results }: ConformanceReport): string[] {
  const others = results.filter(({ result }) => !['pass', 'warn', 'skipped'].includes(result))
  return others.map(one => `${one.result} ${one.id}: ${one.expected}, ${one.seen}`)
}
