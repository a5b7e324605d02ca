/**
 * Handlers that take a `Request` and give a `Response`: in which ways they answer, fail and are
 * left, and what of it is recorded. No server is needed.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import createError from 'http-errors'
import { anyone, type FetchHandler, poe } from 'post-once-exactly/fetch'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { latch, until } from '../support/meeting.js'

const ORIGIN = 'http://shop.example'
const BYTES = new Uint8Array([0, 255, 10, 13, 128])

/** A handler with one resource. */
function serve(handler: FetchHandler, options: object = {}) {
  const errors: unknown[] = []
  const once = poe({
    store: memoryStore(),
    principal: anyone,
    onError: error => errors.push(error),
    ...options,
  })
  once.resource({ name: 'order', path: '/once/:token' }, handler)
  const handle = once.handler((_request, links) => new Response(links.link('order')))
  const link = async () => await (await handle(new Request(`${ORIGIN}/`))).text()
  const call = (method: string, path: string, init: RequestInit & { duplex?: 'half' } = {}) =>
    handle(new Request(ORIGIN + path, { method, ...init }))
  return { once, handle, link, call, errors }
}

/** More than any buffer holds. */
const LONG = Array(20).fill('x'.repeat(9_999)) as string[]

/** Content that comes in pieces, with a pause after each. */
function slowly(...pieces: readonly string[]): ReadableStream<Uint8Array> {
  const rest = [...pieces]
  return new ReadableStream({
    async pull(controller) {
      await pause(5)
      const piece = rest.shift()
      if (piece === undefined) controller.close()
      else controller.enqueue(Buffer.from(piece))
    },
  })
}

const ANSWERS: Readonly<
  Record<string, [() => Response, status: number, body: Uint8Array | string]>
> = {
  text: [() => new Response('done'), 200, 'done'],
  JSON: [() => Response.json({ id: 1 }, { status: 201 }), 201, '{"id":1}'],
  bytes: [() => new Response(BYTES), 200, BYTES],
  nothing: [() => new Response(null, { status: 204 }), 204, ''],
  'a stream': [() => new Response(slowly('one ', 'two'), { status: 202 }), 202, 'one two'],
  'a stream that is here at once': [() => new Response(new Blob(['a', 'b'])), 200, 'ab'],
  'a long stream': [() => new Response('x'.repeat(200_000)), 200, 'x'.repeat(200_000)],
}

