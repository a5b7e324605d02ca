/**
 * Fronts: what stands between a client and a POE server, and speaks in its place. Real servers on
 * real sockets: an origin with a ledger, of this package or of the bare draft, and a front that can
 * be switched on.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** How an origin answers a POST that it carries out, and one whose content says `refuse`. */
export type Success = '201' | '200' | '303'

/** A POE server and what it has carried out. */
export interface Origin {
  readonly origin: string
  /** A fresh link, as a path. */
  link(): Promise<string>
  /**
   * The fronts behind which nothing that can be asked tells whose POST used a link: only
   * a 405 of this package's servers says so.
   */
  readonly cannotTell: RegExp
  /** The contents that took effect at a link. */
  effects(link: string): readonly string[]
  close(): Promise<void>
}

/** An answer as a front passes it on. */
export interface Passed {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** What a front does with a request: an answer, or `null` to cut the connection. */
export type FrontRule = (
  asked: { readonly method: string; readonly path: string },
  forward: () => Promise<Passed>,
) => Promise<Passed | null>

/** A front that can be switched. */
export interface Front {
  readonly origin: string
  /** What it does from now on. */
  rule: FrontRule
  close(): Promise<void>
}

/** An answer by its parts. */
export function page(status: number, fields: Record<string, string> = {}, body = 'a page'): Passed {
  return { status, headers: new Headers({ 'content-type': 'text/html', ...fields }), body }
}

/** A Koa application with the plugin; nothing leaves the raw body. */
export async function ourOrigin(success: Success): Promise<Origin> {
  const app = new Koa()
  app.silent = true
  const router = new Router()
  const store = memoryStore()
  const instance = poe({ store, principal: anyone })
  const done = new Map<string, string[]>()
  app.use(instance.middleware())
  router.get('/page', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  router.get('/orders/:name', ctx => {
    ctx.body = `order ${ctx.params.name}`
  })
  instance.resource(router, { name: 'order', path: '/once/:token' }, async ctx => {
    const content = await textOf(ctx.req)
    if (content.includes('refuse')) ctx.throw(422, 'no stock')
    done.set(ctx.path, [...(done.get(ctx.path) ?? []), content])
    ctx.status = Number(success)
    if (success !== '200') ctx.set('Location', `/orders/${content}`)
    if (success !== '303') ctx.body = { ordered: content }
  })
  app.use(router.routes()).use(router.allowedMethods())
  const server = createServer(app.callback())
  const origin = await listen(server)
  return {
    origin,
    cannotTell: /load balancer/,
    link: async () => ((await (await fetch(`${origin}/page`)).json()) as { link: string }).link,
    effects: link => done.get(link) ?? [],
    close: async () => {
      await closed(server)
      await store.close()
    },
  }
}

/** A server that knows the draft and nothing else: no result link, no problem documents. */
export async function bareOrigin(success: Success, allowOnGet: boolean): Promise<Origin> {
  const done = new Map<string, string[]>()
  const server = createServer(async (asked, answer) => {
    const path = asked.url ?? '/'
    const content = await textOf(asked)
    if (path.startsWith('/orders/')) return say(answer, page(200, {}, `order ${path.slice(8)}`))
    const effects = done.get(path)
    if (effects === undefined) return say(answer, page(404))
    const isUsed = effects.length > 0
    if (asked.method === 'GET' && isUsed) {
      return say(answer, page(200, allowOnGet ? { allow: 'GET' } : {}, `result of ${effects}`))
    }
    if (asked.method !== 'POST' || isUsed) {
      return say(answer, page(405, { allow: isUsed ? 'GET' : 'POST' }))
    }
    if (content.includes('refuse')) return say(answer, page(422))
    effects.push(content)
    say(answer, page(Number(success), success === '200' ? {} : { location: `/orders/${content}` }))
  })
  let links = 0
  const origin = await listen(server)
  return {
    origin,
    cannotTell: /load balancer|turns errors into 200$/,
    link: async () => {
      links += 1
      const path = `/once/${links}-${Math.random().toString(36).slice(2)}`
      done.set(path, [])
      return path
    },
    effects: link => done.get(link) ?? [],
    close: () => closed(server),
  }
}

/** Starts a front before an origin; it passes everything on until it is told otherwise. */
export async function startFront(target: Origin): Promise<Front> {
  const front = { rule: pass }
  const server = createServer(async (asked, answer) => {
    const body = await textOf(asked)
    const { method = 'GET', url = '/' } = asked
    const forward = async () => await send(target.origin + url, method, asked, body)
    const told = await front.rule({ method, path: url }, forward).catch(() => page(502))
    if (told === null) asked.socket.destroy()
    else say(answer, told)
  })
  const origin = await listen(server)
  return {
    origin,
    close: () => closed(server),
    get rule() {
      return front.rule
    },
    set rule(rule) {
      front.rule = rule
    },
  }
}

/** Nothing stands between. */
export const pass: FrontRule = async (_asked, forward) => await forward()

async function send(
  url: string,
  method: string,
  { headers }: IncomingMessage,
  body: string,
): Promise<Passed> {
  const { connection: _c, host: _h, 'transfer-encoding': _t, ...kept } = headers
  const answer = await fetch(url, {
    method,
    headers: kept as Record<string, string>,
    body: method === 'POST' ? body : null,
    redirect: 'manual',
  })
  return { status: answer.status, headers: answer.headers, body: await answer.text() }
}

function say(answer: ServerResponse, { status, headers, body }: Passed): void {
  for (const [name, value] of headers) {
    // What is passed on is another message.
    if (!/^(?:connection|keep-alive|transfer-encoding|content-length)$/.test(name)) {
      answer.setHeader(name, value)
    }
  }
  answer.writeHead(status).end(status === 204 ? '' : body)
}

async function textOf(asked: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of asked) text += String(chunk)
  return text
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
