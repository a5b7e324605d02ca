/**
 * What counts as success, and that a success is for good.
 *
 * @see POE draft 2; RFC 9110 15
 */
import { once as emitted } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { allowed, expectProblem, expectSpent } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

const SUCCESSES = [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 301, 302, 303]
const FAILURES = [300, 304, 305, 307, 308, 400, 401, 403, 404, 409, 410, 422, 429, 501, 503]

for (const kind of EVERY_STORE) {
  describe(`success, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    const start = async (status: () => number, located = true) => {
      world = await startWorld(kind, {
        handler: (ctx, here) => {
          here.effects.push(ctx.poe.key)
          ctx.status = status()
          if (located) ctx.set('Location', '/orders/7')
          if (![204, 205, 304].includes(ctx.status)) ctx.body = { done: true }
        },
      })
    }

    it('[POE-2-19, POE-2-1, POE-2-4] these statuses use a link up', async () => {
      let status = 0
      await start(() => status)
      for (status of SUCCESSES) {
        const link = await world.link()
        expect((await world.send('POST', link, { json: {} })).status).to.equal(status)
        await expectSpent(await world.send('POST', link, { json: {} }), '/orders/7', link)
      }
      expect(world.effects).to.have.length(SUCCESSES.length)
    })

    it('[POE-2-19, POE-2-3] these do not', async () => {
      let status = 0
      await start(() => status)
      for (status of FAILURES) {
        const link = await world.link()
        for (let time = 0; time < 2; time += 1) {
          const answer = await world.send('POST', link, { json: {} })
          expect([answer.status, allowed(answer)]).to.deep.equal([status, ['OPTIONS', 'POST']])
        }
      }
      expect(world.effects).to.have.length(2 * FAILURES.length)
    })

    it('[POE-2-19, FALSE-4294] a redirect without a Location is none, nor a report', async () => {
      let status = 0
      await start(() => status, false)
      for (status of [301, 302, 303]) {
        const link = await world.link()
        for (let time = 0; time < 2; time += 1) {
          await expectProblem(await world.send('POST', link, { json: {} }), 409, 'undecided')
        }
      }
      expect(world.effects).to.have.length(3)
    })

    it('[FAIL-11, POE-2-19] what middleware outside said does not count', async () => {
      world = await startWorld(kind, {
        outside: [
          async (ctx, next) => {
            ctx.status = 202
            await next()
          },
        ],
        handler: ctx => {
          if (ctx.get('X-Say') !== '') ctx.body = 'done'
        },
      })
      const link = await world.link()
      const nothing = await world.send('POST', link, { json: {} })
      expect([nothing.status, allowed(nothing)]).to.deep.equal([500, ['OPTIONS']])
      await expectProblem(await world.send('POST', link, { json: {} }), 409, 'undecided')
      const headers = { 'X-Say': 'something' }
      const other = await world.link()
      expect((await world.send('POST', other, { json: {}, headers })).status).to.equal(200)
      expect((await world.send('POST', other, { json: {}, headers })).status).to.equal(405)
    })

    it('[FAIL-11] a login page in front of the claim uses nothing up', async () => {
      world = await startWorld(kind, {
        outside: [
          async (ctx, next) => {
            if (ctx.get('X-User') !== '') return await next()
            ctx.redirect('/login')
          },
        ],
      })
      const headers = { 'X-User': 'ann' }
      const link = await world.link({ headers })
      const bounced = await world.send('POST', link, { json: {} })
      expect([bounced.status, bounced.headers.get('Allow')]).to.deep.equal([302, null])
      expect((await world.send('POST', link, { json: {}, headers })).status).to.equal(201)
      expect(world.runs).to.equal(1)
    })

    it('[POE-2-9, H-303-1, FAIL-05] after a 303 a GET leads to the same place', async () => {
      await start(() => 303)
      const link = await world.link()
      await world.send('POST', link, { json: {} })
      for (const method of ['GET', 'HEAD']) {
        const later = await world.send(method, link)
        expect([later.status, later.headers.get('Location')]).to.deep.equal([303, '/orders/7'])
      }
    })

    it('[POE-2-7, POE-2-8, H-LOC-2, H-CLOC-1] GET gives the entity, and no Location', async () => {
      world = await startWorld(kind, {
        handler: (ctx, { runs }) => {
          ctx.status = 201
          ctx.set({ Location: '/orders/7', 'Content-Language': 'en', ETag: '"v1"' })
          if (runs === 1) ctx.set('Content-Location', ctx.path)
          ctx.set('Content-Disposition', 'inline')
          ctx.type = 'application/vnd.shop+json'
          ctx.body = '{"id":7}'
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {} })
      const bytes = await first.text()
      const later = await world.send('GET', link, { headers: { Accept: 'text/html' } })
      expect([later.status, await later.text()]).to.deep.equal([200, bytes])
      const kept = ['Content-Type', 'Content-Language', 'ETag', 'Content-Disposition']
      for (const name of [...kept, 'Content-Length']) {
        expect(later.headers.get(name), name).to.equal(first.headers.get(name))
      }
      expect(later.headers.get('Content-Location')).to.equal(link)
      expect(later.headers.get('Location')).to.equal(null)
      expect(later.headers.get('Link')).to.contain('</orders/7>; rel="related ')
      const second = await world.link()
      await world.send('POST', second, { json: {} })
      const bare = await world.send('GET', second)
      expect([bare.status, bare.headers.get('Content-Location')]).to.deep.equal([200, null])
    })

    it('[POE-2-1, POE-2-21] a success is for good, whatever comes after', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      expect((await world.send('POST', link, { json: { a: 1 } })).status).to.equal(201)
      for (let time = 0; time < 100; time += 1) {
        const body = time % 2 === 0 ? { json: { a: 1 } } : { body: `other ${time}` }
        expect((await world.send('POST', link, body)).status).to.equal(405)
      }
      for (const method of ['PUT', 'PATCH', 'DELETE']) {
        expect((await world.send(method, link, { body: '{}' })).status).to.equal(405)
      }
      expect(world.effects).to.have.length(1)
    })

    it('[POE-2-15, H-409-1] a twin of a running POST is told neither yes nor no', async () => {
      const door = latch()
      world = await startWorld(kind, {
        resource: { waitMs: 50 },
        handler: async (ctx, here) => {
          await door.opened
          if (here.runs === 1) ctx.throw(422, 'no')
          placeOrder(ctx, here)
        },
      })
      const link = await world.link()
      const first = world.send('POST', link, { json: {} })
      await until(() => world.runs === 1, 'the first runs')
      const twin = await world.send('POST', link, { json: {} })
      expect(twin.status).to.equal(409)
      expect(await twin.json()).to.include({ status: 409, title: 'Still being carried out' })
      expect(Number(twin.headers.get('Retry-After'))).to.be.within(1, 15)
      door.open()
      expect((await first).status).to.equal(422)
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    })

    it('[POE-2-22] a client that has left does not undo the work', async () => {
      const door = latch()
      world = await startWorld(kind, {
        handler: async (ctx, here) => {
          await door.opened
          placeOrder(ctx, here)
        },
      })
      const link = await world.link()
      const leaving = new AbortController()
      const sent = world.send('POST', link, { json: {}, signal: leaving.signal }).catch(() => {})
      await until(() => world.runs === 1, 'it runs')
      leaving.abort()
      await sent
      door.open()
      await until(() => world.events.some(({ type }) => type === 'spent'), 'it is recorded')
      expect(await (await world.send('GET', link)).json()).to.deep.equal({ id: 1 })
      await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
    })

    it('[POE-2-22] a waiting twin whose client has left never runs', async () => {
      const door = latch()
      world = await startWorld(kind, {
        handler: async ctx => {
          await door.opened
          ctx.throw(422, 'no')
        },
      })
      const link = await world.link()
      const first = world.send('POST', link, { json: {} })
      await until(() => world.runs === 1, 'the first runs')
      const leaving = new AbortController()
      const arrived = emitted(world.server, 'request')
      const twin = world.send('POST', link, { json: {}, signal: leaving.signal }).catch(() => {})
      const [{ socket }] = await arrived
      // It has asked the store by then, and waits.
      await pause(50)
      const left = emitted(socket, 'close')
      leaving.abort()
      await Promise.all([twin, left])
      door.open()
      expect((await first).status).to.equal(422)
      expect((await world.send('GET', link)).headers.get('Allow')).to.equal('POST, OPTIONS')
      expect(world.runs).to.equal(1)
    })

    it('[POE-2-23] one link in several spellings is one link', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const token = link.split('/').at(-1) ?? ''
      const escaped = `%${token.charCodeAt(9).toString(16)}`
      const spelled = link.slice(0, -token.length) + token.slice(0, 9) + escaped + token.slice(10)
      const others = [`${link}?x=1`, `${link}/`, spelled, link.replace('/once/', '/%6Fnce/')]
      expect((await world.send('POST', spelled, { json: {} })).status).to.be.oneOf([201, 404])
      await world.send('POST', link, { json: {} })
      for (const other of others) {
        expect((await world.send('POST', other, { json: {} })).status, other).to.be.oneOf([
          404, 405,
        ])
      }
      expect(world.effects).to.have.length(1)
    })

    it('[POE-6-2, H-PROB-1, H-VARY-1] a person gets a page, a program a document', async () => {
      world = await startWorld(kind, {
        handler: ctx => {
          ctx.status = 201
          ctx.set('Location', 'javascript:alert(1)')
          ctx.body = 'done'
        },
      })
      const link = await world.link()
      await world.send('POST', link, { json: {} })
      const page = await world.send('POST', link, { json: {}, headers: { Accept: 'text/html' } })
      const text = await page.text()
      expect(page.headers.get('Content-Type')).to.equal('text/html; charset=utf-8')
      expect(page.headers.get('Content-Security-Policy')).to.match(/^default-src 'none'/)
      expect(page.headers.get('X-Content-Type-Options')).to.equal('nosniff')
      expect(text).to.contain('<h1>This was already sent</h1>').and.not.contain('javascript:')
      const document = await world.send('POST', link, { json: {} })
      expect(document.headers.get('Content-Type')).to.equal('application/problem+json')
      expect(document.headers.get('Vary')).to.contain('Accept')
    })
  })
}
