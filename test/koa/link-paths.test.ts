/** Cases of the kind URI: links that lead where they say. */
import { expect } from 'chai'
import { parsePoeLinks } from 'post-once-exactly'
import { rawRequest, responseOf } from 'post-once-exactly/testing'
import { expectSpent } from '../support/answers.js'
import { ALL_WORLDS, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

const NAMES = ['Ünï', '日本', 'a b', 'a,b', 'a"b', 'a\r\nX-Evil: 1', 'a#frag', 'a%b']

for (const kind of ALL_WORLDS) {
  describe(`links, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[URI-01, POE-3-1, POE-3-9] the link of a page works exactly as given', async () => {
      world = await startWorld(kind)
      const page = await fetch(`${world.base}/page`, { headers: { POE: '1' } })
      const { link } = (await page.json()) as { link: string }
      const { links, conforms } = parsePoeLinks(page.headers.get('POE-Links'), { strict: true })
      expect(conforms, 'the field as strict readers see it').to.equal(true)
      expect(links.map(({ reference }) => reference)).to.deep.equal([link])
      const target = new URL(link, page.url).pathname
      expect((await world.send('POST', target, { json: {} })).status).to.equal(201)
      await expectSpent(await world.send('POST', target, { json: {} }), '/orders/1', target)
    })

    it('[URI-05, POE-3-1, POE-3-2] names and values that no field can hold', async () => {
      world = await startWorld(kind, {
        extend: (_app, router, once) => {
          const path = '/of/:owner/once/:token'
          for (const name of NAMES) {
            once.resource(router, { name, path: `/${NAMES.indexOf(name)}${path}` }, ctx => {
              placeOrder(ctx, world)
              ctx.set('Location', '/orders/a"b>c')
            })
          }
          router.get('/names/:index', ctx => {
            const name = NAMES[Number(ctx.params.index)] ?? ''
            ctx.body = { link: ctx.poe.link(name, { owner: name }) }
          })
        },
      })
      const prefix = new URL(world.base).pathname.replace(/\/$/, '')
      for (const [index, name] of NAMES.entries()) {
        const response = await world.send('GET', `${prefix}/names/${index}`)
        expect(response.status, name).to.equal(200)
        expect(response.headers.has('X-Evil')).to.equal(false)
        const { link } = (await response.json()) as { link: string }
        const field = response.headers.get('POE-Links') ?? ''
        expect(field, name).to.match(/^"[!$-[\]-~]+"$/)
        expect(parsePoeLinks(field, { strict: true }).conforms, name).to.equal(true)
        expect((await world.send('POST', link, { json: {} })).status, name).to.equal(201)
        const again = await world.send('POST', link, { json: {} })
        expect(again.headers.get('Link'), name).to.contain('</orders/a%22b%3Ec>')
      }
    })

    it('[URI-03] no forged host gets into a link', async () => {
      world = await startWorld(kind)
      const hosts = ['evil.example', 'a b', 'shop.example, evil.example']
      for (const host of hosts) {
        const headers = { Host: host, 'X-Forwarded-Host': 'evil.example', Connection: 'close' }
        const path = `${new URL(world.base).pathname}/page`.replace('//', '/')
        const raw = await rawRequest({ port: world.port, path, headers })
        if (raw.response?.status === 400) continue
        expect(responseOf(raw).body.toString()).to.match(/^\{"link":"\/[^/]/)
      }
    })
  })
}

describe('absolute links', () => {
  const kind = { store: 'memory', koa: 3, at: 'root' } as const
  const ask = async (proxy: boolean, headers: Record<string, string>): Promise<string> => {
    const world = await startWorld(kind, {
      poe: { absoluteLinks: true },
      extend: app => {
        app.proxy = proxy
      },
    })
    try {
      const raw = await rawRequest({
        port: world.port,
        path: '/page',
        headers: { ...headers, Connection: 'close' },
      })
      return (JSON.parse(responseOf(raw).body.toString()) as { link: string }).link
    } finally {
      await world.close()
    }
  }

  it('[URI-03] fields that nobody vouches for are ignored', async () => {
    const forged = { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https' }
    const link = await ask(false, { Host: 'shop.example', ...forged })
    expect(link).to.match(/^http:\/\/shop\.example\/orders\/once\//)
  })

  it('[URI-03] of those that a trusted proxy sends, the first value counts', async () => {
    const link = await ask(true, {
      Host: 'inner',
      'X-Forwarded-Host': 'shop.example, evil.example',
      'X-Forwarded-Proto': 'https,http',
    })
    expect(link).to.match(/^https:\/\/shop\.example\/orders\/once\//)
  })

  it('[URI-03] a host that is none leaves the link a path', async () => {
    for (const host of ['a b', 'evil.example/path', '']) {
      expect(await ask(false, { Host: host }), host).to.match(/^\/orders\/once\//)
    }
  })
})