describe('a handler that gives a Response', () => {
  for (const [what, [make, status, body]] of Object.entries(ANSWERS)) {
    it(`of ${what}: given and recorded as it is`, async () => {
      const { link, call, errors } = serve(make)
      const path = await link()
      const first = await call('POST', path)
      expect([errors, first.status]).to.deep.equal([[], status])
      expect(Buffer.from(await first.arrayBuffer()).equals(Buffer.from(body))).to.equal(true)
      expect(first.headers.get('Content-Type')).to.equal(make().headers.get('Content-Type'))
      expect(first.headers.get('Allow')).to.equal('GET, HEAD, OPTIONS')
      const second = await call('POST', path)
      expect(second.status).to.equal(405)
      const shown = await call('GET', path)
      expect(shown.status).to.equal(status === 204 ? 204 : 200)
      expect(Buffer.from(await shown.arrayBuffer()).equals(Buffer.from(body))).to.equal(true)
    })
  }

  it('[FALSE-4304] whose content is not wanted by its client: nothing is thrown', async () => {
    const endless = () =>
      new ReadableStream({
        async pull(controller) {
          await pause(3)
          controller.enqueue(BYTES)
        },
      })
    const { link, call } = serve(() => new Response(endless()), { maxRunMs: 1_000 })
    for (const waitsMs of [0, 12]) {
      const answer = await call('POST', await link(), { body: 'x' })
      if (waitsMs > 0) await pause(waitsMs)
      await answer.body?.cancel()
      // mocha fails a test in which an error goes unheard.
      await pause(20)
    }
  })

  it('[FALSE-4304] may leave the content of its request unread, or half read', async () => {
    const { link, call, errors } = serve(async request => {
      await null
      await request.body?.cancel()
      return new Response('done')
    })
    for (const body of ['x', 'x'.repeat(200_000), slowly('one', 'two')]) {
      const answer = await call('POST', await link(), { body, duplex: 'half' })
      expect([await answer.text(), errors]).to.deep.equal(['done', []])
      await pause(20)
    }
  })

  it('[FALSE-4356] gets no content where there is none, and may clone that', async () => {
    const { link, call, errors } = serve(async request => {
      await request.text()
      return Response.json([request.body, request.bodyUsed, await request.clone().text()])
    })
    const answer = await call('POST', await link())
    expect([await answer.json(), errors]).to.deep.equal([[null, false, ''], []])
  })

  it('[FALSE-4305] gives an answer also to a client that has left by now', async () => {
    const { link, handle } = serve(() => new Response(slowly('one', 'two')))
    for (const leavesMs of [0, 0, 1, 1, 2, 2, 4, 4, 8, 8]) {
      const leaving = new AbortController()
      const { signal } = leaving
      const request = new Request(ORIGIN + (await link()), { method: 'POST', body: 'x', signal })
      setTimeout(() => leaving.abort(), leavesMs)
      await (await handle(request)).text().catch(() => {})
    }
  })

  it('whose content is here at once has a length, as it would on node:http', async () => {
    const { link, call } = serve(() => Response.json({ id: 1 }))
    expect((await call('POST', await link())).headers.get('Content-Length')).to.equal('8')
  })

  it('gives each cookie its line', async () => {
    const { link, call } = serve(() => {
      const answer = new Response('x')
      answer.headers.append('Set-Cookie', 'a=1')
      answer.headers.append('Set-Cookie', 'b=2')
      return answer
    })
    const { headers } = await call('POST', await link())
    expect(headers.getSetCookie()).to.deep.equal(['a=1', 'b=2'])
  })

  it('gets the request, its content, its context, and the parameters of the path', async () => {
    const { once } = serve(() => new Response(null))
    const seat = once.resource(
      { name: 'seat', path: '/shows/:show/:token' },
      async (request, links, context) => {
        const { seat: named } = (await request.json()) as { seat: string }
        return Response.json([named, links.params.show, context, request.headers.get('X-A')])
      },
    )
    const page = once.page((_request, links) => new Response(links.link('seat', { show: '7' })))
    const path = await (await page(new Request(`${ORIGIN}/`))).text()
    const init = { method: 'POST', body: '{"seat":"A1"}', headers: { 'X-A': 'yes' } }
    const answer = await seat(new Request(ORIGIN + path, init), { user: 'ann' })
    expect(await answer.json()).to.deep.equal(['A1', '7', { user: 'ann' }, 'yes'])
  })

  it('reads content that comes late and in pieces, and is told apart by it', async () => {
    const { link, call } = serve(async request => new Response(await request.text()))
    const path = await link()
    const init = { body: slowly('one ', 'two ', 'three'), duplex: 'half' } as const
    expect(await (await call('POST', path, init)).text()).to.equal('one two three')
    expect((await call('POST', path, { body: 'x' })).status).to.equal(405)
  })

  it('[FALSE-4020] may read a clone of its request: content that is none is 400', async () => {
    const { link, call } = serve(async request => {
      await request.clone().clone().json()
      return Response.json(await request.json())
    })
    const path = await link()
    expect((await call('POST', path, { body: 'no JSON' })).status).to.equal(400)
    const first = await call('POST', path, { body: '{"a":1}' })
    expect([first.status, await first.json()]).to.deep.equal([200, { a: 1 }])
  })

  it('[FALSE-4014] that tells the current state is not to be stored, as any repeat', async () => {
    const { once } = serve(() => new Response('x'))
    const event = once.replay(
      {
        name: 'event',
        key: request => request.headers.get('X-Id'),
        retentionMs: 1_000,
        dangerouslyNotDurable: true,
        replay: 'current',
        current: request =>
          request.headers.has('X-Own')
            ? new Response('now', { headers: { 'Cache-Control': 'private' } })
            : new Response('now'),
      },
      () => new Response('first', { status: 201 }),
    )
    const send = (headers: Record<string, string> = {}) =>
      event(new Request(ORIGIN, { method: 'POST', headers: { 'X-Id': 'a', ...headers } }))
    expect((await send()).status).to.equal(201)
    for (const [headers, caching] of [
      [{}, 'no-store'],
      [{ 'X-Own': '1' }, 'private'],
    ] as const) {
      const again = await send(headers)
      expect([again.status, await again.text()]).to.deep.equal([200, 'now'])
      expect(again.headers.get('Idempotent-Replayed')).to.equal('true')
      expect(again.headers.get('Cache-Control')).to.equal(caching)
    }
  })
})

