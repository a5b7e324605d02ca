/**
 * Content that is not what it says, at a parser that stands inside the claim: nothing has happened,
 * and the name is free. Decision 0012.
 */
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { bodyParser } from '@koa/bodyparser'
import multer from '@koa/multer'
import { expect } from 'chai'
import type { Context, Middleware } from 'koa'
import { expectProblem } from '../support/answers.js'
import { startWorld, type World } from '../support/world.js'

const need = createRequire(import.meta.url)
const coBody = need('co-body')
const rawBody = need('raw-body')
const busboy = need('busboy')
const { formidable } = need('formidable')

const LIMIT = 100
const PARSERS = {
  bodyParser: bodyParser({ jsonLimit: LIMIT }),
  multer: multer({ limits: { fileSize: LIMIT, files: 1 } }).any(),
  'co-body': async (ctx, next) => {
    await coBody(ctx.req, { limit: LIMIT })
    return await next()
  },
  formidable: async (ctx, next) => {
    await formidable({ maxFileSize: LIMIT, maxTotalFileSize: LIMIT }).parse(ctx.req)
    return await next()
  },
  busboy: async (ctx, next) => {
    await new Promise((resolve, reject) => {
      const parser = busboy({ headers: ctx.req.headers })
      parser.on('error', reject).on('close', resolve)
      parser.on('file', (_name: string, file: Readable) => file.on('error', reject).resume())
      ctx.req.pipe(parser)
    })
    return await next()
  },
} satisfies Readonly<Record<string, Middleware>>
type ParserName = keyof typeof PARSERS

const FORM = 'multipart/form-data; boundary=b'
const JSON_TYPE = 'application/json'

function part(content: string): string {
  const head = 'Content-Disposition: form-data; name="file"; filename="f"'
  return `--b\r\n${head}\r\n\r\n${content}\r\n`
}
const END = '--b--\r\n'

interface Content {
  readonly type: string
  readonly body: string | Buffer
  readonly coding?: string
}
const GOOD: Readonly<Record<ParserName, Content>> = {
  bodyParser: { type: JSON_TYPE, body: '{"a":1}' },
  'co-body': { type: JSON_TYPE, body: gzipSync('{"a":1}'), coding: 'gzip' },
  multer: { type: FORM, body: part('x') + END },
  formidable: { type: FORM, body: part('x') + END },
  busboy: { type: FORM, body: part('x') + END },
}
const BAD: readonly [ParserName, string, number, Content][] = [
  ['bodyParser', 'in a coding that nobody knows', 415, coded('{}', 'fake')],
  ['bodyParser', 'that is not in its coding', 400, coded('{"a":1}', 'gzip')],
  ['bodyParser', 'of a coding that breaks off', 400, coded(gzipSync('{"a":1}').subarray(0, 20))],
  ['bodyParser', 'that is not in its coding, br', 400, coded('{"a":1}', 'br')],
  ['co-body', 'of a type that it does not take', 415, { type: FORM, body: part('x') + END }],
  ['co-body', 'that is not in its coding', 400, coded('{"a":1}', 'deflate')],
  [
    'multer',
    'with a file that is too large',
    413,
    { type: FORM, body: part('x'.repeat(200)) + END },
  ],
  ['multer', 'with another file', 413, { type: FORM, body: part('x') + part('x') + END }],
  ['multer', 'without an end', 400, { type: FORM, body: part('x') }],
  ['multer', 'without a boundary', 400, { type: 'multipart/form-data', body: part('x') + END }],
  ['formidable', 'without a boundary', 400, { type: 'multipart/form-data', body: part('x') + END }],
  ['formidable', 'without an end', 400, { type: FORM, body: part('x') }],
  ['busboy', 'without an end', 400, { type: FORM, body: part('x') }],
  ['busboy', 'without a part', 400, { type: FORM, body: 'none' }],
]

function coded(body: string | Buffer, coding = 'gzip'): Content {
  return { type: JSON_TYPE, body, coding }
}

let world: World
let entered = 0
const handler: Middleware = ctx => {
  entered += 1
  ctx.status = 204
}

/** Every door with the parser behind it, and a link whose handler parses by itself. */
async function open(parser: Middleware): Promise<void> {
  entered = 0
  const lasting = { retentionMs: 60_000, dangerouslyNotDurable: true }
  world = await startWorld(
    { store: 'memory', koa: 3, at: 'root' },
    {
      parse: false,
      handler: ctx => parser(ctx as never, async () => handler(ctx as never, async () => {})),
      extend: (_koa, router, once) => {
        const key = (ctx: Context) => ctx.get('X-Id')
        const validator = () => ({ etag: '"v1"' })
        const more: readonly [string, Middleware][] = [
          ['/key', once.idempotencyKey({ name: 'key', ...lasting })],
          ['/replay', once.replay({ name: 'replay', key, ...lasting })],
          ['/condition', once.conditional({ name: 'thing', validator })],
        ]
        for (const [path, door] of more) router.post(path, door, parser, handler)
      },
    },
  )
}

