/**
 * Where links come from, which of them are believed, and servers that are like POE but not it.
 */
import { expect } from 'chai'
import { type ClientOptions, createClient } from 'post-once-exactly/client'
import { LINK, lost, type Step, scene } from './scripted.js'

const PAGE = 'https://shop.example/cart/view'
const NOW = Date.parse('Wed, 21 Oct 2026 12:00:00 GMT')

describe('links of a page', () => {
  it('[CL-15] [POE-3-8] come from POE-Links, against the URL of the answer', async () => {
    const field = '"/a,b", "/c?x=1,2";  "/d\\"e" ,, "/f", "rel?y", "#x", "/h'
    const found = await linksOf({ status: 200, headers: { 'poe-links': field } })
    expect(found).to.include.members([
      'https://shop.example/a,b',
      'https://shop.example/f',
      'https://shop.example/cart/rel?y',
    ])
    expect(found.every(link => !link.includes('#') && !link.includes('/h'))).to.equal(true)
  })

  it('[POE-3-8] Content-Location does not count', async () => {
    const headers = { 'poe-links': '"c"', 'content-location': '/x/' }
    expect(await linksOf({ status: 200, headers })).to.deep.equal(['https://shop.example/cart/c'])
  })

  it('[POE-3-10] [POE-8-4] of other origins are ignored unless they are allowed', async () => {
    const page = {
      status: 200,
      headers: { 'poe-links': '"http://other.example/p", "//other.example/q", "/own"' },
    }
    expect(await linksOf(page)).to.deep.equal(['https://shop.example/own'])
    const allowed = await linksOf(page, { origins: ['https://other.example'] })
    expect(allowed).to.deep.equal(['https://other.example/q', 'https://shop.example/own'])
    expect(await linksOf(page, { origins: 'any' })).to.have.length(3)
  })

  it('[POE-3-11] are learned from every answer, a refusal too', async () => {
    const fresh = { status: 422, headers: { 'poe-links': '"/orders/once/fresh"' } }
    const one = scene({ post: [fresh] })
    await one.finish(one.client.post(LINK, 'x'))
    expect(one.client.isPoe('https://shop.example/orders/once/fresh')).to.equal(true)
    expect(one.client.isPoe('https://shop.example/orders/once/other')).to.equal(false)
  })

  it('come from JSON with their end, by the clock of the server', async () => {
    const body = JSON.stringify({ link: '/once/1', expires: '2026-10-21T15:00:00Z' })
    const headers = {
      'poe-links': '"/once/1"',
      'content-type': 'application/json; charset=utf-8',
      date: 'Wed, 21 Oct 2026 14:00:00 GMT',
    }
    const one = scene({ post: [], get: [{ status: 200, headers, body }] })
    expect(await one.finish(one.client.links(PAGE))).to.deep.equal([
      { link: 'https://shop.example/once/1', expiresAtMs: NOW + 3_600_000 },
    ])
  })

  it('JSON alone, which nobody vouches for, names no link', async () => {
    const headers = { 'content-type': 'application/json' }
    expect(await linksOf({ status: 200, headers, body: '{"link":"/once/1"}' })).to.deep.equal([])
  })

  it('a page that is refused is an error that says so', async () => {
    const one = scene({ post: [], get: [{ status: 403 }] })
    const error = await one.finish(one.client.links(PAGE)).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'ERR_POE_NO_LINK_FOUND' })
    expect(String(error)).to.match(/403.*login/)
  })

  it('a page is asked for again where its answer is lost', async () => {
    const page = { status: 200, headers: { 'poe-links': '"/once/1"' } }
    const one = scene({ post: [], get: [lost(), { status: 503 }, page] })
    expect(await one.finish(one.client.links(PAGE))).to.have.length(1)
    expect(one.seen).to.have.length(3)
  })

  it('[POE-1-2] a link that the caller knows by other means is treated alike', async () => {
    const used = { status: 405, headers: { allow: 'GET' } }
    const one = scene({ post: [lost(), used], get: [{ status: 200, body: 'done' }] })
    expect(one.client.isPoe(LINK)).to.equal(false)
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'accepted-earlier' })
  })

  it('what is no absolute URL of the web is a TypeError that says so', async () => {
    const one = scene({ post: [] })
    for (const link of ['/orders/once/x', 'ftp://shop.example/', 'https://u:p@shop.example/', '']) {
      const error = await one.client.post(link).catch((thrown: unknown) => thrown)
      expect(error).to.be.instanceOf(TypeError)
      expect(String(error)).to.include('absolute')
    }
  })
})

