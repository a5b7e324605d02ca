/** Clients that other people have written, against doors that speak their protocols. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context } from 'koa'
import { type FaultProxy, faultProxy } from 'post-once-exactly/testing'
import { Stripe } from 'stripe'
import { Agent, interceptors, RetryAgent, request as undiciRequest } from 'undici'
import { latch } from '../../support/meeting.js'
import { startWorld, type World } from '../../support/world.js'
import { doorOptions, MEMORY } from './key-site.js'

type Profile = 'draft-07' | 'stripe' | 'repeatable-requests'

/** A shop behind a network that can lose an answer. */
interface Shop {
  readonly world: World
  readonly network: FaultProxy
  /** The keys under which the handler ran, as the client sent them. */
  readonly effects: string[]
  /** Every request that came, with its answer's status. */
  readonly log: { readonly key: string; status: number }[]
  close(): Promise<void>
}

async function shop(
  profile: Profile,
  path: string,
  handle: (ctx: Context, effects: string[]) => unknown,
): Promise<Shop> {
  const effects: string[] = []
  const log: { key: string; status: number }[] = []
  const world = await startWorld(MEMORY, {
    parse: false,
    extend: (_app, router, once) => {
      const door = once.idempotencyKey(doorOptions({ profile }))
      const field =
        profile === 'repeatable-requests' ? 'Repeatability-Request-ID' : 'Idempotency-Key'
      router.post(
        path,
        async (ctx, next) => {
          const entry = { key: ctx.get(field), status: 0 }
          log.push(entry)
          await next()
          entry.status = ctx.status
        },
        door,
        async ctx => {
          effects.push(ctx.get(field))
          await handle(ctx, effects)
        },
      )
    },
  })
  const network = await faultProxy({ target: { port: world.port } })
  const close = async () => {
    await network.close()
    await world.close()
  }
  return { world, network, effects, log, close }
}

const CUSTOMERS = '/v1/customers'

/** Answers as that API does. */
function createCustomer(ctx: Context, effects: readonly string[]): void {
  ctx.set('Request-Id', `req_${effects.length}`)
  ctx.body = { id: `cus_${effects.length}`, object: 'customer' }
}

function stripeAt({ network }: Shop): Stripe {
  return new Stripe('sk_test_x', {
    host: '127.0.0.1',
    port: network.port,
    protocol: 'http',
    maxNetworkRetries: 2,
    telemetry: false,
  })
}

/** What a promise is rejected with. */
async function failure(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Record<string, unknown>
  }
  throw new Error('it did not fail')
}

