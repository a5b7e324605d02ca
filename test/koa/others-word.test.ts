/**
 * What another server has said is no word of the handler's, however it is passed on: as the error
 * that `ctx.throw` makes an answer of, or as the body. Decision 0012.
 */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import axios from 'axios'
import { expect } from 'chai'
import got from 'got'
import createError from 'http-errors'
import type { Context } from 'koa'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { Agent, interceptors, fetch as undiciFetch, request as undiciRequest } from 'undici'
import { allowed, expectProblem, expectUnspent } from '../support/answers.js'
import { until } from '../support/meeting.js'
import { startWorld, type World, type WorldKind, type WorldOptions } from '../support/world.js'

const rawBody = createRequire(import.meta.url)('raw-body')

const KINDS: readonly WorldKind[] = [
  { store: 'memory', koa: 3, at: 'root' },
  { store: 'memory', koa: 2, at: 'root' },
]
const BODY = { json: { sku: 'a' } }

let charges = 0
/** Charges, and answers with the status that its path names. */
const gateway = createServer((asked, answer) => {
  charges += 1
  asked.resume()
  const isMute = asked.url === '/200'
  answer.writeHead(Number(asked.url?.slice(1)), { 'Content-Type': 'text/plain' })
  if (isMute) answer.write('the gateway')
  else answer.end('the gateway said so')
})
const url = (status: number) =>
  `http://127.0.0.1:${(gateway.address() as AddressInfo).port}/${status}`

before(() => new Promise<void>(resolve => gateway.listen(0, '127.0.0.1', resolve)))
beforeEach(() => {
  charges = 0
})
after(() => {
  gateway.closeAllConnections()
  gateway.close()
})

let world: World | null = null
afterEach(async () => {
  await world?.close()
  world = null
})

async function start(kind: WorldKind, options: WorldOptions): Promise<World> {
  await world?.close()
  world = await startWorld(kind, options)
  return world
}

/** Sends it twice, and expects that the handler ran once. */
async function expectSilence(kind: WorldKind, handler: (ctx: Context) => unknown, status: number) {
  const here = await start(kind, { handler: ctx => handler(ctx as unknown as Context) })
  const link = await here.link()
  expect((await here.send('POST', link, BODY)).status).to.equal(status)
  await expectProblem(await here.send('POST', link, BODY), 409, 'undecided')
  expect(here.runs).to.equal(1)
}

const asked = (status: number) =>
  new Promise<IncomingMessage>((resolve, reject) =>
    request(url(status), { method: 'POST' }, resolve).on('error', reject).end(),
  )

