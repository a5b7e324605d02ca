/** Options are checked as on Koa, in the same words. */
import { expect } from 'chai'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { anyone, poe as koaPoe } from 'post-once-exactly/koa'
import { poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

describe('options on node:http and fetch', () => {
  const store = memoryStore()
  const good = { store, principal: () => 'ann' }
  const WRONG: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    'no store': { principal: anyone },
    'no principal': { store },
    'an unknown one': { ...good, retries: 3 },
    'a bad number': { ...good, leaseMs: 0 },
    'a bad prefix': { ...good, publicPrefix: 'shop' },
  }

  const messageOf = (make: () => unknown): string => {
    try {
      make()
      return 'nothing'
    } catch (error) {
      return String(error)
    }
  }

  for (const [what, options] of Object.entries(WRONG)) {
    it(`${what}: the words of Koa`, () => {
      const words = messageOf(() => koaPoe(options as never))
      expect(words).to.match(/^(?:Type|Range)Error: poe\(\)/)
      expect(messageOf(() => poe(options as never))).to.equal(words)
      expect(messageOf(() => fetchPoe(options as never))).to.equal(words)
    })
  }

  it('[FALSE-4208] onError is a function, or is left out', () => {
    for (const make of [poe, fetchPoe]) {
      for (const onError of ['console', 1, true, {}]) {
        const wrong = { ...good, onError } as never
        expect(() => make(wrong)).to.throw(TypeError, 'onError must be a function')
      }
    }
  })

  it('[FALSE-4013] what belongs to no request is that of Koa: the status, too', async () => {
    for (const make of [koaPoe, poe, fetchPoe]) {
      const once = make({ store: memoryStore(), principal: anyone } as never)
      expect(await once.status()).to.include({ isReady: true, store: 'up' })
      await once.close()
    }
  })

  it('those of doors, too', () => {
    const once = poe(good)
    const at = (make: () => unknown) => messageOf(make)
    const none = () => {}
    expect(at(() => once.resource({ name: 'a', path: '/a' }, none))).to.match(/segment :token/)
    expect(at(() => once.resource({ name: 'a', path: '/:token' }, null as never))).to.equal(
      'TypeError: resource a needs a handler',
    )
    expect(at(() => once.replay({ name: 'r' } as never, none))).to.match(/give key/)
    expect(
      at(() =>
        once.replay(
          { name: 's', key: () => 'k', retentionMs: 1_000, dangerouslyNotDurable: true },
          null as never,
        ),
      ),
    ).to.equal('TypeError: replay() needs a handler after its options')
    expect(at(() => once.actions('/a', { name: 'b' } as never))).to.match(/give do/)
    expect(at(() => once.idempotencyKey({ name: 'k', retentionMs: 1_000 }, none))).to.match(
      /durable/,
    )
  })

  it('[FALSE-4524] a door that is given what a framework gives says what to give', async () => {
    const door = { name: 'k', retentionMs: 1_000, dangerouslyNotDurable: true }
    const onNode = poe(good)
    const onFetch = fetchPoe({ store: memoryStore(), principal: anyone })
    // A request and a reply of Fastify; a context of Hono and its request.
    const [request, reply] = [
      { raw: {}, url: '/a', method: 'POST' },
      { raw: {}, header() {} },
    ]
    const hono = { url: 'http://shop/a', method: 'POST', raw: {}, arrayBuffer() {} }
    for (const [given, wanted, serve] of [
      [[request, reply], 'reply.raw', onNode.idempotencyKey(door, () => {})],
      [[{ req: hono }], 'c.req.raw', onFetch.idempotencyKey(door, () => new Response())],
      [[hono], 'c.req.raw', onFetch.idempotencyKey({ ...door, name: 'l' }, () => new Response())],
      [[request], 'post-once-exactly/node', onFetch.page(() => new Response())],
      [[request], 'post-once-exactly/node', onFetch.handler()],
    ] as const) {
      const serving = async () => (serve as (...all: readonly unknown[]) => unknown)(...given)
      const error = await serving().catch((reason: unknown) => reason)
      expect(error).to.be.instanceOf(TypeError).with.property('message').that.includes(wanted)
    }
  })
})
