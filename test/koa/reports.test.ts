/**
 * What counts as a handler's report that nothing happened, and what is silence: decision 0012.
 */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import { expect } from 'chai'
import type { Context } from 'koa'
import type { RequestPoe, ResourceOptions } from 'post-once-exactly/koa'
import { allowed, expectProblem, expectUnspent } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import {
  ALL_WORLDS,
  EVERY_STORE,
  nameOf,
  placeOrder,
  startWorld,
  type World,
  type WorldKind,
  type WorldOptions,
} from '../support/world.js'

const need = createRequire(import.meta.url)
const rawBody = need('raw-body')
const coBody = need('co-body')

type Handler = NonNullable<WorldOptions['handler']>

const BODY = { json: { sku: 'a' } }
const SILENCES = [500, 502, 504, 505, 507, 511]
const MEMORY: WorldKind = { store: 'memory', koa: 3, at: 'root' }

let world: World
let isOpen = false

/** Closes the world of this test, once. */
async function close(): Promise<void> {
  if (isOpen) await world.close()
  isOpen = false
}

async function open(kind: WorldKind, options: WorldOptions = {}): Promise<void> {
  await close()
  world = await startWorld(kind, options)
  isOpen = true
}

/** The handler has its effect and then does `first`; a second run would place an order. */
async function start(
  kind: WorldKind,
  first: Handler,
  resource: Partial<ResourceOptions> = {},
): Promise<string> {
  await open(kind, {
    resource,
    handler: (ctx, here) => {
      here.effects.push('charged')
      return here.runs === 1 ? first(ctx, here) : placeOrder(ctx, here)
    },
  })
  return await world.link()
}

async function expectSilence(link: string, status: number): Promise<void> {
  const first = await world.send('POST', link, BODY)
  expect([first.status, allowed(first)]).to.deep.equal([status, ['OPTIONS']])
  await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
  expect(world.runs).to.equal(1)
  expect(world.events.map(({ type }) => type)).to.include('undecided')
}

async function expectReport(link: string, status: number): Promise<void> {
  expectUnspent(await world.send('POST', link, BODY), status)
  expect((await world.send('POST', link, BODY)).status).to.equal(201)
}

const sets =
  (status: number): Handler =>
  ctx => {
    ctx.status = status
    ctx.body = 'an answer'
  }
const throws =
  (error: unknown): Handler =>
  () => {
    throw error
  }

/** As a client library makes it: the status is that of the server that it asked. */
const foreign = (status: number) =>
  Object.assign(new Error('the gateway said so'), { status, statusCode: status })

for (const kind of ALL_WORLDS) {
  describe(`reports, ${nameOf(kind)}`, () => {
    afterEach(close)

    it('[FALSE-101] a thrown HTTP answer of 4xx, 501 or 503 frees', async () => {
      for (const status of [400, 402, 409, 422, 501, 503]) {
        await expectReport(await start(kind, ctx => ctx.throw(status)), status)
      }
    })

    it('[FALSE-102] a thrown HTTP answer of another 5xx is silence, and is passed on', async () => {
      for (const status of SILENCES) {
        await expectSilence(await start(kind, ctx => ctx.throw(status)), status)
      }
    })

    it('[FALSE-103] an error with the status of somebody else is silence, and 500', async () => {
      for (const status of [400, 402, 404, 409, 422, 429, 500, 501, 502, 503, 504]) {
        await expectSilence(await start(kind, throws(foreign(status))), 500)
      }
    })
  })
}

