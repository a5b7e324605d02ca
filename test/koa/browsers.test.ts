/** Cases of the kind BROWSER, as the server sees them: clicks, Back, and those who only look. */
import { expect } from 'chai'
import { expectSpent } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, startWorld, type World } from '../support/world.js'

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'text/html' }

for (const kind of EVERY_STORE) {
  describe(`browsers, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[BR-01] five clicks are one order, and the last one leads to it', async () => {
      const door = latch()
      world = await startWorld(kind, {
        handler: async (ctx, here) => {
          await door.opened
          here.effects.push('order')
          ctx.redirect('/orders/7')
          ctx.status = 303
        },
      })
      const link = await world.link()
      const click = () => world.send('POST', link, { body: 'sku=tea', headers: FORM })
      const first = click()
      await until(() => world.runs === 1, 'the first is running')
      const others = Array.from({ length: 4 }, click)
      door.open()
      expect((await first).status).to.equal(303)
      for (const other of await Promise.all(others)) {
        expect(other.status).to.equal(405)
        const page = await other.text()
        expect(page)
          .to.contain(`<a href="${link}">`)
          .and.contain('<link rel="related" href="/orders/7"')
      }
      const seen = await world.send('GET', link, { headers: FORM })
      expect([seen.status, seen.headers.get('Location')]).to.deep.equal([303, '/orders/7'])
      expect(world.effects).to.have.length(1)
    })

    it('[BR-01] whoever is not held gets a page that leads back to the address', async () => {
      const door = latch()
      world = await startWorld(kind, { resource: { waitMs: 0 }, handler: () => door.opened })
      const link = await world.link()
      const first = world.send('POST', link, { body: 'sku=tea', headers: FORM })
      await until(() => world.runs === 1, 'the first is running')
      const second = await world.send('POST', link, { body: 'sku=tea', headers: FORM })
      expect(second.status).to.equal(409)
      const page = await second.text()
      expect(page).to.contain(`<a href="${link}">Look again</a>`).and.not.contain('http-equiv')
      door.open()
      await first
    })

    it('[BR-03, POE-2-21] an edit after Back is not taken for a repeat', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      expect((await world.send('POST', link, { json: { amount: 10 } })).status).to.equal(201)
      const repeat = await world.send('POST', link, { json: { amount: 10 } })
      const same = await expectSpent(repeat, '/orders/1', link)
      expect(same).to.include({ payloadMatches: true })
      expect(same).to.not.have.property('link')
      const edited = await world.send('POST', link, { json: { amount: 25 } })
      const other = await expectSpent(edited, '/orders/1', link)
      expect(other).to.include({ payloadMatches: false })
      expect(edited.headers.get('POE-Links')).to.equal(`"${other.link}"`)
      const fresh = await world.send('POST', String(other.link), { json: { amount: 25 } })
      expect(fresh.status).to.equal(201)
      expect(world.effects).to.have.length(2)
    })

    it('[BR-07, POE-2-16] previews and scanners use nothing up', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const look: readonly [string, Record<string, string>][] = [
        ['HEAD', {}],
        ['GET', { 'User-Agent': 'bot' }],
        ['GET', { 'Sec-Purpose': 'prefetch' }],
        ['OPTIONS', {}],
        ['GET', {}],
      ]
      for (const [method, headers] of look) {
        const answer = await world.send(method, link, { headers })
        expect(answer.status).to.be.oneOf([204, 405])
        expect(answer.headers.get('Allow')).to.equal('POST, OPTIONS')
      }
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      expect(world.effects).to.have.length(1)
    })

    it('[BR-09] an Idempotency-Key that nobody asked for changes nothing', async () => {
      world = await startWorld(kind)
      for (const key of ['"k"', 'k', '', 'x'.repeat(300)]) {
        const link = await world.link()
        const sent = await world.send('POST', link, {
          json: {},
          headers: { 'Idempotency-Key': key },
        })
        expect(sent.status, key).to.equal(201)
      }
      expect(world.effects).to.have.length(4)
    })
  })
}
