/**
 * The independent server is right, in each of its styles.
 */
import { expect } from 'chai'
import { until } from '../../support/meeting.js'
import { startIndependent } from './independent.js'
import { linkIn, ORDER, type Probe, probe, wait } from './probe.js'

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const HTML = { Accept: 'text/html,*/*;q=0.8' }

for (const style of ['draft', 'mint', 'header'] as const) {
  describe(`the independent server, in the style ${style}`, () => {
    let at: Probe
    before(async () => {
      at = probe(await startIndependent({ style, waitMs: 150 }))
    })
    after(() => at.server.close())

    it('hands out a link that cannot be guessed, in the field and in the body', async () => {
      const page = await at.page()
      const link = linkIn(page)
      expect(page.field('POE-Links')).to.equal(`"${link}"`)
      expect(page.field('Cache-Control')).to.equal('private, no-cache')
      expect(page.field('ETag')).to.equal(null)
      expect(link).to.match(/\/12345-[\w-]{22}$/)
      if (style !== 'mint') {
        const head = await at.ask('HEAD', new URL(at.server.page).pathname)
        const { 'poe-links': _, date: _date, ...fields } = page.fields
        expect(head.fields).to.include({ ...fields, date: head.field('Date') })
        expect(head.field('POE-Links')).to.equal(null)
      }
      expect(await at.link()).to.match(/\/12346-/)
    })

    it('takes one order and tells it again', async () => {
      const { link, answer } = await at.used()
      expect(answer.status).to.equal(style === 'header' ? 204 : 201)
      const again = await at.post(link)
      expect(again.status).to.equal(405)
      expect(again.allow).to.deep.equal(['GET', 'HEAD', 'OPTIONS'])
      expect(again.field('Cache-Control')).to.equal('no-store')
      expect(again.field('Location')).to.equal(null)
      const result = answer.field('Location') ?? link
      expect(again.field('Link')).to.include(`<${result}>`).and.include(`anchor="${link}"`)
      expect(again.json()).to.include({ status: 405, result })
      const shown = await at.get(link)
      expect(shown.status).to.equal(style === 'header' ? 204 : 200)
      expect(shown.text).to.equal(answer.text)
      expect(shown.field('Content-Type')).to.equal(answer.field('Content-Type'))
      expect((await at.ask('HEAD', link)).status).to.equal(shown.status)
      expect((await at.ask('OPTIONS', link)).allow).to.deep.equal(again.allow)
    })

    it('is not used up by a look, another method or another user', async () => {
      const link = await at.link()
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
        const looked = await at.ask(method, link)
        expect([looked.status, looked.allow], method).to.deep.equal([405, ['OPTIONS', 'POST']])
      }
      expect((await at.ask('OPTIONS', link)).allow).to.deep.equal(['OPTIONS', 'POST'])
      expect((await at.post(link, { 'X-User': 'eve' })).status).to.equal(404)
      expect((await at.get(link, { 'X-User': 'eve' })).status).to.equal(404)
      expect((await at.post(`${link}x`)).status).to.equal(404)
      expect((await at.post(link)).status).to.be.oneOf([201, 204])
    })

    it('is not used up by a refusal, a reported failure or half a request', async () => {
      const link = await at.link()
      const before = await at.orders()
      const refused = [
        await at.post(link, {}, '{"sku":"","qty":2}'),
        await at.post(link, {}, '{"sku":"tea","qty":100}'),
        await at.post(link, {}, '{"sku"'),
        await at.post(link, {}, 'null'),
        await at.post(link, { 'Content-Type': 'text/plain' }),
        await at.post(link, {}, `{"sku":"tea","qty":2,"x":"${'x'.repeat(70_000)}"}`),
        await at.post(link, { Authorization: 'Basic eDp5' }),
        await at.post(link, { 'X-Fault': 'fail=503' }),
        await at.post(link, { 'X-Fault': 'slow=1, fail=307' }),
      ]
      const statuses = refused.map(({ status }) => status)
      expect(statuses).to.deep.equal([422, 422, 400, 422, 415, 413, 401, 503, 307])
      expect(refused[0]?.field('Content-Type')).to.equal('application/problem+json')
      expect(refused[0]?.allow).to.deep.equal(['OPTIONS', 'POST'])
      await at.leave(link, {}, 4)
      expect(await at.orders()).to.equal(before)
      expect((await at.post(link, FORM, 'sku=tea&qty=2')).status).to.be.oneOf([201, 204])
      expect(await at.orders()).to.equal(before + 1)
    })

    it('lets one of many win', async () => {
      const link = await at.link()
      const before = await at.orders()
      const statuses = await at.race(link, 8)
      expect(statuses.filter(status => status < 300)).to.have.lengthOf(1)
      expect(statuses.filter(status => status === 405)).to.have.lengthOf(7)
      expect(await at.orders()).to.equal(before + 1)
    })

    it('holds a second order while the first runs, and tells a look to come back', async () => {
      const [short, long] = [await at.link(), await at.link()]
      const first = at.post(short, { 'X-Fault': 'slow=150' })
      const second = at.post(long, { 'X-Fault': 'slow=800, fail=500' })
      let looked = await at.get(long)
      await until(async () => {
        looked = await at.get(long)
        return looked.status === 409
      }, 'at work')
      expect(looked.field('Retry-After')).to.equal('1')
      const late = at.post(long)
      expect((await at.post(short)).status).to.equal(405)
      expect((await first).status).to.be.oneOf([201, 204])
      const busy = await late
      expect([busy.status, busy.field('Retry-After')]).to.deep.equal([409, '1'])
      expect((await second).status).to.equal(500)
      expect((await at.post(long)).status).to.be.oneOf([201, 204])
    })

    it('gives the place of a failed order to the one who waits', async () => {
      const link = await at.link()
      const first = at.post(link, { 'X-Fault': 'slow=60, fail=500' })
      await wait(20)
      expect((await at.post(link)).status).to.be.oneOf([201, 204])
      expect((await first).status).to.equal(500)
    })

    it('remembers after a restart', async () => {
      const { link, answer } = await at.used()
      const unspent = await at.link()
      const before = await at.orders()
      await at.server.restart()
      expect(await at.orders()).to.equal(before)
      expect((await at.post(link)).status).to.equal(405)
      expect((await at.get(link)).text).to.equal(answer.text)
      expect((await at.post(unspent)).status).to.be.oneOf([201, 204])
    })

    it('counts the order of one who left, not of one who was cut off by a restart', async () => {
      const [left, cut] = [await at.link(), await at.link()]
      await at.leave(left, { 'X-Fault': 'slow=30' })
      await wait(30)
      expect((await at.post(left)).status).to.equal(405)
      const before = await at.orders()
      await at.leave(cut, { 'X-Fault': 'slow=500' })
      await at.server.restart()
      await wait(500)
      expect(await at.orders()).to.equal(before)
      expect((await at.post(cut)).status).to.be.oneOf([201, 204])
    })

    it('knows no second resource behind another spelling', async () => {
      const { link } = await at.used()
      const dashed = link.replace(/-/, '%2D')
      const same = [dashed, `${link}?again=1`, `http://127.0.0.1:${at.port}${link}`]
      for (const target of same) expect((await at.post(target)).status, target).to.equal(405)
      const other = [`${link}/`, `/${link}`, link.replace(/\/(?=[^/]*$)/, '//'), `${link}%zz`]
      for (const target of other) expect((await at.post(target)).status, target).to.equal(404)
    })

    it('tells of expiry, but of a success first', async () => {
      const unused = await at.link({ 'X-Fault': 'lifetime=400' })
      const used = await at.link({ 'X-Fault': 'lifetime=400' })
      await at.post(used)
      await wait(410)
      expect([(await at.post(unused)).status, (await at.get(unused)).status]).to.deep.equal([
        410, 410,
      ])
      expect((await at.ask('OPTIONS', unused)).allow).to.deep.equal(['OPTIONS'])
      expect((await at.post(used)).status).to.equal(405)
    })

    it('asks for no content that it will refuse', async () => {
      const { link } = await at.used()
      expect(await at.expect(link)).to.match(/^HTTP\/1\.1 405 /)
      expect(await at.expect(await at.link())).to.match(/^HTTP\/1\.1 100 /)
    })

    it('takes no notice of POE, whatever it says', async () => {
      for (const value of ['1', 'x', '', '99999999999999999999', '1, 2']) {
        const link = await at.link({ POE: value })
        expect((await at.post(link, { POE: value })).status, value).to.be.oneOf([201, 204])
        expect((await at.post(link, { POE: value })).status, value).to.equal(405)
      }
    })

    it('speaks HTML to those who read it', async () => {
      const { link, answer } = await at.used(HTML)
      const again = await at.post(link, HTML)
      expect(again.field('Content-Type')).to.match(/^text\/html/)
      if (style === 'mint') return
      expect(answer.status).to.equal(303)
      const shown = await at.get(link)
      expect(shown.status).to.equal(303)
      expect(shown.field('Location')).to.equal(answer.field('Location'))
      const receipt = await at.get(shown.field('Location') ?? '')
      expect(receipt.json()).to.include(JSON.parse(ORDER))
    })
  })
}

describe('the independent server, by option', () => {
  it('answers an empty 201 where that is preferred, and shows it as 303', async () => {
    const at = probe(await startIndependent({ style: 'mint' }))
    const { link, answer } = await at.used({ Prefer: 'return=minimal' })
    expect([answer.status, answer.text]).to.deep.equal([201, ''])
    const shown = await at.get(link)
    expect([shown.status, shown.field('Location')]).to.deep.equal([303, '/receipts/1'])
    await at.server.close()
  })

  it('lets the field decide, and says so on both variants', async () => {
    const at = probe(await startIndependent({ fieldDecides: true }))
    const [without, withField] = [await at.page(), await at.page({ POE: '1' })]
    expect([without.field('Vary'), withField.field('Vary')]).to.deep.equal(['POE', 'POE'])
    expect(without.field('POE-Links')).to.equal(null)
    expect(withField.field('POE-Links')).to.equal(`"${linkIn(withField)}"`)
    await at.server.close()
  })
})
