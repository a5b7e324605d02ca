/** The live page without a browser: what each experiment does and tells, and its limits. */
import { join } from 'node:path'
import { expect } from 'chai'
import { withFolder, withShop } from '../support.js'
import type { Ledgers, Step } from './steps.js'
import { startLive, type Visitor, visitorOf, withLive } from './support.js'

/** How many orders each ledger has when an experiment is ended. */
async function countsOf(visitor: Visitor, run: string): Promise<[number, number]> {
  const answer = await visitor.ask(`/live/runs/${run}/end`, { method: 'POST' })
  const { ordinary, once } = (await answer.json()) as Ledgers
  return [ordinary.length, once.length]
}

/** The kinds of a form's steps. */
function kindsOf(steps: readonly Step[], side: string): string[] {
  return steps.flatMap(step => ('side' in step && step.side === side ? [step.kind] : []))
}

const isEnd = ({ kind }: Step) => kind === 'end'

describe('live shop: experiments', () => {
  it('drop: 2 orders by the ordinary form, 1 by the link', () =>
    withLive(async visitor => {
      const { run, ordinary, once } = await visitor.begin('drop')
      for (const address of [ordinary, once]) {
        expect(await visitor.press(address)).to.equal(null)
      }
      expect((await visitor.press(ordinary, 'again'))?.status).to.equal(303)
      const again = await visitor.press(once, 'again')
      expect(again?.status).to.equal(405)
      expect(again?.headers.get('Link')).to.match(/^<\/orders\/1>/)
      expect(await countsOf(visitor, run)).to.deep.equal([2, 1])

      const steps = await visitor.steps(isEnd)
      const written = ['request', 'effect']
      expect(kindsOf(steps, 'ordinary')).to.deep.equal([...written, 'lost', ...written, 'answer'])
      expect(kindsOf(steps, 'once')).to.deep.equal([...written, 'lost', 'request', 'answer'])
      const answer = steps.findLast(step => step.kind === 'answer')
      expect(answer).to.deep.include({ status: 405, side: 'once' })
      expect(answer?.kind === 'answer' && answer.fields).to.include({ Allow: 'GET, HEAD, OPTIONS' })
    }))

  it('slow: the second press of a link waits for the first, and learns its order', () =>
    withLive(async visitor => {
      const { run, ordinary, once } = await visitor.begin('slow')
      const both = async (address: string) => {
        const first = visitor.press(address)
        await visitor.steps(step => step.kind === 'request' && step.path === address)
        return (await Promise.all([first, visitor.press(address, 'impatient')])).map(a => a?.status)
      }
      const statuses = await Promise.all([both(ordinary), both(once)])
      expect(statuses).to.deep.equal([
        [303, 303],
        [303, 405],
      ])
      expect(await countsOf(visitor, run)).to.deep.equal([2, 1])
      const steps = await visitor.steps(isEnd)
      const waiting = steps.filter(step => step.kind === 'request' && step.waits)
      expect(kindsOf(waiting, 'once')).to.deep.equal(['request'])
    }))

  it('client: a retry helper orders 4 times by the ordinary form, once by the link', () =>
    withLive(async visitor => {
      const { run, ...addresses } = await visitor.begin('client')
      const body = new URLSearchParams({ ...addresses, sku: 'tea', qty: '1' })
      const done = await visitor.ask(`/live/runs/${run}/client`, { method: 'POST', body })
      expect(done.status).to.equal(204)
      expect(await countsOf(visitor, run)).to.deep.equal([4, 1])
    }))

  it('tabs: three of them that retry make 6 orders, and 1', () =>
    withLive(async visitor => {
      const { run, ordinary, once } = await visitor.begin('tabs')
      const tab = async (address: string, number: number) => {
        const first = await visitor.press(address, `tab-${number}`)
        return first ?? (await visitor.press(address, `tab-${number}-again`))
      }
      await Promise.all([ordinary, once].flatMap(to => [1, 2, 3].map(number => tab(to, number))))
      expect(await countsOf(visitor, run)).to.deep.equal([6, 1])
    }))

  it('none and double: what is pressed is told, and nothing is taken away', () =>
    withLive(async visitor => {
      for (const fault of ['none', 'double'] as const) {
        const { run, ordinary, once } = await visitor.begin(fault)
        const statuses: unknown[] = []
        for (const address of [ordinary, ordinary, once, once]) {
          statuses.push((await visitor.press(address, 'hand'))?.status)
        }
        expect(statuses).to.deep.equal([303, 303, 303, 405])
        expect(await countsOf(visitor, run)).to.deep.equal([2, 1])
      }
    }))

  it('a link that took every POST would be seen: its ledger counts rows', () =>
    withLive(async visitor => {
      const { run } = await visitor.begin('none')
      // Two links are two orders, as two rows.
      for (let count = 0; count < 2; count += 1) {
        const basket = await visitor.ask('/basket', { headers: { Accept: 'application/json' } })
        const { link } = (await basket.json()) as { link: string }
        expect((await visitor.press(link))?.status).to.equal(303)
      }
      expect(await countsOf(visitor, run)).to.deep.equal([0, 2])
    }))

  it('visitors see their own experiments only', () =>
    withLive(async visitor => {
      const { run } = await visitor.begin('drop')
      const other = visitorOf(visitor.origin, 'ben')
      expect((await other.ask(`/live/runs/${run}/end`, { method: 'POST' })).status).to.equal(404)
      const { ordinary } = await other.begin('none')
      expect((await other.press(ordinary))?.status).to.equal(303)
      expect((await visitor.ask('/live/orders/1')).status).to.equal(404)
      const steps = await other.steps(({ kind }) => kind === 'answer')
      expect(steps.map(step => step.visitor)).to.satisfy((all: string[]) => new Set(all).size === 1)
    }))
})

