/** The link pool: links ahead of their use, each handed out once. */
import { expect } from 'chai'
import {
  type ClientClock,
  type ClientOptions,
  createClient,
  type FetchLike,
  type FoundLink,
  type LinkPool,
  linkPool,
  type PoeClient,
} from 'post-once-exactly/client'
import { latch, until } from '../../support/meeting.js'

const ORIGIN = 'https://shop.example'
const MINT = `${ORIGIN}/links`

/** A server that mints, and takes POSTs; a success names the next link where it is told to. */
class Server {
  readonly minted: string[] = []
  readonly posted: string[] = []
  isDown = false
  isChaining = false
  lifeMs = 3_600_000
  gate: Promise<void> = Promise.resolve()

  readonly fetch: FetchLike = async input => {
    const { pathname } = new URL(String(input))
    if (pathname !== '/links') {
      this.posted.push(pathname)
      const next = this.isChaining ? { 'POE-Links': `"${this.#next()}"` } : undefined
      return new Response(null, { status: 201, headers: { Location: '/orders/1', ...next } })
    }
    await this.gate
    if (this.isDown) return new Response(null, { status: 500 })
    const link = this.#next()
    const expires = new Date(this.nowMs + this.lifeMs).toISOString()
    const headers = { 'POE-Links': `"${link}"`, Date: new Date(this.nowMs).toUTCString() }
    return Response.json({ link, expires }, { status: 201, headers })
  }

  nowMs = 1_700_000_000_000
  readonly clock: ClientClock = { now: () => this.nowMs, sleep: () => new Promise(() => {}) }

  client(options: ClientOptions = {}): PoeClient {
    return createClient({ fetch: this.fetch, clock: this.clock, tries: 1, ...options })
  }

  #next(): string {
    const link = `/once/${this.minted.length}`
    this.minted.push(link)
    return link
  }
}

