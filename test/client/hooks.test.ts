/** Hooks of a client and of a call, the logger, the hint of a page, and results nobody reads. */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { type ClientOptions, createClient, type PostOutcome } from 'post-once-exactly/client'
import { LINK, lost, type Step, scene } from './scripted.js'

const LONG = 'x'.repeat(3_000_000)
const OTHERS = '{"type":"urn:post-once-exactly:problem:used","payloadMatches":false}'
const SECRETS = ['t0ken', 'k3y-of-mine', 'b0dy', 's3cret', 'q0ery']

type Hooks = Pick<ClientOptions, 'onRequest' | 'onResponse' | 'onRetry' | 'onOutcome'>

describe('hooks', () => {
  const hooksTo = (told: string[], name: string): Hooks => ({
    onRequest: ({ method }) => void told.push(`${name} request ${method}`),
    onResponse: ({ status }) => void told.push(`${name} response ${status}`),
    onRetry: ({ attempt }) => void told.push(`${name} retry ${attempt}`),
    onOutcome: ({ outcome }) => void told.push(`${name} outcome ${outcome}`),
  })
  const expected = (name: string) =>
    [
      'request POST',
      'response null',
      'retry 1',
      'request POST',
      'response 201',
      'outcome accepted',
    ].map(line => `${name} ${line}`)

  it('of the client hear of each POST', async () => {
    const told: string[] = []
    const one = scene({ post: [lost(), { status: 201 }] }, hooksTo(told, 'client'))
    await one.finish(one.client.post(LINK, 'x'))
    expect(told).to.deep.equal(expected('client'))
  })

  it('of a call take the place of the client’s', async () => {
    const told: string[] = []
    const one = scene({ post: [lost(), { status: 201 }] }, hooksTo(told, 'client'))
    await one.finish(one.client.post(LINK, 'x', hooksTo(told, 'call')))
    expect(told).to.deep.equal(expected('call'))
  })

  it('of a call of links and mint are told, and `fetch` is given nothing of them', async () => {
    const told: string[] = []
    const given: unknown[] = []
    const client = createClient({
      fetch: async (_url, init) => {
        given.push(...Object.getOwnPropertySymbols(init ?? {}))
        return new Response('', { status: 201, headers: { 'poe-links': '"/a"' } })
      },
    })
    const { onRequest } = hooksTo(told, 'call')
    const hooks = onRequest === undefined ? {} : { onRequest }
    await client.links(LINK, hooks)
    await client.mint(LINK, hooks)
    expect(told).to.deep.equal(['call request GET', 'call request POST'])
    expect(given).to.deep.equal([])
  })

  it('onOutcome of the client: what it throws is thrown by post', async () => {
    const broken = new Error('not noted')
    const one = scene({ post: [{ status: 201 }] }, { onOutcome: () => Promise.reject(broken) })
    const error = await one.finish(one.client.post(LINK, 'x').catch(cause => cause))
    expect(error).to.equal(broken)
  })

  it('[FALSE-3901] onRequest, onResponse and a logger that reject end no process', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
    const fails = async () => {
      throw new Error('the log is away')
    }
    const logger = { debug: fails, info: fails, warn: fails, error: fails }
    const hooks = { onRequest: fails, onResponse: fails, logger }
    const one = scene({ post: [lost(), { status: 201 }] }, hooks)
    const { outcome } = await one.finish(one.client.post(LINK, 'x'))
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    for (const other of others) process.on('unhandledRejection', other)
    expect([outcome, unhandled]).to.deep.equal(['accepted', []])
  })
})