for (const kind of EVERY_STORE) {
  describe(`silences, ${nameOf(kind)}`, () => {
    afterEach(close)

    it('[FALSE-104] an answer of 5xx is silence but for 501 and 503', async () => {
      for (const status of SILENCES) {
        const link = await start(kind, sets(status))
        const first = await world.send('POST', link, BODY)
        expect([first.status, await first.text(), allowed(first)]).to.deep.equal([
          status,
          'an answer',
          ['OPTIONS'],
        ])
        await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
        expect(world.runs).to.equal(1)
      }
    })

    it('[FALSE-105] also where the handler writes it itself', async () => {
      const writes = (ctx: Context) => {
        ctx.respond = false
        ctx.res.writeHead(502).end('bad gateway')
      }
      await expectSilence(await start(kind, writes), 502)
    })

    it('[FALSE-113] nor is the status of a fetched Response that is passed on', async () => {
      const gateway = createServer((_asked, answer) => answer.writeHead(402).end('no money'))
      await new Promise<void>(resolve => gateway.listen(0, '127.0.0.1', resolve))
      const { port } = gateway.address() as AddressInfo
      const link = await start(kind, async ctx => {
        ctx.body = await fetch(`http://127.0.0.1:${port}/charges`, { method: 'POST' })
      })
      await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
      await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
      expect(world.runs).to.equal(1)
      gateway.close()
      const own = await start(kind, ctx => {
        ctx.body = new Response('no', { status: 422 })
      })
      await expectReport(own, 422)
    })

    it('[FALSE-501] a handler that says nothing: 500, once, and a word in the log', async () => {
      const logged: string[] = []
      await open(kind, {
        extend: app => app.on('error', error => logged.push(error.message)),
        handler: (_ctx, here) => {
          here.effects.push('ordered')
        },
      })
      await expectSilence(await world.link(), 500)
      expect(world.effects).to.have.lengthOf(1)
      expect(logged).to.have.lengthOf(1)
      expect(logged[0]).to.include('ctx.status = 204').and.include('ctx.status = 404')
    })

    it('[FALSE-502] a 404 of its own is a report', async () => {
      const link = await start(kind, ctx => {
        ctx.status = 404
      })
      await expectReport(link, 404)
    })
  })
}

describe('reports by options', () => {
  afterEach(close)

  it('[FALSE-106] reports: [500] frees that status, set or thrown, and no other', async () => {
    const resource = { reports: [500] }
    for (const handler of [sets(500), (ctx: Context) => ctx.throw(500)]) {
      await expectReport(await start(MEMORY, handler, resource), 500)
    }
    await expectSilence(await start(MEMORY, sets(502), resource), 502)
    await expectSilence(await start(MEMORY, throws(foreign(500)), resource), 500)
    await expectSilence(await start(MEMORY, throws(new Error('boom')), resource), 500)
  })

  it('[FALSE-107] isRefusal frees what it accepts, which is thrown on as it is', async () => {
    class SoldOut extends Error {
      readonly status = 409
    }
    const isRefusal = (error: unknown) => error instanceof SoldOut
    await expectReport(await start(MEMORY, throws(new SoldOut()), { isRefusal }), 409)
    await expectSilence(await start(MEMORY, throws(foreign(409)), { isRefusal }), 500)
  })

  it('[FALSE-108] only its plain yes counts', async () => {
    const answers = [
      () => 1 as unknown as boolean,
      (async () => true) as unknown as (error: unknown) => boolean,
      () => {
        throw new Error('broken')
      },
    ]
    for (const isRefusal of answers) {
      await expectSilence(await start(MEMORY, throws(foreign(409)), { isRefusal }), 500)
    }
  })

  it('[FALSE-109] with marks, silence frees before the mark and not after it', async () => {
    const marked: Handler = async ctx => {
      await ctx.poe.pointOfNoReturn()
      throw foreign(504)
    }
    const resource = { marks: true }
    for (const handler of [throws(foreign(504)), sets(504), () => {}]) {
      const link = await start(MEMORY, handler, resource)
      expect(allowed(await world.send('POST', link, BODY))).to.include('POST')
    }
    await expectSilence(await start(MEMORY, marked, resource), 500)
    const setsLater: Handler = async ctx => {
      await ctx.poe.pointOfNoReturn()
      ctx.status = 500
    }
    await expectSilence(await start(MEMORY, setsLater, resource), 500)
  })

  it('[FALSE-110] a transaction rolls back under each, and is free', async () => {
    const kind: WorldKind = { ...MEMORY, store: 'sqlite' }
    const resource = { transactional: true }
    const cases: readonly [Handler, number][] = [
      [sets(502), 502],
      [throws(foreign(402)), 402],
      [throws(new Error('boom')), 500],
      [() => {}, 500],
    ]
    for (const [handler, status] of cases) {
      const wrote: Handler = async (ctx, here) => {
        await (ctx.poe as RequestPoe<{ run(sql: string): Promise<unknown> }>).tx.run('SELECT 1')
        return handler(ctx, here)
      }
      await expectReport(await start(kind, wrote, resource), status)
    }
  })

  it('[FALSE-111] the options are checked', async () => {
    await open(MEMORY)
    const router = { all: () => {}, post: () => {}, stack: [] }
    const mount = (more: object) => () => {
      const options = { name: 'other', path: '/other/:token', ...more }
      world.once.resource(router as never, options, () => {})
    }
    expect(mount({ isRefusal: true })).to.throw(TypeError, 'isRefusal must be a function')
    for (const reports of [500, [404], ['500'], [600], [500.5], [null]]) {
      expect(mount({ reports }), JSON.stringify(reports)).to.throw(TypeError, 'reports must be')
    }
    expect(mount({ report: [500] })).to.throw(TypeError, 'has no option report')
    const key = { name: 'k', retentionMs: 1_000, dangerouslyNotDurable: true, reports: [1] }
    expect(() => world.once.idempotencyKey(key)).to.throw(TypeError, 'reports must be')
  })
})

