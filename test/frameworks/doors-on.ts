/**
 * The application with every door on node:http, Express and fetch: the same routes as on Koa.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import express, { type Request as ExpressRequest } from 'express'
import { type FetchDoor, poe as fetchPoe } from 'post-once-exactly/fetch'
import { type NodeDoor, type NodeOnce, poe as nodePoe } from 'post-once-exactly/node'
import { DAY_MS, type Ledger, type MakeDoors, SHORT_MS } from '../koa/doors/doors-app.js'
import { act, type Spoken } from './doors-act.js'
import { asListener } from './fetch-server.js'

/** The frameworks. */
export const FRAMEWORKS = ['node', 'express', 'fetch'] as const

/** One of them. */
export type Framework = (typeof FRAMEWORKS)[number]

/** Makes an application with every door. */
export const DOORS_ON: Readonly<Record<Framework, MakeDoors>> = {
  node: (settings, ledger) => {
    const { once, routes } = onNode(settings, ledger)
    const listener = once.handler(async (request, response, poe) => {
      const [path = ''] = request.url?.split('?') ?? []
      if (path === '/links') {
        response.setHeader('Content-Type', 'application/json')
        response.end(JSON.stringify({ link: poe.link('order'), short: poe.link('short-order') }))
        return
      }
      const serve = routes.get(path.split('/')[1] ?? '')
      if (serve !== undefined) return await serve(request, response)
      response.statusCode = 404
      response.end()
    })
    return { once, listener }
  },
  express: (settings, ledger) => {
    const { once, routes } = onNode(settings, ledger)
    const app = express()
    app.set('env', 'test')
    app.use(express.json({ limit: '1mb' }))
    app.use(once.middleware())
    app.get('/links', (request, response) => {
      response.json({
        link: once.link(request, 'order'),
        short: once.link(request, 'short-order'),
      })
    })
    for (const [path, serve] of routes) app.all([`/${path}`, `/${path}/:target`], serve)
    return { once, listener: app }
  },
  fetch: (settings, ledger) => {
    const quiet = { onError: () => {} }
    const once = fetchPoe({
      principal: request => request.headers.get('X-User') || 'guest',
      ...settings,
      ...quiet,
    })
    const handle = async (request: Request) => {
      const { headers, url } = request
      const spoken = await act(
        {
          operation: headers.get('X-Op') ?? '',
          verb: headers.get('X-Do') ?? '',
          target: targetOf(new URL(url).pathname),
          bytes: Number(headers.get('Content-Length')),
        },
        ledger,
      )
      return responseOf(spoken)
    }
    const header = (name: string) => (request: Request) => request.headers.get(name) ?? ''
    const routes = addDoors<FetchDoor>(once, handle, {
      name: header('X-Request-Name'),
      identity: header('X-Identity'),
      validator: (request: Request) => ({ etag: etagOf(ledger, new URL(request.url).pathname) }),
    })
    const serve = once.handler(async (request, poe) => {
      const { pathname } = new URL(request.url)
      if (pathname === '/links') {
        return Response.json({ link: poe.link('order'), short: poe.link('short-order') })
      }
      const door = routes.get(pathname.split('/')[1] ?? '')
      return door === undefined ? new Response(null, { status: 404 }) : await door(request)
    })
    return { once, listener: asListener(serve) }
  },
}

function onNode(settings: Parameters<MakeDoors>[0], ledger: Ledger) {
  const header = (name: string) => (request: IncomingMessage) => {
    return request.headers[name]?.toString() ?? ''
  }
  const once = nodePoe({
    principal: request => header('x-user')(request) || 'guest',
    ...settings,
    onError: () => {},
  })
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const [verb, operation] = [header('x-do')(request), header('x-op')(request)]
    const target = targetOf(pathOf(request))
    const bytes = Number(header('content-length')(request))
    const { status, fields, content } = await act({ operation, verb, target, bytes }, ledger)
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value)
    response.statusCode = status
    if (content instanceof Readable) await pipeline(content, response)
    else response.end(content ?? undefined)
  }
  const routes = addDoors<NodeDoor>(once, handle, {
    name: header('x-request-name'),
    identity: header('x-identity'),
    validator: (request: IncomingMessage) => ({ etag: etagOf(ledger, pathOf(request)) }),
  })
  return { once: once as NodeOnce<unknown>, routes }
}

/** The doors by the first segment of their paths; links and actions have theirs themselves. */
function addDoors<Door>(
  given: unknown,
  handle: unknown,
  ask: Readonly<Record<'name' | 'identity' | 'validator', unknown>>,
): Map<string, Door> {
  const once = given as Record<string, (...given: unknown[]) => Door>
  const routes = new Map<string, Door>()
  const memory = { dangerouslyNotDurable: true }
  once.resource?.({ name: 'order', path: '/orders/:token' }, handle)
  const short = { name: 'short-order', path: '/short-orders/:token', lifetimeMs: SHORT_MS }
  once.resource?.(short, handle)
  once.actions?.('/actions', { name: 'action', do: handle })
  once.actions?.('/short-actions', { name: 'short-action', lifetimeMs: SHORT_MS, do: handle })
  const add = (path: string, door: string, options: object) => {
    routes.set(
      path,
      (once[door] as (...given: unknown[]) => Door)({ name: path, ...options }, handle),
    )
  }
  for (const [prefix, retentionMs] of [
    ['', DAY_MS],
    ['short-', SHORT_MS],
    ['other-', DAY_MS],
  ] as const) {
    add(`${prefix}keys`, 'idempotencyKey', { retentionMs, ...memory })
    for (const profile of ['stripe', 'repeatable-requests'] as const) {
      const path = `${prefix}${profile.replace('-requests', '')}`
      add(path, 'idempotencyKey', { profile, retentionMs, ...memory })
    }
    add(`${prefix}replay`, 'replay', { key: ask.name, retentionMs, ...memory })
    const state = { required: true, retentionMs, validator: ask.validator }
    if (prefix !== 'other-') add(`${prefix}states`, 'conditional', state)
    const windowMs = prefix === 'short-' ? SHORT_MS : 60_000
    add(`${prefix}contents`, 'detectDuplicates', { identity: ask.identity, windowMs })
  }
  return routes
}

function responseOf({ status, fields, content }: Spoken): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) headers.append(name, String(one))
  }
  const body = content instanceof Readable ? Readable.toWeb(content) : content
  return new Response(body as BodyInit | null, { status, headers })
}

function targetOf(path: string): string | undefined {
  return path.split('/')[2]
}

function etagOf(ledger: Ledger, path: string): string {
  return `"v${ledger.version(targetOf(path) ?? '')}"`
}

function pathOf(request: IncomingMessage): string {
  const { originalUrl = request.url } = request as ExpressRequest
  return originalUrl?.split('?')[0] ?? ''
}
