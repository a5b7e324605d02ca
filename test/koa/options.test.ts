/** Every option is checked where it is given, and the message says what to do. */
import Router from '@koa/router'
import { expect } from 'chai'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

const store = memoryStore()
const principal = () => 'guest'
const handler = () => {}

type Bad = readonly [name: string, value: unknown, message: RegExp]

const BAD_OPTIONS: readonly Bad[] = [
  ['store', undefined, /needs a store, for example memoryStore\(\)/],
  ['store', {}, /needs a store/],
  ['principal', undefined, /names who sends a request/],
  ['principal', 'guest', /names who sends a request/],
  ['secrets', ['short'], /at least 32 bytes/],
  ['secrets', [], /At least one secret/],
  ['secrets', ['x'.repeat(32), 'x'.repeat(32)], /same id/],
  ['lifetimeMs', 0, /lifetimeMs must be a number from 1/],
  ['lifetimeMs', '1h', /lifetimeMs must be a number/],
  ['horizonMs', -1, /horizonMs must be a number from 0/],
  ['leaseMs', 99, /leaseMs must be a number from 100/],
  ['waitMs', 60_001, /waitMs must be a number from 0 to 60000/],
  ['maxRunMs', 0, /maxRunMs must be/],
  ['storeTimeoutMs', Number.NaN, /storeTimeoutMs must be/],
  ['recordForMs', -1, /recordForMs must be/],
  ['bodyLimitBytes', Number.POSITIVE_INFINITY, /bodyLimitBytes must be/],
  ['recordedFields', ['Set-Cookie'], /Set-Cookie belongs to one exchange/],
  ['recordedFields', 'X-Ok', /recordedFields must be a list of names/],
  ['recordedFields', [7], /recordedFields must be a list of names/],
  ['recordedFields', ['X-Ok', 'Proxy-Authenticate'], /cannot be recorded/],
  ['publicPrefix', 'shop', /publicPrefix must be '' or a path/],
  ['publicPrefix', '/shop/', /publicPrefix must be '' or a path/],
  ['publicPrefix', '//evil.example', /publicPrefix must be '' or a path/],
  ['onEvent', { log: true }, /onEvent must be a function that is told what happens/],
  ['advertise', 'never', /advertise must be 'always' or 'when-asked'/],
  ['lifetime', 5, /has no option lifetime; known are store, principal/],
]

const BAD_RESOURCES: readonly Bad[] = [
  ['page', '<form>', /page must be a function that answers a GET/],
  ['rerender', 'form', /rerender must be a function that draws a form again/],
  ['reconcile', true, /reconcile must be a function that tells what became of an effect/],
  ['name', '', /needs a name/],
  ['name', undefined, /needs a name/],
  ['path', '/orders', /must have the segment :token, unless it has a key/],
  ['path', '/orders/:tokens', /must have the segment :token/],
  ['key', () => 'k', /has a key, but its store forgets at a restart/],
  ['transactional', true, /its store has no transactions/],
  ['waitMs', -1, /waitMs must be/],
  ['maxRunMs', 0, /maxRunMs must be/],
  ['lifetimeMs', 0, /lifetimeMs must be/],
  ['retries', 3, /resource\(\) has no option retries/],
]

describe('the options of poe()', () => {
  for (const [name, value, message] of BAD_OPTIONS) {
    it(`refuse ${name}: ${JSON.stringify(value) ?? String(value)}`, () => {
      const options = { store, principal, [name]: value }
      expect(() => poe(options as never)).to.throw(message)
    })
  }

  it('are needed', () => {
    expect(() => poe(undefined as never)).to.throw(TypeError, /\{ store, principal \}/)
  })

  it('that are undefined are as if they were left out', async () => {
    const names = BAD_OPTIONS.map(([name]) => name)
    const known = names.filter(name => !['store', 'principal', 'lifetime'].includes(name))
    const absent = Object.fromEntries(known.map(name => [name, undefined]))
    await poe({ ...absent, store, principal }).close()
  })
})

describe('the options of resource()', () => {
  const once = poe({ store, principal })
  after(() => once.close())
  const good = { name: 'order', path: '/orders/:token' }

  for (const [name, value, message] of BAD_RESOURCES) {
    it(`refuse ${name}: ${JSON.stringify(value) ?? String(value)}`, () => {
      const options = { ...good, [name]: value } as never
      expect(() => once.resource(new Router(), options, handler)).to.throw(message)
    })
  }

  it('[FALSE-3510] refuse what cannot stand in a field as a reference', async () => {
    const { href } = new URL('https://shop.example/m%C3%B6bel?a=b#form')
    for (const [at, createForm] of ['/basket', '../basket', href].entries()) {
      once.resource(new Router(), { ...good, name: `with form ${at}`, createForm }, handler)
    }
    for (const wrong of ['/店', '/möbel', '/a"b', '/a>b', '/a b']) {
      const options = { ...good, name: 'wrong', createForm: wrong }
      const resource = () => once.resource(new Router(), options, handler)
      expect(resource, wrong).to.throw(TypeError, 'createForm must be a URI-reference')
      const prefixed = () => poe({ store, principal, publicPrefix: wrong })
      expect(prefixed, wrong).to.throw(TypeError, 'publicPrefix must be')
    }
    await poe({ store, principal, publicPrefix: '/m%C3%B6bel' }).close()
  })

  it('refuse a name that is taken, and a resource without a handler', () => {
    once.resource(new Router(), good, handler)
    expect(() => once.resource(new Router(), good, handler)).to.throw(/named order already/)
    const other = { ...good, name: 'other' }
    expect(() => once.resource(new Router(), other)).to.throw(/needs a handler/)
  })

  it('refuse marks on a transactional resource', () => {
    const transactional = { ...store, capabilities: { ...store.capabilities, transactional: true } }
    const claim = () => Promise.reject(new Error('not called'))
    const other = poe({ store: { ...transactional, claim } as never, principal })
    const options = { ...good, transactional: true, marks: true }
    expect(() => other.resource(new Router(), options, handler)).to.throw(/external effects/)
  })
})

describe('operators', () => {
  it('[POE-2-20] look at a key, and settle it only as its silent owner’s', async () => {
    const own = memoryStore()
    const once = poe({ store: own, principal })
    const nowMs = Date.now()
    const claim = {
      owner: 'lost',
      epoch: null,
      leaseMs: 1_000,
      claimByMs: nowMs + 5_000,
      tokenExpiresMs: null,
      keepUntilMs: null,
      onSilence: 'undecided',
      fingerprint: null,
      principal: 'guest',
    } as const
    await own.claim('order:k', claim)
    await own.renew('order:k', 'lost', 0)
    expect(await once.inspect('order:k')).to.include({ state: 'undecided', owner: 'lost' })
    const happened = { verdict: 'happened', outcome: { location: '/orders/7' } } as const
    expect(await once.settle('order:k', 'other', happened)).to.equal(false)
    expect(await once.settle('order:k', 'lost', { verdict: 'unknown' })).to.equal(false)
    expect(await once.settle('order:k', 'lost', happened)).to.equal(true)
    expect(await once.settle('order:k', 'lost', { verdict: 'did-not-happen' })).to.equal(false)
    expect((await once.inspect('order:k')).state).to.equal('spent')
    await once.close()
  })
})
