/** The shop as a person meets it: forms, pages, Back, reload, and nothing lost. */
import { expect } from 'chai'
import { type Agent, BROWSER, takeLink, withShop } from './support.js'

/** Opens the basket as a browser does, and reads the form's address. */
async function openForm(agent: Agent): Promise<string> {
  const { text } = await agent.get('/basket').set('Accept', BROWSER)
  return actionOf(text)
}

function actionOf(page: string): string {
  return /<form[^>]* action="([^"]+)"/.exec(page)?.[1] ?? ''
}

function submit(agent: Agent, action: string, fields: Record<string, string>) {
  return agent.post(action).type('form').set('Accept', BROWSER).redirects(0).send(fields)
}

describe('shop: ordering in a browser', () => {
  it('[BR-01] press, press again: 303 to the order, then a page with the way to it', () =>
    withShop(async agent => {
      const action = await openForm(agent)
      const placed = await submit(agent, action, { sku: 'tea', qty: '2' })
      expect([placed.status, placed.headers.location]).to.deep.equal([303, '/orders/1'])

      const again = await submit(agent, action, { sku: 'tea', qty: '2' })
      expect(again.status).to.equal(405)
      expect(again.headers['content-type']).to.contain('text/html')
      expect(again.text).to.contain('href="/orders/1"')

      const reload = await agent.get(action).set('Accept', BROWSER).redirects(0)
      expect([reload.status, reload.headers.location]).to.deep.equal([303, '/orders/1'])
      const page = await agent.get('/orders/1').set('Accept', BROWSER)
      expect(page.text).to.contain('<dt>Quantity</dt><dd>2</dd>')
      expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 1 })
    }))

  it('[BR-01] five clicks on a slow form: the last one ends on a page with the order', () =>
    withShop(async agent => {
      const action = await openForm(agent)
      const click = () =>
        submit(agent, action, { sku: 'tea', qty: '2' }).set('Demo-Fault', 'delay=150')
      const pages = await Promise.all([1, 2, 3, 4, 5].map(click))
      for (const { status, headers, text } of pages) {
        if (status === 303) expect(headers.location).to.equal('/orders/1')
        else expect([status, text.includes('href="/orders/1"')]).to.deep.equal([405, true])
      }
      expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 1 })
    }))

  it('[BR-03] Back, edit, submit: told so, and given the edit in a fresh form', () =>
    withShop(async agent => {
      const action = await openForm(agent)
      await submit(agent, action, { sku: 'tea', qty: '10' })
      const edited = await submit(agent, action, { sku: 'tea', qty: '25' })
      expect(edited.status).to.equal(405)
      expect(edited.text).to.contain('href="/orders/1"')
      expect(edited.text).to.contain('value="25"')
      const fresh = actionOf(edited.text)
      expect(fresh)
        .to.match(/^\/orders\/once\//)
        .and.not.equal(action)
      expect((await agent.get('/orders/1')).body.qty).to.equal(10)
      expect((await submit(agent, fresh, { sku: 'tea', qty: '25' })).status).to.equal(303)
      expect((await agent.get('/orders/2')).body.qty).to.equal(25)
    }))

  it('[FAIL-01] a bad form leads back to it, with its fields, what is wrong, a fresh link', () =>
    withShop(async agent => {
      const action = await openForm(agent)
      const sent = await submit(agent, action, { sku: 'tea', qty: '100' })
      expect([sent.status, sent.headers.allow]).to.deep.equal([303, 'POST, OPTIONS'])
      const refused = await agent.get(String(sent.headers.location)).set('Accept', BROWSER)
      expect(refused.status).to.equal(200)
      expect(refused.text).to.contain('value="tea"').and.to.contain('value="100"')
      expect(refused.text).to.contain('qty must be a whole number from 1 to 99')
      expect(refused.text).to.contain('aria-describedby="qty-wrong"')
      const fresh = actionOf(refused.text)
      expect(fresh).not.to.equal(action)
      expect(refused.headers['poe-links']).to.contain(fresh)
      expect((await submit(agent, fresh, { sku: 'tea', qty: '10' })).status).to.equal(303)
      const placed = await submit(agent, action, { sku: 'tea', qty: '10' })
      expect(placed.headers.location).to.equal('/orders/2')
    }))

  it('[FAIL-01] what is too long for an address comes back with the answer', () =>
    withShop(async agent => {
      const action = await openForm(agent)
      const sku = '"<>'.repeat(5_000)
      const refused = await submit(agent, action, { sku, qty: '1' })
      expect([refused.status, refused.headers.allow]).to.deep.equal([422, 'POST, OPTIONS'])
      expect(refused.text).to.contain(`value="${'&quot;&lt;&gt;'.repeat(5_000)}"`)
      expect((await submit(agent, action, { sku: 'tea', qty: '1' })).status).to.equal(303)
    }))

  it('[FAIL-11] someone else in between burns nothing', () =>
    withShop(async agent => {
      const link = await takeLink(agent, 'ann')
      const fields = { sku: 'tea', qty: '2' }
      expect((await submit(agent, link, fields)).status).to.equal(404)
      expect((await agent.get(link).set('Accept', BROWSER)).status).to.equal(404)
      const back = await submit(agent, link, fields).set('X-Demo-User', 'ann')
      expect(back.status).to.equal(303)
      expect((await agent.get('/ledger')).body.orders).to.equal(1)
    }))

  it('[BR-01, FAIL-11] every refusal has the shop’s frame, says what became of it, leads on', () =>
    withShop(async agent => {
      const fields = { sku: '<tea>', qty: '2' }
      const framed = (text: string) => {
        expect(text).to.contain('<a class="brand" href="/">').and.contain('href="/style.css"')
        expect(text).not.to.contain('<tea>')
        return text
      }
      const mine = await openForm(agent)
      const slow = submit(agent, mine, fields).set('Demo-Fault', 'throw')
      expect((await slow).status).to.equal(500)
      expect((await submit(agent, mine, fields)).status).to.equal(303)
      const used = await submit(agent, mine, fields)
      expect(framed(used.text)).to.contain('placed already').and.contain('href="/orders/1"')
      const unused = await agent.get(await openForm(agent)).set('Accept', BROWSER)
      expect([unused.status, /Nothing was ordered/.test(framed(unused.text))]).to.deep.equal([
        405,
        true,
      ])
      const theirs = await submit(agent, await takeLink(agent, 'ann'), fields)
      expect(theirs.status).to.equal(404)
      expect(framed(theirs.text)).to.contain('Nothing was ordered now').and.contain('value="2"')
      expect((await submit(agent, actionOf(theirs.text), fields)).status).to.equal(303)
    }))

  it('escapes whatever was typed, on every page', () =>
    withShop(async agent => {
      const sku = `"><script>alert('1')</script>`
      const typed = await agent.get('/basket').query({ sku, qty: '<' }).set('Accept', BROWSER)
      const wrong = await submit(agent, await openForm(agent), { sku, qty: '<b>' })
      const refused = await agent.get(String(wrong.headers.location)).set('Accept', BROWSER)
      const placed = await submit(agent, await openForm(agent), { sku, qty: '1' })
      expect(placed.status).to.equal(303)
      const repeat = await submit(agent, actionOf(refused.text), { sku, qty: '1' })
      expect(repeat.status).to.equal(303)
      const order = await agent.get('/orders/1').set('Accept', BROWSER)
      const list = await agent.get('/orders').set('Accept', BROWSER)
      for (const { text } of [typed, refused, order, list]) {
        expect(text).to.contain('&quot;&gt;&lt;script&gt;')
        expect(text).not.to.contain('<script').and.not.to.contain('<b>')
      }
    }))

  it('every page has a policy that lets nothing in from elsewhere, and no script', () =>
    withShop(async agent => {
      await agent.post(await takeLink(agent)).send({ sku: 'tea', qty: 1 })
      for (const path of ['/', '/basket', '/orders', '/orders/1', '/ledger', '/nothing']) {
        const page = await agent.get(path).set('Accept', BROWSER)
        expect(page.headers['content-security-policy']).to.match(/^default-src 'none'/)
        expect(page.headers['x-content-type-options']).to.equal('nosniff')
        expect(page.headers.vary).to.match(/\bAccept\b/)
        expect(page.text).to.match(/^<!doctype html>\n<html lang="en">/)
        expect(page.text).not.to.match(/<script|https?:\/\/|\son\w+=/)
      }
      const style = await agent.get('/style.css')
      expect(style.headers['content-type']).to.match(/^text\/css/)
    }))

  it('every field of the form has a label', () =>
    withShop(async agent => {
      const { text } = await agent.get('/basket?sku=tea&qty=3').set('Accept', BROWSER)
      const inputs = [...text.matchAll(/<input id="(\w+)"/g)].map(([, id]) => id)
      expect(inputs).to.deep.equal(['sku', 'qty'])
      for (const id of inputs) expect(text).to.contain(`<label for="${id}">`)
      expect(text).to.contain('value="tea"').and.to.contain('value="3"')
    }))
})
