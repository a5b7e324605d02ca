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
import { startWorld, type World } from '../support/world.js'

const need = createRequire(import.meta.url)
const coBody = need('co-body')
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
