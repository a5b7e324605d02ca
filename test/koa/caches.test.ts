/** Cases of the kind CACHE: caches and cross-origin scripts. */
import cors from '@koa/cors'
import { expect } from 'chai'
import { corsFields } from 'post-once-exactly/koa'
import { allowed } from '../support/answers.js'
import { EVERY_STORE, nameOf, startWorld, type World } from '../support/world.js'

/** Fields that count more than `Cache-Control` for the caches that they are meant for. */
const TARGETED = [
  ...['CDN-Cache-Control', 'Cloudflare-CDN-Cache-Control', 'Vercel-CDN-Cache-Control'],
  ...['Netlify-CDN-Cache-Control', 'Surrogate-Control', 'Edge-Control', 'X-Accel-Expires'],
]

/** A shared cache that does what the fields say, and no more. */
function sharedCache() {
  const kept = new Map<string, { response: Response; vary: string[]; headers: Headers }>()
  return async (url: string, init: { headers?: Record<string, string> } = {}) => {
    const headers = new Headers(init.headers)
    const found = kept.get(url)
    if (found?.vary.every(name => found.headers.get(name) === headers.get(name)) === true) {
      return found.response.clone()
    }
    const response = await fetch(url, { headers })
    const control = response.headers.get('Cache-Control') ?? ''
    if (!/no-store|private|no-cache/.test(control)) {
      const vary = (response.headers.get('Vary') ?? '').split(',').map(name => name.trim())
      const named = vary.filter(name => name !== '')
      kept.set(url, { response: response.clone(), vary: named, headers })
    }
    return response
  }
}