for (const kind of KINDS) {
  describe(`an error that ctx.throw makes an answer of, on Koa ${kind.koa}`, () => {
    const charge = (status: number) => axios.post(url(status), {}, { adapter: 'http' })

    it('[FALSE-4201] its status is that of another server: silence', async () => {
      for (const status of [402, 409, 503]) {
        await expectSilence(kind, ctx => charge(status).catch(error => ctx.throw(error)), 500)
        await expectSilence(kind, ctx => charge(status).catch(error => ctx.throw(500, error)), 500)
        await expectSilence(kind, ctx => charge(status).catch(error => ctx.throw(502, error)), 502)
      }
      expect(charges).to.equal(9)
    })

    it('[FALSE-4201] the status that the handler gives is its own word', async () => {
      const foreign = (status: number) => Object.assign(new Error('no'), { status })
      const words: readonly ((ctx: Context) => never)[] = [
        ctx => ctx.throw(402, foreign(402)),
        ctx => ctx.throw(422, new Error('not so')),
        ctx => ctx.throw(422, 'not so', { status: 409 }),
      ]
      for (const say of words) {
        const here = await start(kind, { handler: say as never })
        const link = await here.link()
        expect(allowed(await here.send('POST', link, BODY))).to.include('POST')
      }
      const here = await start(kind, { handler: ctx => ctx.throw(422, foreign(404)) })
      expectUnspent(await here.send('POST', await here.link(), BODY), 422)
    })

    it('[FALSE-4568] so it is without ctx.throw, where http-errors makes the answer', async () => {
      const undici = (status: number) =>
        undiciRequest(url(status), {
          method: 'POST',
          dispatcher: new Agent().compose(interceptors.responseError()),
        })
      for (const ask of [charge, undici]) {
        for (const status of [402, 503]) {
          const wrap = (say: (error: Error) => Error) => () =>
            ask(status).catch(error => Promise.reject(say(error)))
          await expectSilence(kind, wrap(createError), 500)
          await expectSilence(
            kind,
            wrap(error => createError(500, error)),
            500,
          )
          const twice = (ctx: Context) =>
            ask(status).catch(error => ctx.throw(502, createError(error)))
          await expectSilence(kind, twice, 502)
        }
      }
      expect(charges).to.equal(12)
    })

    it('[FALSE-4571] nor is a file that koa-send does not find a report', async () => {
      const sendFile = () =>
        readFile('/no/such/file').catch(error => Promise.reject(createError(404, error)))
      await expectSilence(kind, sendFile, 500)
      const own = (ctx: Context) => readFile('/no/such/file').catch(error => ctx.throw(404, error))
      const here = await start(kind, { handler: own as never })
      expectUnspent(await here.send('POST', await here.link(), BODY), 404)
    })

    it('[FALSE-4568] one that had no status, or is made as an answer, is a report', async () => {
      class Refusal extends Error {
        status = 422
        statusCode = 422
        expose = true
      }
      const words: readonly ((ctx: Context) => never)[] = [
        () => {
          throw createError(422, new TypeError('not so'))
        },
        () => {
          throw createError(createError(422))
        },
        () => {
          throw new Refusal()
        },
        ctx => {
          try {
            return ctx.throw(422, Object.assign(new Error('no'), { status: 404 }))
          } catch (error) {
            throw createError(error as Error)
          }
        },
      ]
      for (const say of words) {
        const here = await start(kind, { handler: say as never })
        expectUnspent(await here.send('POST', await here.link(), BODY), 422)
      }
    })
  })

  describe(`another server's answer as the body, on Koa ${kind.koa}`, () => {
    const WAYS: Readonly<Record<string, (ctx: Context, status: number) => Promise<unknown>>> = {
      'a message of node:http': async (ctx, status) => {
        const answer = await asked(status)
        ctx.status = status
        ctx.body = answer
      },
      'a stream of axios': async (ctx, status) => {
        const how = { responseType: 'stream', validateStatus: () => true } as const
        const answer = await axios.post(url(status), {}, { adapter: 'http', ...how })
        ctx.status = answer.status
        ctx.body = answer.data
      },
      'a stream of got': async (ctx, status) => {
        const how = { throwHttpErrors: false, retry: { limit: 0 }, body: 'x' } as const
        const answer = got.stream.post(url(status), how)
        await new Promise(resolve => answer.once('response', resolve))
        ctx.status = status
        ctx.body = answer
      },
      'what undici gives': async (ctx, status) => {
        const { statusCode, body } = await undiciRequest(url(status), { method: 'POST' })
        ctx.status = statusCode
        ctx.body = body
      },
      'the Response of a package': async (ctx, status) => {
        ctx.body = await undiciFetch(url(status), { method: 'POST' })
      },
    }
    for (const [what, pass] of Object.entries(WAYS)) {
      it(`[FALSE-4202] ${what}: a refusal is silence, a success counts`, async () => {
        await expectSilence(kind, ctx => pass(ctx, 402), 409)
        await expectSilence(kind, ctx => pass(ctx, 503), 503)
        const here = await start(kind, { handler: ctx => pass(ctx as unknown as Context, 201) })
        const link = await here.link()
        const first = await here.send('POST', link, BODY)
        expect([first.status, await first.text()]).to.deep.equal([201, 'the gateway said so'])
        await expectProblem(await here.send('POST', link, BODY), 405, 'used')
        expect(charges).to.equal(3)
      })
    }

    it('[FALSE-4529] and where it flows past Koa, as http-proxy lets it', async () => {
      const pass = async (ctx: Context, status: number) => {
        ctx.respond = false
        const answer = await asked(status)
        ctx.res.statusCode = status
        await pipeline(answer, ctx.res)
      }
      const ways: (typeof pass)[] = [
        pass,
        async (ctx, status) => {
          const answer = await asked(status)
          ctx.status = status
          answer.pipe(ctx.res)
          ctx.respond = false
        },
      ]
      for (const way of ways) {
        charges = 0
        await expectSilence(kind, ctx => way(ctx, 402), 402)
        await expectSilence(kind, ctx => way(ctx, 503), 503)
        const here = await start(kind, { handler: ctx => way(ctx as unknown as Context, 201) })
        const link = await here.link()
        expect((await here.send('POST', link, BODY)).status).to.equal(201)
        await expectProblem(await here.send('POST', link, BODY), 405, 'used')
        expect(charges).to.equal(3)
        const own = await start(kind, {
          handler: ctx => {
            const { res } = ctx as unknown as Context
            ctx.respond = false
            res.statusCode = 422
            Readable.from(['the form']).pipe(res)
          },
        })
        const again = await own.link()
        for (let tries = 0; tries < 2; tries += 1) {
          expect((await own.send('POST', again, BODY)).status).to.equal(422)
        }
      }
    })

    it('[FALSE-4569] and where its status comes after it was passed on', async () => {
      const begin = () =>
        got.stream.post(url(402), { throwHttpErrors: false, retry: { limit: 0 }, body: 'x' })
      await expectSilence(
        kind,
        async ctx => {
          const answer = begin()
          ctx.body = answer
          await new Promise(resolve => answer.once('response', resolve))
          ctx.status = answer.response?.statusCode ?? 0
        },
        409,
      )
      const past = (ctx: Context) => {
        ctx.respond = false
        begin().pipe(ctx.res)
      }
      await expectSilence(kind, past, 402)
      expect(charges).to.equal(2)
    })

    it('[FALSE-4570] and with its fields, which are of no handler', async () => {
      const ways: ((ctx: Context, status: number) => Promise<unknown>)[] = [
        async (ctx, status) => {
          const answer = await fetch(url(status), { method: 'POST' })
          ctx.body = new Response(answer.body, answer)
        },
        async (ctx, status) => {
          const answer = await axios.post(url(status), {}, { validateStatus: () => true })
          ctx.set(answer.headers as Record<string, string>)
          ctx.status = answer.status
          ctx.body = answer.data
        },
        async (ctx, status) => {
          const answer = await asked(status)
          ctx.respond = false
          ctx.res.writeHead(status, answer.headers)
          for await (const piece of answer) ctx.res.write(piece)
          ctx.res.end()
        },
      ]
      for (const way of ways) {
        charges = 0
        await expectSilence(kind, ctx => way(ctx, 402), way === ways[2] ? 402 : 409)
        await expectSilence(kind, ctx => way(ctx, 503), 503)
        expect(charges).to.equal(2)
      }
    })

    it('[FALSE-4202] a stream of the handler’s own is its own word', async () => {
      const form = (ctx: Context) => {
        ctx.status = 422
        ctx.body = Readable.from(['the form ', 'again'])
      }
      const here = await start(kind, { handler: form as never })
      expectUnspent(await here.send('POST', await here.link(), BODY), 422)
    })
  })
}

