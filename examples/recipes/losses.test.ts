/** Recipes where the network fails at the worst moments: nothing is lost, doubt is told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { build } from 'esbuild'
import { askLink } from './ask-link.js'
import { HELPERS } from './helpers.js'
import { type OrderQueue, type QueueEntry, syncOrders, type Told } from './with-workbox.js'

type Answer = (asked: IncomingMessage, response: ServerResponse, posts: number) => void

interface Site {
  readonly link: string
  /** How many POSTs arrived at the link. */
  readonly posts: () => number
  /** The paths of all other requests than to the link. */
  readonly others: string[]
}

/** A page at `/` and a link beside it, that answers as a test says. */
async function withSite(answer: Answer, use: (site: Site) => Promise<unknown>): Promise<void> {
  let posts = 0
  const others: string[] = []
  const server = createServer((asked, response) => {
    asked.resume().on('end', () => {
      if (asked.url === '/') {
        response.writeHead(200, { 'poe-links': '"/orders/1"' }).end('page')
        return
      }
      if (asked.url !== '/orders/1') others.push(`${asked.method} ${asked.url}`)
      else if (asked.method === 'POST') posts += 1
      answer(asked, response, posts)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const link = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders/1`
  try {
    await use({ link, posts: () => posts, others })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const USED = { allow: 'GET, HEAD' }

/** A POST that took effect, and then nothing else can be had. */
const SILENT: Answer = ({ method }, response, posts) => {
  if (method === 'POST' && posts > 1) response.writeHead(405, USED).end()
  else response.destroy()
}

/** A site that knows no links: every GET has a page, every POST is refused. */
const STATIC: Answer = ({ method }, response, posts) => {
  if (method === 'GET') response.writeHead(200, USED).end('<h1>Welcome</h1>')
  else if (posts === 1) response.destroy()
  else response.writeHead(405, USED).end()
}

/** The first sending was somebody's in between, and took effect; this is the second one. */
const SENT_TWICE: Answer = ({ method, url }, response) => {
  if (url !== '/orders/1') response.writeHead(404).end()
  else if (method === 'POST') response.writeHead(405, USED).end()
  else response.writeHead(200, USED).end('order 7')
}

/** A session that has run out. */
const LOGIN: Answer = ({ method, url }, response) => {
  if (url === '/login') response.writeHead(200).end('log in')
  else if (method === 'POST') response.writeHead(302, { location: '/login' }).end()
  else response.writeHead(302, { location: '/login' }).end()
}

/** The answer breaks off after it began; the link tells it again. */
const BROKEN: Answer = ({ method, url }, response, posts) => {
  if (url !== '/orders/1') response.writeHead(404).end()
  else if (method === 'GET') response.writeHead(200, USED).end('order 7')
  else if (posts > 1) response.writeHead(405, USED).end()
  else {
    response.writeHead(201, { 'content-length': '7' }).write('ord')
    setTimeout(() => response.destroy(), 20)
  }
}

/** What becomes of it: the text, or the name of what is thrown. */
async function endOf(recipe: (typeof HELPERS)[number]['recipe'], link: string): Promise<string> {
  return await recipe(link, new URL('/', link).href).catch((error: Error) => {
    const { name, message } = error
    const isUnknown = /cannot be told|unknown/i.test(message)
    return isUnknown ? 'unknown' : `${name}: ${message}`
  })
}

describe('recipes in bad weather', () => {
  for (const { name, recipe } of HELPERS) {
    it(`[FALSE-2611] ${name}: the link that shall prove it cannot be asked: unknown`, () =>
      withSite(SILENT, async ({ link }) => expect(await endOf(recipe, link)).to.equal('unknown')))

    it(`[FALSE-2614] ${name}: a login page by redirect is not told as accepted`, () =>
      withSite(LOGIN, async ({ link }) => {
        expect(await endOf(recipe, link)).to.not.match(/log in|accepted/)
      }))

    it(`[FALSE-2612] ${name}: a front that answers every GET proves nothing: unknown`, () =>
      withSite(STATIC, async ({ link }) => expect(await endOf(recipe, link)).to.equal('unknown')))

    it(`[FALSE-2615] ${name}: an answer that breaks off is found again, or is unknown`, () =>
      withSite(BROKEN, async ({ link }) => {
        expect(await endOf(recipe, link)).to.match(/^(?:order 7|unknown)$/)
      }))
  }

  for (const { name, recipe } of HELPERS.filter(one => !/ky|Workbox/.test(one.name))) {
    it(`[FALSE-2613] ${name}: used at the first try, by whomever: unknown, and not refused`, () =>
      withSite(SENT_TWICE, async ({ link }) =>
        expect(await endOf(recipe, link)).to.equal('unknown'),
      ))
  }

  it('[FALSE-2613] ky: a page without a link is not posted to', async () => {
    const ky = HELPERS.find(({ name }) => name.startsWith('ky'))
    let posts = 0
    const server = createServer(({ method }, response) => {
      if (method === 'POST') posts += 1
      response.end('page')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const told = await ky?.recipe('', page).catch((error: Error) => error.message)
    server.close()
    server.closeAllConnections()
    expect([told, posts]).to.deep.equal([`${page} has no link: nothing was sent`, 0])
  })

  it('asking a link never throws', async () => {
    expect(await askLink('http://127.0.0.1:9/once', null)).to.deep.equal({ kind: 'unclear' })
  })
})

describe('the Workbox recipe loses nothing', () => {
  const told: [string, Told][] = []
  const tell = (link: string, how: Told) => void told.push([new URL(link).pathname, how])
  let entries: QueueEntry[] = []
  const queue: OrderQueue = {
    getAll: async () => [...entries],
    shiftRequest: async () => entries.shift(),
    unshiftRequest: async entry => void entries.unshift(entry),
  }
  const init = { method: 'POST', body: '{}' }
  const put = (...links: string[]) => {
    told.length = 0
    entries = links.map((link, timestamp) => ({ request: new Request(link, init), timestamp }))
  }
  const paths = () => entries.map(({ request }) => new URL(request.url).pathname)

  it('[FALSE-4404] it can be bundled for where it runs, which has nothing of Node', async () => {
    const entry = fileURLToPath(new URL('with-workbox.ts', import.meta.url))
    const conditions = ['@post-once-exactly/source']
    const quiet = { write: false, logLevel: 'silent' } as const
    const { errors } = await build({ entryPoints: [entry], bundle: true, conditions, ...quiet })
    expect(errors).to.deep.equal([])
  })

  it('[FALSE-2661] a proof that cannot be had: it stays, sync by sync', () =>
    withSite(SILENT, async ({ link }) => {
      put(link)
      for (let sync = 1; sync <= 3; sync += 1) {
        const failed = await syncOrders(queue, tell).catch((error: Error) => error.message)
        expect([failed, paths(), told]).to.deep.equal([
          'Try the sync again later',
          ['/orders/1'],
          [],
        ])
      }
    }))

  it('[FALSE-2662] a worker that is stopped in the middle of a try: it stays', () =>
    withSite(
      () => {},
      async ({ link, posts }) => {
        put(link)
        void syncOrders(queue, tell).catch(() => {})
        for (let ms = 0; posts() === 0 && ms < 5_000; ms += 10) {
          await new Promise(resolve => setTimeout(resolve, 10))
        }
        expect([posts(), paths()]).to.deep.equal([1, ['/orders/1']])
      },
    ))

  it('[FALSE-4403] a worker that is stopped at any moment: it stays until it is told', () =>
    withSite(SENT_TWICE, async ({ link }) => {
      put(link)
      const stopped: OrderQueue = {
        ...queue,
        shiftRequest: () => {
          entries.shift()
          return new Promise(() => {})
        },
      }
      void syncOrders(stopped, tell)
      const endMs = performance.now() + 5_000
      while (entries.length > 0 && performance.now() < endMs) {
        await new Promise(resolve => setTimeout(resolve, 10))
      }
      expect(told).to.deep.equal([['/orders/1', 'accepted']])
    }))

  it('[FALSE-4403] another worker has taken it out: the next one at its link stays', () =>
    withSite(SENT_TWICE, async ({ link }) => {
      put(link, link)
      let count = 0
      await syncOrders(queue, (_link, how) => {
        tell(link, how)
        count += 1
        if (count === 1) entries.shift()
      })
      expect([count, paths()]).to.deep.equal([2, []])
    }))

  it('[FALSE-2643] what was queued had been sent: used at the first sync is accepted', () =>
    withSite(SENT_TWICE, async ({ link }) => {
      put(link)
      await syncOrders(queue, tell)
      expect([told, paths()]).to.deep.equal([[['/orders/1', 'accepted']], []])
    }))

  it('[FALSE-2624] whoever is told fails: it stays, and is told again', () =>
    withSite(SENT_TWICE, async ({ link }) => {
      put(link)
      const failed = await syncOrders(queue, () => {
        throw new Error('no database')
      }).catch((error: Error) => error.message)
      expect([failed, paths()]).to.deep.equal(['no database', ['/orders/1']])
      await syncOrders(queue, tell)
      expect([told, paths()]).to.deep.equal([[['/orders/1', 'accepted']], []])
    }))

  it('[FALSE-2624] a refusal of the order ends it; a failure of the server does not', () => {
    let status = 500
    return withSite(
      ({ method }, response) => {
        if (method === 'POST') response.writeHead(status).end()
        else response.writeHead(405, { allow: 'POST, OPTIONS' }).end()
      },
      async ({ link }) => {
        put(link)
        await syncOrders(queue, tell).catch(() => {})
        expect([told, paths()]).to.deep.equal([[], ['/orders/1']])
        status = 422
        await syncOrders(queue, tell)
        expect([told, paths()]).to.deep.equal([[['/orders/1', 'refused']], []])
      },
    )
  })
})