describe('live shop: limits', () => {
  it('is not there in a shop that was not started as the demonstration', () =>
    withShop(async agent => {
      for (const path of ['/live', '/live/events', '/live/live.css', '/live/orders/1']) {
        expect((await agent.get(path)).status).to.equal(404)
      }
      for (const path of ['/live/orders', '/live/runs', '/live/runs/1/end']) {
        expect((await agent.post(path).send({ fault: 'crash' })).status).to.equal(404)
      }
    }))

  it('pages of other sites, and other names for this host, are refused', () =>
    withLive(async visitor => {
      const headers = { Origin: 'https://elsewhere.example' }
      for (const path of ['/live/runs', '/live/orders', '/live/runs/1/client']) {
        expect((await visitor.ask(path, { method: 'POST', headers })).status, path).to.equal(403)
      }
      for (const [site, status] of [
        ['cross-site', 403],
        ['same-site', 403],
        ['same-origin', 404],
      ] as const) {
        const form = { Origin: 'null', 'Sec-Fetch-Site': site }
        const answer = await visitor.ask('/live/runs/1/end', { method: 'POST', headers: form })
        expect(answer.status, site).to.equal(status)
      }
      const { origin } = visitor
      const body = new URLSearchParams({ fault: 'none' })
      const own = await visitor.ask('/live/runs', {
        method: 'POST',
        body,
        headers: { Origin: origin },
      })
      expect(own.status).to.equal(201)
      expect(await statusWithHost(origin, 'rebound.example')).to.equal(403)
      expect(await statusWithHost(origin, 'localhost')).to.equal(200)
    }))

  it('Demo-Fault from outside is not obeyed', () =>
    withLive(async visitor => {
      const { once } = await visitor.begin('none')
      const headers = { 'Demo-Fault': 'fail=500' }
      const body = new URLSearchParams({ sku: 'tea', qty: '1' })
      expect((await visitor.ask(once, { method: 'POST', body, headers })).status).to.equal(303)
    }))

  it('experiments are refused when they come too fast, and unknown ones always', () =>
    withLive(async visitor => {
      const begin = (fault: string) => {
        const body = new URLSearchParams({ fault })
        return visitor.ask('/live/runs', { method: 'POST', body })
      }
      expect((await begin('explode')).status).to.equal(422)
      expect([(await begin('crash')).status, (await begin('crash')).status]).to.deep.equal([
        201, 429,
      ])
      const statuses = await Promise.all(Array.from({ length: 31 }, () => begin('none')))
      const tooMany = statuses.filter(({ status }) => status === 429)
      expect(tooMany.length).to.equal(2)
      expect(Number(tooMany[0]?.headers.get('Retry-After'))).to.be.within(1, 60)
    }))

  it('a visitor of a browser is known again by a cookie', () =>
    withLive(async ({ origin }) => {
      const page = await fetch(`${origin}/live`, { headers: { Accept: 'text/html' } })
      const cookie = page.headers.get('Set-Cookie') ?? ''
      expect(cookie).to.match(/^demo-visitor=visitor-[\w-]{6}; path=\/; samesite=lax; httponly$/)
      const headers = { Accept: 'text/html', Cookie: cookie.split(';')[0] ?? '' }
      const again = await fetch(`${origin}/basket`, { headers })
      expect(again.headers.get('Set-Cookie')).to.equal(null)
      expect(await again.text()).to.include(`Shopping as ${headers.Cookie.split('=')[1]}`)
      const json = await fetch(`${origin}/basket`, { headers: { Accept: 'application/json' } })
      expect(json.headers.get('Set-Cookie')).to.equal(null)
    }))

  it('the page has a script of its own and nothing inline', () =>
    withLive(async visitor => {
      const page = await visitor.ask('/live')
      expect(page.headers.get('Content-Security-Policy')).to.equal(
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; " +
          "frame-ancestors 'none'; script-src 'self'; connect-src 'self'",
      )
      const text = await page.text()
      expect(text).not.to.match(/<script(?! type="module" src=")|<style|\son\w+=|\sstyle=/)
      expect(text).to.match(/<tr><th scope="row">p-retry <small>7\.[\d.]+<\/small><\/th>/)
      for (const name of ['main', 'draw', 'experiments', 'words']) {
        const module = await visitor.ask(`/live/page/${name}.js`)
        expect(module.headers.get('Content-Type')).to.match(/javascript/)
        expect(await module.text()).not.to.match(/import type|: string\b/)
      }
      expect((await visitor.ask('/live/page/process.js')).status).to.equal(404)
    }))
})

describe('live shop: the server is killed', () => {
  it('2 orders by the ordinary form, 1 by the link; the process is another one', () =>
    withFolder(async folder => {
      const shop = await startLive({ POE_STORE: `sqlite:${join(folder, 'shop.db')}` })
      try {
        const visitor = visitorOf(shop.origin, 'ann')
        const { run, ordinary, once } = await visitor.begin('crash')
        const statuses: unknown[] = []
        for (const address of [ordinary, once]) {
          expect(await visitor.press(address)).to.equal(null)
          await untilOpen(visitor)
          statuses.push((await visitor.press(address, 'again'))?.status)
        }
        expect(statuses).to.deep.equal([303, 405])
        expect(await countsOf(visitor, run)).to.deep.equal([2, 1])

        const steps = await visitor.steps(isEnd)
        const pids = steps.flatMap(step => ('pid' in step ? [[step.kind, step.pid] as const] : []))
        expect(pids.map(([kind]) => kind)).to.deep.equal(['killed', 'started', 'killed', 'started'])
        const [first, second, third, fourth] = pids.map(([, pid]) => pid)
        expect(second).to.equal(third)
        expect(new Set([first, second, fourth]).size).to.equal(3)
        for (const pid of [first, second]) expect(() => process.kill(Number(pid), 0)).to.throw()
        expect(steps.map(({ id }) => id)).to.deep.equal(steps.map((_step, index) => index + 1))
      } finally {
        expect(await shop.end()).to.equal(0)
      }
    }))

  it('is not offered where a store keeps nothing', async () => {
    const shop = await startLive({ POE_STORE: 'memory:' })
    try {
      const visitor = visitorOf(shop.origin, 'ann')
      expect(await visitor.begin('crash').then(String, String)).to.include('409')
      expect(await (await visitor.ask('/live')).text()).to.include('keeps nothing over a crash')
    } finally {
      await shop.end('SIGINT')
    }
  })

  it('ends with a setting that cannot be used, and says which', async () => {
    const started = startLive({ POE_STORE: 'shop.db' })
    expect(await started.then(String, String)).to.include('did not start')
  })
})

async function untilOpen(visitor: Visitor): Promise<void> {
  const untilMs = Date.now() + 20_000
  while (Date.now() < untilMs) {
    if (
      await visitor.ask('/ledger').then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('the shop did not come back')
}

/** `fetch` names the host by itself. */
async function statusWithHost(origin: string, host: string): Promise<number | undefined> {
  const { request } = await import('node:http')
  return await new Promise((resolve, reject) => {
    const headers = { Host: host, Accept: 'text/html' }
    const asked = request(`${origin}/live`, { headers }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asked.on('error', reject).end()
  })
}