describe('stripe-node', () => {
  let site: Shop
  afterEach(() => site.close())

  it('[IK-2.6-2] repeats by itself when the answer is lost, and sees the first one', async () => {
    site = await shop('stripe', CUSTOMERS, createCustomer)
    const stripe = fast(stripeAt(site))
    site.network.next('drop-reply')
    const customer = await stripe.customers.create({ email: 'a@example.com' })
    expect(customer.id).to.equal('cus_1')
    expect(customer.lastResponse.headers).to.include({ 'idempotent-replayed': 'true' })
    expect(site.effects).to.have.lengthOf(1)
    expect(site.log).to.have.lengthOf(2)
    const [first, again] = site.log
    expect(again?.key).to.equal(first?.key)
    expect(first?.key).to.match(/^stripe-node-retry-/)
  })

  it('[IK-2.7-2] a key with other parameters is its StripeIdempotencyError', async () => {
    site = await shop('stripe', CUSTOMERS, createCustomer)
    const stripe = fast(stripeAt(site))
    const options = { idempotencyKey: 'order#1 of today' }
    await stripe.customers.create({ email: 'a@example.com' }, options)
    const error = await failure(stripe.customers.create({ email: 'b@example.com' }, options))
    expect(error).to.be.instanceOf(Stripe.errors.StripeIdempotencyError)
    expect(error).to.include({ statusCode: 400, rawType: 'idempotency_error', code: 'mismatch' })
    expect(error.message).to.be.a('string').and.include('another request')
    expect(site.log, 'no retry').to.have.lengthOf(2)
    expect(site.effects).to.have.lengthOf(1)
  })

  it('[IK-2.6-3] tries again by itself while the first is running', async () => {
    const go = latch()
    site = await shop('stripe', CUSTOMERS, async (ctx, effects) => {
      await go.opened
      createCustomer(ctx, effects)
    })
    const stripe = fast(stripeAt(site))
    const options = { idempotencyKey: 'one' }
    const first = stripe.customers.create({}, options)
    while (site.effects.length === 0) await pause(2)
    const second = stripe.customers.create({}, options)
    while (!site.log.some(({ status }) => status === 409)) await pause(2)
    go.open()
    const both = await Promise.all([first, second])
    expect(both.map(({ id }) => id)).to.deep.equal(['cus_1', 'cus_1'])
    expect(site.effects).to.have.lengthOf(1)
  })

  it('[FAIL-03] a 500 is kept: it is repeated once, with a mark, and never run again', async () => {
    site = await shop('stripe', CUSTOMERS, ctx => {
      ctx.status = 500
      ctx.body = { error: { type: 'api_error', message: 'broken' } }
    })
    const stripe = fast(stripeAt(site))
    const options = { idempotencyKey: 'one' }
    const error = await failure(stripe.customers.create({}, options))
    expect(error).to.be.instanceOf(Stripe.errors.StripeAPIError)
    expect(error).to.include({ statusCode: 500, message: 'broken' })
    // The second answer says Stripe-Should-Retry: false, so the third try is not made.
    expect(site.log.map(({ status }) => status)).to.deep.equal([500, 500])
    expect(error.headers).to.include({ 'stripe-should-retry': 'false' })
    await failure(stripe.customers.create({}, options))
    expect(site.effects).to.have.lengthOf(1)
  })

  it('a surprise is kept too, and tells nothing of itself', async () => {
    site = await shop('stripe', CUSTOMERS, () => {
      throw new Error('secret')
    })
    const error = await failure(
      fast(stripeAt(site)).customers.create({}, { idempotencyKey: 'one' }),
    )
    expect(JSON.stringify(error)).to.not.include('secret')
    expect(site.effects).to.have.lengthOf(1)
  })

  it('a refusal by the handler is kept, and is the same error each time', async () => {
    site = await shop('stripe', CUSTOMERS, (ctx, effects) => {
      ctx.status = 402
      const error = { type: 'card_error', code: 'card_declined', message: `no ${effects.length}` }
      ctx.body = { error }
    })
    const stripe = fast(stripeAt(site))
    for (let count = 0; count < 2; count += 1) {
      const error = await failure(stripe.customers.create({}, { idempotencyKey: 'one' }))
      expect(error).to.be.instanceOf(Stripe.errors.StripeCardError)
      expect(error).to.include({ message: 'no 1', code: 'card_declined' })
    }
    expect(site.effects).to.have.lengthOf(1)
  })
})

/** Without the waits between its tries, which are no part of the protocol. */
function fast(stripe: Stripe): Stripe {
  Reflect.set(stripe, 'getInitialNetworkRetryDelay', () => 0.02)
  Reflect.set(stripe, 'getMaxNetworkRetryDelay', () => 0.04)
  return stripe
}

const QUOTED = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
const ORDER = JSON.stringify({ sku: 'a' })

function order(ctx: Context, effects: readonly string[]): void {
  ctx.status = 201
  ctx.set('Location', `/orders/${effects.length}`)
  ctx.body = { id: effects.length }
}

