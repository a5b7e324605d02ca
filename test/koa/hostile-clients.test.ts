/**
 * Clients that vanish, dawdle, lie or send what is not HTTP: nothing is run twice, no link is
 * spent for an order that was not taken, and the next honest request is served.
 */
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import {
  fieldValues,
  halfSent,
  type RawStep,
  rawRequest,
  requestBytes,
  responseOf,
  slowly,
} from 'post-once-exactly/testing'
import { expectSpent } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

const JSON_TYPE = { 'Content-Type': 'application/json' }
const BODY = { json: { sku: 'a' } }
const CHUNKED_JSON = ['Content-Type: application/json', 'Transfer-Encoding: chunked']
const PIECES = 10
const PIECE_BYTES = 10_000

for (const kind of EVERY_STORE) {
  describe(`hostile clients, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    const order = (path: string) =>
      requestBytes({ method: 'POST', path, headers: JSON_TYPE, body: '{"sku":"a"}' })

    /** The link is as good as new: it is accepted once, and then no more. */
    async function expectStillGood(link: string): Promise<void> {
      expect(world.runs, 'nothing has run').to.equal(0)
      expect((await world.send('POST', link, BODY)).status).to.equal(201)
      await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
      expect(world.effects).to.have.lengthOf(1)
    }

    it('[POE-2-22] leaves while it waits for the answer: the work counts', async () => {
      const door = latch()
      world = await startWorld(kind, {
        handler: async (ctx, here) => {
          await door.opened
          placeOrder(ctx, here)
        },
      })
      const link = await world.link()
      const steps: RawStep[] = [order(link), { pauseMs: 60 }, { leave: 'reset' }]
      await rawRequest({ port: world.port, steps })
      await until(() => world.runs === 1, 'it runs all the same')
      door.open()
      await until(async () => (await world.send('GET', link)).status === 200, 'it is recorded')
      await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
    })

    for (const limit of [1_000_000, 50_000]) {
      const kept = limit > PIECES * PIECE_BYTES
      const title = kept ? 'GET gives all of it' : 'its source is let go'
      it(`[POE-2-22, REPLAY-09] leaves in mid-answer (limit ${limit}): ${title}`, async () => {
        const door = latch()
        let closed = false
        world = await startWorld(kind, {
          poe: { bodyLimitBytes: limit },
          handler: (ctx, here) => {
            placeOrder(ctx, here)
            ctx.body = Readable.from(pieces(door.opened)).once('close', () => {
              closed = true
            })
          },
        })
        const link = await world.link()
        const steps: RawStep[] = [order(link), { receivedBytes: 1 }, { leave: 'destroy' }]
        const { response } = await rawRequest({ port: world.port, steps })
        expect([response?.status, response?.complete]).to.deep.equal([201, false])
        door.open()
        await until(() => closed, 'the source is at its end')
        const status = kept ? 200 : 303
        await until(async () => (await world.send('GET', link)).status === status, 'the record')
        const told = await (await world.send('GET', link)).text()
        expect(told.length).to.equal(kept ? PIECES * PIECE_BYTES : 0)
        await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    it('sends its order byte by byte: accepted once', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const sent = order(link)
      const result = await rawRequest({ port: world.port, steps: slowly(sent, 8, 2) })
      expect(responseOf(result).status).to.equal(201)
      await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
    })

    it('ends its half of the connection after the order: the order counts', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      await rawRequest({ port: world.port, steps: [order(link), { leave: 'end' }] })
      await until(async () => (await world.send('GET', link)).status === 200, 'it is recorded')
      await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
    })

    it('pipelines the same order three times: 201, 405, 405 on one connection', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const headers = { ...JSON_TYPE, Connection: 'close' }
      const last = requestBytes({ method: 'POST', path: link, headers, body: '{"sku":"a"}' })
      const answers = await allThatComes(world.port, [order(link), order(link), last])
      const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status)
      expect(statuses).to.deep.equal(['201', '405', '405'])
      expect(world.effects).to.have.lengthOf(1)
    })

    it('names another host in its target: the way to the result stays a path', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const path = `http://evil.example${link}`
      const send = () => rawRequest({ port: world.port, bytes: order(path) })
      expect(responseOf(await send()).status).to.equal(201)
      const again = responseOf(await send())
      expect(again.status).to.equal(405)
      expect(String(again.body) + fieldValues(again, 'Link').join()).to.not.include('evil')
      expect(fieldValues(again, 'Link').join()).to.include(`anchor="${link}"`)
    })

    const lies: Readonly<Record<string, (link: string) => readonly RawStep[]>> = {
      'a length and a transfer coding': link => [
        withHead(link, ['Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      ],
      'two lengths': link => [withHead(link, ['Content-Length: 2', 'Content-Length: 3'], '{}')],
      'a length that is no number': link => [withHead(link, ['Content-Length: two'], '{}')],
      'a chunk that is none': link => [withHead(link, CHUNKED_JSON, 'zz\r\n{}')],
      'chunks that break off': link => [
        withHead(link, CHUNKED_JSON, '5\r\n{"sku'),
        { pauseMs: 30 },
        { leave: 'destroy' },
      ],
      'a field with a line break': link => [withHead(link, ['X: a\rb', 'Content-Length: 2'], '{}')],
      'no host': link => [Buffer.from(`POST ${link} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`)],
      'an expectation that nobody knows': link => [
        withHead(link, ['Expect: a-miracle', 'Content-Length: 2'], '{}'),
      ],
      'less than it announced': link => halfSent(order(link), order(link).length - 3),
      'nothing of what it announced': link => [
        withHead(link, ['Content-Type: application/json', 'Content-Length: 20'], ''),
        { pauseMs: 30 },
        { leave: 'reset' },
      ],
    }
    for (const [what, steps] of Object.entries(lies)) {
      it(`sends ${what}: refused by a 4xx or not at all, the link stays good`, async () => {
        world = await startWorld(kind)
        const link = await world.link()
        const { port } = world
        const { response } = await rawRequest({ port, steps: steps(link), timeoutMs: 2_000 })
        if (response !== null) expect(response.status).to.be.within(400, 499)
        await expectStillGood(link)
      })
    }

    for (const method of ['FOO', 'TRACE', 'PROPFIND', 'PATCH', 'CONNECT', 'post']) {
      it(`comes with the method ${method}: never a 500, the link stays good`, async () => {
        world = await startWorld(kind)
        const link = await world.link()
        const headers = { ...JSON_TYPE, 'X-HTTP-Method-Override': 'POST' }
        const bytes = requestBytes({ method, path: link, headers, body: '{}' })
        const { response } = await rawRequest({ port: world.port, bytes, timeoutMs: 2_000 })
        if (response !== null) expect(response.status).to.be.oneOf([400, 405, 501])
        if (response?.status === 405) {
          expect(fieldValues(response, 'Allow')).to.deep.equal(['POST, OPTIONS'])
        }
        await expectStillGood(link)
      })
    }
  })
}

function withHead(path: string, lines: readonly string[], body: string): Buffer {
  const head = [`POST ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...lines]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1')
}

/** Sends requests in one go and reads until the server closes the connection. */
async function allThatComes(port: number, requests: readonly Buffer[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.concat(requests))
  let answers = ''
  for await (const chunk of socket) answers += String(chunk)
  return answers
}

async function* pieces(goOn: Promise<void>): AsyncGenerator<Buffer> {
  for (let piece = 0; piece < PIECES; piece += 1) {
    if (piece === 1) await goOn
    yield Buffer.alloc(PIECE_BYTES, 'x')
  }
}