describe('a rule for success that gives a promise', () => {
  afterEach(close)

  for (const told of [true, false]) {
    it(`[FALSE-3511] of ${told} decides nothing: silence, and an error that says so`, async () => {
      const success = (async () => told) as never
      const link = await start(MEMORY, sets(422), { success })
      await expectSilence(link, 500)
      const silence = world.events.find(({ type }) => type === 'undecided')
      expect(String(Reflect.get(silence ?? {}, 'cause'))).to.include(
        'success(answer) gave a promise',
      )
    })
  }
})

describe('a body parser inside the claim', () => {
  afterEach(close)

  it('[FALSE-114] its refusal of content that it cannot read is a report', async () => {
    await open(MEMORY, {
      parse: false,
      extend: (_koa, router, once) => {
        const options = { name: 'key', retentionMs: 60_000, dangerouslyNotDurable: true }
        const door = (more: object) => once.idempotencyKey({ ...options, ...more })
        const done = (ctx: Context) => {
          ctx.status = 204
        }
        router.post('/free', door({}), bodyParser(), done)
        router.post('/kept', door({ name: 'kept', profile: 'stripe' }), bodyParser(), done)
      },
    })
    const send = async (path: string, body: string) => {
      const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': '"k"' }
      return (await world.send('POST', path, { body, headers })).status
    }
    for (const content of ['{', '7', '{"__proto__":1}']) {
      expect(await send('/free', content), content).to.equal(400)
    }
    expect(await send('/free', '{"amount":1}')).to.equal(204)
    expect([await send('/kept', '{'), await send('/kept', '{')]).to.deep.equal([400, 400])
  })
})

describe('a parser that reads what another server has said', () => {
  const gateway = createServer((asked, answer) => {
    asked.resume()
    if (asked.url === '/cut') {
      answer.writeHead(200, { 'Content-Length': 9 })
      return void answer.write('{', () => asked.socket.destroy())
    }
    return void answer.writeHead(200).end('x'.repeat(2_000))
  })
  before(() => new Promise<void>(resolve => gateway.listen(0, '127.0.0.1', resolve)))
  after(() => {
    gateway.closeAllConnections()
    gateway.close()
  })
  afterEach(close)

  const ask = async (path: string) => {
    const { port } = gateway.address() as AddressInfo
    const asking = request({ port, path, method: 'POST' }).end()
    return (await once(asking, 'response'))[0]
  }
  const READINGS: Readonly<Record<string, () => Promise<unknown>>> = {
    'broken off': async () => rawBody(await ask('/cut'), { length: 9 }),
    'too large': async () => rawBody(await ask('/long'), { limit: 1_000 }),
  }
  for (const [what, read] of Object.entries(READINGS)) {
    it(`[FALSE-4106] ${what}: silence, for it says nothing of this request`, async () => {
      await expectSilence(await start(MEMORY, read), 500)
      await open(MEMORY, {
        parse: false,
        extend: (_koa, router, here) => {
          const options = { name: 'key', retentionMs: 60_000, dangerouslyNotDurable: true }
          router.post('/pay', here.idempotencyKey(options), bodyParser(), read)
        },
      })
      const headers = { 'Idempotency-Key': '"k"' }
      const pay = async () => (await world.send('POST', '/pay', { ...BODY, headers })).status
      expect([await pay(), await pay()]).to.deep.equal([500, 409])
    })
  }

  it('[FALSE-4106] broken off, where nobody reads this request’s: silence too', async () => {
    await open(MEMORY, { parse: false, handler: READINGS['broken off'] as Handler })
    const link = await world.link()
    const statuses = [await world.send('POST', link, BODY), await world.send('POST', link, BODY)]
    expect(statuses.map(({ status }) => status)).to.deep.equal([500, 409])
  })

  it('[FALSE-4106] of this request’s content it is a report, as before', async () => {
    const handler: Handler = async ctx => {
      ctx.body = await coBody.json(ctx, { limit: 1_000 })
    }
    await open(MEMORY, { parse: false, handler })
    const link = await world.link()
    for (const [body, status] of [
      ['{', 400],
      [`"${'x'.repeat(2_000)}"`, 413],
    ] as const) {
      expectUnspent(await world.send('POST', link, { body }), status)
    }
    expect((await world.send('POST', link, BODY)).status).to.equal(200)
  })
})

