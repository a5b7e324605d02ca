/** Limits of a call of `links` or `mint`, hooks, and what is said of wrong options. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'chai'
import { createClient } from 'post-once-exactly/client'
import { createClient as createCore } from 'post-once-exactly/client/browser'

describe('limits of a call', () => {
  const server = createServer(() => {})
  let url: string
  before(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  for (const method of ['links', 'mint'] as const) {
    it(`${method} of a server that never answers: its own timeoutMs and tries hold`, async () => {
      let asked = 0
      const client = createClient({
        baseMs: 1,
        timeoutMs: 600_000,
        totalMs: 600_000,
        fetch: (input, init) => {
          asked += 1
          return fetch(input, init)
        },
      })
      const error = await client[method](url, { timeoutMs: 30, tries: 2 }).catch(cause => cause)
      expect(error).to.have.property('name', 'TimeoutError')
      expect(asked).to.equal(2)
    })

    it(`${method} with its own totalMs is not tried again after it`, async () => {
      const client = createClient({ baseMs: 5_000, timeoutMs: 30, totalMs: 600_000 })
      const error = await client[method](url, { totalMs: 50 }).catch(cause => cause)
      expect(error).to.have.property('name', 'TimeoutError')
    })

    it(`${method} refuses what is no limit, and says what to give`, async () => {
      const client = createClient()
      const wrong = { tries: 0 }
      const error = await client[method](url, wrong).catch(cause => cause)
      expect(error).to.be.instanceOf(TypeError)
      expect(error.message).to.equal("The option 'tries' cannot be 0; give a whole number from 1.")
    })
  }

  for (const [options, text] of [
    [{ maxTries: 3 }, /no option 'maxTries'.*one of tries, timeoutMs/],
    [{ timeoutMs: '5s' }, /'timeoutMs' cannot be "5s"; give milliseconds, a number above 0/],
    [{ onRetry: true }, /'onRetry' cannot be boolean; give a function/],
    [{ crossOrigin: 1 }, /'crossOrigin' cannot be 1; give true or false/],
    [{ tries: 0 }, /'tries' cannot be 0; give a whole number from 1/],
    [{ init: 1 }, /'init' cannot be 1; give an object/],
    [{ headers: 'a' }, /'headers' cannot be "a"; give an object of fields, or a function/],
    [{ origins: ['shop'] }, /'origins' cannot be object; give origins such as .*or 'any'/],
    [{ journal: {} }, /'journal' cannot be object; give a journal, as fileJournal/],
    [{ keyFormat: 'x' }, /'keyFormat' cannot be "x"; give 'structured' or 'plain'/],
    [{ clock: {} }, /'clock' cannot be object; give an object with now and sleep/],
    [{ onOutcome: 1 }, /'onOutcome' cannot be 1; give a function/],
    [{ logger: { info: 1 } }, /'logger' cannot be object; give .* debug, info and warn/],
  ] as const) {
    it(`${JSON.stringify(options)}: names the option and the way out`, () => {
      expect(() => createClient(options as object)).to.throw(TypeError, text)
    })
  }
})

describe('what is given to one call', () => {
  const LINK = 'http://shop.test/orders/once/1'
  let sent = 0
  const sending = {
    fetch: async () => {
      sent += 1
      return new Response('', { status: 201, headers: { Allow: 'GET' } })
    },
  }
  beforeEach(() => {
    sent = 0
  })

  for (const [options, text] of [
    [{ signal: new AbortController() }, /'signal' cannot be object; give an AbortSignal/],
    [{ signal: 'stop' }, /'signal' cannot be "stop"; give an AbortSignal/],
    [{ expiresAtMs: Number.NaN }, /'expiresAtMs' cannot be NaN; give milliseconds since the Unix/],
    [{ expiresAtMs: new Date() }, /'expiresAtMs' cannot be object; give milliseconds since/],
    [{ onStart: true }, /'onStart' cannot be boolean; give a function/],
    [{ onOutcome: 'log' }, /'onOutcome' cannot be "log"; give a function/],
    [{ idempotencyKey: 4711 }, /idempotencyKey must be true, or text of ASCII characters/],
    [{ idempotencyKey: null }, /idempotencyKey must be true, or text of ASCII characters/],
    [{ idempotencyKey: '' }, /idempotencyKey must be true, or text of ASCII characters/],
  ] as const) {
    const [name] = Object.keys(options)
    it(`[FALSE-4388] a wrong ${name} is refused before anything is sent`, async () => {
      const client = createClient(sending)
      const error = await client.post(LINK, 'tea', options as object).catch(cause => cause)
      expect(error).to.be.instanceOf(TypeError).with.property('message').that.matches(text)
      expect(sent).to.equal(0)
    })
  }

  it('[FALSE-4387] what is no signal is not met again by a timer', async () => {
    const wrong = { signal: new AbortController() as object, timeoutMs: 20, baseMs: 1 }
    for (const client of [createClient(sending), createCore(sending)]) {
      expect(await client.post(LINK, 'tea', wrong as object).catch(cause => cause))
        .to.be.instanceOf(TypeError)
        .with.property('message')
        .that.matches(/signal/)
    }
    for (const method of ['links', 'mint'] as const) {
      const error = await createClient(sending)
        [method](LINK, wrong as object)
        .catch(cause => cause)
      expect(error).to.be.instanceOf(TypeError)
    }
    // Mocha fails for what a timer throws.
    await setTimeout(60)
  })

  it('[FALSE-4389] a key is refused by the core for browsers, which sends none', async () => {
    const options = { idempotencyKey: 'order-7' } as object
    const error = await createCore(sending)
      .post(LINK, 'tea', options)
      .catch(cause => cause)
    expect(error)
      .to.be.instanceOf(TypeError)
      .with.property('message')
      .that.matches(/client.browser.journal/)
    expect(sent).to.equal(0)
  })
})

describe('options of a POST that are undefined', () => {
  for (const [name, make] of Object.entries({ createClient, createCore })) {
    it(`[FALSE-4587] are as if absent (${name})`, async () => {
      const told: string[] = []
      const client = make({
        ...{ tries: 2, baseMs: 1, timeoutMs: 5_000 },
        onRetry: ({ attempt }) => void told.push(`retry ${attempt}`),
        onGiveUp: ({ outcome }) => void told.push(outcome),
        fetch: async (_url, init) => {
          if (init?.method === 'GET') return new Response('', { status: 503 })
          await setTimeout(20, undefined, { signal: init?.signal as AbortSignal })
          return new Response('', { status: 503, headers: { 'retry-after': '0' } })
        },
      })
      const names = ['tries', 'timeoutMs', 'totalMs', 'baseMs', 'onRetry', 'onGiveUp', 'signal']
      const options = Object.fromEntries(names.map(one => [one, undefined]))
      const outcome = await client.post('http://shop.test/orders/once/1', 'tea', options)
      expect(outcome).to.include({ outcome: 'unknown', attempts: 2, status: 503 })
      expect(told).to.deep.equal(['retry 1', 'unknown'])
    })
  }
})

describe('hooks of a client', () => {
  const answering = (told: unknown[]) =>
    createClient({
      tries: 2,
      baseMs: 1,
      fetch: async (_url, init) => {
        if (init?.method === 'POST' && told.length < 2) throw new TypeError('lost')
        return new Response('', { status: init?.method === 'POST' ? 201 : 404, headers: {} })
      },
      onRequest: ({ method, url }) => {
        told.push(`${method} ${new URL(url).pathname}`)
        throw new Error('a broken log')
      },
      onResponse: ({ status, cause }) => {
        told.push(status ?? String(cause))
        throw new Error('a broken log')
      },
    })

  it('tell of each request and how it ended; what they throw changes nothing', async () => {
    const told: unknown[] = []
    const { outcome } = await answering(told).post('http://shop.test/orders/once/1', { a: 1 })
    expect(outcome).to.equal('accepted')
    expect(told).to.deep.equal([
      'POST /orders/once/1',
      'TypeError: lost',
      'POST /orders/once/1',
      201,
    ])
  })
})

describe('a refusal without an end', () => {
  it('[POE-5-6] is read as far as a problem may reach, and tells nothing', async () => {
    let given = 0
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      given += 1_024
      // No test may last as long as that content would.
      if (given > 1_000_000) controller.close()
      else controller.enqueue(new Uint8Array(1_024).fill(32))
    }
    const headers = { Allow: 'GET', 'Content-Type': 'application/problem+json' }
    const client = createClient({
      tries: 1,
      fetch: async (_url, init) => {
        if (init?.method !== 'POST') return new Response('', { status: 404 })
        return new Response(new ReadableStream({ pull }), { status: 405, headers })
      },
    })
    const { outcome } = await client.post('http://shop.test/orders/once/1', { a: 1 })
    expect(outcome).to.equal('unknown')
    expect(given, 'bytes').to.be.within(65_536, 70_000)
  })
})
