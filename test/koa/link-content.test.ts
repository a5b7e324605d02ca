/**
 * What a link says of a repeat's content: only what is known, by the id that the client gave it, or
 * by the content itself, whoever reads it.
 *
 * @see POE draft 2; decision 0013
 */
import { bodyParser } from '@koa/bodyparser'
import { expect } from 'chai'
import type { Context, Middleware } from 'koa'
import type { RerenderReason, ResourceMiddleware } from 'post-once-exactly/koa'
import { corsFields } from 'post-once-exactly/koa'
import { rawRequest } from 'post-once-exactly/testing'
import { cutOverHttp1 } from '../support/cut-off.js'
import { EVERY_STORE, nameOf, startWorld, type World, type WorldOptions } from '../support/world.js'

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const KIND = { store: 'memory', koa: 3, at: 'root' } as const

async function ownText(ctx: Context): Promise<string> {
  let text = ''
  for await (const chunk of ctx.req) text += String(chunk)
  return text
}

/** As a multipart parser does: fields, and no bytes. */
const fieldsOnly: Middleware = async (ctx, next) => {
  const text = await ownText(ctx)
  const request = ctx.request as { body?: unknown; files?: unknown }
  request.body = Object.fromEntries(new URLSearchParams(text))
  const isUpload = ctx.get('X-Upload') !== ''
  if (isUpload) request.files = [{ fieldname: 'photo', size: 3 }]
  await next()
}

