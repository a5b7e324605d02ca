/**
 * Errors of handlers and pages on node:http that nobody waits for any more: each is told, and ends
 * neither the process nor a client's patience.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import express, { type NextFunction, type Request, type Response } from 'express'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { anyone, type NodeHandler, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { answerIn } from '../../lib/frameworks/answers.js'
import { ask } from '../support/ask.js'
import { until } from '../support/meeting.js'

const open: Server[] = []

afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(server: Server): Promise<number> {
  open.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A server with one resource, and with a page that hands out its link. */
async function serve(handler: NodeHandler, options: object = {}) {
  const errors: unknown[] = []
  const once = poe({
    ...{ store: memoryStore(), principal: anyone },
    onError: error => errors.push(error),
    ...options,
  })
  once.resource({ name: 'order', path: '/once/:token' }, handler)
  const listener = once.handler((_request, response, links) => {
    response.end(links.link('order'))
  })
  const port = await listen(createServer(listener))
  return { once, port, errors, link: (await ask({ port }, 'GET', '/')).text }
}

describe('late errors on node:http', () => {
  for (const [when, afterMs] of Object.entries({ 'at once': 0, 'when all is sent': 50 })) {
    it(`[FALSE-4010] throws after the end of a stream, ${when}: it is told`, async () => {
      const { port, link, errors } = await serve(async (_, response) => {
        response.write('one ')
        response.end('two')
        if (afterMs > 0) await pause(afterMs)
        throw new Error('a surprise')
      })
      const whole = fetch(`http://127.0.0.1:${port}${link}`, { method: 'POST' })
      await whole.then(each => each.text()).catch(() => {})
      await until(() => errors.length > 0, 'it is told')
      expect(errors.map(String)).to.deep.equal(['Error: a surprise'])
      expect((await ask({ port }, 'POST', link)).status).to.equal(afterMs > 0 ? 405 : 409)
    })
  }

  it('[FALSE-4011] a page that throws in the middle is broken off, and told', async () => {
    const { once, errors } = await serve(() => {})
    const listener = once.handler((_request, response) => {
      response.write('half')
      throw new Error('a page')
    })
    const port = await listen(createServer(listener))
    const signal = AbortSignal.timeout(5_000)
    const whole = fetch(`http://127.0.0.1:${port}/`, { signal }).then(each => each.text())
    const error = await whole.catch((cause: Error) => cause)
    expect(error).to.be.an('error').with.property('name').not.equal('TimeoutError')
    expect(errors.map(String)).to.deep.equal(['Error: a page'])
  })

  for (const [what, error, onError] of [
    ['a log that throws', new Error('a surprise'), true],
    ['an error that is frozen', Object.freeze(new Error('a surprise')), false],
  ] as const) {
    it(`[FALSE-4021] ${what} ends neither the process nor a client's patience`, async () => {
      const written: unknown[] = []
      const { error: write } = console
      console.error = (...given: unknown[]) => void written.push(...given)
      const broken = {
        onError: () => {
          throw new Error('the log')
        },
      }
      try {
        const { once, port, link } = await serve(() => Promise.reject(error), onError ? broken : {})
        const pages = await listen(createServer(once.handler(() => Promise.reject(error))))
        for (const [at, method, path] of [
          [port, 'POST', link],
          [pages, 'GET', '/'],
        ] as const) {
          expect((await ask({ port: at }, method, path)).status).to.equal(500)
        }
        expect((await ask({ port }, 'POST', link)).status).to.equal(409)
      } finally {
        console.error = write
      }
      expect(written).to.have.lengthOf(2)
    })
  }

  /** Orders, and answers by a method of Express's that fails. */
  async function expectUndecided(answer: (response: Response) => unknown) {
    const once = poe({ store: memoryStore(), principal: anyone })
    const orders: string[] = []
    once.resource({ name: 'order', path: '/once/:token' }, (_, response: Response) => {
      orders.push('tea')
      answer(response)
    })
    const app = express()
    app.engine('html', (_path, _options, done) => done(null, ''))
    app.set('view engine', 'html')
    app.use(once.middleware())
    app.get('/', (request, response) => void response.send(once.link(request, 'order')))
    app.use((error: Error, _request: Request, response: Response, _next: NextFunction) => {
      response.status(404).send(error.message)
    })
    const port = await listen(createServer(app))
    const { text: link } = await ask({ port }, 'GET', '/')
    const first = await ask({ port }, 'POST', link, { headers: { accept: 'text/csv' } })
    expect([first.status, first.allow]).to.deep.equal([404, ['OPTIONS']])
    const again = await ask({ port }, 'POST', link)
    expect(again.json()).to.include({ type: 'urn:post-once-exactly:problem:undecided' })
    expect(orders).to.deep.equal(['tea'])
  }

  it('[FALSE-4024] of Express’s own methods are the handler’s', async () => {
    await expectUndecided(response => response.render('no such view'))
  })

  it('[FALSE-4571] of Express’s own methods are no report of the handler’s', async () => {
    await expectUndecided(response => response.sendFile('/no/such/file'))
    await expectUndecided(response => response.format({ 'image/png': () => response.end('tea') }))
  })
})

describe('late errors of fetch handlers', () => {
  it('[FALSE-4575] what refuses by an error of another make is told what to throw', async () => {
    const errors: Error[] = []
    const onError = (error: unknown) => void errors.push(error as Error)
    const once = fetchPoe({ store: memoryStore(), principal: anyone, onError })
    // As Hono's HTTPException.
    once.resource({ name: 'order', path: '/once/:token' }, () =>
      Promise.reject(Object.assign(new Error('sold out'), { status: 409 })),
    )
    const serve = once.handler((_request, links) => new Response(links.link('order')))
    const link = await (await serve(new Request('http://shop.test/'))).text()
    const asks = new Request(`http://shop.test${link}`, { method: 'POST' })
    expect((await serve(asks)).status).to.equal(500)
    expect(errors.map(({ message }) => message).join()).to.contain('an error of http-errors')
  })

  it('what nobody reads on is told to its source', async () => {
    let isLeft = false
    const source = new ReadableStream<Uint8Array>({
      pull: async controller => {
        controller.enqueue(Buffer.from('more'))
        await pause(1)
      },
      cancel: () => {
        isLeft = true
      },
    })
    const { content } = await answerIn(new Response(source))
    for await (const _ of content as AsyncIterable<unknown>) break
    await until(() => isLeft, 'it is told')
  })

  it('what breaks off before anybody reads on ends no process', async () => {
    const source = new ReadableStream<Uint8Array>({
      start: async controller => {
        for (const piece of ['one', 'two', 'three', 'four']) controller.enqueue(Buffer.from(piece))
        await pause(20)
        controller.error(new Error('a surprise'))
      },
    })
    const { content } = await answerIn(new Response(source))
    // The setup of these tests throws what nobody caught.
    await pause(50)
    const pieces = async () => {
      for await (const _ of content as AsyncIterable<unknown>);
    }
    expect(String(await pieces().catch(error => error))).to.equal('Error: a surprise')
  })
})