describe('fetch and undici', () => {
  let site: Shop
  beforeEach(async () => {
    site = await shop('draft-07', '/orders', order)
  })
  afterEach(() => site.close())

  const init = (key: string) => ({
    method: 'POST',
    body: ORDER,
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
  })

  for (const [what, key] of [
    ['quoted, as the draft has it', QUOTED],
    ['a bare UUID', QUOTED.slice(1, -1)],
  ] as const) {
    it(`[IK-2.2-3, IK-2.1-4] Node's fetch with a key that is ${what}`, async () => {
      const url = `${site.network.origin}/orders`
      site.network.next('drop-reply')
      const lost = await failure(fetch(url, init(key)))
      expect(lost).to.be.instanceOf(TypeError)
      const response = await fetch(url, init(key))
      expect(response.status).to.equal(201)
      expect(response.headers.get('Idempotent-Replayed')).to.equal('true')
      expect(response.headers.get('Location')).to.equal('/orders/1')
      expect(await response.json()).to.deep.equal({ id: 1 })
      expect(site.effects).to.have.lengthOf(1)
    })
  }

  const retry = {
    methods: ['POST' as const],
    maxRetries: 3,
    minTimeout: 5,
    maxTimeout: 20,
    retryAfter: false,
    errorCodes: ['UND_ERR_SOCKET', 'ECONNRESET', 'ECONNREFUSED'],
    statusCodes: [409, 503],
  }
  for (const [what, dispatcher] of [
    ['RetryAgent', () => new RetryAgent(new Agent({ pipelining: 1 }), retry)],
    ['the retry interceptor', () => new Agent().compose(interceptors.retry(retry))],
  ] as const) {
    it(`[IK-2.6-2] ${what} of undici repeats a POST with a key, and it happens once`, async () => {
      const agent = dispatcher()
      site.network.next('drop-reply')
      const url = `${site.network.origin}/orders`
      const { statusCode, headers, body } = await undiciRequest(url, {
        ...init(QUOTED),
        dispatcher: agent,
      })
      expect(statusCode).to.equal(201)
      expect(headers).to.include({ 'idempotent-replayed': 'true', location: '/orders/1' })
      expect(await body.json()).to.deep.equal({ id: 1 })
      expect(site.log.map(({ key }) => key)).to.deep.equal([QUOTED, QUOTED])
      expect(site.effects).to.have.lengthOf(1)
      await agent.close()
    })
  }
})

describe('a client of Repeatable Requests', () => {
  let site: Shop
  beforeEach(async () => {
    site = await shop('repeatable-requests', '/orders', order)
  })
  afterEach(() => site.close())

  /** Sends one request, with the same id and date at each try, until there is an answer. */
  async function repeatably(
    body: string,
    id: string = crypto.randomUUID(),
    sent: Date = new Date(),
  ): Promise<Response> {
    const headers = {
      'Content-Type': 'application/json',
      'Repeatability-Request-ID': id,
      'Repeatability-First-Sent': sent.toUTCString(),
    }
    for (let tries = 0; ; tries += 1) {
      try {
        return await fetch(`${site.network.origin}/orders`, { method: 'POST', body, headers })
      } catch (error) {
        if (tries === 3) throw error
      }
    }
  }

  it('repeats until it is answered: accepted, the first answer, no mark', async () => {
    site.network.next('drop-reply', 'drop-reply')
    const response = await repeatably(ORDER)
    expect(response.status).to.equal(201)
    expect(response.headers.get('Repeatability-Result')).to.equal('accepted')
    expect(response.headers.get('Idempotent-Replayed')).to.equal(null)
    expect(await response.json()).to.deep.equal({ id: 1 })
    expect(site.log).to.have.lengthOf(3)
    expect(site.effects).to.have.lengthOf(1)
  })

  it('another request under the same id is 400 and rejected', async () => {
    const id = crypto.randomUUID()
    const sent = new Date()
    expect((await repeatably(ORDER, id, sent)).status).to.equal(201)
    const other = await repeatably('{}', id, sent)
    expect(other.status).to.equal(400)
    expect(other.headers.get('Repeatability-Result')).to.equal('rejected')
    expect(site.effects).to.have.lengthOf(1)
  })

  it('a first try longer ago than is remembered is 412 and rejected, for ever', async () => {
    const late = await repeatably(ORDER, undefined, new Date(Date.now() - 90_000_000))
    expect(late.status).to.equal(412)
    expect(late.headers.get('Repeatability-Result')).to.equal('rejected')
    expect(site.effects).to.deep.equal([])
  })

  it('half of the two fields is 400', async () => {
    for (const headers of [
      { 'Repeatability-Request-ID': crypto.randomUUID() },
      { 'Repeatability-First-Sent': new Date().toUTCString() },
    ]) {
      const url = `${site.network.origin}/orders`
      const response = await fetch(url, { method: 'POST', body: ORDER, headers: headers as never })
      expect(response.status).to.equal(400)
    }
    expect(site.effects).to.deep.equal([])
  })
})
