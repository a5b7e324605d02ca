/** An application of which chance decides, on node:http, Express and fetch. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import express from 'express'
import { Hono } from 'hono'
import createError from 'http-errors'
import { type FetchDoor, poe as fetchPoe } from 'post-once-exactly/fetch'
import { type NodeDoor, poe as nodePoe } from 'post-once-exactly/node'
import { asListener } from '../frameworks/fetch-server.js'
import { DOOR_NAMES } from './random-koa.js'
import type { Serve, Trial } from './random-trial.js'
import { breaking, circular, ERRORS, pipeOn, slowly, type Word } from './random-words.js'

/** What serves it. */
export const FRAMEWORKS = ['node', 'node on HTTP/2', 'Express', 'fetch', 'Hono'] as const

const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }

/** Serves one. */
export const serveFramework: Serve = async (trial, store) => {
  const { on } = trial.given
  const options = { store, principal: () => 'ann', ...trial.options, onError: () => {} }
  const isFetch = on === 'fetch' || on === 'Hono'
  const { once, listener } = (isFetch ? onFetch : onNode)(trial, options)
  const server = createServer(listener)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const link = async () => (await fetch(`http://127.0.0.1:${port}/page`)).text()
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once.close({ graceMs: 100 })
  }
  return { port, server, once, link, close }
}

function onNode(trial: Trial, options: object) {
  const once = nodePoe(options as never)
  const handle = async (request: IncomingMessage, response: ServerResponse, poe: never) => {
    const read = async () => {
      if (Reflect.get(request, 'body') === undefined) for await (const _ of request);
    }
    await NODE_WORDS[await trial.act({ poe, read })](response, request)
  }
  const undo = async (_request: unknown, response: ServerResponse, poe: never) => {
    await trial.undo({ poe, read: () => {} })
    response.writeHead(204).end()
  }
  const doors = addDoors<NodeDoor>(trial, once, handle, undo)
  if (trial.given.on === 'Express') {
    const app = express()
    if (trial.given.parses) app.use(express.json())
    app.use((request, response, next) => impatience(trial, request, response, next))
    app.use(once.middleware())
    app.get('/page', (request, response) => void response.end(once.link(request, 'order')))
    for (const name of DOOR_NAMES) app.post(`/${name}`, doors[name])
    // Express would write it to the console.
    app.use(((_error, _request, response, _next) => {
      if (response.headersSent) response.destroy()
      else response.status(500).end()
    }) as express.ErrorRequestHandler)
    return { once, listener: app as unknown as RequestListener }
  }
  const serve = once.handler(async (request, response, poe) => {
    const door = doors[request.url?.slice(1) as keyof typeof doors]
    if (door !== undefined && request.method === 'POST') await door(request, response)
    else response.writeHead(door === undefined ? 200 : 404).end(poe.link('order'))
  })
  const listener: RequestListener = (request, response) => {
    impatience(trial, request, response, () => void serve(request, response))
  }
  return { once, listener }
}

/** As connect-timeout and express-session do it: past the application, on the response. */
function impatience(
  trial: Trial,
  { method }: IncomingMessage,
  response: ServerResponse,
  next: () => void,
): void {
  const { impatient, savesMs } = trial.given
  const { end } = response
  if (savesMs > 0 && !trial.isLast) {
    response.end = (...given: never[]) => {
      setTimeout(() => end.apply(response, given as never), savesMs)
      return response
    }
  }
  if (impatient !== null && trial.isImpatient(method, impatient.isOutermost)) {
    setTimeout(() => {
      if (response.headersSent) return
      response.writeHead(impatient.status)
      Reflect.apply(end, response, ['too slow'])
    }, impatient.ms)
  }
  next()
}

function onFetch(trial: Trial, options: object) {
  const once = fetchPoe(options as never)
  const handle = async (request: Request, poe: never) => {
    return await FETCH_WORDS[await trial.act({ poe, read: () => request.text() })](request)
  }
  const undo = async (_request: unknown, poe: never) => {
    await trial.undo({ poe, read: () => {} })
    return new Response(null, { status: 204 })
  }
  const doors = addDoors<FetchDoor>(trial, once, handle, undo)
  let serve: FetchDoor = once.handler((request, poe) => {
    const door = doors[new URL(request.url).pathname.slice(1) as keyof typeof doors]
    if (door !== undefined && request.method === 'POST') return door(request)
    return new Response(poe.link('order'), { status: door === undefined ? 200 : 404 })
  })
  if (trial.given.on === 'Hono') {
    const app = new Hono()
    app.all('/orders/once/:token', c => doors.order(c.req.raw, c))
    const page = once.page((_request, poe) => new Response(poe.link('order')))
    app.get('/page', c => page(c.req.raw, c))
    for (const name of DOOR_NAMES) app.post(`/${name}`, c => doors[name](c.req.raw, c))
    for (const path of ['/action', '/action/:token']) {
      app.all(path, c => doors.action(c.req.raw, c))
    }
    serve = async request => await app.fetch(request)
  }
  const impatient: FetchDoor = async request => {
    const { impatient, sendings } = trial.given
    // A server that has answered tells nobody that the rest of a content will not come.
    const isPartly = sendings.some(each => each.isCut || each.comes !== 'at once')
    if (impatient === null || isPartly || !trial.isImpatient(request.method, impatient.isOutermost))
      return await serve(request)
    const late = async () => {
      await pause(impatient.ms)
      return new Response('too slow', { status: impatient.status })
    }
    return await Promise.race([serve(request), late()])
  }
  return { once, listener: asListener(impatient) }
}

