/** Cases of the kind REPLAY: GET gives the first answer, faithfully. */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { Context } from 'koa'
import { expectProblem, expectSpent } from '../support/answers.js'
import { EVERY_STORE, nameOf, startWorld, type World } from '../support/world.js'

const BIG_BYTES = 5 * 1024 * 1024

interface Sample {
  readonly title: string
  readonly answer: (ctx: Context) => void
  readonly body: string
  readonly status: number
  readonly type: string | null
  /** What a GET gives, where that is not 200. */
  readonly later?: number
}

const SAMPLES: readonly Sample[] = [
  {
    title: '200 with the text 0',
    answer: ctx => {
      ctx.body = '0'
    },
    body: '0',
    status: 200,
    type: 'text/plain; charset=utf-8',
  },
  {
    title: '200 with JSON false',
    answer: ctx => {
      ctx.body = false
    },
    body: 'false',
    status: 200,
    type: 'application/json; charset=utf-8',
  },
  {
    title: '200 with an empty object',
    answer: ctx => {
      ctx.body = {}
    },
    body: '{}',
    status: 200,
    type: 'application/json; charset=utf-8',
  },
  {
    title: '200 with an empty text',
    answer: ctx => {
      ctx.body = ''
    },
    body: '',
    status: 200,
    type: 'text/plain; charset=utf-8',
  },
  {
    title: '204',
    answer: ctx => {
      ctx.status = 204
    },
    body: '',
    status: 204,
    type: null,
    later: 204,
  },
  {
    title: '200 with JSON null',
    answer: ctx => {
      ctx.status = 200
      ctx.type = 'json'
      ctx.body = 'null'
    },
    body: 'null',
    status: 200,
    type: 'application/json; charset=utf-8',
  },
  {
    title: '201 with a Location and no body',
    answer: ctx => {
      ctx.status = 201
      ctx.set('Location', '/orders/1')
    },
    body: '',
    status: 201,
    type: null,
    later: 303,
  },
]

for (const kind of EVERY_STORE) {
  describe(`replays, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    for (const sample of SAMPLES) {
      it(`[REPLAY-01, POE-2-7, POE-2-9] ${sample.title}`, async () => {
        world = await startWorld(kind, { handler: sample.answer })
        const link = await world.link()
        const first = await world.send('POST', link, { json: {} })
        expect(first.status).to.equal(sample.status)
        expect(await first.text()).to.equal(sample.body)
        const again = await world.send('GET', link)
        expect(again.status).to.equal(sample.later ?? 200)
        expect(await again.text()).to.equal(sample.body)
        expect(again.headers.get('Content-Type')).to.equal(sample.type)
        expect((await world.send('POST', link, { json: {} })).status).to.equal(405)
        expect(world.runs).to.equal(1)
      })
    }

    it('[REPLAY-03] cookies and challenges stay with the first exchange', async () => {
      world = await startWorld(kind, {
        poe: { recordedFields: ['X-Kept'] },
        handler: ctx => {
          ctx.res.setHeader('Set-Cookie', ['a=1', 'b=2'])
          ctx.set({ 'WWW-Authenticate': 'Basic', 'X-Request-Id': '7', 'X-Kept': 'yes' })
          ctx.set({ 'RateLimit-Remaining': '3', ETag: '"v1"', 'X-Foo': 'foo' })
          ctx.body = 'done'
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {} })
      expect(first.headers.getSetCookie()).to.deep.equal(['a=1', 'b=2'])
      const again = await world.send('GET', link)
      expect(await again.text()).to.equal('done')
      expect(again.headers.get('ETag')).to.equal('"v1"')
      expect(again.headers.get('X-Kept')).to.equal('yes')
      const personal = ['Set-Cookie', 'WWW-Authenticate', 'X-Request-Id', 'RateLimit-Remaining']
      for (const name of [...personal, 'X-Foo'])
        expect(again.headers.get(name), name).to.equal(null)
    })

    const streams: Readonly<Record<string, () => unknown>> = {
      'a Node stream': () => Readable.from(['one,', 'two,', 'three']),
      'a web stream': () => new Blob(['one,two,', 'three']).stream(),
      'a Blob': () => new Blob(['one,two,three']),
      'a Response': () => new Response('one,two,three'),
    }
    for (const [name, make] of Object.entries(streams)) {
      it(`[REPLAY-05, POE-2-7] ${name} is replayed whole`, async () => {
        world = await startWorld(kind, {
          handler: ctx => {
            ctx.body = make()
          },
        })
        const link = await world.link()
        expect(await (await world.send('POST', link, { json: {} })).text()).to.equal(
          'one,two,three',
        )
        expect(await (await world.send('GET', link)).text()).to.equal('one,two,three')
        expect((await world.send('POST', link, { json: {} })).status).to.equal(405)
        expect(world.runs).to.equal(1)
      })
    }

    it('[REPLAY-05] binary bytes are replayed as they were', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
      world = await startWorld(kind, {
        handler: ctx => {
          ctx.body = bytes
        },
      })
      const link = await world.link()
      const first = Buffer.from(await (await world.send('POST', link, { json: {} })).arrayBuffer())
      const again = Buffer.from(await (await world.send('GET', link)).arrayBuffer())
      expect([first.equals(bytes), again.equals(bytes)]).to.deep.equal([true, true])
    })

    for (const form of ['a Buffer', 'a stream'] as const) {
      for (const location of ['/orders/1', null]) {
        const where = location === null ? 'without a Location' : 'with a Location'
        it(`[REPLAY-07] ${form} too big to keep, ${where}, counts all the same`, async () => {
          const chunks = Array.from({ length: 5 }, (_, at) => Buffer.alloc(BIG_BYTES / 5, 48 + at))
          const whole = Buffer.concat(chunks)
          world = await startWorld(kind, {
            handler: ctx => {
              ctx.status = 201
              if (location !== null) ctx.set('Location', location)
              ctx.body = form === 'a Buffer' ? whole : Readable.from(chunks)
            },
          })
          const link = await world.link()
          const first = await (await world.send('POST', link, { json: {} })).arrayBuffer()
          expect(whole.equals(Buffer.from(first)), 'the first client gets all of it').to.equal(true)
          const repeat = await world.send('POST', link, { json: {} })
          await expectSpent(repeat, location ?? link, link)
          const again = await world.send('GET', link)
          if (location === null) await expectProblem(again, 410, 'body-not-kept')
          else expect([again.status, again.headers.get('Location')]).to.deep.equal([303, location])
          expect(world.runs).to.equal(1)
        })
      }
    }

    it('[REPLAY-09] a stream that breaks is seen to break, and nothing runs again', async () => {
      world = await startWorld(kind, {
        handler: ctx => {
          ctx.status = 201
          ctx.body = Readable.from(breaking())
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {} })
      expect(first.status).to.equal(201)
      expect(await first.text().catch(() => 'broken')).to.equal('broken')
      await expectSpent(await world.send('POST', link, { json: {} }), link, link)
      const again = await world.send('GET', link)
      expect(again.status).to.equal(410)
      expect(await again.json()).to.include({ type: 'urn:post-once-exactly:problem:body-not-kept' })
      expect(world.runs).to.equal(1)
    })
  })
}

async function* breaking(): AsyncGenerator<string> {
  for (let chunk = 0; chunk < 5; chunk += 1) yield 'x'.repeat(1_000)
  throw new Error('the source broke')
}
