/**
 * Whoever waits for a door on node:http: h3 and Nitro end a response themselves once their handler
 * is at its end, if its fields have not been sent by then.
 */
import { EventEmitter } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { anyone, type NodeDoor, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

let server: Server

const once = poe({ store: memoryStore(), principal: anyone, onError: () => {} })
const rules = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true }
const pay = once.idempotencyKey(rules, async (_request, response) => {
  response.setHeader('Location', '/payments/1')
  for (const piece of ['one ', 'two ']) {
    response.write(piece)
    await pause(5)
  }
  response.end('three')
})

/** As h3 calls it. @returns where it is served, and what becomes of each call */
async function serve(door: NodeDoor): Promise<{ url: string; ends: Promise<boolean>[] }> {
  const ends: Promise<boolean>[] = []
  const call = async (req: IncomingMessage, res: ServerResponse): Promise<boolean> => {
    await door(req, res)
    const { headersSent } = res
    if (!headersSent) res.writeHead(204).end()
    return res.closed || res.writableEnded
  }
  server = createServer((req, res) => ends.push(call(req, res)))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ends }
}

describe('a door that is waited for', () => {
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  it('[FALSE-4527] is at its end when an answer in pieces is', async () => {
    const { url, ends } = await serve(pay)
    const headers = { 'Idempotency-Key': '"a"' }
    for (let time = 0; time < 2; time += 1) {
      const response = await fetch(url, { method: 'POST', headers })
      expect(response.headers.get('Location')).to.equal('/payments/1')
      expect(await response.text()).to.equal('one two three')
    }
    expect(await Promise.all(ends)).to.deep.equal([true, true])
  })

  it('[FALSE-4527] and takes no room for listeners, of which Koa leaves few', async () => {
    let sent: ServerResponse | null = null
    const { url } = await serve(async (req, res) => {
      sent = res
      await pay(req, res)
    })
    const headers = { 'Idempotency-Key': '"c"' }
    await (await fetch(url, { method: 'POST', headers })).text()
    const most = (sent as ServerResponse | null)?.getMaxListeners()
    expect(most).to.equal(EventEmitter.defaultMaxListeners + 1)
  })

  it('[FALSE-4527] and when its client leaves', async () => {
    const { url, ends } = await serve(pay)
    const headers = { 'Idempotency-Key': '"b"' }
    const left = request(url, { method: 'POST', headers }, () => left.destroy())
    left.on('error', () => {})
    left.end()
    await new Promise(resolve => left.once('close', resolve))
    expect(await Promise.all(ends)).to.deep.equal([true])
    expect(await (await fetch(url, { method: 'POST', headers })).text()).to.equal('one two three')
  })

  it('[FALSE-4527] and when somebody else is to answer', async () => {
    let goesOn = 0
    const { url, ends } = await serve(async (req, res) => {
      await once.middleware()(req, res, () => {
        goesOn += 1
      })
    })
    expect((await fetch(url, { method: 'POST' })).status).to.equal(204)
    await Promise.all(ends)
    expect(goesOn).to.equal(1)
  })

  it('[FALSE-4527] and when a door steps aside', async () => {
    const aside = once.idempotencyKey({ ...rules, name: 'more', required: false }, (req, res) => {
      res.end(req.method)
    })
    const { url, ends } = await serve(aside)
    expect(await (await fetch(url, { method: 'POST' })).text()).to.equal('POST')
    expect(await Promise.all(ends)).to.have.lengthOf(1)
  })
})
