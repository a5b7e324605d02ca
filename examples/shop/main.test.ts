/** The shop as a process: what it says when it cannot start, how it ends, what a restart keeps. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { readSettings } from './settings.js'
import { openStorage } from './storage.js'
import { end, endLeftovers, runShop, startShop, takeLink, withFolder } from './support.js'

const ORDER = { sku: 'tea', qty: 2 }

describe('shop: a configuration that cannot be used', () => {
  afterEach(endLeftovers)

  for (const [name, env, line] of [
    ['a PORT that is no port', { PORT: '70000' }, /^PORT=70000 is no port/],
    ['a PORT that is no number', { PORT: 'http' }, /^PORT=http is no port/],
    ['an unknown store', { POE_STORE: 'mysql://x' }, /^POE_STORE=mysql:\/\/x is no store/],
    ['a store without a scheme', { POE_STORE: 'shop.db' }, /^POE_STORE=shop\.db is no store/],
    ['sqlite without a file', { POE_STORE: 'sqlite:' }, /lacks its file/],
    ['a sqlite file that cannot be', { POE_STORE: 'sqlite:/no/such/folder/a.db' }, /a\.db/],
    ['Redis that is not there', { POE_STORE: 'redis://:secret@127.0.0.1:1' }, /^POE_STORE=redis:/],
    [
      'PostgreSQL that is not there',
      { POE_STORE: 'postgres://u:secret@127.0.0.1:1/x' },
      /:1\/x can/,
    ],
    ['a URL that is none', { POE_STORE: 'postgres:secret' }, /^POE_STORE=postgres: is no URL/],
  ] as const) {
    it(`${name}: one line that says so, without the password`, async () => {
      const error = await Promise.resolve()
        .then(() => openStorage(readSettings({ PORT: '0', ...env }).store))
        .then(() => null, String)
      expect(error).to.match(/^SettingError: /)
      expect(error?.slice('SettingError: '.length)).to.match(line)
      expect(error).not.to.match(/secret|\n/)
    })
  }

  it('as a process: that line alone, exit code 1', async () => {
    const ended = await runShop({ PORT: '0', POE_STORE: 'shop.db' })
    expect(ended.stderr).to.match(/^POE_STORE=shop\.db is no store.*\n$/)
    expect(ended.code).to.equal(1)
  })

  it('a busy port: one line that names another, exit code 1', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as AddressInfo
    try {
      const { code, stderr } = await runShop({ PORT: String(port), POE_STORE: 'memory:' })
      expect(stderr).to.equal(
        `Port ${port} is in use already: choose another, as in PORT=3001 npm start.\n`,
      )
      expect(code).to.equal(1)
    } finally {
      squatter.close()
    }
  })
})

describe('shop: start, end and restart', () => {
  afterEach(endLeftovers)

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal}: finishes the answer that is under way, then exits 0`, async () => {
      const shop = await startShop({ POE_STORE: 'memory:', DEMO_FAULTS: '1' })
      const link = await takeLink(shop.agent)
      const answer = shop.agent.post(link).set('Demo-Fault', 'delay=400').send(ORDER).then()
      while ((await shop.agent.get('/ledger')).body.runs === 0);
      const ended = end(shop.child, signal)
      expect((await answer).status).to.equal(201)
      expect(await ended).to.include({ code: 0 })
    })
  }

  it('ignores Demo-Fault unless DEMO_FAULTS=1', async () => {
    const shop = await startShop({ POE_STORE: 'memory:' })
    try {
      const link = await takeLink(shop.agent)
      const answer = await shop.agent.post(link).set('Demo-Fault', 'fail=500').send(ORDER)
      expect(answer.status).to.equal(201)
    } finally {
      await end(shop.child, 'SIGKILL')
    }
  })

  it('[POE-2-1] kill -9 between POST and retry: the restarted shop still says 405', () =>
    withFolder(async folder => {
      const env = { POE_STORE: `sqlite:${folder}/shop.db` }
      const first = await startShop(env)
      const [link, open] = [await takeLink(first.agent), await takeLink(first.agent)]
      expect((await first.agent.post(link).send(ORDER)).status).to.equal(201)
      await end(first.child, 'SIGKILL')

      const second = await startShop(env)
      try {
        expect((await second.agent.post(link).send(ORDER)).status).to.equal(405)
        expect((await second.agent.get(link)).body).to.include({ id: 1, ...ORDER })
        // A link that was not used yet outlives the restart too.
        expect((await second.agent.post(open).send(ORDER)).status).to.equal(201)
        expect((await second.agent.get('/ledger')).body).to.include({ orders: 2, runs: 1 })
      } finally {
        await end(second.child, 'SIGKILL')
      }
    }))

  it('several processes share one file: one order', () =>
    withFolder(async folder => {
      const env = { POE_STORE: `sqlite:${folder}/shop.db` }
      const shops = [await startShop(env), await startShop(env)]
      try {
        const [one] = shops
        const link = one === undefined ? '' : await takeLink(one.agent)
        const answers = await Promise.all(shops.map(({ agent }) => agent.post(link).send(ORDER)))
        expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, 405])
        expect((await one?.agent.get('/ledger'))?.body.orders).to.equal(1)
      } finally {
        for (const { child } of shops) await end(child, 'SIGKILL')
      }
    }))
})