describe('nobody says anything', () => {
  afterEach(close)

  it('[FALSE-503] a path that nobody serves behind a key door is 404, and free', async () => {
    const app = { entered: 0 }
    await open(MEMORY, {
      extend: (koa, router, once) => {
        const options = { name: 'all', retentionMs: 60_000, dangerouslyNotDurable: true }
        koa.use(once.idempotencyKey(options))
        router.post('/mute', () => {
          app.entered += 1
        })
      },
    })
    const headers = { 'Idempotency-Key': '"k"' }
    const send = (path: string) => world.send('POST', path, { ...BODY, headers })
    expect([(await send('/none')).status, (await send('/none')).status]).to.deep.equal([404, 404])
    expect(world.events.map(({ type }) => type)).to.not.include('undecided')
    headers['Idempotency-Key'] = '"other"'
    expect([(await send('/mute')).status, (await send('/mute')).status]).to.deep.equal([500, 409])
    expect(app.entered).to.equal(1)
  })

  it('[FALSE-504] not even after impatient middleware has answered 503', async () => {
    const door = latch()
    await open(MEMORY, {
      outside: [
        async (ctx, next) => {
          if (door.isOpen) return await next()
          const over = until(() => world.runs === 1, 'it runs').then(() => ctx.throw(503))
          return await Promise.race([next(), over])
        },
      ],
      handler: async (_ctx, here) => {
        await door.opened
        here.effects.push('ordered')
      },
    })
    const link = await world.link()
    const first = await world.send('POST', link, BODY)
    expect(first.status).to.equal(503)
    door.open()
    await until(() => world.events.some(({ type }) => type === 'undecided'), 'the doubt')
    await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
    expect(world.effects).to.have.lengthOf(1)
  })
})

describe('an upload that is cut off', () => {
  afterEach(close)

  /** Sends a part of the content and leaves when the handler is at work. */
  async function cut(handler: Handler, resource: Partial<ResourceOptions> = {}): Promise<string> {
    await open(MEMORY, { parse: false, handler, resource })
    const link = await world.link()
    const socket = connect(world.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`POST ${link} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{`)
    await until(() => world.runs === 1, 'the handler is at work')
    socket.destroy()
    return link
  }

  const ended = () => world.events.find(({ type }) => type === 'undecided' || type === 'released')

  it('[FALSE-301] an unrelated throw while the client leaves is silence', async () => {
    const link = await cut(async (ctx, here) => {
      here.effects.push('paid out')
      await new Promise(resolve => ctx.req.once('close', resolve))
      throw new TypeError('the audit log is down')
    })
    await until(() => ended() !== undefined, 'the end')
    await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
    expect(world.effects).to.have.lengthOf(1)
  })

  it('[FALSE-302] a reset of another connection, in the very same words, is silence', async () => {
    const link = await cut(async ctx => {
      await new Promise(resolve => ctx.req.once('close', resolve))
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    })
    await until(() => ended() !== undefined, 'the end')
    await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
  })

  it('[FALSE-303] the abort that whoever reads the content gets is a report', async () => {
    const reading = latch()
    const link = await cut(async ctx => {
      reading.open()
      for await (const _chunk of ctx.req);
    })
    await reading.opened
    await until(() => ended() !== undefined, 'the end')
    expect(ended()?.type).to.equal('released')
    expect(allowed(await world.send('GET', link))).to.include('POST')
  })

  it('[FALSE-4631] the same after the mark is silence: its beginning may be paid out', async () => {
    const link = await cut(
      async (ctx, here) => {
        await ctx.poe.pointOfNoReturn()
        for await (const _chunk of ctx.req) here.effects.push('paid out')
      },
      { marks: true },
    )
    await until(() => ended() !== undefined, 'the end')
    await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
  })
})