/** What is answered, in what state the link is, and how many errors are told. */
const FAILURES: Readonly<Record<string, [FetchHandler, number, 'free' | 'held', told: number]>> = {
  'answers 422': [() => new Response('no', { status: 422 }), 422, 'free', 0],
  'throws a 403': [() => Promise.reject(createError(403, 'no')), 403, 'free', 1],
  'throws at once': [
    () => {
      throw new Error('a surprise')
    },
    ...([500, 'held', 1] as const),
  ],
  'gives nothing': [() => undefined as unknown as Response, 500, 'held', 1],
  'gives Response.error()': [() => Response.error(), 500, 'held', 1],
  'gives content that breaks at once': [
    () => {
      const pull = (controller: ReadableStreamDefaultController) => controller.error(new Error('x'))
      return new Response(new ReadableStream({ pull }))
    },
    ...([500, 'held', 1] as const),
  ],
  'cannot read the JSON': [async request => Response.json(await request.json()), 400, 'free', 1],
  'cannot read the form': [
    async request => new Response(String(await request.formData())),
    ...([400, 'free', 1] as const),
  ],
}

describe('a handler that gives a Response, and fails', () => {
  for (const [how, [handler, status, state, told]] of Object.entries(FAILURES)) {
    it(`${how}: ${status}, and the link is ${state}`, async () => {
      const { link, call, errors } = serve(handler)
      const answer = await call('POST', await link(), { body: '{' })
      expect(answer.status).to.equal(status)
      expect(answer.headers.get('Allow')).to.equal(state === 'free' ? 'POST, OPTIONS' : 'OPTIONS')
      expect(errors).to.have.lengthOf(told)
    })
  }

  it('[POE-2-7] breaks its content off: so does the answer, and no half is kept', async () => {
    const { link, call } = serve(() => {
      let pieces = 0
      const pull = async (controller: ReadableStreamDefaultController) => {
        await pause(5)
        pieces += 1
        if (pieces < 3) controller.enqueue(Buffer.from('half'))
        else controller.error(new Error('a surprise'))
      }
      return new Response(new ReadableStream({ pull }))
    })
    const path = await link()
    const read = (await call('POST', path)).text()
    expect(await read.catch(() => 'broken')).to.equal('broken')
    const shown = await call('GET', path)
    expect(shown.ok, String(shown.status)).to.equal(false)
  })

  it('passes on a refusal of another server: nobody said that nothing was done here', async () => {
    const server = createServer((_request, response) => {
      response.statusCode = 422
      response.end('no')
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const { link, call } = serve(() => fetch(`http://127.0.0.1:${port}/`))
    const path = await link()
    expect((await call('POST', path)).status).to.equal(409)
    expect((await call('POST', path)).status).to.equal(409)
    server.closeAllConnections()
    server.close()
  })

  it('outlives its client: the work counts, and so does an answer that nobody reads', async () => {
    const door = latch()
    let entered = 0
    const { link, call } = serve(async () => {
      entered += 1
      await door.opened
      return new Response(slowly(...LONG))
    })
    const path = await link()
    const left = new AbortController()
    const lost = call('POST', path, { signal: left.signal })
    await until(() => entered === 1, 'the handler')
    left.abort()
    door.open()
    await lost.catch(() => {})
    await until(
      async () => (await (await call('GET', path)).text()) === LONG.join(''),
      'the result',
    )
    expect(entered).to.equal(1)
  })

  it('a client that waits for its twin and leaves is not run when its turn comes', async () => {
    const door = latch()
    let entered = 0
    const { link, call } = serve(async () => {
      entered += 1
      await door.opened
      return new Response('no', { status: 422 })
    })
    const path = await link()
    const first = call('POST', path)
    await until(() => entered === 1, 'the handler')
    const left = new AbortController()
    const second = call('POST', path, { signal: left.signal })
    await pause(20)
    left.abort()
    await pause(20)
    door.open()
    expect((await first).status).to.equal(422)
    await second.catch(() => {})
    expect(entered).to.equal(1)
  })

  it('content that is cut off is not run', async () => {
    let entered = 0
    const { link, call } = serve(() => {
      entered += 1
      return new Response('x')
    })
    const pull = (controller: ReadableStreamDefaultController) => {
      controller.enqueue(Buffer.from('half'))
      controller.error(new Error('cut off'))
    }
    const path = await link()
    const body = new ReadableStream({ pull })
    expect((await call('POST', path, { body, duplex: 'half' })).status).to.equal(400)
    expect(entered).to.equal(0)
    expect((await call('POST', path)).status).to.equal(200)
  })

  it('[FALSE-4576] content cut off under a handler frees its link, on Deno too', async () => {
    let enter = () => {}
    const entered = new Promise<void>(resolve => {
      enter = resolve
    })
    const { link, call } = serve(async request => {
      enter()
      // Deno tells another error of this kind than its content broke off with.
      const told = (error: Error) => Promise.reject(error.name === 'BadResource' ? Error() : error)
      return new Response(await request.text().catch(told))
    })
    const pull = async (controller: ReadableStreamDefaultController) => {
      await entered
      controller.error(Object.assign(new Error('cut off'), { name: 'BadResource' }))
    }
    const path = await link()
    const body = new ReadableStream({ pull })
    expect((await call('POST', path, { body, duplex: 'half' })).status).to.equal(500)
    expect((await call('POST', path)).status).to.equal(200)
  })

  it('content that somebody has read in front runs at a link, and is told at a key', async () => {
    const { once, errors, link, handle } = serve(() => new Response('x'))
    const options = { name: 'k', retentionMs: 1_000, dangerouslyNotDurable: true }
    const door = once.idempotencyKey(options, () => new Response('x'))
    const read = async (path: string) => {
      const headers = { 'Idempotency-Key': '"k"' }
      const request = new Request(ORIGIN + path, { method: 'POST', body: '{}', headers })
      await request.text()
      return request
    }
    expect((await handle(await read(await link()))).status).to.equal(200)
    expect((await door(await read('/keys'))).status).to.equal(500)
    expect(String(errors[0])).to.match(/content of the request was read before the door.*clone/)
  })

  it('[FALSE-4532] a handler that reads it again is told so, and its client nothing', async () => {
    const { errors, link, handle } = serve(async request => Response.json(await request.json()))
    const path = await link()
    for (const readsFirst of [true, false]) {
      const request = new Request(ORIGIN + path, { method: 'POST', body: '{}' })
      if (readsFirst) await request.json()
      const answer = await handle(request)
      expect(answer.status).to.equal(readsFirst ? 400 : 200)
      expect(await answer.text()).to.equal(readsFirst ? 'Bad Request' : '{}')
    }
    expect(errors.map(String)).to.have.lengthOf(1)
    expect(String(errors[0])).to.match(/was read before the door and is gone.*clone/)
  })
})

describe('fetch around the doors', () => {
  it('[POE-4-1] a page keeps its own fields, and gets those of links', async () => {
    const { once } = serve(() => new Response(null))
    const page = once.page((_request, links) => {
      const headers = new Headers({ ETag: '"1"', 'X-A': 'yes', 'Cache-Control': 'public' })
      headers.append('Set-Cookie', 'a=1')
      headers.append('Set-Cookie', 'b=2')
      return new Response(slowly(links.link('order') ?? ''), { status: 203, headers })
    })
    const answer = await page(new Request(`${ORIGIN}/`))
    const { headers } = answer
    expect([answer.status, headers.get('X-A'), headers.get('ETag')]).to.deep.equal([
      203,
      'yes',
      null,
    ])
    expect(headers.get('Cache-Control')).to.equal('private, no-cache')
    expect(headers.get('POE-Links')).to.equal(`"${await answer.text()}"`)
    expect(headers.getSetCookie()).to.deep.equal(['a=1', 'b=2'])
  })

  it('a page without links is left as it is, and one that throws to its caller', async () => {
    const { once } = serve(() => new Response(null))
    const own = new Response('x')
    expect(await once.page(() => own)(new Request(ORIGIN))).to.equal(own)
    const failing = once.page(() => Promise.reject(new Error('a page')))
    expect(await failing(new Request(ORIGIN)).catch(String)).to.equal('Error: a page')
  })

  it('HEAD has no content, and 404 is answered where there is nobody', async () => {
    const { once, call, link } = serve(() => new Response('done'))
    const path = await link()
    await call('POST', path)
    const head = await call('HEAD', path)
    expect([head.status, head.body, head.headers.get('Content-Length')]).to.deep.equal([
      200,
      null,
      '4',
    ])
    expect((await once.handler()(new Request(`${ORIGIN}/other`))).status).to.equal(404)
  })

  it('a person gets a page, and the form again with what was sent', async () => {
    const { once } = serve(() => new Response(null))
    const options = {
      name: 'form',
      path: '/forms/:token',
      page: () => new Response('a form'),
      rerender: (_request: Request, _links: unknown, _context: unknown, fields: object) =>
        new Response(`again ${JSON.stringify(fields)}`),
    }
    const door = once.resource(options, () => new Response('done'))
    const page = once.page((_request, links) => new Response(links.link('form')))
    const path = await (await page(new Request(ORIGIN))).text()
    const send = (sku: string) => {
      const body = new URLSearchParams({ sku })
      const headers = { Accept: 'text/html' }
      return door(new Request(ORIGIN + path, { method: 'POST', body, headers }))
    }
    expect(await (await door(new Request(ORIGIN + path))).text()).to.equal('a form')
    expect((await send('tea')).status).to.equal(200)
    const late = await send('milk')
    expect([late.status, await late.text()]).to.deep.equal([405, 'again {"sku":"milk"}'])
  })

  it('names and identities may be found in the content', async () => {
    const { once } = serve(() => new Response(null))
    let done = 0
    const handler = async (request: Request) => {
      done += 1
      return Response.json(await request.json(), { status: 201 })
    }
    const replay = once.replay(
      {
        name: 'import',
        retentionMs: 60_000,
        dangerouslyNotDurable: true,
        contentLimitBytes: 100,
        key: async request => ((await request.json()) as { id: string }).id,
      },
      handler,
    )
    const alike = once.detectDuplicates(
      { name: 'message', windowMs: 60_000, identity: request => request.json() },
      handler,
    )
    const post = (door: typeof replay, body: string) => {
      const headers = { 'Content-Type': 'application/json' }
      return door(new Request(ORIGIN, { method: 'POST', body, headers }))
    }
    const statuses: number[] = []
    for (const content of [
      '{"id":"1"}',
      '{"id":"1"}',
      '{"id":"1","n":2}',
      `"${'x'.repeat(200)}"`,
      '{',
    ]) {
      statuses.push((await post(replay, content)).status)
    }
    expect([statuses, done]).to.deep.equal([[201, 201, 422, 413, 400], 1])
    expect((await post(alike, '{"to":"bob"}')).status).to.equal(201)
    expect((await post(alike, '{"to":"bob"}')).status).to.equal(409)
    expect((await post(alike, '{"to":"eve"}')).status).to.equal(201)
  })
})
