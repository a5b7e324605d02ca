/**
 * How the tests of these servers ask them: a link, an order, a look, over raw sockets.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { halfSent, rawRequest, releaseTogether, requestBytes } from 'post-once-exactly/testing'
import { type Answer, ask } from '../../support/ask.js'
import type { JudgedServer } from './independent.js'

/** Fields of a request. */
export type Fields = Readonly<Record<string, string>>

/** A valid order as JSON. */
export const ORDER = '{"sku":"tea","qty":2}'

/** Fields of an order as JSON. */
export const JSON_FIELDS: Fields = { 'Content-Type': 'application/json' }

/** A server and short words for what is asked of it. */
export interface Probe {
  readonly server: JudgedServer
  readonly port: number
  /** What the page or the mint answers. */
  page(fields?: Fields): Promise<Answer>
  /** A fresh link, as a path without a fragment. */
  link(fields?: Fields): Promise<string>
  /** A fresh link that has been used, and the answer to its order. */
  used(fields?: Fields): Promise<{ readonly link: string; readonly answer: Answer }>
  post(link: string, fields?: Fields, body?: string): Promise<Answer>
  get(path: string, fields?: Fields): Promise<Answer>
  ask(method: string, path: string, fields?: Fields, body?: string): Promise<Answer>
  /** The statuses of orders whose last bytes are sent at once. */
  race(link: string, count: number): Promise<number[]>
  /** Sends part of an order (default: all of it) and leaves. */
  leave(link: string, fields?: Fields, missingBytes?: number): Promise<void>
  /** Sends a head with `Expect: 100-continue`; all that came. */
  expect(link: string): Promise<string>
  orders(): Promise<number>
}

/** Asks a server. */
export function probe(server: JudgedServer): Probe {
  const port = Number(new URL(server.origin).port)
  const asked = { port }
  const path = new URL(server.page).pathname
  const self: Probe = {
    server,
    port,
    page: fields => ask(asked, path === '/links' ? 'POST' : 'GET', path, { headers: fields ?? {} }),
    link: async fields => linkIn(await self.page(fields)),
    used: async fields => {
      const link = await self.link()
      return { link, answer: await self.post(link, fields) }
    },
    post: (link, fields = {}, body = ORDER) =>
      ask(asked, 'POST', link, { headers: { ...JSON_FIELDS, ...fields }, body }),
    get: (target, fields = {}) => ask(asked, 'GET', target, { headers: fields }),
    ask: (method, target, fields = {}, body) =>
      ask(asked, method, target, { headers: fields, ...(body !== undefined && { body }) }),
    race: async (link, count) => {
      const one = requestBytes({ method: 'POST', path: link, headers: JSON_FIELDS, body: ORDER })
      const results = await releaseTogether({ port, requests: Array(count).fill(one) })
      return results.map(({ response }) => response?.status ?? 0)
    },
    leave: async (link, fields = {}, missingBytes = 0) => {
      const headers = { ...JSON_FIELDS, ...fields }
      const bytes = requestBytes({ method: 'POST', path: link, headers, body: ORDER })
      await rawRequest({ port, steps: halfSent(bytes, bytes.length - missingBytes) })
      await pause(20)
    },
    expect: async link => {
      const headers = { ...JSON_FIELDS, Expect: '100-continue', 'Content-Length': '21' }
      const bytes = requestBytes({ method: 'POST', path: link, headers })
      const { received } = await rawRequest({ port, bytes, timeoutMs: 100 })
      return received.toString('latin1')
    },
    orders: async () => Number((await self.get('/ledger')).json().orders),
  }
  return self
}

/** The link that a page, a mint or a field names, as a path. */
export function linkIn(answer: Answer): string {
  const inForm = / action="([^"#]*)/.exec(answer.text)?.[1]
  const inJson = /"link":"([^"#]*)/.exec(answer.text)?.[1]
  const inText = /POST once to (\S*)/.exec(answer.text)?.[1]
  const link = inForm ?? inJson ?? inText
  if (link === undefined) throw new Error(`No link in ${answer.status}: ${answer.text}`)
  return link.replace(/#.*/, '')
}

/** Waits. */
export function wait(ms: number): Promise<void> {
  return pause(ms)
}