describe('minting', () => {
  it('posts nothing, with its own free retry', async () => {
    const minted = { status: 201, headers: { location: '/once/1' } }
    const one = scene({ post: [lost(), minted] })
    const found = await one.finish(one.client.mint('https://shop.example/mint'))
    expect(found).to.deep.equal({ link: 'https://shop.example/once/1', expiresAtMs: null })
    expect(one.posts.map(({ body }) => body)).to.deep.equal(['', ''])
  })

  it('an answer without a link is an error', async () => {
    const one = scene({ post: [{ status: 204 }] })
    const error = await one.finish(one.client.mint(PAGE)).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'ERR_POE_NO_LINK_FOUND' })
  })
})

describe('client.fetch', () => {
  const page = { status: 200, headers: { 'poe-links': '"/orders/once/t0ken"' } }
  const used = { status: 405, headers: { allow: 'GET' } }

  it('sends a POST to a link that it has learned so that it takes effect once', async () => {
    const one = scene({ post: [lost(), used], get: [page, { status: 200, body: 'order 7' }] })
    await one.finish(one.client.fetch(PAGE))
    const init = { method: 'POST', body: 'tea', headers: { 'content-type': 'text/tea' } }
    const response = await one.finish(one.client.fetch(LINK, init))
    expect([response.status, await response.text()]).to.deep.equal([200, 'order 7'])
    expect(one.posts.map(({ body }) => body)).to.deep.equal(['tea', 'tea'])
  })

  it('throws what cannot be told, with the outcome', async () => {
    const one = scene({ post: [lost()], get: [page, { status: 404 }] })
    await one.finish(one.client.fetch(PAGE))
    const work = one.client.fetch(LINK, { method: 'POST', body: 'tea' })
    const error = await one.finish(work).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'ERR_POE_UNKNOWN_OUTCOME' })
    expect((error as Error).cause).to.include({ outcome: 'unknown', attempts: 5 })
  })

  it('gives a refusal as it is, and leaves every other POST alone', async () => {
    const one = scene({ post: [{ status: 422, body: 'no' }, lost()], get: [page] })
    await one.finish(one.client.fetch(PAGE))
    const refused = await one.finish(one.client.fetch(LINK, { method: 'POST', body: 'tea' }))
    expect([refused.status, await refused.text()]).to.deep.equal([422, 'no'])
    const plain = one.client.fetch('https://shop.example/plain', { method: 'POST', body: 'tea' })
    expect(await one.finish(plain).catch((thrown: unknown) => thrown)).to.be.instanceOf(TypeError)
    expect(one.posts).to.have.length(2)
  })

  it('[FALSE-4108] a navigation that a service worker passes on is sent as a request', async () => {
    const { Request: known } = globalThis
    class Navigation extends known {
      override get mode(): RequestMode {
        return 'navigate'
      }
    }
    const modes: unknown[] = []
    const fetch = async (input: string | URL | Request, init: RequestInit = {}) => {
      modes.push(init.mode)
      // As every browser refuses it.
      return await one(new known(input, init))
    }
    const one = async ({ method }: Request) => {
      const headers = method === 'GET' ? { 'poe-links': `"${LINK}"` } : { allow: 'GET' }
      return new Response('done', { status: method === 'GET' ? 200 : 201, headers })
    }
    try {
      globalThis.Request = Navigation
      const client = createClient({ fetch, tries: 1 })
      await client.fetch(LINK)
      const answer = await client.fetch(new Request(LINK, { method: 'POST', body: 'sku=tea' }))
      expect([answer.status, await answer.text()]).to.deep.equal([201, 'done'])
    } finally {
      globalThis.Request = known
    }
    expect(modes).to.deep.equal([undefined, undefined])
  })

  it('[FALSE-4108] what a request says of how it is sent holds at a link, too', async () => {
    const { fetch, seen } = noting()
    const client = createClient({ fetch })
    const said = { keepalive: true, referrerPolicy: 'no-referrer', credentials: 'include' } as const
    const headers = { 'Idempotency-Key': '"k"' }
    await client.fetch(new Request(PAGE, { method: 'POST', headers, ...said }))
    expect(seen[0]).to.include(said)
  })

  it('[FALSE-4111] what the client says of requests holds until one says otherwise', async () => {
    const { fetch, seen } = noting()
    const client = createClient({ fetch, init: { credentials: 'include', cache: 'no-cache' } })
    const headers = { 'Idempotency-Key': '"k"' }
    for (const credentials of [undefined, 'omit'] as const) {
      const own = credentials === undefined ? {} : { credentials }
      await client.fetch(PAGE, own)
      await client.fetch(PAGE, { method: 'POST', headers, body: credentials ?? 'tea', ...own })
    }
    await client.fetch(new Request(PAGE, { credentials: 'omit' }))
    const told = seen.map(({ credentials, cache }) => [credentials, cache])
    const [asClient, own] = [
      ['include', 'no-cache'],
      ['omit', 'no-cache'],
    ]
    expect(told).to.deep.equal([asClient, asClient, own, own, ['omit', 'default']])
  })

  it('gives 204 where it happened and the answer is not kept', async () => {
    const kept = {
      status: 410,
      headers: { 'content-type': 'application/problem+json' },
      body: '{"type":"urn:post-once-exactly:problem:body-not-kept"}',
    }
    const one = scene({ post: [lost(), used], get: [page, kept] })
    await one.finish(one.client.fetch(PAGE))
    const response = await one.finish(one.client.fetch(LINK, { method: 'POST', body: 'tea' }))
    expect(response.status).to.equal(204)
  })
})

