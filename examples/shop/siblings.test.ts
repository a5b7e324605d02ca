/** The shop's other doors, on every store that is here: each effect once, and the way to it. */
import { expect } from 'chai'
import { sharedPostgres } from '../../test/support/servers/postgres-server.js'
import { sharedRedis } from '../../test/support/servers/redis-server.js'
import { INSTALLED_STORES, type StoreKind } from '../../test/support/stores.js'
import type { StoreSetting } from './settings.js'
import { openStorage } from './storage.js'
import { type Agent, serve, withFolder } from './support.js'

async function withShopOn(kind: StoreKind, use: (agent: Agent) => Promise<void>): Promise<void> {
  await withFolder(async folder => {
    await serve(await openStorage(await settingOf(kind, folder)), use)
  })
}

async function settingOf(kind: StoreKind, folder: string): Promise<StoreSetting> {
  switch (kind) {
    case 'memory':
      return { kind }
    case 'sqlite':
      return { kind, file: `${folder}/shop.db` }
    case 'redis':
      return { kind, url: (await sharedRedis()).url }
    case 'postgres':
      return { kind, url: (await sharedPostgres()).url }
  }
}

let keys = 0
function freshKey(): string {
  keys += 1
  return `${process.pid}-${Date.now()}-${keys}`
}

for (const kind of INSTALLED_STORES) {
  describe(`shop: the other doors, ${kind}`, () => {
    it('[IK-2.6-2] a payment is made once, whatever is sent again, and told again', () =>
      withShopOn(kind, async agent => {
        const before = (await agent.get('/ledger')).body.payments
        const key = freshKey()
        const pay = (amount: number, spelled = `"${key}"`) =>
          agent.post('/payments').set('Idempotency-Key', spelled).send({ amount })
        expect((await agent.post('/payments').send({ amount: 7 })).status).to.equal(400)
        const first = await pay(7)
        const again = await pay(7, key)
        expect(first.status).to.equal(201)
        expect(first.headers.location).to.match(/^\/payments\/\d+$/)
        expect([again.status, again.text]).to.deep.equal([201, first.text])
        expect(again.headers.location).to.equal(first.headers.location)
        expect(again.headers['idempotent-replayed']).to.equal('true')
        const other = await pay(8)
        expect(other.status).to.equal(422)
        expect(other.headers.link).to.equal('</policy>; rel="describedby"')
        expect((await agent.get('/policy')).body.operations[0].operation).to.equal('payment')
        expect((await agent.get(String(first.headers.location))).body.amount).to.equal(7)
        expect((await agent.get('/ledger')).body.payments).to.equal(before + 1)
      }))

    it('[FAIL-01] a bad payment costs nothing: the key is free for the corrected one', () =>
      withShopOn(kind, async agent => {
        const key = freshKey()
        const pay = (amount: unknown) =>
          agent.post('/payments').set('Idempotency-Key', key).send({ amount })
        expect((await pay(-1)).status).to.equal(422)
        expect((await pay(3)).status).to.equal(201)
      }))

    it('[ACT-01, ACT-05] an action: done once, told again, undone once', () =>
      withShopOn(kind, async agent => {
        const count = async () => (await agent.get('/actions')).body.actions
        const before = await count()
        const issued = await agent.post('/actions')
        expect(issued.status).to.equal(201)
        const at = String(issued.headers.location)
        expect(await count()).to.equal(before)
        const first = await agent.put(at).send({ m: 'x' })
        const again = await agent.put(at).send({ m: 'x' })
        expect([first.status, again.status, again.text]).to.deep.equal([201, 201, first.text])
        expect((await agent.put(at).send({ m: 'y' })).status).to.equal(422)
        expect(await count()).to.equal(before + 1)
        expect((await agent.delete(at)).status).to.equal(204)
        expect((await agent.delete(at)).status).to.equal(204)
        expect(await count()).to.equal(before)
        expect((await agent.put(at).send({ m: 'x' })).text).to.equal(first.text)
        expect(await count()).to.equal(before)
      }))

    it('[COND-01] the stock changes only as it was seen, and the caller is told again', () =>
      withShopOn(kind, async agent => {
        const path = `/stock/${freshKey()}`
        const seen = await agent.get(path)
        expect([seen.status, seen.body.quantity]).to.deep.equal([200, 0])
        const add = (tag: string, count = 2, user = 'guest') =>
          agent.post(path).set('If-Match', tag).set('X-Demo-User', user).send({ add: count })
        expect((await agent.post(path).send({ add: 2 })).status).to.equal(428)
        const first = await add(String(seen.headers.etag))
        expect([first.status, first.body.quantity]).to.deep.equal([200, 2])
        const again = await add(String(seen.headers.etag))
        expect([again.status, again.text]).to.deep.equal([200, first.text])
        expect((await add(String(seen.headers.etag), 2, 'ann')).status).to.equal(412)
        expect((await add(String(seen.headers.etag), 3)).status).to.equal(412)
        expect((await add(String(first.headers.etag), -3)).status).to.equal(422)
        expect((await agent.get(path)).body.quantity).to.equal(2)
      }))

    it("[HTTP-07, FALSE-4540] what cannot be read is the client's mistake, never a 500", () =>
      withShopOn(kind, async agent => {
        const send = (type: string, content: string, coding = 'identity') =>
          agent.post('/messages').type(type).set('Content-Encoding', coding).send(content)
        const message = '{"to":"ann","text":"hello"}'
        const answers = [
          await send('json', '{'),
          await send('json', 'null'),
          await send('json', message, 'gzip'),
          await send('json', message, 'unknown'),
          await send('text', message),
          await send('json', `{"to":"ann","text":"${'x'.repeat(70_000)}"}`),
        ]
        expect(answers.map(({ status }) => status)).to.deep.equal([400, 400, 400, 415, 415, 413])
      }))

    it('[DEDUP-01] a message like the last one is suspected, and sent if that is meant', () =>
      withShopOn(kind, async agent => {
        const before = (await agent.get('/ledger')).body.messages
        const message = { to: 'ann', text: `hello ${freshKey()}` }
        const first = await agent.post('/messages').send(message)
        const second = await agent.post('/messages').send(message)
        expect([first.status, second.status]).to.deep.equal([201, 409])
        expect(second.body.result).to.equal(first.headers.location)
        const send = () =>
          agent.post('/messages').set('Duplicate-Override', second.body.override).send(message)
        const meant = await send()
        expect([meant.status, (await send()).text]).to.deep.equal([201, meant.text])
        expect((await agent.get('/ledger')).body.messages).to.equal(before + 2)
      }))
  })
}