describe('the logger', () => {
  const lines: string[] = []
  const logger = {
    level: 'all',
    write(level: string, line: string) {
      lines.push(`${this.level} ${level}: ${line}`)
    },
    debug(line: string) {
      this.write('debug', line)
    },
    info(line: string) {
      this.write('info', line)
    },
    warn(line: string) {
      this.write('warn', line)
    },
  }
  beforeEach(() => lines.splice(0))

  const send = async (post: readonly Step[], link = LINK, options: ClientOptions = {}) => {
    const headers = { authorization: 'Bearer s3cret' }
    const one = scene({ post }, { logger, headers, ...options })
    const key = { idempotencyKey: 'k3y-of-mine', onRetry: () => {} }
    await one.finish(one.client.post(link, 'b0dy', key))
    expect(SECRETS.filter(secret => lines.join('\n').includes(secret))).to.deep.equal([])
  }

  it('is told of tries, waits and outcomes, beside hooks of a call', async () => {
    await send([lost(), { status: 201 }])
    const place = 'POST https://shop.example/orders/once/***'
    expect(lines.map(line => line.replace(/in \d+ ms/, 'in N ms'))).to.deep.equal([
      `all debug: ${place}: no answer (ECONNRESET)`,
      `all info: ${place}: try 1 got no answer (ECONNRESET); again in N ms, tries left: 4`,
      `all debug: ${place}: 201`,
      `all info: ${place}: accepted, tries: 2, status: 201`,
    ])
  })

  it('is warned of what is not known', async () => {
    await send([lost()], LINK, { tries: 1 })
    expect(lines.at(-1)).to.match(/^all warn: .*: unknown \(gave-up\), tries: 1, status: none$/)
  })

  for (const link of [
    'https://shop.example/t0ken',
    'https://shop.example/pay/T0-t0ken-9/confirm?once=q0ery',
    'https://shop.example/orders/t0ken/',
    'https://shop.example/orders/once/%73t0ken/x?t0ken',
  ]) {
    it(`shows no part of ${link} that may be a right`, async () => {
      await send([Object.assign(new Error(`at ${link}`), { code: link }), { status: 201 }], link)
      expect(lines).to.have.length(4)
    })
  }

  it('changes nothing by being broken', async () => {
    const fails = () => {
      throw new Error('disk full')
    }
    const broken = { debug: fails, info: fails, warn: fails }
    const one = scene({ post: [lost(), { status: 201 }] }, { logger: broken })
    expect(await one.finish(one.client.post(LINK, 'x'))).to.include({ outcome: 'accepted' })
  })
})

describe('a page that is posted to instead of its link', () => {
  const links = { 'poe-links': '"/orders/once/n3xt"' }
  const page: Step = { status: 200, headers: links }
  const offered = { allow: 'GET, POST' }
  const rows: readonly (readonly [
    title: string,
    post: readonly Step[],
    get: readonly Step[],
    outcome: string,
    hint: RegExp | null,
  ])[] = [
    ['405 with POST in Allow', [{ status: 405, headers: offered }], [page], 'refused', /^This is/],
    ['404', [{ status: 404 }], [page], 'gone', /^This is/],
    // A spent link's result may announce the next link, too.
    ['405 without Allow', [{ status: 405 }], [page], 'unknown', /^This may be/],
    ['405 with Allow: GET', [{ status: 405, headers: { allow: 'GET' } }], [page], 'unknown', /may/],
    ['404, and no links there', [{ status: 404 }], [{ status: 200 }], 'gone', null],
    ['404, and nothing there', [{ status: 404 }], [{ status: 404, headers: links }], 'gone', null],
    ['400', [{ status: 400 }], [page], 'refused', null],
    ['404 after a lost answer', [lost(), { status: 404 }], [page], 'unknown', null],
    ['405 after a lost answer', [lost(), { status: 405 }], [page], 'unknown', null],
  ]
  for (const [title, post, get, expected, hint] of rows) {
    it(`${title}: ${expected}, ${hint === null ? 'no hint' : 'and a hint'}`, async () => {
      const one = scene({ post, get })
      const outcome: PostOutcome = await one.finish(one.client.post(LINK, 'x'))
      expect(outcome.outcome).to.equal(expected)
      if (hint === null) expect(outcome).not.to.have.property('hint')
      else expect(outcome.hint).to.match(hint).and.contain('client.links(page)')
    })
  }

  it('a page that cannot be asked changes nothing', async () => {
    const one = scene({ post: [{ status: 404 }], get: ['silence'] })
    const outcome = await one.finish(one.client.post(LINK, 'x'))
    expect(outcome).to.include({ outcome: 'gone' }).and.not.to.have.property('hint')
  })
})

