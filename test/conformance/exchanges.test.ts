/**
 * What is told of the requests of a check that failed: all of them in order, which one was judged,
 * no secrets, and commands that send them again.
 */
import { execFileSync } from 'node:child_process'
import { once as emitted } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { runConformance, type ServerCheckResult } from 'post-once-exactly/conformance'
import { curlOf, recorded } from '../../lib/conformance/exchanges.js'
import { noted } from '../../lib/conformance/recorder.js'
import type { Exchange } from '../../lib/conformance/wire.js'
import { transcript } from '../../lib/conformance/words.js'
import { areInstalled } from '../support/servers/programs.js'

const NOBODY = new Set<string>()

describe('the exchanges of a check', () => {
  let server: Server
  let origin: string
  let last: { readonly request: IncomingMessage; readonly body: string } | null = null

  before(async () => {
    let minted = 0
    // It forgets at once: every POST is an order.
    server = createServer(async (request, response) => {
      let body = ''
      for await (const part of request.setEncoding('utf8')) body += part
      last = { request, body }
      response.setHeader('Set-Cookie', 'session=very-secret')
      if (request.method === 'POST') return response.writeHead(201).end('{"order":1}')
      minted += 1
      response.setHeader('Content-Type', 'application/json')
      return response.end(JSON.stringify({ link: `/once/${minted}-0123456789abcdef` }))
    })
    server.listen(0, '127.0.0.1')
    await emitted(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const failed = async (only: string, http2 = false): Promise<ServerCheckResult> => {
    const adapter = { valid: { json: { a: 1 } }, fields: { Authorization: 'Bearer very-secret' } }
    const { results } = await runConformance({
      url: `${origin}/page`,
      adapter,
      only: [only],
      rounds: 2,
      http2,
    })
    const [result] = results
    if (result === undefined) throw new Error(`no result of ${only}`)
    return result
  }

  it('are told in order, and the one that did the damage is marked', async () => {
    const { result, exchanges = [], durationMs, exchangesLeftOut } = await failed('POE-2-1/same')
    expect(result).to.equal('fail')
    expect(durationMs).to.be.within(1, 60_000)
    expect(exchangesLeftOut).to.equal(undefined)
    const methods = exchanges.map(({ text }) => text.split(' ')[0])
    expect(methods).to.deep.equal(['GET', 'POST', 'POST'])
    expect(exchanges.map(({ isDecisive }) => isDecisive)).to.deep.equal([false, false, true])
    const ends = exchanges.map(({ endedAtMs }) => endedAtMs)
    expect(ends).to.deep.equal([...ends].sort((one, other) => one - other))
  })

  it('have no secrets, of either side', async () => {
    const { exchanges = [] } = await failed('POE-2-1/same')
    const told = JSON.stringify(exchanges)
    expect(told).to.not.include('very-secret')
    expect(told).to.include('Authorization: (left out)').and.include('$AUTHORIZATION')
  })

  it('[FALSE-4109] nor those of the fields by which a page is asked', async () => {
    const fields = { 'X-Mint-Key': 'very-secret', Accept: 'application/json' }
    const adapter = {
      page: { fields },
      shortLived: { fields: { 'X-Short': 'very-secret' }, lifeMs: 1 },
    }
    for (const only of ['POE-2-1/same', 'POE-2-18/expired']) {
      const { results } = await runConformance({ url: `${origin}/page`, adapter, only: [only] })
      const told = JSON.stringify(results)
      expect(told).to.include('(left out)').and.include('Accept: application/json')
      expect(told).to.not.include('very-secret')
    }
  })

  it('are so many at most: the first ones, and what led to the one that was judged', async () => {
    const told = (decisive: number) =>
      recorded(NOBODY, async () => {
        const all = Array.from({ length: 100 }, (_, number) => noted(exchangeOf(number)))
        return { result: 'fail', exchange: transcript(all[decisive] as Exchange, NOBODY) }
      })
    for (const [decisive, last] of [
      [50, 50],
      [3, 11],
      [99, 99],
    ] as const) {
      const { exchanges = [], exchangesLeftOut = 0 } = await told(decisive)
      expect(exchanges.length + exchangesLeftOut).to.equal(100)
      expect(exchanges.length).to.be.within(12, 24)
      expect(exchanges[0]?.text).to.match(/^GET \/0 /)
      expect(exchanges.at(-1)?.text).to.match(new RegExp(`^GET /${last} `))
      const marked = exchanges.filter(({ isDecisive }) => isDecisive)
      expect(marked.map(({ text }) => text.split(' ')[1])).to.deep.equal([`/${decisive}`])
    }
  })

  it('of two checks at once are kept apart', async () => {
    const check = (number: number) =>
      recorded(NOBODY, async () => {
        for (let time = 0; time < 3; time += 1) {
          await new Promise(resolve => setTimeout(resolve, 5))
          noted(exchangeOf(number))
        }
        return { result: 'fail' }
      })
    for (const [number, { exchanges = [] }] of (
      await Promise.all([check(0), check(1)])
    ).entries()) {
      expect(exchanges.map(({ text }) => text.split(' ')[1])).to.deep.equal(
        Array(3).fill(`/${number}`),
      )
    }
  })

  it('what passes has none', async () => {
    const { result, exchanges, durationMs } = await failed('POE-A-2')
    expect([result, exchanges]).to.deep.equal(['pass', undefined])
    expect(durationMs).to.be.a('number')
  })

  it('curl takes long and binary content from a file', () => {
    const common = { method: 'POST', url: new URL(origin), target: '/', fields: [] }
    const long = curlOf({ ...common, body: Buffer.alloc(5_000, 'a') }, NOBODY)
    expect(long).to.include('--data-binary @content-of-5000-bytes')
    const binary = curlOf({ ...common, body: Buffer.from([0xff, 0xfe]) }, NOBODY)
    expect(binary).to.include('@content-of-2-bytes')
  })

  if (areInstalled(['curl'], 'the replay by curl')) it('curl sends the same', sentAlike)

  function sentAlike() {
    const url = new URL('/a/../b?c=%41', origin)
    const sent = {
      method: 'PUT',
      url,
      target: '/x/../once/%41?q=1',
      fields: [
        ['Authorization', 'secret'],
        ['X-Odd', "it's $HOME `id` \\"],
        ['Content-Type', 'application/json'],
      ],
      body: Buffer.from('{"a":"it\'s $(id)"}'),
    } as const
    const line = curlOf(sent, new Set(['authorization']))
    expect(line).to.not.include("'secret'")
    const env = { ...process.env, AUTHORIZATION: 'Bearer mine' }
    execFileSync('sh', ['-c', `${line} > /dev/null 2>&1 &`], { env })
    return new Promise<void>(resolve => setTimeout(resolve, 500)).then(() => {
      expect(last?.request.method).to.equal('PUT')
      expect(last?.request.url).to.equal('/x/../once/%41?q=1')
      expect(last?.body).to.equal('{"a":"it\'s $(id)"}')
      expect(last?.request.headers).to.include({
        authorization: 'Bearer mine',
        'x-odd': "it's $HOME `id` \\",
      })
    })
  }
})

function exchangeOf(number: number): Exchange {
  const url = new URL(`http://127.0.0.1/${number}`)
  const sent = { method: 'GET', url, target: url.pathname, fields: [], body: null }
  const endedAtMs = performance.now()
  return { sent, ended: 'closed', response: null, interim: [], endedAtMs, code: null }
}
