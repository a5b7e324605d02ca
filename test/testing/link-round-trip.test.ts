import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { checkLinkRoundTrip } from '../../lib/testing/link-round-trip.js'

/** What the server saw: method, path, and the POE field. */
let seen: string[] = []
let server: Server
let origin: string
let routes: Record<string, RequestListener>

describe('checking that links lead back', () => {
  beforeEach(async () => {
    seen = []
    routes = {
      'OPTIONS /shop/once/1': (_request, response) => {
        response.writeHead(204, { Allow: 'post, OPTIONS' }).end()
      },
      'OPTIONS /shop/used': (_request, response) => {
        response.writeHead(200, { Allow: 'GET, HEAD, OPTIONS' }).end('used')
      },
    }
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.poe}`)
      const route = routes[`${request.method} ${request.url}`]
      if (route === undefined) response.writeHead(404).end('nowhere')
      else route(request, response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  afterEach(() => {
    server.close()
    server.closeAllConnections()
  })

  const page = (links: string | null, status = 200): RequestListener => {
    return (_request, response) => {
      if (links !== null) response.setHeader('POE-Links', links)
      response.writeHead(status).end('a page')
    }
  }

  it('[URI-01] a link with its prefix leads back; only GET and OPTIONS are sent', async () => {
    routes['GET /shop/basket'] = page('"/shop/once/1"')
    const trip = await checkLinkRoundTrip(`${origin}/shop/basket`)
    expect(trip.problems).to.deep.equal([])
    expect(trip).to.deep.include({ status: 200, pageUrl: `${origin}/shop/basket` })
    expect(trip.links).to.deep.equal([
      { url: `${origin}/shop/once/1`, status: 204, allow: ['POST', 'OPTIONS'], problem: null },
    ])
    expect(seen).to.deep.equal(['GET /shop/basket 1', 'OPTIONS /shop/once/1 1'])
  })

  it('[URI-01] finds the link that lacks it', async () => {
    routes['GET /shop/basket'] = page('"/once/1", "/shop/once/1"')
    const { problems, links } = await checkLinkRoundTrip(new URL(`${origin}/shop/basket`))
    expect(problems).to.have.length(1)
    expect(problems[0]).to.match(/\/once\/1 answers OPTIONS with 404 and no Allow.*mount prefix/)
    expect(links.map(link => link.status)).to.deep.equal([404, 204])
  })

  it('[URI-01] finds the link that allows no POST', async () => {
    routes['GET /shop/basket'] = page('"/shop/used"')
    const { problems } = await checkLinkRoundTrip(`${origin}/shop/basket`)
    expect(problems).to.have.length(1)
    expect(problems[0]).to.include('200 and Allow: GET, HEAD, OPTIONS')
  })

  it('an Allow on an error is no proof', async () => {
    routes['GET /p'] = page('"/gone"')
    routes['OPTIONS /gone'] = (_request, response) => {
      response.writeHead(405, { Allow: 'POST' }).end()
    }
    expect((await checkLinkRoundTrip(`${origin}/p`)).problems).to.have.length(1)
  })

  it('[POE-3-8] resolves against the final URL, and follows no redirect of a link', async () => {
    routes['GET /'] = (_request, response) => {
      response.writeHead(302, { Location: '/shop/deep/basket' }).end()
    }
    routes['GET /shop/deep/basket'] = page('"../once/1", "/moved"')
    routes['OPTIONS /moved'] = (_request, response) => {
      response.writeHead(302, { Location: '/shop/once/1' }).end()
    }
    const { pageUrl, links } = await checkLinkRoundTrip(`${origin}/`)
    expect(pageUrl).to.equal(`${origin}/shop/deep/basket`)
    expect(links.map(link => [link.url, link.status])).to.deep.equal([
      [`${origin}/shop/once/1`, 204],
      [`${origin}/moved`, 302],
    ])
    expect(seen.filter(one => one.startsWith('OPTIONS /shop'))).to.have.length(1)
  })

  it('[POE-3-10] does not contact another origin, and says so', async () => {
    routes['GET /p'] = page('"http://localhost:1/once"')
    const { problems, links } = await checkLinkRoundTrip(`${origin}/p`)
    expect(problems).to.deep.equal(['http://localhost:1/once is of another origin'])
    expect(links[0]).to.include({ status: null })
  })

  it('a page without links is a problem, and so is a member that cannot be used', async () => {
    routes['GET /none'] = page(null, 500)
    const none = await checkLinkRoundTrip(`${origin}/none`)
    expect(none.problems).to.deep.equal([
      `${origin}/none answered 500 and has no POE-Links that can be followed`,
    ])
    routes['GET /bad'] = page('"/a b", "/shop/once/1"')
    const bad = await checkLinkRoundTrip(`${origin}/bad`)
    expect(bad.problems).to.deep.equal(['the POE-Links member /a b cannot be used (invalid)'])
    expect(bad.links).to.have.length(1)
  })

  it('a link that does not answer is a problem; a page that does not is an error', async () => {
    routes['GET /p'] = page('"/cut"')
    routes['OPTIONS /cut'] = request => request.socket.destroy()
    const { problems } = await checkLinkRoundTrip(`${origin}/p`)
    expect(problems).to.have.length(1)
    expect(problems[0]).to.include('did not answer OPTIONS')
    routes['GET /gone'] = request => request.socket.destroy()
    const failure = await checkLinkRoundTrip(`${origin}/gone`).catch(error => error)
    expect(failure).to.be.instanceOf(TypeError)
  })

  it('uses the fetch that it is given, also one whose responses know no URL', async () => {
    const answers: Record<string, Response> = {
      GET: new Response('x', { headers: { 'POE-Links': '"b"' } }),
      OPTIONS: new Response(null, { headers: { Allow: 'POST' } }),
    }
    const asked: string[] = []
    const fake: typeof fetch = async (input, init) => {
      asked.push(`${init?.method ?? 'GET'} ${input}`)
      return answers[init?.method ?? 'GET'] ?? Response.error()
    }
    const { problems } = await checkLinkRoundTrip('http://page.example/a', fake)
    expect(problems).to.deep.equal([])
    expect(asked).to.deep.equal(['GET http://page.example/a', 'OPTIONS http://page.example/b'])
  })
})