describe('a result that nobody reads', () => {
  let server: Server
  const begin = async (listener: RequestListener) => {
    server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders/once/1`
  }
  const endless: RequestListener = (request, response) => {
    request.resume()
    response.writeHead(201, { 'content-type': 'text/plain' })
    const timer = setInterval(() => response.write('x'), 5)
    response.on('close', () => clearInterval(timer))
  }
  const closing = () =>
    new Promise<void>(resolve => {
      server.once('connection', socket => {
        socket.on('error', () => {})
        socket.on('close', () => resolve())
      })
    })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  it('that goes on for ever is let go of by response.body.cancel()', async () => {
    const url = await begin(endless)
    const closed = closing()
    const { response } = await createClient({ timeoutMs: 3_600_000 }).post(url, 'x')
    await response?.body?.cancel()
    await closed
  })

  it('is let go of by itself after timeoutMs', async () => {
    const url = await begin(endless)
    const closed = closing()
    const { outcome } = await createClient({ timeoutMs: 300 }).post(url, 'x')
    expect(outcome).to.equal('accepted')
    await closed
  })

  /** What a hook of the client does with an answer before the caller of `fetch` has it. */
  const meanwhile: Readonly<Record<string, NonNullable<ClientOptions['onOutcome']>>> = {
    'a hook lets go of': async ({ response }) => await response?.body?.cancel(),
    'a hook reads': async outcome => {
      await ('refusal' in outcome ? outcome.refusal : outcome.response)?.text()
    },
    'waits for a hook for longer than timeoutMs': async () => await pause(600),
  }
  for (const status of [201, 422, 410, 405]) {
    for (const isCounted of [true, false]) {
      for (const [what, onOutcome] of Object.entries(meanwhile)) {
        const kind = `${status} ${isCounted ? 'of a known length' : 'in chunks'}`
        it(`[FALSE-4394] that ${what} is the answer of fetch: ${kind}`, async () => {
          const url = await begin(({ method, url: path }, response) => {
            const isBeside = path !== '/orders/once/1'
            const text = status === 405 && method === 'POST' ? OTHERS : LONG
            if (isCounted) response.setHeader('content-length', text.length)
            response.setHeader('content-type', 'application/problem+json').setHeader('allow', 'GET')
            const got = isBeside ? 404 : 200
            response.writeHead(method === 'GET' ? got : status).end(text)
          })
          const client = createClient({ onOutcome, timeoutMs: 300 })
          client.known.add(new URL(url), null)
          const answer = await client.fetch(url, { method: 'POST', body: 'x' })
          expect(answer.status).to.equal(status)
          const { length } = await answer.text()
          // A refusal may have lost its text; a result is asked for again.
          if (status === 201) expect(length).to.equal(LONG.length)
        })
      }
    }
  }

  it('leaves one connection to be used again, where it ends', async () => {
    let connections = 0
    const url = await begin((request, response) => {
      request.resume().on('end', () => response.writeHead(201).end(Buffer.alloc(300_000, 97)))
    })
    server.on('connection', () => {
      connections += 1
    })
    const client = createClient()
    for (let at = 0; at < 20; at += 1) await client.post(`${url}${at}`, 'x')
    await expectIdle(server)
    expect(connections).to.be.below(20)
  })
})

/** Waits until no connection is at work: only kept ones are open, and those close when asked. */
async function expectIdle(server: Server): Promise<void> {
  for (;;) {
    server.closeIdleConnections()
    const open = await new Promise<number>((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
    })
    if (open === 0) return
    await pause(20)
  }
}
