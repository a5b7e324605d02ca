/**
 * What operators see and say: events of undecided links, lists of them, and verdicts, of which only
 * those count that are understood.
 */
import { expect } from 'chai'
import type { PoeEvent, ReconciledOutcome } from 'post-once-exactly'
import type { Claim, ListedRecord, Store } from '../../lib/engine/store.js'
import { expectProblem } from '../support/answers.js'
import { EVERY_STORE, startWorld, type World, type WorldOptions } from '../support/world.js'

/** What nobody can have meant. */
const NO_VERDICTS: readonly unknown[] = [
  ...[undefined, null, '', 'free', 'did-not-happen', 1, true, [], {}],
  ...[
    { verdict: 'hapened', outcome: { status: 201 } },
    { verdict: 'HAPPENED', outcome: {} },
  ],
  ...[{ verdict: 'did-not-happen ' }, { verdict: 'didNotHappen' }, { verdict: 'free' }],
  ...[{ verdict: 'happened' }, { verdict: 'happened', outcome: null }, { Verdict: 'happened' }],
  ...[
    { verdict: 'did-not-happen', outcome: { status: 201 } },
    { verdict: 'unknown', why: 1 },
  ],
  ...[
    { verdict: 'happened', outcome: 'paid' },
    { verdict: 'happened', result: {}, outcome: {} },
  ],
]

/** Outcomes that could not be sent, or that say something else than was meant. */
const NO_OUTCOMES: readonly unknown[] = [
  ...[{ status: 100 }, { status: 600 }, { status: 201.5 }, { status: '201' }, { status: null }],
  ...[{ Status: 201 }, { loction: '/o/1' }, { status: 303 }, { status: 302, location: '' }],
  ...[{ location: '/o/1\r\nSet-Cookie: a=b' }, { location: '/o/\u20ac' }, { location: 5 }],
  ...[{ contentType: 'text/plain\n' }, { contentType: '' }, { body: { id: 1 } }, { body: null }],
]

async function rejection(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    return error
  }
}

const isMisuse = (error: unknown) => error instanceof TypeError || error instanceof RangeError

/** A link whose handler throws at first: undecided from then on. */
async function undecided(world: World): Promise<{ link: string } & ListedRecord> {
  const link = await world.link()
  await world.send('POST', link)
  await expectProblem(await world.send('POST', link), 409, 'undecided')
  const { key } = world.events.find(({ type }) => type === 'undecided') as { key: string }
  const seen = await world.once.inspect(key)
  if (seen.state !== 'undecided') throw new Error(`the link is ${seen.state}`)
  return { link, key, owner: seen.owner, sinceMs: seen.sinceMs }
}

const failing: WorldOptions = {
  handler: (ctx, world) => {
    if (world.runs === 1) throw new Error('the network fell over after the charge')
    ctx.status = 201
    ctx.body = 'paid'
  },
}

for (const kind of EVERY_STORE) {
  describe(`operators, on ${kind.store}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[FALSE-402] a verdict that nobody knows is refused, and decides nothing', async () => {
      world = await startWorld(kind, failing)
      const { link, key, owner } = await undecided(world)
      const { settle } = world.once
      const outcomes = NO_OUTCOMES.map(outcome => ({ verdict: 'happened', outcome }))
      for (const verdict of [...NO_VERDICTS, ...outcomes]) {
        const said = await rejection(() => settle(key, owner, verdict as never))
        expect(isMisuse(said), `${JSON.stringify(verdict)} gave ${said}`).to.equal(true)
      }
      for (const [oddKey, oddOwner] of [[], [key], ['', owner], [key, ''], [5, owner], [key, {}]]) {
        const verdict = { verdict: 'did-not-happen' } as const
        const said = await rejection(() => settle(oddKey as string, oddOwner as string, verdict))
        expect(isMisuse(said), `${oddKey}, ${oddOwner} gave ${said}`).to.equal(true)
      }
      expect(isMisuse(await rejection(() => world.once.inspect('')))).to.equal(true)
      await expectProblem(await world.send('POST', link), 409, 'undecided')
      expect(world.runs).to.equal(1)
      expect(await settle(key, owner, { verdict: 'unknown' })).to.equal(false)
      const outcome: ReconciledOutcome = { location: '/payments/1' }
      expect(await settle(key, owner, { verdict: 'happened', outcome })).to.equal(true)
      await expectProblem(await world.send('POST', link), 405, 'used')
      expect(world.runs).to.equal(1)
    })

    it('[FALSE-1201] whoever meets an undecided link tells of it, once', async () => {
      world = await startWorld(kind, { wrapStore: afterADeath })
      const link = await world.link()
      for (const method of ['POST', 'GET', 'HEAD', 'POST', 'GET']) await world.send(method, link)
      const told = world.events.filter(({ type }) => type === 'undecided')
      const listed: ListedRecord[] = []
      for await (const record of world.once.undecided()) listed.push(record)
      expect(listed).to.have.lengthOf(1)
      expect(told).to.deep.equal([{ type: 'undecided', ...listed[0] }])
    })

    it('[FALSE-1202] undecided() lists them, and takes a time', async () => {
      world = await startWorld(kind, failing)
      const { key, owner, sinceMs } = await undecided(world)
      const list = async (before?: Date) => {
        const records: ListedRecord[] = []
        for await (const record of world.once.undecided({ before })) records.push(record)
        return records
      }
      expect(await list()).to.deep.equal([{ key, owner, sinceMs }])
      expect(await list(new Date(sinceMs + 1))).to.have.lengthOf(1)
      expect(await list(new Date(sinceMs))).to.deep.equal([])
      for (const before of [new Date('never'), 5, '2026-01-01', null]) {
        expect(isMisuse(await rejection(() => list(before as Date))), `${before}`).to.equal(true)
      }
      await world.once.settle(key, owner, { verdict: 'did-not-happen' })
      expect(await list()).to.deep.equal([])
    })

    it('[FALSE-1701] a lease with a fraction works as a whole one', async () => {
      const times = { leaseMs: 10_000 / 3, lifetimeMs: 3_600_000.5, horizonMs: 86_400_000.5 }
      world = await startWorld(kind, { poe: times })
      expect((await world.send('POST', await world.link())).status).to.equal(201)
    })
  })
}

/** A store that another process has used, and in it the link that is claimed first: it died. */
function afterADeath(store: Store<unknown>): Store<unknown> {
  let isDead = false
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name !== 'claim') return typeof value === 'function' ? value.bind(target) : value
      return async (key: string, claim: Claim) => {
        if (!isDead) await target.claim(key, { ...claim, owner: 'who-died' })
        if (!isDead) await target.renew(key, 'who-died', 0)
        isDead = true
        return target.claim(key, claim)
      }
    },
  })
}

describe('what reconcile gives', () => {
  it('[FALSE-403] is checked as what an operator gives: nonsense decides nothing', async () => {
    const [kind] = EVERY_STORE
    if (kind === undefined) throw new Error('no store')
    for (const answer of NO_VERDICTS) {
      const reconcile = () => answer as never
      const world = await startWorld(kind, { ...failing, resource: { reconcile } })
      const { link } = await undecided(world)
      await expectProblem(await world.send('POST', link), 409, 'undecided')
      const told = world.events.filter(({ type }) => type === 'reconciled')
      const isUnknown = (event: PoeEvent) =>
        event.type === 'reconciled' && event.verdict === 'unknown'
      expect(told.every(isUnknown), JSON.stringify(answer)).to.equal(true)
      expect(world.runs).to.equal(1)
      await world.close()
    }
  })
})