describe('another server’s answer that breaks off with this request', () => {
  it('[FALSE-4209] is silence, where nobody was reading the request', async () => {
    const here = await start(KINDS[0] as WorldKind, {
      parse: false,
      handler: async ctx => {
        const answer = await asked(200)
        ctx.res.on('close', () => answer.destroy())
        await rawBody(answer, { length: 1_000 })
      },
    })
    const link = await here.link()
    const socket = connect(here.port, '127.0.0.1')
    socket.write(`POST ${link} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{`)
    await until(() => charges === 1, 'it is charged')
    socket.destroy()
    const isOver = () => here.events.some(({ type }) => type === 'undecided' || type === 'released')
    await until(isOver, 'the end')
    await expectProblem(await here.send('POST', link, BODY), 409, 'undecided')
    expect(charges).to.equal(1)
  })
})

describe('another server’s answer, passed on without Koa', () => {
  const options = { store: memoryStore(), principal: () => 'guest', onError: () => {} }
  const path = '/pay/:token'

  const ANSWERS: Readonly<Record<string, () => Promise<Response>>> = {
    '[FALSE-4202] a Response of a package': async () =>
      (await undiciFetch(url(402), { method: 'POST' })) as unknown as Response,
    '[FALSE-4570] a Response made of it, as proxies do': async () => {
      const answer = await fetch(url(402), { method: 'POST' })
      return new Response(answer.body, answer)
    },
  }
  for (const [title, answer] of Object.entries(ANSWERS)) {
    it(`${title}, over fetch`, async () => {
      const once = fetchPoe(options)
      once.resource({ name: 'pay', path }, answer)
      const serve = once.handler((_request, poe) => new Response(poe.link('pay')))
      const link = await (await serve(new Request('http://shop.test/'))).text()
      for (let tries = 0; tries < 2; tries += 1) {
        const asks = new Request(`http://shop.test${link}`, { method: 'POST', body: 'x' })
        expect((await serve(asks)).status).to.equal(409)
      }
      expect(charges).to.equal(1)
    })
  }

  const PIPED: Readonly<Record<string, (to: ServerResponse) => Promise<unknown> | unknown>> = {
    pipe: async to => (await asked(402)).pipe(to),
    pipeline: async to => pipeline(await asked(402), to),
    'a stream of got': to =>
      got.stream
        .post(url(402), { throwHttpErrors: false, retry: { limit: 0 }, body: 'x' })
        .pipe(to),
    'what undici gives': async to =>
      (await undiciRequest(url(402), { method: 'POST' })).body.pipe(to),
  }
  for (const [how, pass] of Object.entries(PIPED)) {
    const id = how.startsWith('pipe') ? 'FALSE-4202' : 'FALSE-4569'
    it(`[${id}] a message that flows into the response: ${how}`, async () => {
      const once = nodePoe(options)
      once.resource({ name: 'pay', path: `/${how.length}/:token` }, async (_request, response) => {
        response.statusCode = 402
        await pass(response)
      })
      const server = createServer(
        once.handler((_request, response, poe) => response.end(poe.link('pay'))),
      )
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const link = await (await fetch(origin)).text()
      for (let tries = 0; tries < 2; tries += 1) {
        expect((await fetch(origin + link, { method: 'POST' })).status).to.equal(409)
      }
      expect(charges).to.equal(1)
      server.closeAllConnections()
      server.close()
    })
  }
})

for (const kind of KINDS) {
  it(`[POE-2-20] undecided has no field of what is not shown, Koa ${kind.koa}`, async () => {
    const here = await start(kind, {
      handler: ctx => {
        ctx.status = 303
        // A client would fail to decode what is told in its place.
        ctx.set({ 'Content-Encoding': 'gzip', ETag: '"a"', 'X-Gateway': 'b' })
      },
    })
    const refused = await here.send('POST', (await here.link()) ?? '', BODY)
    const names = ['Content-Encoding', 'ETag', 'X-Gateway']
    expect(names.map(name => refused.headers.get(name))).to.deep.equal([null, null, null])
    await expectProblem(refused, 409, 'undecided')
  })
}
