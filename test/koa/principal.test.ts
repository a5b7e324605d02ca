/** Cases of the kind BIND: what a link is bound to. */
import { expect } from 'chai'
import { expectProblem, expectSpent } from '../support/answers.js'
import { storeSwitch } from '../support/around-store.js'
import { EVERY_STORE, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

for (const kind of EVERY_STORE) {
  describe(`bindings, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[BIND-05] nobody gets no link, burns none, and never reaches the store', async () => {
      const lever = storeSwitch()
      let who: unknown = 'ann'
      world = await startWorld(kind, {
        wrapStore: lever.wrap,
        poe: { principal: () => who as string },
      })
      const link = await world.link()
      for (const nobody of [null, undefined, '', [], [null, undefined], ['']]) {
        who = nobody
        expect(await world.link(), JSON.stringify(nobody)).to.equal(null)
        await expectProblem(await world.send('POST', link, { json: {} }), 404, 'unverifiable')
        await expectProblem(await world.send('GET', link), 404, 'unverifiable')
      }
      expect(lever.calls.filter(({ key }) => key !== null)).to.deep.equal([])
      who = [null, 'ann']
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      expect(world.runs).to.equal(1)
    })

    it('[BIND-05] what is neither somebody nor nobody is a mistake of the app', async () => {
      let who: unknown = 'ann'
      world = await startWorld(kind, { poe: { principal: () => who as string } })
      const link = await world.link()
      for (const odd of [Number.NaN, {}, true, Promise.resolve('ann'), [['ann']]]) {
        who = odd
        expect((await world.send('POST', link, { json: {} })).status).to.equal(500)
      }
      who = 'ann'
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      expect(world.runs).to.equal(1)
    })

    it('[BIND-03, POE-8-5] a stranger cannot use, read or burn a link', async () => {
      world = await startWorld(kind)
      const link = await world.link({ headers: { 'X-User': 'ann' } })
      const ben = { headers: { 'X-User': 'ben' } }
      const ann = { headers: { 'X-User': 'ann' } }
      await expectProblem(await world.send('POST', link, { json: {}, ...ben }), 404, 'unverifiable')
      expect((await world.send('POST', link, { json: {}, ...ann })).status).to.equal(201)
      await expectProblem(await world.send('GET', link, ben), 404, 'unverifiable')
      expect(await (await world.send('GET', link, ann)).json()).to.deep.equal({ id: 1 })
      expect(world.runs).to.equal(1)
    })

    it('[BIND-03] a cart survives the login: the first mints, any of them verifies', async () => {
      let who: readonly string[] = ['cart-7']
      world = await startWorld(kind, { poe: { principal: () => who } })
      const link = await world.link()
      who = ['ann', 'cart-7']
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      who = ['ann']
      await expectProblem(await world.send('GET', link), 404, 'unverifiable')
    })

    it('[BIND-09] a link opens its own route only, and with its own parameters', async () => {
      const lever = storeSwitch()
      world = await startWorld(kind, {
        wrapStore: lever.wrap,
        extend: (_app, router, once) => {
          const path = '/keywords/:word/once/:token'
          once.resource(router, { name: 'keyword', path }, ctx => placeOrder(ctx, world))
          router.get('/keywords', ctx => {
            ctx.body = { link: ctx.poe.link('keyword', { word: 'red' }) }
          })
        },
      })
      const link = await world.link()
      const token = link.split('/').at(-1) ?? ''
      const keyword = await (await world.send('GET', '/keywords')).json()
      const { link: red } = keyword as { link: string }
      const elsewhere = [`/keywords/red/once/${token}`, red.replace('red', 'blue')]
      for (const path of elsewhere) {
        await expectProblem(await world.send('POST', path, { json: {} }), 404, 'unverifiable')
      }
      expect((await world.send('POST', `${link}/extra`, { json: {} })).status).to.equal(404)
      expect(lever.calls.filter(({ key }) => key !== null)).to.deep.equal([])
      const withQuery = await world.send('POST', `${link}?x=1`, { json: {} })
      expect(withQuery.status, 'the query is no part of the identity').to.equal(201)
      await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
      expect((await world.send('POST', red, { json: {} })).status, 'at its own place').to.equal(201)
      expect(world.effects).to.have.length(2)
    })
  })
}