async function send(path: string, { type, body, coding }: Content): Promise<number> {
  const headers = {
    ...{ 'Content-Type': type, 'Idempotency-Key': '"k"', 'X-Id': 'k', 'If-Match': '"v1"' },
    ...(coding === undefined ? {} : { 'Content-Encoding': coding }),
  }
  return (await world.send('POST', path, { body: body as string, headers })).status
}

for (const [name, parser] of Object.entries(PARSERS) as [ParserName, Middleware][]) {
  describe(`content that ${name} does not take, behind a door`, () => {
    afterEach(() => world.close())

    for (const [of, what, status, content] of BAD) {
      if (of !== name) continue
      it(`[FALSE-4203] ${what}: ${status}, and the name is free`, async () => {
        await open(parser)
        for (const path of ['/key', '/replay', '/condition', await world.link()]) {
          const seen = [await send(path, content), await send(path, content), entered]
          expect(seen, path).to.deep.equal([status, status, 0])
          expect(await send(path, GOOD[name]), path).to.equal(204)
          entered = 0
        }
      })
    }
  })
}

describe('a parser that is told to give its error to ctx.throw', () => {
  afterEach(() => world.close())

  for (const [what, throwOn, statuses] of [
    ['alone', (error: Error, ctx: Context) => ctx.throw(error), [400, 415]],
    ['with a status', (error: Error, ctx: Context) => ctx.throw(422, error), [422, 422]],
  ] as const) {
    it(`[FALSE-4203] ${what}: content that it does not take is refused as ever`, async () => {
      await open(bodyParser({ onError: throwOn as never }))
      const bad = [{ type: JSON_TYPE, body: '{' }, coded('{}', 'fake')]
      for (const [at, content] of bad.entries()) {
        expect(await send('/key', content)).to.equal(statuses[at])
      }
      expect(await send('/key', GOOD.bodyParser)).to.equal(204)
    })
  }
})

describe('what a parser throws of other content', () => {
  afterEach(() => world.close())

  const FOREIGN: Readonly<Record<string, () => unknown>> = {
    'JSON of a gateway': () =>
      coBody.json(Object.assign(Readable.from(['{']), { headers: { 'content-length': '1' } })),
    'a coding of a gateway': () => {
      throw Object.assign(new Error('incorrect header check'), { code: 'Z_DATA_ERROR', errno: -3 })
    },
    'an unknown coding of a gateway': () => {
      throw Object.assign(new Error('Unsupported Content-Encoding: zstd'), { status: 415 })
    },
  }
  it('[FALSE-4203] too large for a parser, where a body was set unread: 413', async () => {
    await open(async ctx => {
      Object.assign(ctx.request, { body: {} })
      await coBody.json(ctx, { limit: 5 })
    })
    for (const path of ['/key', '/replay', '/condition', await world.link()]) {
      for (const time of ['first', 'again']) {
        const status = await send(path, { type: JSON_TYPE, body: '{"a":12345}' })
        expect(status, `${path}, ${time}`).to.equal(413)
      }
    }
  })

  it('[FALSE-4392] JSON of a gateway, where its own content is unread: silence', async () => {
    await open(async () => {
      entered += 1
      await FOREIGN['JSON of a gateway']?.()
    })
    for (const path of ['/key', '/condition', await world.link()]) {
      entered = 0
      const seen = [await send(path, GOOD['co-body']), await send(path, GOOD['co-body'])]
      expect([...seen, entered], path).to.deep.equal([500, 409, 1])
    }
  })

  for (const [what, fail] of Object.entries(FOREIGN)) {
    it(`[FALSE-4203] ${what}: silence`, async () => {
      await open(async ctx => {
        await PARSERS['co-body'](ctx, async () => {})
        ;(ctx.request as { body?: unknown }).body = {}
        entered += 1
        await fail()
      })
      for (const path of ['/key', '/replay', '/condition', await world.link()]) {
        entered = 0
        const seen = [await send(path, GOOD['co-body']), await send(path, GOOD['co-body'])]
        expect([...seen, entered], path).to.deep.equal([500, 409, 1])
      }
    })
  }
})

