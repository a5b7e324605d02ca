/** `Demo-Fault`: how its value is read, and what each fault does to an order and its link. */
import { expect } from 'chai'
import { parseFaults } from './faults.js'
import { end, endLeftovers, startShop, takeLink, withFolder, withShop } from './support.js'

const ORDER = { sku: 'tea', qty: 2 }

describe('shop: reading Demo-Fault', () => {
  it('reads several, joined by commas', () => {
    expect(parseFaults('delay=800, fail=500')).to.include({ delayMs: 800, failStatus: 500 })
    expect(parseFaults('throw,drop-response')).to.include({ throws: true, dropResponse: true })
    expect(parseFaults('')).to.include({ delayMs: 0, failStatus: null, throws: false })
  })

  it('says what is wrong with a value', () => {
    expect(parseFaults('explode')).to.match(/^"explode" is no fault; known are delay/)
    expect(parseFaults('delay')).to.equal('delay takes milliseconds from 0 to 60000')
    expect(parseFaults('delay=-1')).to.equal('delay takes milliseconds from 0 to 60000')
    expect(parseFaults('fail=200')).to.equal('fail takes a status from 400 to 599')
    expect(parseFaults('throw=1')).to.equal('throw takes no value')
  })
})

describe('shop: what each fault does', () => {
  afterEach(endLeftovers)

  it('answers 400 to a value that it cannot read', () =>
    withShop(async agent => {
      const link = await takeLink(agent)
      const answer = await agent.post(link).set('Demo-Fault', 'explode').send(ORDER)
      expect(answer.status).to.equal(400)
      expect(answer.body.detail).to.contain('"explode" is no fault')
      expect((await agent.post(link).send(ORDER)).status).to.equal(201)
    }))

  for (const [fault, status] of [
    ['fail=503', 503],
    ['fail=409', 409],
    ['throw', 500],
  ] as const) {
    it(`[FAIL-03] ${fault}: nothing was ordered, and the link stays open`, () =>
      withShop(async agent => {
        const link = await takeLink(agent)
        const failed = await agent.post(link).set('Demo-Fault', fault).send(ORDER)
        expect(failed.status).to.equal(status)
        expect((await agent.get('/ledger')).body).to.include({ orders: 0, runs: 1 })
        expect((await agent.post(link).send(ORDER)).status).to.equal(201)
        expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 2 })
      }))
  }

  it('delay: the second POST waits for the first and learns its result', () =>
    withShop(async agent => {
      const link = await takeLink(agent)
      const post = () => agent.post(link).set('Demo-Fault', 'delay=200').send(ORDER)
      const statuses = (await Promise.all([post(), post()])).map(answer => answer.status)
      expect(statuses.sort()).to.deep.equal([201, 405])
      expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 1 })
    }))

  it('drop-response: the order stands, and a repeat with the same fields is told so', () =>
    withShop(async agent => {
      const link = await takeLink(agent)
      const post = () => agent.post(link).set('Demo-Fault', 'drop-response').send(ORDER)
      const lost = await post().then(
        () => 'answered',
        (error: NodeJS.ErrnoException) => error.code,
      )
      expect(lost).to.equal('ECONNRESET')
      const repeat = await post()
      expect(repeat.status).to.equal(405)
      expect(repeat.body.result).to.equal('/orders/1')
      expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 1 })
    }))

  for (const [fault, statuses] of [
    ['crash-before-commit', [201, 405]],
    ['crash-after-commit', [405, 405]],
  ] as const) {
    it(`${fault}: after a restart the order exists exactly if the link is spent`, () =>
      withFolder(async folder => {
        const env = {
          POE_STORE: `sqlite:${folder}/shop.db`,
          DEMO_FAULTS: '1',
          DEMO_LEASE_MS: '1000',
        }
        const first = await startShop(env)
        const link = await takeLink(first.agent)
        const died = new Promise(resolve => first.child.on('exit', (_, signal) => resolve(signal)))
        const lost = await first.agent
          .post(link)
          .set('Demo-Fault', fault)
          .send(ORDER)
          .then(
            () => 'answered',
            () => 'lost',
          )
        expect([lost, await died]).to.deep.equal(['lost', 'SIGKILL'])

        const second = await startShop(env)
        try {
          const before = (await second.agent.get('/ledger')).body.orders
          expect(before).to.equal(statuses[0] === 405 ? 1 : 0)
          expect(await postUntilDecided(second, link)).to.equal(statuses[0])
          expect(await postUntilDecided(second, link)).to.equal(statuses[1])
          expect((await second.agent.get('/ledger')).body.orders).to.equal(1)
        } finally {
          await end(second.child, 'SIGKILL')
        }
      }))
  }
})

/** A dead owner's lease has to lapse first: until then a POST is told 409. */
async function postUntilDecided(
  { agent }: Awaited<ReturnType<typeof startShop>>,
  link: string,
): Promise<number> {
  for (;;) {
    const { status } = await agent.post(link).send(ORDER)
    if (status !== 409) return status
  }
}
