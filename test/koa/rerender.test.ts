/** A browser that came too late gets its form again. */
import { expect } from 'chai'
import type { RerenderReason } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Store } from '../../lib/engine/store.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { expectProblem } from '../support/answers.js'
import { startWorld, type World } from '../support/world.js'

const KIND = { store: 'memory', koa: 3, at: 'root' } as const
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'text/html' }

describe('rerender', () => {
  let world: World
  let clock = fakeClock()
  const reasons: RerenderReason[] = []
  afterEach(() => world.close())

  beforeEach(async () => {
    clock = fakeClock()
    reasons.length = 0
    world = await startWorld(KIND, {
      wrapStore: () => memoryStore({ now: clock.now }) as Store<unknown>,
      poe: { clock },
      resource: {
        createForm: '/page',
        rerender: (ctx, fields, why) => {
          reasons.push(why)
          ctx.type = 'html'
          ctx.body = `<form action="${ctx.poe.link('order')}">${fields.sku}</form>`
        },
      },
    })
  })

  const submit = (link: string, sku: string, headers: Record<string, string> = FORM) =>
    world.send('POST', link, { body: `sku=${sku}`, headers })

  it('[BR-03, POE-2-21] other content: 405, the fields kept, a fresh link that works', async () => {
    const link = await world.link()
    expect((await submit(link, 'tea')).status).to.equal(201)
    const edited = await submit(link, 'coffee')
    expect([edited.status, edited.headers.get('Allow')]).to.deep.equal([405, 'GET, HEAD, OPTIONS'])
    expect(edited.headers.get('Link')).to.contain('</orders/1>; rel="related ')
    expect(edited.headers.get('Cache-Control')).to.equal('no-store')
    const [, fresh = '', sku] = /action="([^"]+)">(\w+)</.exec(await edited.text()) ?? []
    expect(sku).to.equal('coffee')
    expect(edited.headers.get('POE-Links')).to.equal(`"${fresh}"`)
    const why = { state: 'spent', result: '/orders/1', payloadMatches: false }
    expect(reasons).to.deep.equal([why])
    expect((await submit(fresh, 'coffee')).status).to.equal(201)
    expect(world.effects).to.have.length(2)
  })

  it('a plain repeat is led to the result instead', async () => {
    const link = await world.link()
    await submit(link, 'tea')
    const repeat = await submit(link, 'tea')
    expect(repeat.status).to.equal(405)
    expect(await repeat.text()).to.contain('<a href="/orders/1">')
    expect(reasons).to.deep.equal([])
  })

  it('[H-410-1] expired and forgotten: 410, the fields kept', async () => {
    const link = await world.link()
    for (const [ms, state] of [
      [3_600_001, 'expired'],
      [86_400_000, 'forgotten'],
    ] as const) {
      await clock.advance(ms)
      const late = await submit(link, 'tea')
      expect(late.status).to.equal(410)
      expect(await late.text()).to.contain('>tea</form>')
      expect(reasons.at(-1)).to.deep.equal({ state, result: null })
    }
    expect(world.runs).to.equal(0)
  })

  it('a program gets its document', async () => {
    const link = await world.link()
    await submit(link, 'tea')
    const headers = { ...FORM, Accept: 'application/json' }
    await expectProblem(await submit(link, 'coffee', headers), 405, 'used')
    expect(reasons).to.deep.equal([])
  })
})
