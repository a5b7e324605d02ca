/** What peers promise of such a door, as scenarios of our own; see spec-notes/peers.md. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { Context } from 'koa'
import { rawRequest, requestBytes } from 'post-once-exactly/testing'
import { storeSwitch } from '../../support/around-store.js'
import { ask, post } from '../../support/ask.js'
import { latch, until } from '../../support/meeting.js'
import { EVERY_STORE, LOCAL_STORES, nameOf, startWorld } from '../../support/world.js'
import { doorOptions, isReplay, type KeySite, keySite, MEMORY, pay } from './key-site.js'

const JSON_TYPE = { 'Content-Type': 'application/json' }
const BODY = '{"amount":1}'
const open: KeySite[] = []

async function site(options: Parameters<typeof keySite>[0] = {}): Promise<KeySite> {
  const made = await keySite(options)
  open.push(made)
  return made
}

function send(there: KeySite, headers: Readonly<Record<string, string>> = {}, body = BODY) {
  return pay(there, body, { ...JSON_TYPE, ...headers })
}

afterEach(() => Promise.all(open.splice(0).map(each => each.close())))

for (const kind of EVERY_STORE) {
  describe(`what peers promise, on ${nameOf(kind)}`, () => {
    it('[IK-2.6-2] a repeat gets status, fields and bytes of the first, and a mark', async () => {
      const there = await site({ kind })
      const first = await send(there)
      const again = await send(there)
      expect(first.status).to.equal(201)
      expect(isReplay(first)).to.equal(false)
      expect(isReplay(again)).to.equal(true)
      for (const name of ['status', 'text'] as const) expect(again[name]).to.equal(first[name])
      for (const name of ['Location', 'Content-Type', 'Content-Length']) {
        expect(again.field(name), name).to.be.a('string').and.equal(first.field(name))
      }
      expect(there.seen).to.have.lengthOf(1)
    })

    it('[RACE-01, IK-2.6-3] of 12 at once one runs; the others are told so', async () => {
      const there = await site({ kind })
      const all = await Promise.all(Array.from({ length: 12 }, () => send(there)))
      expect(there.seen).to.have.lengthOf(1)
      const firsts = all.filter(answer => answer.status === 201 && !isReplay(answer))
      expect(firsts).to.have.lengthOf(1)
      for (const answer of all.filter(({ status }) => status !== 201)) {
        expect(answer.status).to.equal(409)
        expect(Number(answer.field('Retry-After'))).to.be.at.least(1)
      }
    })

    it('[FAIL-07] a store that is away is 503, nothing runs, and it works afterwards', async () => {
      const lever = storeSwitch()
      const there = await site({ kind, wrapStore: lever.wrap })
      lever.mode = 'down'
      const refused = await send(there)
      expect(refused.status).to.equal(503)
      expect(Number(refused.field('Retry-After'))).to.be.at.least(1)
      expect(there.seen).to.deep.equal([])
      lever.mode = 'up'
      await until(async () => (await send(there)).status === 201, 'it works again')
      expect(there.seen).to.have.lengthOf(1)
    })

    it('a store that goes while the handler runs costs no second effect', async () => {
      const lever = storeSwitch()
      const there = await site({
        kind,
        wrapStore: lever.wrap,
        poe: { recordForMs: 50 },
        handle: ctx => {
          lever.mode = 'down'
          ctx.status = 201
          ctx.body = 'done'
        },
      })
      await send(there)
      lever.mode = 'up'
      await until(async () => (await send(there)).status < 500, 'the store is back')
      const answer = await send(there)
      expect(answer.status).to.be.oneOf([201, 409])
      expect(there.seen).to.have.lengthOf(1)
    })
  })
}

for (const kind of LOCAL_STORES) {
  it(`[IK-2.3-1] a key that has expired is new, on ${nameOf(kind)}`, async () => {
    let now = Date.parse('2026-10-21T12:00:00Z')
    const there = await site({ kind, now: () => now, door: { retentionMs: 60_000 } })
    await send(there)
    now += 59_000
    expect(isReplay(await send(there))).to.equal(true)
    now += 2_000
    const again = await send(there, {}, '{"amount":2}')
    expect(again.status).to.equal(201)
    expect(isReplay(again)).to.equal(false)
    expect(there.seen).to.have.lengthOf(2)
  })
}

describe('what peers promise of keys', () => {
  it('[IK-2.7-1] a key that is demanded and missing is 400; one that is not passes', async () => {
    const none = { 'Idempotency-Key': '' }
    const demanding = await site()
    const { port } = demanding
    const missing = await ask({ port }, 'POST', '/pay', { body: BODY, headers: JSON_TYPE })
    expect(missing.status).to.equal(400)
    expect(missing.json()).to.include({ type: 'urn:post-once-exactly:problem:key-missing' })
    expect((await send(demanding, none)).status).to.equal(400)
    expect(demanding.seen).to.deep.equal([])
    const optional = await site({ door: { required: false } })
    for (let count = 1; count < 3; count += 1) {
      const asked = { body: BODY, headers: JSON_TYPE }
      const answer = await ask(optional, 'POST', '/pay', asked)
      expect(answer.status).to.equal(201)
      expect(optional.seen).to.have.lengthOf(count)
    }
  })

  it('[IK-2.1-5] too long a key is 400; too short a one where the door says so', async () => {
    const there = await site({ door: { format: /^.{21,}$/ } })
    for (const key of [`"${'k'.repeat(256)}"`, '"short"']) {
      const answer = await send(there, { 'Idempotency-Key': key })
      expect(answer.status).to.equal(400)
      expect(answer.field('Content-Type')).to.include('application/problem+json')
    }
    expect((await send(there, { 'Idempotency-Key': `"${'k'.repeat(21)}"` })).status).to.equal(201)
  })

  it('[IK-2.1-2] two lines of the field are 400; a comma inside quotes is a key', async () => {
    const there = await site()
    const lines = [
      ['Content-Type', 'application/json'],
      ['Idempotency-Key', '"a"'],
      ['Idempotency-Key', '"a"'],
    ] as const
    const bytes = requestBytes({ method: 'POST', path: '/pay', headers: lines, body: BODY })
    const { response } = await rawRequest({ port: there.port, bytes })
    expect(response?.status).to.equal(400)
    expect((await send(there, { 'Idempotency-Key': '"a,b"' })).status).to.equal(201)
    expect(there.seen).to.have.lengthOf(1)
  })

  it('[IK-5-3, IK-5-4, BIND-03] another caller with the same key is another request', async () => {
    const there = await site({ handle: ctx => (ctx.body = ctx.get('X-User')) })
    for (const user of ['ann', 'bob']) {
      expect((await send(there, { 'X-User': user })).text).to.equal(user)
      const again = await send(there, { 'X-User': user })
      expect([again.text, isReplay(again)]).to.deep.equal([user, true])
    }
    expect(there.seen).to.have.lengthOf(2)
  })

  it('[BIND-01, RACE-09] each operation has its own keys; a key has one path', async () => {
    const runs: string[] = []
    const world = await startWorld(MEMORY, {
      extend: (_app, router, once) => {
        for (const name of ['payments', 'refunds']) {
          router.post(`/${name}/:id`, once.idempotencyKey(doorOptions({ name })), ctx => {
            runs.push(ctx.path)
            ctx.body = ctx.path
          })
        }
      },
    })
    const to = async (path: string) => {
      const { status, text } = await post(world, path, {}, { 'Idempotency-Key': '"k"' })
      return status === 200 ? text : status
    }
    const both = ['/payments/1', '/refunds/1']
    expect(await Promise.all(both.map(to))).to.deep.equal(both)
    expect(await Promise.all(both.map(to))).to.deep.equal(both)
    expect(await to('/payments/2')).to.equal(422)
    expect(runs.sort()).to.deep.equal(both)
    await world.close()
  })

  it('the handler is told the name of its record, and nobody the key of the client', async () => {
    const there = await site({ see: ctx => ctx.poe.key })
    const key = 'a-secret-of-the-client'
    await send(there, { 'Idempotency-Key': key })
    const [name] = there.seen
    expect(name)
      .to.be.a('string')
      .and.match(/^key:pay:/)
    expect(JSON.stringify([name, there.world.events])).to.not.include(key)
  })

  it('an id out of the content names a webhook, and other members do not count', async () => {
    const there = await site({
      makeDoor: once =>
        once.replay({
          name: 'hook',
          key: ctx => (ctx.request as { body?: { id?: string } }).body?.id,
          retentionMs: 86_400_000,
          fingerprint: ['/type'],
          dangerouslyNotDurable: true,
        }),
    })
    const hook = (id: string, type: string, at: number) =>
      ask(there, 'POST', '/pay', { body: JSON.stringify({ id, type, at }), headers: JSON_TYPE })
    expect((await hook('evt_1', 'paid', 1)).status).to.equal(201)
    expect(isReplay(await hook('evt_1', 'paid', 2))).to.equal(true)
    expect((await hook('evt_1', 'failed', 3)).status).to.equal(422)
    expect((await hook('evt_2', 'paid', 4)).status).to.equal(201)
    expect((await ask(there, 'POST', '/pay', { body: '{}', headers: JSON_TYPE })).status).to.equal(
      400,
    )
    expect(there.seen).to.have.lengthOf(2)
  })
})

describe('what peers promise of a second request', () => {
  it('[IK-2.7-2] other content is 422, also while the first is running', async () => {
    const go = latch()
    const there = await site({
      handle: async ctx => {
        await go.opened
        ctx.body = 'done'
      },
    })
    const first = send(there)
    await until(() => there.seen.length === 1, 'the first is running')
    expect((await send(there, {}, '{"amount":2}')).status).to.equal(422)
    const same = await send(there)
    expect(same.status).to.equal(409)
    expect(same.json()).to.include({ type: 'urn:post-once-exactly:problem:running' })
    go.open()
    expect((await first).status).to.equal(200)
    expect((await send(there, {}, '{"amount":2}')).status).to.equal(422)
    expect(isReplay(await send(there))).to.equal(true)
    expect(there.seen).to.have.lengthOf(1)
  })

  it('one that may wait is told the end of the first', async () => {
    const go = latch()
    const there = await site({
      door: { waitMs: 5_000 },
      handle: async ctx => {
        await go.opened
        ctx.body = 'done'
      },
    })
    const first = send(there)
    await until(() => there.seen.length === 1, 'the first is running')
    const second = send(there)
    go.open()
    expect((await Promise.all([first, second])).map(({ text }) => text)).to.deep.equal([
      'done',
      'done',
    ])
    expect(isReplay(await second)).to.equal(true)
  })

  it('[FAIL-01, FAIL-03] a refusal or a reported failure leaves the key free', async () => {
    for (const status of [400, 402, 422, 500, 503]) {
      for (const how of ['answers', 'throws'] as const) {
        const there = await site({
          door: { reports: [500] },
          handle: (ctx, count) => {
            if (count === 1 && how === 'throws') ctx.throw(status)
            ctx.status = count === 1 ? status : 201
            ctx.body = 'x'
          },
        })
        expect((await send(there)).status).to.equal(status)
        const again = await send(there)
        expect([again.status, isReplay(again)], `${how} ${status}`).to.deep.equal([201, false])
      }
    }
  })

  it('a surprise leaves it free only by option; else nothing runs again unseen', async () => {
    const surprise = (ctx: Context, count: number) => {
      if (count === 1) throw new Error('surprise')
      ctx.status = 201
    }
    const free = await site({ door: { releaseOnThrow: true }, handle: surprise })
    expect((await send(free)).status).to.equal(500)
    expect((await send(free)).status).to.equal(201)
    const safe = await site({ handle: surprise })
    expect((await send(safe)).status).to.equal(500)
    const again = await send(safe)
    expect(again.status).to.equal(409)
    expect(again.json()).to.include({ type: 'urn:post-once-exactly:problem:undecided' })
    expect(safe.seen).to.have.lengthOf(1)
  })

  it('[FAIL-03] failures are kept by option, and told again', async () => {
    const there = await site({ door: { kept: 'every' }, handle: ctx => ctx.throw(503, 'later') })
    expect((await send(there)).status).to.equal(503)
    const again = await send(there)
    expect([again.status, isReplay(again)]).to.deep.equal([503, true])
    expect(there.seen).to.have.lengthOf(1)
  })

  it('[LOCK-03] a handler that changes body, path and user does not lose its key', async () => {
    const there = await site({
      handle: ctx => {
        Object.assign((ctx.request as { body?: object }).body ?? {}, { processed: true })
        ctx.path = '/elsewhere'
        ctx.req.headers['x-user'] = 'somebody'
        ctx.req.headers['idempotency-key'] = '"other"'
        ctx.body = 'done'
      },
    })
    expect((await send(there)).text).to.equal('done')
    expect(isReplay(await send(there))).to.equal(true)
    expect(there.seen).to.have.lengthOf(1)
  })
})

describe('what peers promise of answers', () => {
  const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 131) % 256))
  const hash = (body: Buffer) => createHash('sha256').update(body).digest('hex')
  const twice = Buffer.concat([bytes, bytes])
  const none = Buffer.alloc(0)
  const answers: readonly (readonly [string, number, () => unknown, Buffer])[] = [
    ['binary', 200, () => bytes, bytes],
    ['a stream', 200, () => Readable.from([bytes, bytes]), twice],
    ['a Blob', 200, () => new Blob([bytes], { type: 'image/png' }), bytes],
    ['text', 201, () => 'grüße', Buffer.from('grüße')],
    ['JSON', 200, () => [null], Buffer.from('[null]')],
    ['204', 204, () => null, none],
    ['205', 205, () => null, none],
    ['202 and nothing', 202, () => '', none],
    ['303', 303, () => 'see there', Buffer.from('see there')],
  ]
  for (const [what, status, give, body] of answers) {
    it(`${what}: the same to the last byte, the first time and again`, async () => {
      const there = await site({
        handle: ctx => {
          ctx.body = give()
          ctx.status = status
          ctx.set('Location', '/orders/1')
        },
      })
      const all = [await send(there), await send(there), await send(there)]
      expect(all.map(each => each.status)).to.deep.equal([status, status, status])
      expect(all.map(each => hash(each.body))).to.deep.equal(Array(3).fill(hash(body)))
      for (const name of ['Content-Type', 'Location']) {
        expect(new Set(all.map(each => each.field(name))).size, name).to.equal(1)
      }
      expect(all.map(isReplay)).to.deep.equal([false, true, true])
      expect(there.seen).to.have.lengthOf(1)
    })
  }

  it('Set-Cookie goes to the first alone; fields of the application’s by option', async () => {
    const there = await site({
      poe: { recordedFields: ['X-Order'] },
      handle: ctx => {
        ctx.cookies.set('session', 'secret')
        ctx.set({ 'X-Order': '7', 'X-Other': '8', ETag: '"v1"' })
        ctx.body = 'done'
      },
    })
    const first = await send(there)
    expect(first.field('Set-Cookie')).to.be.a('string').and.include('secret')
    const again = await send(there)
    expect(again.field('Set-Cookie')).to.equal(null)
    expect(again.field('X-Order')).to.equal('7')
    expect(again.field('X-Other')).to.equal(null)
    expect(again.field('ETag')).to.equal('"v1"')
  })

  it('[LOCK-07] a handler that writes past Koa is done, and its key says so', async () => {
    const there = await site({
      handle: ctx => {
        ctx.respond = false
        ctx.res.statusCode = 201
        ctx.res.setHeader('Location', '/orders/1')
        ctx.res.end('written')
      },
    })
    const first = await send(there)
    expect([first.status, first.text]).to.deep.equal([201, 'written'])
    const again = await send(there)
    expect(again.status).to.be.oneOf([201, 303])
    expect(again.field('Location')).to.equal('/orders/1')
    expect(isReplay(again)).to.equal(true)
    expect(there.seen).to.have.lengthOf(1)
  })

  it('[LOCK-07] without a Location it is told that it is done', async () => {
    const there = await site({
      handle: ctx => {
        ctx.respond = false
        ctx.res.statusCode = 200
        ctx.res.end('written')
      },
    })
    expect((await send(there)).text).to.equal('written')
    const again = await send(there)
    expect(again.status).to.equal(409)
    expect(again.json()).to.include({ type: 'urn:post-once-exactly:problem:body-not-kept' })
    expect(there.seen).to.have.lengthOf(1)
  })

  it('a mark that a client sends is its own affair', async () => {
    const there = await site()
    const answer = await send(there, { 'Idempotent-Replayed': 'true' })
    expect(isReplay(answer)).to.equal(false)
  })

  it('[IK-2.7-4] each refusal is a problem document', async () => {
    const there = await site()
    await send(there)
    for (const [headers, body, status] of [
      [{ 'Idempotency-Key': '"' }, BODY, 400],
      [{}, '{}', 422],
    ] as const) {
      const answer = await send(there, headers, body)
      expect(answer.status).to.equal(status)
      expect(answer.field('Content-Type')).to.be.a('string').and.include('problem+json')
      expect(answer.json()).to.include({ status, instance: '/pay' })
    }
  })
})