/** The doors by name; a link's has its path itself. */
function addDoors<Door>(
  trial: Trial,
  once: unknown,
  handle: unknown,
  undo: unknown,
): Record<(typeof DOOR_NAMES)[number] | 'order' | 'action', Door> {
  const { rules, rulesOutside, given } = trial
  const { door } = given
  const make = once as Record<string, (options: object | string, handler: unknown) => Door>
  const own = door.includes(',') ? rulesOutside : rules
  const kept = { ...KEPT, ...own }
  const validator = async () => ({ etag: `"${await trial.effects()}"` })
  const step = make.conditional?.({ name: 'step', validator, ...rules }, handle) as Door
  const inside = (outer: string) => (door === `${outer}, step` ? step : handle)
  const at = (method: string, name: string, options: object) =>
    make[method]?.({ name, ...options }, inside(name === 'order' ? 'link' : name)) as Door
  const identity = () => 'the same'
  return {
    order: at('resource', 'order', { path: '/orders/once/:token', ...own }),
    action: make.actions?.('/action', { name: 'action', ...rules, do: handle, undo }) as Door,
    key: at('idempotencyKey', 'key', kept),
    stripe: at('idempotencyKey', 'stripe', { profile: 'stripe', ...kept }),
    kept: at('idempotencyKey', 'kept', { kept: 'below-500', ...kept }),
    replay: at('replay', 'replay', { key: identity, ...kept }),
    step,
    duplicate: at('detectDuplicates', 'duplicate', { identity, windowMs: 60_000, ...own }),
  }
}

const MADE = { Location: '/orders/1' }
const refuse = () => {
  throw createError(409, 'no tea')
}

const NODE_WORDS: Readonly<
  Record<Word, (response: ServerResponse, request: IncomingMessage) => unknown>
> = {
  ...ERRORS,
  'a thrown refusal': refuse,
  'a broken pipe': (_response, request) => pipeOn(request),
  'no JSON': response => response.end(JSON.stringify(circular())),
  'a lost answer': response => response.destroy(),
  'a lost request': (_response, request) => {
    request.destroy()
    throw new Error('planted')
  },
  json: response => response.writeHead(201, MADE).end('{"done":true}'),
  text: response => response.end('done'),
  stream: response => pipeline(Readable.from(['do', 'ne']), response),
  slow: response => pipeline(Readable.from(slowly()), response),
  breaks: response => pipeline(Readable.from(breaking()), response),
  '204': response => response.writeHead(204).end(),
  '303': response => response.writeHead(303, MADE).end(),
  'by itself': response => void setTimeout(() => response.writeHead(201).end('done'), 4),
  begun: response => {
    response.writeHead(201).flushHeaders()
    setTimeout(() => response.end('done'), 4)
  },
  'a refusal': response => response.writeHead(422).end('no tea'),
  '500': response => response.writeHead(500).end(),
  nothing: response => response.destroy(),
  'no Location': response => response.writeHead(303).end(),
}

const FETCH_WORDS: Readonly<Record<Word, (request: Request) => unknown>> = {
  ...ERRORS,
  'a thrown refusal': refuse,
  'no JSON': () => Response.json(circular()),
  'a lost answer': () => {
    throw new DOMException('planted', 'AbortError')
  },
  'a lost request': ({ body }) => body?.cancel(),
  'a broken pipe': ({ body, bodyUsed }) =>
    pipeOn(bodyUsed || body === null ? Readable.from(['tea']) : Readable.fromWeb(body as never)),
  json: () => Response.json({ done: true }, { status: 201, headers: MADE }),
  text: () => new Response('done'),
  stream: () => new Response(new Blob(['done']).stream()),
  slow: () => new Response(Readable.toWeb(Readable.from(slowly())) as never),
  breaks: () => new Response(Readable.toWeb(Readable.from(breaking())) as never),
  '204': () => new Response(null, { status: 204 }),
  '303': () => Response.redirect('http://shop.example/orders/1', 303),
  'by itself': () => {
    const { readable, writable } = new TransformStream()
    const writer = writable.getWriter()
    writer.write(Buffer.from('done')).catch(() => {})
    setTimeout(() => writer.close().catch(() => {}), 4)
    return new Response(readable)
  },
  begun: () => new Response(new URLSearchParams({ done: 'yes' })),
  'a refusal': () => new Response('no tea', { status: 422 }),
  '500': () => new Response(null, { status: 500 }),
  nothing: () => undefined as never,
  'no Location': () => new Response(null, { status: 303 }),
}
