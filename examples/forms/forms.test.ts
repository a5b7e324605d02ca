/** Links and CSRF tokens: what a page of another site, or of another session, can make happen. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { createApp, type Order } from './app.js'

const HTML = { Accept: 'text/html', 'Content-Type': 'application/x-www-form-urlencoded' }

interface Visitor {
  readonly cookie: string
  readonly link: string
  readonly token: string
}

describe('forms: links and CSRF', () => {
  let origin = ''
  let placed: Order[] = []
  let close = () => {}

  beforeEach(async () => {
    placed = []
    const app = createApp({ store: memoryStore(), placed })
    app.silent = true
    const server = createServer(app.callback())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    close = () => server.close()
  })
  afterEach(() => close())

  async function visit(path: string): Promise<Visitor> {
    const response = await fetch(`${origin}${path}`)
    const text = await response.text()
    return {
      cookie: response.headers
        .getSetCookie()
        .map(one => one.split(';', 1)[0])
        .join('; '),
      link: /action="([^"]+)"/.exec(text)?.[1] ?? '',
      token: /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? '',
    }
  }

  const post = (link: string, cookie: string, body: URLSearchParams | FormData) =>
    fetch(`${origin}${link}`, {
      method: 'POST',
      headers: body instanceof FormData ? { Accept: 'text/html', cookie } : { ...HTML, cookie },
      body,
      redirect: 'manual',
    })
  const order = () => new URLSearchParams({ sku: 'tea', qty: '1' })
  const letter = (token: string) => {
    const form = new FormData()
    for (const [name, value] of Object.entries({ sku: 'tea', qty: '1', _csrf: token })) {
      form.append(name, value)
    }
    return form
  }

  it('a link of the attacker’s own session does nothing in the victim’s', async () => {
    const [victim, attacker] = [await visit('/order'), await visit('/order')]
    const forged = await post(attacker.link, victim.cookie, order())
    expect([forged.status, placed]).to.deep.equal([404, []])
    expect((await post(attacker.link, '', order())).status).to.equal(404)
    expect((await post(victim.link, victim.cookie, order())).status).to.equal(303)
    expect(placed).to.have.length(1)
  })

  it('a site that demands its token as well: 403 leaves the link unused', async () => {
    const visitor = await visit('/letter')
    const { link, cookie, token } = visitor
    for (const wrong of ['', 'x', (await visit('/letter')).token]) {
      const refused = await post(link, cookie, letter(wrong))
      expect([refused.status, refused.headers.get('Allow')]).to.deep.equal([403, null])
    }
    expect((await post(link, cookie, letter(token))).status).to.equal(303)
    expect((await post(link, cookie, letter(token))).status).to.equal(405)
    expect(placed).to.have.length(1)
  })

  it('a mistake is led back to the form, and the link stays open', async () => {
    const { link, cookie } = await visit('/order')
    const wrong = await post(link, cookie, new URLSearchParams({ sku: 'tea', qty: '0' }))
    expect(wrong.status).to.equal(303)
    expect(wrong.headers.get('Location')).to.equal('/order?sku=tea&qty=0&wrong=qty')
    expect(wrong.headers.get('Allow')).to.equal('POST, OPTIONS')
    expect((await post(link, cookie, order())).headers.get('Location')).to.equal('/orders/1')
  })

  it('[FALSE-4616] a library that sends the form gets pages where it asks for them', async () => {
    const { link, cookie } = await visit('/order')
    await post(link, cookie, order())
    const again = async (accept: string) => {
      const headers = { Accept: accept, 'HX-Request': 'true', 'HX-Boosted': 'true', cookie }
      const answer = await fetch(`${origin}${link}`, { method: 'POST', headers, body: order() })
      return [answer.status, answer.headers.get('Content-Type')]
    }
    expect(await again('*/*')).to.deep.equal([405, 'application/problem+json'])
    for (const accept of ['text/html', 'text/vnd.turbo-stream.html, text/html, */*']) {
      expect(await again(accept)).to.deep.equal([405, 'text/html; charset=utf-8'])
    }
  })

  it('what was typed is escaped where the form is drawn again', async () => {
    const { link, cookie } = await visit('/order')
    await post(link, cookie, order())
    const sku = '"><script>x</script>'
    const again = await post(link, cookie, new URLSearchParams({ sku, qty: '2' }))
    expect(again.status).to.equal(405)
    expect(await again.text())
      .to.include('&gt;&lt;script&gt;x')
      .and.not.include('<script>x')
  })
})