describe('a server that is like POE and is not it', () => {
  const adapter = {
    linkPointer: '/data/href',
    expiresPointer: '/data/until',
    usedStatuses: [400, 403, 412],
    headers: { 'x-app': 'shop' },
    isSuccess: ({ status }: { readonly status: number }) => status === 202,
  }
  const options: ClientOptions = { adapter }
  const minted = {
    status: 200,
    headers: { 'content-type': 'application/vnd.shop+json' },
    body: JSON.stringify({ data: { href: '/once/1', until: NOW / 1_000 + 60 } }),
  }

  it('its links are found by pointer, with their end', async () => {
    const one = scene({ post: [minted] }, options)
    const found = await one.finish(one.client.mint('https://shop.example/mint'))
    expect(found).to.deep.equal({
      link: 'https://shop.example/once/1',
      expiresAtMs: NOW + 60_000,
    })
    expect(one.posts[0]?.headers.get('x-app')).to.equal('shop')
  })

  for (const status of [400, 403, 412, 405]) {
    it(`its lost answer, then ${status}, is unknown and never a success`, async () => {
      const allowing = { status: 200, headers: { allow: 'GET, POST' }, body: 'a page' }
      const one = scene({ post: [lost(), { status }], get: [allowing] }, options)
      const outcome = await one.finish(one.client.post(LINK, 'x'))
      expect(outcome).to.include({ outcome: 'unknown', isFinal: true })
    })
  }

  it('its refusal on the first try is one', async () => {
    const one = scene({ post: [{ status: 400 }] }, options)
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'refused' })
  })

  it('its own success is one, and another 2xx is not', async () => {
    const done = scene({ post: [{ status: 202 }] }, options)
    expect(await done.finish(done.client.post(LINK))).to.include({ outcome: 'accepted' })
    const not = scene({ post: [{ status: 200 }] }, options)
    expect(await not.finish(not.client.post(LINK))).to.include({ outcome: 'refused' })
  })

  it('a Link with its relation names links, commas and quotes inside notwithstanding', async () => {
    const link =
      '</once/1>; rel="start order"; title="a, \\"b\\"; c", <https://other.example/x>; rel=order'
    const found = await linksOf(
      { status: 200, headers: { link } },
      { adapter: { linkRelation: 'order' } },
    )
    expect(found).to.deep.equal(['https://shop.example/once/1'])
  })
})

describe('options', () => {
  const table: readonly (readonly [options: Record<string, unknown>, message: RegExp])[] = [
    [{ retries: 3 }, /no option 'retries'/],
    [{ tries: 0 }, /'tries' cannot be 0/],
    [{ tries: 1.5 }, /'tries'/],
    [{ timeoutMs: Number.NaN }, /'timeoutMs'/],
    [{ totalMs: -1 }, /'totalMs'/],
    [{ fetch: 'x' }, /'fetch' cannot be "x"/],
    [{ origins: ['shop'] }, /'origins'/],
    [{ keyFormat: 'raw' }, /'keyFormat'/],
    [{ journal: {} }, /'journal'/],
  ]
  for (const [options, message] of table) {
    it(`${JSON.stringify(options)} is refused`, () => {
      expect(() => scene({ post: [] }, options as ClientOptions)).to.throw(TypeError, message)
    })
  }

  it('undefined is as if absent', async () => {
    const one = scene({ post: [lost()] }, { tries: undefined } as unknown as ClientOptions)
    expect(await one.finish(one.client.post(LINK))).to.include({ attempts: 5 })
  })

  it('those of one POST are checked too', async () => {
    const one = scene({ post: [] })
    const wrong = { trys: 3 } as unknown as { tries: number }
    const error = await one.client.post(LINK, 'x', wrong).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(TypeError)
  })
})

async function linksOf(page: Step, options: ClientOptions = {}): Promise<string[]> {
  const one = scene({ post: [], get: [page] }, options)
  return (await one.finish(one.client.links(PAGE))).map(({ link }) => link)
}

/** Takes every request, and keeps how it was to be sent. */
function noting() {
  const seen: RequestInit[] = []
  const fetch = async (_: unknown, init: RequestInit = {}) => {
    seen.push(init)
    return new Response('done', { status: 201 })
  }
  return { fetch, seen }
}