for (const kind of EVERY_STORE) {
  describe(`the content of a repeat, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    const start = async (options: WorldOptions = {}) => {
      world = await startWorld(kind, {
        parse: false,
        handler: async (ctx, { effects }) => {
          effects.push(await ownText(ctx))
          ctx.status = 201
          ctx.set('Location', '/orders/1')
          ctx.body = 'done'
        },
        ...options,
      })
      return await world.link()
    }
    const post = async (link: string, body: string, headers: Record<string, string> = {}) => {
      const response = await world.send('POST', link, { body, headers: { ...FORM, ...headers } })
      const text = await response.text()
      const told = response.status === 405 ? (JSON.parse(text) as Told) : null
      return { status: response.status, told, matches: told?.payloadMatches ?? null }
    }

    it('[FALSE-701] an id tells the own POST from another, whoever reads it', async () => {
      const link = await start({ outside: [leavesNothing] })
      const [own, other] = [{ 'Idempotency-Key': '"one"' }, { 'Idempotency-Key': '"two"' }]
      expect((await post(link, 'a=1', own)).status).to.equal(201)
      expect((await post(link, 'a=1', own)).matches).to.equal(true)
      expect((await post(link, 'a=1', { 'Idempotency-Key': 'one' })).matches).to.equal(true)
      expect((await post(link, 'a=1', other)).matches).to.equal(false)
      expect(world.effects).to.have.lengthOf(1)
    })

    for (const body of ['done', null]) {
      it(`[FALSE-3701] a GET by id is told whether the answer is its own: ${body}`, async () => {
        const link = await start({
          handler: ctx => {
            ctx.status = 201
            ctx.set('Location', '/orders/1')
            ctx.body = body
          },
        })
        await post(link, 'a=1', { 'Idempotency-Key': '"one"' })
        const saysOther = async (method: string, id?: string) => {
          const headers = id === undefined ? {} : { 'Idempotency-Key': id }
          const response = await world.send(method, link, { headers })
          expect(response.status).to.be.oneOf([200, 303])
          const field = response.headers.get('link') ?? ''
          return field.includes(`<${link}>; rel="urn:post-once-exactly:rel:other-content"`)
        }
        expect(await saysOther('GET')).to.equal(false)
        for (const method of ['GET', 'HEAD']) {
          expect(await saysOther(method, '"one"'), method).to.equal(false)
          expect(await saysOther(method, '"two"'), method).to.equal(true)
        }
        const next = await world.link()
        await post(next, 'a=1')
        const response = await world.send('GET', next, {
          headers: { 'Idempotency-Key': '"two"' },
        })
        // It was recorded by its content, which an id says nothing of.
        expect(response.headers.get('link') ?? '').to.not.include('other-content')
      })
    }

    it('[FALSE-702] an id and a content say nothing of each other', async () => {
      const link = await start()
      expect((await post(link, 'a=1', { 'Idempotency-Key': '"one"' })).status).to.equal(201)
      const repeat = await post(link, 'a=1')
      expect(repeat.status).to.equal(405)
      expect(repeat.told).to.not.have.property('payloadMatches')
      expect(repeat.told?.detail).to.contain('cannot be told')
      const next = await world.link()
      expect((await post(next, 'a=1')).status).to.equal(201)
      expect((await post(next, 'a=1', { 'Idempotency-Key': '"one"' })).matches).to.equal(null)
      expect((await post(next, 'a=1')).matches).to.equal(true)
    })

    it('[FALSE-703] an id that cannot be read is as if absent, and refuses nothing', async () => {
      const link = await start()
      for (const key of ['', '"', 'a, b', `"${'x'.repeat(256)}"`, '(1 2)']) {
        const fresh = await world.link()
        const headers = { 'Idempotency-Key': key }
        expect((await post(fresh, 'a=1', headers)).status, key).to.equal(201)
        expect((await post(fresh, 'a=1', headers)).matches, key).to.equal(true)
        expect((await post(fresh, 'a=2')).matches, key).to.equal(false)
      }
      expect((await post(link, 'a=1')).status).to.equal(201)
    })

    it('[FALSE-704] a handler that reads the content itself: the bytes tell', async () => {
      const link = await start()
      expect((await post(link, 'a=1')).status).to.equal(201)
      expect((await post(link, 'a=1')).matches).to.equal(true)
      expect((await post(link, 'a=2')).matches).to.equal(false)
      expect(world.effects).to.deep.equal(['a=1'])
    })

    it('[FALSE-901] the fields that a parser left tell, where the bytes are gone', async () => {
      const link = await start({
        outside: [fieldsOnly as ResourceMiddleware<unknown>],
        handler: orders,
      })
      expect((await post(link, 'a=1&b=2')).status).to.equal(201)
      expect((await post(link, 'b=2&a=1')).matches).to.equal(true)
      expect((await post(link, 'a=1&b=3')).matches).to.equal(false)
      expect(world.runs).to.equal(1)
    })

    it('[FALSE-902] files that were put aside: nobody can tell, and nobody says', async () => {
      const link = await start({
        outside: [fieldsOnly as ResourceMiddleware<unknown>],
        handler: orders,
      })
      const upload = { 'X-Upload': '1' }
      expect((await post(link, 'a=1', upload)).status).to.equal(201)
      const repeat = await post(link, 'a=1', upload)
      expect(repeat.told).to.not.have.property('payloadMatches')
      expect(repeat.told?.detail).to.contain('cannot be told')
    })

    it('[FALSE-903] a form in parts is the same with another boundary', async () => {
      const link = await start()
      const send = (boundary: string, qty: number) => {
        const part = `--${boundary}\r\nContent-Disposition: form-data; name="qty"\r\n\r\n${qty}\r\n`
        const type = { 'Content-Type': `multipart/form-data; boundary=${boundary}` }
        return post(link, `${part}--${boundary}--\r\n`, type)
      }
      expect((await send('one', 1)).status).to.equal(201)
      expect((await send('two', 1)).matches).to.equal(true)
      expect((await send('two', 2)).matches).to.equal(false)
    })

    it('a form of a script says its character set, a browser’s does not: the same', async () => {
      const link = await start()
      const form = 'application/x-www-form-urlencoded'
      const send = (type: string, body: string) => post(link, body, { 'Content-Type': type })
      expect((await send(`${form};charset=UTF-8`, 'a=%C3%A9')).status).to.equal(201)
      for (const type of [form, `${form}; charset="utf-8"`, form.toUpperCase()]) {
        expect((await send(type, 'a=%C3%A9')).matches, type).to.equal(true)
        expect((await send(type, 'a=e')).matches, type).to.equal(false)
      }
      const other = await send(`${form};charset=iso-8859-1`, 'a=%C3%A9')
      expect(other.matches).to.equal(false)
    })
  })
}

describe('the content of a late form', () => {
  it('[FALSE-904] is drawn again with what is known', async () => {
    const reasons: RerenderReason[] = []
    const world = await startWorld(KIND, {
      parse: false,
      outside: [fieldsOnly as ResourceMiddleware<unknown>],
      handler: orders,
      resource: {
        rerender: (ctx, fields, why) => {
          reasons.push(why)
          ctx.body = `again: ${fields.a}`
        },
      },
    })
    const submit = async (link: string, body: string, upload = '') => {
      const headers = { ...FORM, Accept: 'text/html', ...(upload && { 'X-Upload': upload }) }
      const response = await world.send('POST', link, { body, headers })
      return `${response.status} ${await response.text()}`
    }
    const link = await world.link()
    await submit(link, 'a=1')
    expect(await submit(link, 'a=25')).to.equal('405 again: 25')
    expect(await submit(link, 'a=1')).to.contain('was carried out once')
    const unclear = await world.link()
    await submit(unclear, 'a=1', 'file')
    expect(await submit(unclear, 'a=1', 'file')).to.equal('405 again: 1')
    expect(reasons.map(({ payloadMatches }) => payloadMatches)).to.deep.equal([false, null])
    await world.close()
  })

  it('[FALSE-705] scripts of other origins may send an id', () => {
    expect(corsFields.allowHeaders).to.include('Idempotency-Key')
  })

  // By a clock that is fast, and without the server's, each of its links is too old to be used.
  it('[FALSE-4408] scripts of other origins may read all that the client goes by', () => {
    const read = ['POE-Links', 'Link', 'Location', 'Allow', 'Retry-After', 'Date']
    expect(corsFields.exposeHeaders).to.include.members(read)
  })

  it('[FALSE-203] what is too large to wait for, cut off: its reader gets an error', async () => {
    const errors: unknown[] = []
    const world = await startWorld(KIND, {
      parse: false,
      handler: async (ctx, { effects }) => {
        const text = await ownText(ctx).catch((error: unknown) => {
          errors.push(error)
          throw error
        })
        effects.push(text)
        ctx.status = 201
      },
    })
    const content = Buffer.alloc(1_500_000, 'x')
    const entered = async () => {
      while (world.runs < 1) await new Promise(done => setTimeout(done, 5))
    }
    const request = { method: 'POST', path: await world.link(), headers: FORM, content }
    await cutOverHttp1(world.port, { ...request, announced: true }, 1_200_000, 'destroy', entered)
    while (errors.length === 0) await new Promise(done => setTimeout(done, 5))
    expect(world.effects).to.deep.equal([])
    expect((errors[0] as { code?: string }).code).to.equal('ECONNRESET')
    const whole = await world.send('POST', request.path, { body: content, headers: FORM })
    expect([whole.status, world.effects[0]?.length]).to.deep.equal([201, content.length])
    await world.close()
  })

  it('[FALSE-2201] who waits to be asked for content is refused by middleware first', async () => {
    const world = await startWorld(KIND, { parse: false, handler: orders, outside: [login, parse] })
    const link = await world.link()
    const headers = { ...FORM, Authorization: 'ok' }
    expect((await world.send('POST', link, { body: 'a=1', headers })).status).to.equal(201)
    for (const more of [{}, { Expect: '100-continue' }]) {
      const answer = await rawPost(world.port, link, more)
      expect(answer).to.match(/HTTP\/1\.1 401 /)
      expect(answer).to.not.contain('/orders/1')
    }
    await world.close()
  })
})

interface Told {
  readonly detail: string
  readonly payloadMatches?: boolean
}

/** Reads the content, as a logger might, and keeps nothing of it. */
const leavesNothing: ResourceMiddleware<unknown> = async (ctx, next) => {
  await ownText(ctx)
  await next()
}

const parse = bodyParser() as unknown as ResourceMiddleware<unknown>

const login: ResourceMiddleware<unknown> = async (ctx, next) => {
  if (ctx.get('Authorization') !== 'ok') ctx.throw(401)
  await next()
}

function orders(ctx: Context): void {
  ctx.status = 201
  ctx.set('Location', '/orders/1')
  ctx.body = 'done'
}

async function rawPost(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const fields = { Host: 'a', 'Content-Length': '0', Connection: 'close', ...headers }
  const { received } = await rawRequest({ port, method: 'POST', path, headers: fields })
  return received.toString()
}