for (const kind of EVERY_STORE) {
  describe(`caches, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[CACHE-01, H-CACHE-1, POE-3-18] no shared cache gives one link to two', async () => {
      world = await startWorld(kind, {
        extend: (_app, router) => {
          router.get('/public', ctx => {
            ctx.set('Cache-Control', 'public, max-age=600')
            ctx.set({ Expires: 'Thu, 01 Jan 2099 00:00:00 GMT', ETag: '"page"' })
            for (const name of TARGETED) ctx.set(name, 'max-age=600')
            ctx.set('Last-Modified', 'Thu, 01 Jan 2020 00:00:00 GMT')
            ctx.body = { link: ctx.poe.link('order') }
          })
        },
      })
      const cached = sharedCache()
      const links = new Set<string>()
      for (const headers of [{ POE: '1' }, {}, { POE: '1' }, {}]) {
        const page = await cached(`${world.base}/public`, { headers })
        expect(page.headers.get('Cache-Control')).to.equal('private, no-cache')
        const gone = ['Expires', 'ETag', 'Last-Modified', ...TARGETED]
        for (const name of gone) expect(page.headers.get(name), name).to.equal(null)
        links.add(((await page.json()) as { link: string }).link)
      }
      expect(links.size).to.equal(4)
    })

    it('[CACHE-01] an app that says no-store is not made weaker', async () => {
      world = await startWorld(kind, {
        extend: (_app, router) => {
          router.get('/secret', ctx => {
            ctx.set('Cache-Control', 'no-store')
            ctx.body = { link: ctx.poe.link('order') }
          })
        },
      })
      const page = await fetch(`${world.base}/secret`)
      expect(page.headers.get('Cache-Control')).to.equal('no-store')
    })

    it('[CACHE-01, POE-3-18] a 304 advertises nothing', async () => {
      world = await startWorld(kind, {
        extend: (_app, router) => {
          router.get('/same', ctx => {
            ctx.poe.link('order')
            ctx.status = ctx.get('If-None-Match') === '"same"' ? 304 : 200
            ctx.set('ETag', '"same"')
          })
        },
      })
      expect((await fetch(`${world.base}/same`)).headers.has('POE-Links')).to.equal(true)
      const headers = { 'If-None-Match': '"same"' }
      const unchanged = await fetch(`${world.base}/same`, { headers })
      expect([unchanged.status, unchanged.headers.get('POE-Links')]).to.deep.equal([304, null])
    })

    it('[POE-4-2, POE-4-3, POE-4-6, H-VARY-1] when asked only, both variants vary', async () => {
      world = await startWorld(kind, {
        poe: { advertise: 'when-asked' },
        extend: (_app, router) => {
          router.get('/varied', ctx => {
            ctx.set('Vary', String(ctx.query.by ?? 'Accept'))
            ctx.body = { link: ctx.poe.link('order') }
          })
        },
      })
      for (const [headers, advertised] of [
        [{ POE: '1' }, true],
        [{ POE: '99' }, true],
        [{}, false],
        [{ POE: 'x' }, false],
      ] as const) {
        const page = await fetch(`${world.base}/varied`, { headers: { ...headers } })
        expect(page.headers.has('POE-Links'), JSON.stringify(headers)).to.equal(advertised)
        expect(page.headers.get('Vary')).to.equal('Accept, POE')
        expect(page.headers.get('Cache-Control')).to.equal('private, no-cache')
      }
      for (const vary of ['*', 'Accept, poe']) {
        const page = await fetch(`${world.base}/varied?by=${encodeURIComponent(vary)}`)
        expect(page.headers.get('Vary')).to.equal(vary)
      }
    })

    it('[H-CACHE-3, H-410-1, FALSE-4206] no answer at a link may be kept', async () => {
      world = await startWorld(kind, {
        outside: [
          (ctx, next) => {
            for (const name of TARGETED) ctx.set(name, 'max-age=600')
            return next()
          },
        ],
        handler: ctx => {
          ctx.set('Cache-Control', 'public, max-age=60')
          ctx.body = 'done'
        },
      })
      const link = await world.link()
      for (const method of ['GET', 'POST', 'POST', 'GET', 'OPTIONS', 'PUT']) {
        const answer = await world.send(method, link)
        expect(answer.headers.get('Cache-Control'), method).to.equal('no-store')
        expect(answer.headers.get('Referrer-Policy'), method).to.equal('no-referrer')
        for (const name of TARGETED) expect(answer.headers.get(name), name).to.equal(null)
      }
    })

    it('[FALSE-4618] an application’s own policy stays where it tells no path', async () => {
      let given = ''
      world = await startWorld(kind, {
        outside: [
          (ctx, next) => {
            ctx.set('Referrer-Policy', given)
            return next()
          },
        ],
      })
      for (const [policy, sent] of [
        ['same-origin', 'same-origin'],
        ['strict-origin', 'strict-origin'],
        ['unsafe-url', 'no-referrer'],
        ['same-origin, unsafe-url', 'no-referrer'],
      ] as const) {
        given = policy
        const link = await world.link()
        for (const method of ['GET', 'POST', 'POST']) {
          const { headers } = await world.send(method, link)
          expect(headers.get('Referrer-Policy'), method).to.equal(sent)
        }
      }
    })

    it('[CACHE-03, POE-3-19] preflights pass in every state; scripts see the fields', async () => {
      world = await startWorld(kind, {
        extend: app => {
          const layer = cors({ ...corsFields, origin: 'https://shop.example' })
          app.middleware.unshift(layer as (typeof app.middleware)[number])
        },
      })
      const link = await world.link()
      const ask = {
        Origin: 'https://shop.example',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'poe,content-type',
      }
      const preflight = async () => {
        const answer = await world.send('OPTIONS', link, { headers: ask })
        expect(answer.status).to.equal(204)
        expect(answer.headers.get('Access-Control-Allow-Methods')).to.contain('POST')
        expect(answer.headers.get('Access-Control-Allow-Headers')?.toLowerCase()).to.contain('poe')
      }
      await preflight()
      const headers = { Origin: 'https://shop.example' }
      const first = await world.send('POST', link, { json: {}, headers })
      expect(first.status).to.equal(201)
      expect(first.headers.get('Access-Control-Expose-Headers')).to.contain('POE-Links')
      await preflight()
      for (const method of ['PATCH', 'DELETE']) {
        const refused = await world.send(method, link)
        expect([refused.status, allowed(refused)]).to.deep.equal([405, ['GET', 'HEAD', 'OPTIONS']])
      }
      expect(world.runs).to.equal(1)
    })

    it('[CACHE-03] without a CORS layer a preflight is nobody’s, and changes nothing', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const headers = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' }
      expect((await world.send('OPTIONS', link, { headers })).status).to.be.oneOf([200, 204, 404])
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    })
  })
}
