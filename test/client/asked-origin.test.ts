/**
 * Links, content, fields and logins stay with the origin that was asked. Real servers: a shop whose
 * pages lead elsewhere, and an elsewhere that notes everything.
 *
 * @see POE draft 8
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type ClientError, createClient } from 'post-once-exactly/client'
import { JournalFolder } from './journal/journal-process.js'

interface Noted {
  readonly method: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

describe('the origin that was asked', () => {
  const noted: Noted[] = []
  const servers: Server[] = []
  let shop = ''
  let elsewhere = ''
  let status = 302

  before(async () => {
    elsewhere = await listen((asked, answer) => {
      let body = ''
      asked.on('data', piece => {
        body += piece
      })
      asked.on('end', () => {
        noted.push({ method: asked.method, headers: asked.headers, body })
        const isLogin = asked.url === '/login' && asked.headers.authorization === undefined
        answer.setHeader('POE-Links', '"/steal"')
        answer.setHeader('Content-Type', 'application/json')
        answer.statusCode = isLogin ? 401 : 200
        answer.end('{"link":"/steal"}')
      })
    })
    shop = await listen((asked, answer) => {
      asked.resume()
      if (asked.url === '/here') {
        answer.setHeader('POE-Links', '"/once/1"')
        answer.end(String(asked.headers['x-api-key']))
        return
      }
      const away = asked.url === '/login' ? `${elsewhere}/login` : `${elsewhere}/fake`
      answer.writeHead(status, { Location: asked.url === '/moved' ? '/here' : away }).end()
    })
  })
  beforeEach(() => {
    noted.length = 0
    status = 302
  })
  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  const given = { headers: { authorization: 'Bearer secret', 'x-api-key': 'key' } }

  it('[FALSE-1901] a page that leads elsewhere gives no links, and learns no secret', async () => {
    for (status of [301, 302, 303, 307, 308]) {
      const client = createClient(given)
      for (const ask of [() => client.links(`${shop}/page`), () => client.mint(`${shop}/page`)]) {
        const error = await ask().catch((thrown: ClientError) => thrown)
        expect(error).to.have.property('code', 'ERR_POE_NO_LINK_FOUND')
        expect(error).to.have.property('message').that.includes('another origin')
      }
    }
    expect(noted).to.deep.equal([])
  })

  it('[FALSE-1901] a redirect on the same origin is followed with all that was given', async () => {
    for (status of [301, 302, 303, 307, 308]) {
      const client = createClient(given)
      const [found] = await client.links(`${shop}/moved`)
      expect(found?.link).to.equal(`${shop}/once/1`)
      const answer = await client.fetch(`${shop}/moved`)
      expect(await answer.text()).to.equal('key')
    }
  })

  it('[FALSE-1901] an origin that is allowed may be led to, without what was given', async () => {
    const client = createClient({ ...given, origins: [elsewhere] })
    const [found] = await client.links(`${shop}/page`)
    expect(found?.link).to.equal(`${elsewhere}/steal`)
    status = 307
    await client.post(`${shop}/once/1`, 'tea', { headers: { 'x-own': '1' } })
    expect(noted.map(({ method, body }) => `${method} ${body}`)).to.include('POST tea')
    for (const { headers } of noted) {
      expect(headers).to.not.have.any.keys('authorization', 'x-api-key', 'x-own')
    }
  })

  it('[FALSE-4204] nor does a redirect that a browser hides give links of elsewhere', async () => {
    const hiding: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init)
      return init?.redirect === 'manual' && answer.status === 302 ? Response.error() : answer
    }
    const client = createClient({ ...given, fetch: hiding, adapter: { linkPointer: '/link' } })
    expect(await client.links(`${shop}/page`)).to.deep.equal([])
    expect(noted.map(({ method }) => method)).to.deep.equal(['GET'])
    const any = createClient({ ...given, fetch: hiding, origins: 'any' })
    const [found] = await any.links(`${shop}/page`)
    expect(found?.link).to.equal(`${elsewhere}/steal`)
  })

  it('[FALSE-3215] neither on resuming nor with the question for the result', async () => {
    const place = new JournalFolder()
    const stop = new AbortController()
    let gets = 0
    const pay = await listen((asked, answer) => {
      const { method, headers } = asked.resume()
      noted.push({ method, headers, body: '' })
      if (noted.length === 1) stop.abort()
      else if (method === 'GET') answer.end(`result ${++gets}`)
      else answer.writeHead(201, { 'Content-Length': 100 }).write('cut', () => answer.destroy())
    })
    const moved = await listen((asked, answer) => {
      const links = { Location: `${pay}/once/1`, 'POE-Links': `"${pay}/once/1"` }
      asked.resume().on('end', () => answer.writeHead(307, links).end())
    })
    try {
      const options = { ...given, origins: [pay] }
      const first = createClient({ ...options, journal: await place.open({ compactBytes: 1 }) })
      const more = { headers: { 'x-own': '1' }, signal: stop.signal }
      await first.post(`${moved}/once/0`, 'tea', more).catch(() => null)
      const [resumed] = await createClient({ ...options, journal: await place.open() }).resume()
      expect(resumed?.outcome).to.include({ outcome: 'accepted', link: `${pay}/once/1` })
      expect(await resumed?.outcome.text()).to.equal('result 1')
      expect(noted.map(({ method }) => method)).to.deep.equal(['POST', 'POST', 'GET'])
      for (const { headers } of noted) {
        expect(headers).to.not.have.any.keys('authorization', 'x-api-key', 'x-own')
      }
    } finally {
      await place.remove()
    }
  })

  it('[FALSE-1902] client.fetch follows a GET elsewhere without what was given', async () => {
    const client = createClient(given)
    const answer = await client.fetch(`${shop}/page`, { headers: { 'x-own': '1' } })
    expect(answer.status).to.equal(200)
    expect(noted).to.have.length(1)
    expect(noted[0]?.headers).to.not.have.any.keys('authorization', 'x-api-key', 'x-own')
    expect(client.isPoe(`${elsewhere}/steal`)).to.equal(false)
  })

  it('[FALSE-1902] client.fetch sends no content elsewhere', async () => {
    for (status of [307, 308]) {
      const client = createClient(given)
      const answer = await client.fetch(`${shop}/page`, { method: 'POST', body: 'card 4111' })
      expect(answer.status).to.equal(status)
    }
    expect(noted).to.deep.equal([])
  })

  it('[FALSE-1903] a login is told the URL, and goes to its origin only', async () => {
    const asked: string[] = []
    const guarded = await listen((request, answer) => {
      request.resume()
      answer.statusCode = request.headers.authorization === undefined ? 401 : 201
      answer.end()
    })
    const authenticate = (_answer: Response, url: string) => {
      asked.push(url)
      return { authorization: 'Bearer for-the-guarded' }
    }
    const client = createClient({ origins: [elsewhere], authenticate })
    expect((await client.post(`${guarded}/once/1`, 'tea')).outcome).to.equal('accepted')
    await client.post(`${elsewhere}/once/1`, 'tea')
    expect(asked).to.deep.equal([`${guarded}/once/1`])
    expect(noted.map(({ headers }) => headers.authorization)).to.not.include(
      'Bearer for-the-guarded',
    )
  })

  it('[FALSE-1903] whoever is redirected elsewhere is not logged in there', async () => {
    const asked: string[] = []
    const authenticate = (_answer: Response, url: string) => {
      asked.push(url)
      return { authorization: 'Bearer secret' }
    }
    const client = createClient({ authenticate })
    await client.links(`${shop}/login`).catch(() => null)
    expect((await client.fetch(`${shop}/login`)).status).to.equal(401)
    expect(asked).to.deep.equal([])
    expect(noted.map(({ headers }) => headers.authorization)).to.deep.equal([undefined])
  })

  async function listen(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
})
