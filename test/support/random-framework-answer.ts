/** An answer of which chance decides, by an application on node:http, Express, fetch and Hono. */
import { createServer, type IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
import { constants, type Http2ServerResponse } from 'node:http2'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import express, { type Response as ExpressResponse } from 'express'
import * as fc from 'fast-check'
import { type Context, Hono } from 'hono'
import createError from 'http-errors'
import { type FetchDoor, type FetchHandler, poe as fetchPoe } from 'post-once-exactly/fetch'
import { type NodeHandler, poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { asListener } from '../frameworks/fetch-server.js'
import type { AnyAnswer, ServeAnswer } from './random-answer.js'
import { FRAMEWORKS } from './random-framework.js'

const KEY = { name: 'key', retentionMs: 60_000, dangerouslyNotDurable: true }
const OPTIONS = { principal: () => 'ann', onError: () => {} }
const pieces = () => Readable.from([Buffer.from('one'), Buffer.from('two')])
const LARGE = 'y'.repeat(70_000)

type Step<Given extends unknown[]> = Readonly<Record<string, (...given: Given) => unknown>>

/** What a handler on node:http does, step by step, until it ends its answer. */
const NODE: Step<[ServerResponse, IncomingMessage]> = {
  'waits a tick': () => null,
  'waits a moment': () => pause(2),
  'reads the content': async (_, request) => {
    if (Reflect.get(request, 'body') === undefined) for await (const _ of request);
  },
  ...Object.fromEntries(
    Object.entries({
      'X-A': '1',
      'X-List': ['1', '2'],
      Location: '/orders/1',
      'Content-Type': 'text/plain',
      'Set-Cookie': ['a=b', 'c=d'],
      ETag: '"h"',
    }).map(([name, value]) => [
      `sets ${name}`,
      (response: ServerResponse) => response.setHeader(name, value),
    ]),
  ),
  ...Object.fromEntries(
    [200, 201, 204, 304, 404, 422, 503].map(status => [
      `status ${status}`,
      (response: ServerResponse) => {
        response.statusCode = status
      },
    ]),
  ),
  'sees other': response => {
    response.statusCode = 303
    response.setHeader('Location', '/orders/1')
  },
  'adds a field': response => response.appendHeader('X-A', '2'),
  'removes a field': response => response.removeHeader('X-A'),
  'sets many': response => response.setHeaders(new Headers({ 'x-h': 'h' })),
  'says a phrase': (response, request) => {
    const isOpen = !response.headersSent
    if (isOpen && request.httpVersionMajor < 2) response.statusMessage = 'Fine'
  },
  'adds a trailer': response => {
    if (response.headersSent) return
    response.writeHead(200, { Trailer: 'X-T' }).addTrailers({ 'X-T': '1' })
    response.end('trailed')
  },
  'adds a trailer to a stream': response => {
    if (response.headersSent) return
    response.writeHead(200, { Trailer: 'X-T' }).write('trailed ')
    response.addTrailers({ 'X-T': '1' })
  },
  'writes the head': response => response.writeHead(201, { 'X-H': 'h' }),
  'writes a list': response => response.writeHead(201, ['X-H', 'h', 'X-I', 'i']),
  'writes a phrase': (response, request) => {
    if (request.httpVersionMajor < 2) response.writeHead(202, 'Okay', { 'X-H': 'h' })
  },
  'lets the head go': response => response.flushHeaders(),
  'hints early': response => response.writeEarlyHints({ link: '</a.css>; rel=preload' }),
  'asks for content': response => response.writeContinue(),
  writes: response => response.write('abcd'),
  'writes bytes': response => response.write(Buffer.from([1, 2, 0, 255])),
  'writes hex': response => response.write('00ff', 'hex'),
  'writes and waits': response => new Promise(done => response.write('cb', done)),
  'waits for drain': async response => {
    if (!response.write(LARGE)) await new Promise(done => response.once('drain', done))
  },
  'ends late': response => {
    setTimeout(() => response.end('late'), 3)
    return new Promise(done => response.once('prefinish', done))
  },
  ends: response => response.end(),
  'ends with a length': response => {
    if (!response.headersSent) response.setHeader('Content-Length', '4').end('abcd')
  },
  'ends with text': response => response.end('it is done ✓'),
  'ends with bytes': response => response.end(Buffer.from([0, 1, 255])),
  'ends and waits': response => new Promise<void>(done => response.end('done', done)),
  pipes: response => pipeline(pieces(), response),
  'pipes and goes': response => void pieces().pipe(response),
  'pipes the end': response => pipeline(new PassThrough().end('whole'), response),
  echoes: (response, request) => void request.pipe(response),
}

/** What goes on by itself. */
const LAST = /goes|echoes|sendFile|download/

/** And on Express. */
const EXPRESS: Step<[ExpressResponse]> = {
  json: response => response.json({ a: 1 }),
  jsonp: response => response.jsonp({ a: 1 }),
  send: response => response.send('<p>done</p>'),
  'send bytes': response => response.send(Buffer.from('done')),
  'send nothing': response => response.status(204).send(),
  status: response => response.status(201),
  sendStatus: response => response.sendStatus(202),
  redirect: response => response.redirect(303, '/orders/1'),
  location: response => response.location('/orders/1'),
  type: response => response.type('html'),
  cookie: response => response.cookie('k', 'v'),
  links: response => response.links({ next: '/n' }),
  vary: response => response.vary('Origin'),
  attachment: response => response.attachment('a.txt'),
  sendFile: response => response.sendFile(import.meta.filename),
  download: response => response.download(import.meta.filename),
  format: response => response.format({ json: () => response.json({ f: 1 }) }),
}

/** What a handler on fetch does with its request; the answer is the last step. */
const READS: Step<[Request]> = {
  'waits a tick': () => null,
  'waits a moment': () => pause(2),
  'reads text': request => request.text(),
  'reads bytes': request => request.arrayBuffer(),
  'reads a clone': request => request.clone().json(),
  'reads half': async request => {
    const reader = request.body?.getReader()
    await reader?.read()
    reader?.releaseLock()
  },
  'reads as another': request => new Request(request).text(),
  'looks at its signal': request => request.signal.throwIfAborted(),
}

const stream = () => Readable.toWeb(pieces()) as ReadableStream<Uint8Array>

/** What it gives. */
const GIVES: Step<[Request, Context]> = {
  text: () => new Response('grüße ✓'),
  json: () => Response.json({ a: 1 }, { status: 201, headers: { Location: '/orders/1' } }),
  nothing: () => new Response(null),
  empty: () => new Response(''),
  ...Object.fromEntries(
    [204, 205, 304].map(status => [`${status}`, () => new Response(null, { status })]),
  ),
  bytes: () => new Response(new Uint8Array([0, 255, 1])),
  'a view': () => new Response(new DataView(new ArrayBuffer(4), 1, 2)),
  blob: () => new Response(new Blob(['b'], { type: 'text/x-b' })),
  parameters: () => new Response(new URLSearchParams({ a: 'b' })),
  stream: () => new Response(stream()),
  'a stream of no type': () => new Response(new Blob(['x', 'y']).stream()),
  'an empty stream': () => new Response(new Blob([]).stream()),
  'a byte stream': () =>
    new Response(
      new ReadableStream({
        type: 'bytes',
        pull: controller => {
          // It takes the memory: a Buffer's is everybody's.
          controller.enqueue(new Uint8Array([98, 121]))
          controller.close()
        },
      }),
    ),
  large: () => new Response(LARGE),
  redirect: () => Response.redirect('http://shop.example/z'),
  'see other': () => Response.redirect('http://shop.example/z', 303),
  'a network error': () => Response.error(),
  refusal: () => Response.json({ e: 1 }, { status: 409 }),
  busy: () => new Response('later', { status: 503, headers: { 'Retry-After': '3' } }),
  fields: () => {
    const fields = [
      ...(['Set-Cookie', 'a=b', 'Set-Cookie', 'c=d', 'X-M', '1', 'X-M', '2'] as const),
      ...(['Vary', 'Accept', 'Link', '</n>; rel="next"', 'ETag', '"e"'] as const),
    ]
    const headers = new Headers()
    for (let at = 0; at < fields.length; at += 2) {
      headers.append(fields[at] as string, fields[at + 1] as string)
    }
    return new Response('fields', { headers })
  },
  'its length': () => new Response('len', { headers: { 'Content-Length': '3' } }),
  cloned: () => {
    const response = new Response('clone')
    response.clone()
    return response
  },
  'a clone': () => new Response('clone').clone(),
  'used up': async () => {
    const response = new Response('used')
    await response.text()
    return response
  },
  'another of it': () => new Response(new Response('inner').body, { status: 202 }),
  'the content': request => new Response(request.body),
  'throws a refusal': () => {
    throw createError(422, 'bad tea')
  },
}

/** And on Hono. */
const HONO: Step<[Request, Context]> = {
  'c.json': (_, c) => c.json({ a: 1 }, 201),
  'c.text': (_, c) => c.text('done'),
  'c.html': (_, c) => c.html('<p>done</p>'),
  'c.redirect': (_, c) => c.redirect('/orders/1', 303),
  'c.body': (_, c) => c.body(stream()),
  'c.body of nothing': (_, c) => c.body(null, 204),
  'c.header': (_, c) => {
    c.header('X-A', '1')
    return c.text('done')
  },
}

/** All of them. */
export function frameworkAnswers(servers: readonly string[] = FRAMEWORKS): fc.Arbitrary<AnyAnswer> {
  const door = fc.constantFrom('link' as const, 'key' as const)
  const of = (on: string) => {
    const isExpress = on === 'Express'
    const isNode = isExpress || on.startsWith('node')
    const all = Object.keys(isNode ? NODE : READS)
    const steps = isNode
      ? fc.array(
          fc.oneof(
            fc.constantFrom(...all),
            fc.constantFrom(...(isExpress ? Object.keys(EXPRESS) : all)),
          ),
          { minLength: 1, maxLength: 6 },
        )
      : fc
          .tuple(
            fc.array(fc.constantFrom(...all), { maxLength: 2 }),
            fc.constantFrom(...Object.keys(on === 'Hono' ? { ...GIVES, ...HONO } : GIVES)),
          )
          .map(([reads, gives]) => [...reads, gives])
    return fc.record({ on: fc.constant(on), door, steps })
  }
  return fc.oneof(...servers.map(of))
}

/** Serves one. */
export const serveFrameworkAnswer: ServeAnswer<AnyAnswer> = (given, isOurs) => {
  return given.on === 'fetch' || given.on === 'Hono'
    ? onFetch(given, isOurs)
    : onNode(given, isOurs)
}

function onNode({ on, steps }: AnyAnswer, isOurs: boolean): ReturnType<ServeAnswer<never>> {
  const once = nodePoe({ store: memoryStore(), ...OPTIONS })
  const handler: NodeHandler = async (request, response) => {
    for (const name of steps) {
      const isLast = LAST.test(name)
      if (response.writableEnded || (isLast && response.headersSent)) break
      const step = NODE[name] ?? (EXPRESS[name] as unknown as (typeof NODE)[string])
      await step(response, request)
      if (isLast) return
    }
    if (!response.writableEnded) response.end()
  }
  once.resource({ name: 'order', path: '/orders/:token' }, handler)
  const key = once.idempotencyKey(KEY, handler)
  if (on === 'Express') {
    const app = express()
    app.use(once.middleware())
    app.get('/page', (request, response) => void response.end(once.link(request, 'order')))
    app.post('/key', (request, response, next) => {
      return isOurs ? key(request, response, next) : handler(request, response, null as never)
    })
    app.use(((error, _request, response, _next) => {
      if (response.headersSent) response.destroy()
      else response.status(error.status ?? 500).end('wrong')
    }) as express.ErrorRequestHandler)
    return { server: createServer(app), once }
  }
  const serve = once.handler(async (request, response, poe) => {
    if (request.url === '/page') response.end(poe.link('order'))
    else if (isOurs) await key(request, response)
    else await handler(request, response, poe)
  })
  const listener: RequestListener = (request, response) => {
    if (isOurs || request.url === '/page') void serve(request, response)
    else {
      const bare = handler(request, response, null as never) as Promise<void>
      bare.catch(() => {
        if (response instanceof ServerResponse) response.destroy()
        else (response as Http2ServerResponse).stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      })
    }
  }
  return { server: createServer(listener), once }
}

function onFetch({ on, steps }: AnyAnswer, isOurs: boolean): ReturnType<ServeAnswer<never>> {
  const once = fetchPoe({ store: memoryStore(), ...OPTIONS })
  const handler = async (request: Request, _poe: unknown, context: unknown) => {
    for (const name of steps) {
      const read = READS[name]
      if (read !== undefined) await read(request)
      else return await (GIVES[name] ?? HONO[name])?.(request, context as Context)
    }
    return
  }
  const order = once.resource({ name: 'order', path: '/orders/:token' }, handler as FetchHandler)
  const ours = once.idempotencyKey(KEY, handler as FetchHandler)
  const bare = (request: Request, context: unknown) => handler(request, null, context)
  const key = (isOurs ? ours : bare) as FetchDoor
  const page = once.page((_request, poe) => new Response(poe.link('order')))
  const doors = { page, key, orders: order }
  if (on === 'fetch') {
    const serve: FetchDoor = request => {
      const [, first = ''] = new URL(request.url).pathname.split('/')
      return doors[first as keyof typeof doors](request)
    }
    return { server: createServer(asListener(serve)), once }
  }
  const app = new Hono()
  app.get('/page', c => page(c.req.raw, c))
  app.post('/key', c => key(c.req.raw, c))
  app.all('/orders/:token', c => order(c.req.raw, c))
  app.onError(error => {
    throw error
  })
  return { server: createServer(asListener(async request => app.fetch(request))), once }
}