describe('linkPool', () => {
  let server: Server
  let client: PoeClient
  beforeEach(() => {
    server = new Server()
    client = server.client()
  })
  const full = (pool: LinkPool, size: number) =>
    until(() => pool.ready === size, `${size} links are ready`)

  it('fetches nothing before the first take', async () => {
    const pool = linkPool(client, { source: MINT })
    expect([server.minted.length, pool.ready]).to.deep.equal([0, 0])
  })

  it('gives distinct links, also to many at once, that the client knows', async () => {
    const pool = linkPool(client, { source: MINT, size: 3 })
    const links: string[] = []
    for (let round = 0; round < 5; round += 1) {
      const found = await Promise.all(Array.from({ length: 7 }, () => pool.take()))
      links.push(...found.map(({ link }) => link))
    }
    expect(new Set(links).size).to.equal(35)
    expect(links.every(link => client.isPoe(link))).to.equal(true)
  })

  it('refills in the background, up to its size', async () => {
    const pool = linkPool(client, { source: new URL(MINT), size: 3 })
    await pool.take()
    await full(pool, 3)
    expect(server.minted).to.have.length(4)
    const held = latch()
    server.gate = held.opened
    const ready = await Promise.all([pool.take(), pool.take(), pool.take()])
    expect(
      ready.map(({ link }) => link),
      'at once',
    ).to.deep.equal([1, 2, 3].map(index => `${ORIGIN}/once/${index}`))
    held.open()
    await full(pool, 3)
    expect(server.minted).to.have.length(7)
  })

  it('does not hand out links that end soon', async () => {
    server.lifeMs = 120_000
    const pool = linkPool(client, { source: MINT, size: 2, leastLifeMs: 30_000 })
    const first = await pool.take()
    expect(first.expiresAtMs).to.equal(server.nowMs + 120_000)
    await full(pool, 2)
    server.nowMs += 90_000
    expect((await pool.take()).link, 'exactly so long').to.equal(`${ORIGIN}/once/1`)
    await full(pool, 2)
    server.nowMs += 1
    expect((await pool.take()).link, 'the old one is dropped').to.equal(`${ORIGIN}/once/3`)
  })

  it('takes in the next link of a success answer, once', async () => {
    server.isChaining = true
    const pool = linkPool(client, { source: MINT, size: 2 })
    const { link } = await pool.take()
    await full(pool, 2)
    server.gate = latch().opened
    await pool.take()
    const outcome = await client.post(link, { sku: 'a' })
    const next = `${ORIGIN}${server.minted.at(-1)}`
    expect(pool.ready).to.be.below(2)
    expect(pool.add(outcome)).to.equal(true)
    expect(pool.add(outcome), 'a second time').to.equal(false)
    const taken = [await pool.take(), await pool.take()].map(found => found.link)
    expect(taken).to.include(next)
    expect(pool.add(outcome), 'after it was taken').to.equal(false)
    expect(client.isPoe(next)).to.equal(true)
  })

  it('takes in nothing where there is no room, no link, or no success', async () => {
    const pool = linkPool(client, { source: MINT, size: 1 })
    await pool.take()
    await full(pool, 1)
    expect(pool.add(await client.post(`${ORIGIN}/once/x`, 'a')), 'no link').to.equal(false)
    server.isChaining = true
    expect(pool.add(await client.post(`${ORIGIN}/once/y`, 'a')), 'no room').to.equal(false)
    const refusing = server.client({
      fetch: async () => new Response(null, { status: 422, headers: { 'POE-Links': '"/once/z"' } }),
    })
    const empty = linkPool(refusing, { source: MINT, size: 1 })
    expect(empty.add(await refusing.post(`${ORIGIN}/once/w`, 'a')), 'refused').to.equal(false)
    const several = server.client({
      fetch: async () => Response.json({}, { headers: { 'POE-Links': '"/once/1", "/once/2"' } }),
    })
    const other = linkPool(several, { source: MINT, size: 2 })
    expect(other.add(await several.post(`${ORIGIN}/once/v`, 'a')), 'which one?').to.equal(false)
  })

  it('a source that fails is told to whoever takes, and does not stay', async () => {
    const pool = linkPool(client, { source: MINT, size: 2 })
    server.isDown = true
    const error = await pool.take().catch(error => error)
    expect(error).to.have.property('code', 'ERR_POE_NO_LINK_FOUND')
    server.isDown = false
    expect((await pool.take()).link).to.equal(`${ORIGIN}/once/0`)
    await full(pool, 2)
  })

  it("a refill that fails is nobody's, and the next take asks again", async () => {
    let calls = 0
    const own = async (): Promise<FoundLink> => {
      calls += 1
      if (calls > 1 && calls < 5) throw new Error('not now')
      return { link: `${ORIGIN}/once/${calls}`, expiresAtMs: null }
    }
    const pool = linkPool(client, { source: own, size: 2 })
    await pool.take()
    await until(() => calls === 3, 'the refill failed')
    expect(pool.ready).to.equal(0)
    const error = await pool.take().catch(error => error)
    expect(error.message).to.equal('not now')
    expect((await pool.take()).link).to.equal(`${ORIGIN}/once/5`)
    await full(pool, 2)
  })

  it('[FALSE-3216] a source that gives one link until it is used gives it to one', async () => {
    let used = 0
    const source = async (): Promise<FoundLink> => {
      return { link: `${ORIGIN}/once/${used}`, expiresAtMs: null }
    }
    const pool = linkPool(client, { source, size: 3 })
    expect((await pool.take()).link).to.equal(`${ORIGIN}/once/0`)
    const error = await pool.take().catch(error => error)
    expect(error).to.have.property('code', 'ERR_POE_NO_LINK_FOUND')
    used += 1
    expect((await pool.take()).link).to.equal(`${ORIGIN}/once/1`)
    expect(pool.ready).to.equal(0)
  })

  for (const size of [0, 1_001, 1.5, Number.NaN]) {
    it(`refuses to hold ${size} links`, () => {
      expect(() => linkPool(client, { source: MINT, size })).to.throw(RangeError)
    })
  }
})