describe('what raw-body throws of a gateway, where it has read the content of its request', () => {
  afterEach(() => world.close())

  const long = () => Readable.from([Buffer.alloc(2_000)])
  const FOREIGN: Readonly<Record<string, () => unknown>> = {
    'too large': () => rawBody(long(), { limit: 1_000 }),
    'of another size': () => rawBody(long(), { length: 1_000 }),
    'in a charset that nobody knows': () => rawBody(long(), { encoding: 'x-none' }),
  }
  for (const [what, fail] of Object.entries(FOREIGN)) {
    it(`[FALSE-4632] ${what}: silence`, async () => {
      await open(async ctx => {
        await rawBody(ctx.req)
        entered += 1
        await fail()
      })
      for (const path of ['/key', '/replay', '/condition', await world.link()]) {
        entered = 0
        const seen = [await send(path, GOOD.bodyParser), await send(path, GOOD.bodyParser)]
        expect([...seen, entered], path).to.deep.equal([500, 409, 1])
      }
    })
  }

  it('[FALSE-4636] too large, where its own content came in chunks: silence', async () => {
    await open(async ctx => {
      await rawBody(ctx.req)
      entered += 1
      await FOREIGN['too large']?.()
    })
    const headers = { 'Idempotency-Key': '"k"', 'X-Id': 'k', 'If-Match': '"v1"' }
    for (const path of ['/key', '/replay', '/condition', await world.link()]) {
      entered = 0
      const send = async () => {
        const content = { body: new Blob(['{"a":1}']).stream(), duplex: 'half' } as RequestInit
        return (await world.send('POST', path, { ...content, headers })).status
      }
      expect([await send(), await send(), entered], path).to.deep.equal([500, 409, 1])
    }
  })

  const OTHERS: typeof FOREIGN = {
    ...FOREIGN,
    'less than its own is too much': () => rawBody(Readable.from([Buffer.alloc(5)]), { limit: 2 }),
    'too large by its length': () => rawBody(long(), { length: 2_000, limit: 1_000 }),
  }
  for (const [what, fail] of Object.entries(OTHERS)) {
    it(`[FALSE-4392] ${what}, its own unread, or read by the handler: silence`, async () => {
      let isRead = false
      await open(async ctx => {
        if (isRead) for await (const _ of ctx.req);
        entered += 1
        await fail()
      })
      for (const path of [
        '/key',
        '/replay',
        '/condition',
        await world.link(),
        await world.link(),
      ]) {
        isRead = !isRead
        entered = 0
        const seen = [await send(path, GOOD.bodyParser), await send(path, GOOD.bodyParser)]
        expect([...seen, entered], path).to.deep.equal([500, 409, 1])
      }
    })
  }

  it('[FALSE-4392] of its own content, by length or charset: a refusal, and free', async () => {
    const [limit, encoding] = [{ length: 7, limit: 3 }, { encoding: 'x-none' }]
    await open(async (ctx, next) => {
      await rawBody(ctx.req, ctx.is('text/*') ? encoding : limit)
      await next()
    })
    const link = await world.link()
    for (const [type, status] of [
      ['application/json', 413],
      ['text/plain; charset=X-None', 415],
    ] as const) {
      const headers = { 'Content-Type': type }
      for (const _ of 'two') {
        expect((await world.send('POST', link, { body: '{"a":1}', headers })).status).to.equal(
          status,
        )
      }
    }
  })

  it('[FALSE-4632] of its own content, whose last byte is too much: 413, and free', async () => {
    await open(async (ctx, next) => {
      await rawBody(ctx.req, { limit: 8 })
      await next()
    })
    const link = await world.link()
    for (const [body, status] of [
      ['123456789', 413],
      ['12345678', 204],
    ] as const) {
      const content = { body: new Blob([body]).stream(), duplex: 'half' } as RequestInit
      expect((await world.send('POST', link, content)).status).to.equal(status)
    }
  })
})

describe('content that is not what it says, after the mark of a handler that acts upon it', () => {
  afterEach(() => world.close())

  async function openMarking(read: (ctx: Context) => Promise<unknown>): Promise<string> {
    entered = 0
    world = await startWorld(
      { store: 'memory', koa: 3, at: 'root' },
      {
        parse: false,
        resource: { marks: true },
        handler: async ctx => {
          await ctx.poe.pointOfNoReturn()
          entered += 1
          await read(ctx)
          ctx.status = 204
        },
      },
    )
    return await world.link()
  }

  const next = async () => {}
  for (const [name, content] of [
    ['busboy', { type: FORM, body: part('x') }],
    ['formidable', { type: FORM, body: part('x') }],
    ['bodyParser', { type: JSON_TYPE, body: '{' }],
    ['co-body', { type: JSON_TYPE, body: JSON.stringify('x'.repeat(LIMIT)) }],
  ] as const) {
    it(`[FALSE-4633] by ${name}: silence, its beginning may be paid out`, async () => {
      const link = await openMarking(ctx => PARSERS[name](ctx as never, next) as Promise<unknown>)
      expect(await send(link, content)).to.equal(500)
      const again = await world.send('POST', link, { body: 'x' })
      await expectProblem(again, 409, 'undecided')
      expect(entered).to.equal(1)
    })
  }

  it('[FALSE-4633] a refusal in its own name is believed all the same', async () => {
    const link = await openMarking(async ctx => ctx.throw(422))
    expect(await send(link, GOOD.bodyParser)).to.equal(422)
    expect(await send(link, GOOD.bodyParser)).to.equal(422)
  })
})
