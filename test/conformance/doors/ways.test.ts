/**
 * How each door is spoken to: keys and conditions as they are written, contents that mean something
 * else, adapters, and requests that do not leave the judged server.
 */
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import {
  type AdapterContent,
  AdapterError,
  checkAdapter,
  DOORS,
  runConformance,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import type { ConditionForm, KeyForm } from '../../../lib/conformance/catalogue.js'
import { contentOf } from '../../../lib/conformance/contents.js'
import { spelt } from '../../../lib/conformance/spellings.js'
import { waysOf } from '../../../lib/conformance/ways.js'
import { startPlain, told } from './plain.js'

const url = new URL('http://shop.example/payments')

describe('keys and conditions', () => {
  const key = 'a1-b2'
  const written = (form: KeyForm, adapter: ServerAdapter = {}) =>
    waysOf('idempotency-key', adapter).fields({ key: form }, { url, mark: key })

  it('a key is written in quotes, or as the adapter says', () => {
    expect(written('own')).to.deep.equal({ 'Idempotency-Key': '"a1-b2"' })
    const door = { field: 'X-Key', quoted: false }
    expect(written('own', { door })).to.deep.equal({ 'X-Key': 'a1-b2' })
    expect(written('none')).to.deep.equal({})
    expect(String(written('long')['Idempotency-Key'])).to.have.length(10_002)
    expect(String(written('long', { door })['X-Key'])).to.have.length(10_000)
  })

  for (const [form, value] of [
    ['bare', 'a1-b2'],
    ['parameters', '"a1-b2";p=1'],
    ['unbalanced', '"a1-b2'],
    ['number', '412'],
    ['bytes', ':YTEtYjI=:'],
    ['list', '("a1-b2")'],
    ['trailing', '"a1-b2" x'],
    ['empty', '""'],
    ['blank', ''],
  ] as const) {
    it(`${form}: ${value || 'nothing'}`, () => {
      expect(written(form)['Idempotency-Key']).to.equal(value)
    })
  }

  it('two lines are two lines', () => {
    expect(written('two-lines')['Idempotency-Key']).to.deep.equal(['"a1-b2"', '"a1-b2-2"'])
  })

  for (const [condition, field, value] of [
    ['current', 'If-Match', '"7"'],
    ['any', 'If-Match', '*'],
    ['listed', 'If-Match', '"poe-check-stranger", "7"'],
    ['weak', 'If-Match', 'W/"7"'],
    ['unquoted', 'If-Match', '7'],
    ['stranger', 'If-Match', '"poe-check-stranger"'],
    ['absent', 'If-None-Match', '*'],
    ['unlike', 'If-None-Match', '"7"'],
  ] as const satisfies readonly (readonly [ConditionForm, string, string])[]) {
    it(`${condition}: ${field}: ${value}`, () => {
      const ways = waysOf('conditional', {})
      expect(ways.fields({ condition }, { url, mark: '"7"' })).to.deep.equal({ [field]: value })
      expect(ways.fields({ condition: 'none' }, { url, mark: '"7"' })).to.deep.equal({})
    })
  }

  it('an operation is sent by POST, PUT to action resources, or as the adapter says', () => {
    expect(DOORS.map(door => waysOf(door, {}).method)).to.deep.equal([
      'POST',
      'POST',
      'PUT',
      'POST',
    ])
    const adapter: ServerAdapter = { door: { method: 'PATCH' } }
    const methods = DOORS.map(door => waysOf(door, adapter).method)
    expect(methods).to.deep.equal(['POST', 'PATCH', 'PATCH', 'PATCH'])
  })

  it('[FALSE-4608] an empty last segment', () => {
    expect(spelt(new URL('/actions/7?x=y', url), 'empty')).to.equal('/actions/?x=y')
    expect(spelt(new URL('/actions/7/?x=y', url), 'empty')).to.equal('/actions//?x=y')
    expect(spelt(new URL('/', url), 'empty')).to.equal('/')
  })
})

describe('a content that means something else', () => {
  for (const [valid, other] of [
    [{ json: { sku: 'tea-{n}' } }, '{"sku":"tea-500003"}'],
    [{ json: { sku: 'tea', qty: 2 } }, '{"sku":"tea","qty":3}'],
    [{ json: { sku: 'tea' } }, '{"sku":"tea 2"}'],
    [{ json: { amount: '100' } }, '{"amount":"101"}'],
    [{ form: { amount: '100', to: 'bob' } }, 'amount=101&to=bob'],
    [{ json: [1] }, null],
    [{ json: { list: [] } }, null],
    [{ type: 'text/plain', text: 'tea' }, null],
    [{ type: 'text/plain', text: 'tea {n}' }, 'tea 500003'],
  ] as const satisfies readonly (readonly [AdapterContent, string | null])[]) {
    it(`of ${JSON.stringify(valid)}: ${other ?? 'there is none'}`, () => {
      const found = contentOf({ valid }, 'different', 3)
      expect(found?.bytes.toString() ?? null).to.equal(other)
    })
  }

  it('or what the adapter says', () => {
    const otherValid = { json: { sku: 'milk' } }
    const found = contentOf({ valid: { json: {} }, otherValid }, 'different', 3)
    expect(found?.bytes.toString()).to.equal('{"sku":"milk"}')
  })
})

describe('doors in an adapter', () => {
  for (const [door, says] of [
    [{ method: 'GET' }, /method must be POST, PUT or PATCH/],
    [{ quoted: 'no' }, /quoted must be true or false/],
    [{ required: 1 }, /required must be true or false/],
    [{ field: 'a b' }, /field must be the name of a field/],
    [{ field: 'Host' }, /field must be the name of a field/],
    [{ target: 7 }, /target must be a text/],
    [{ key: 'x' }, /no member key/],
  ] as const) {
    it(`${JSON.stringify(door)} is refused`, () => {
      expect(() => checkAdapter({ door })).to.throw(AdapterError, says)
    })
  }

  it('a target that is no URL, and a door that there is not, are refused', async () => {
    const wrong = [
      [{ url, adapter: { door: { target: 'http://' } } }, /http:\/\/ is no URL/],
      [{ url, door: 'back' }, /door must be one of poe, idempotency-key/],
    ] as const
    for (const [options, says] of wrong) {
      const error = await runConformance(options as never).catch((thrown: unknown) => thrown)
      expect((error as Error).message).to.match(says)
    }
  })

  it('the target may be elsewhere than the URL', async () => {
    const server = await startPlain({
      restarted: () => {},
      answer: async ({ path }) => told(path === '/b' ? 201 : 404, {}),
    })
    const adapter: ServerAdapter = { door: { target: '/b' } }
    const options = { door: 'idempotency-key', adapter, only: ['IK-2.6-1/first'] } as const
    const report = await runConformance({ url: `${server.origin}/a`, ...options })
    await server.close()
    expect(report.exitCode).to.equal(0)
  })
})

describe('requests of the doors', () => {
  it('links to other servers are not followed', async () => {
    let link = '<http://127.0.0.1:1/policy>; rel=describedby'
    const server = await startPlain({
      restarted: () => {},
      answer: async asked => {
        const isThere = asked.lines('Idempotency-Key').length > 0
        return told(isThere ? 201 : 400, {}, isThere ? {} : { Link: link })
      },
    })
    const options = { door: 'idempotency-key', only: ['IK-2.5.2-1'] } as const
    for (const value of [link, 'broken', '</policy>; rel=author']) {
      link = value
      const { results } = await runConformance({ url: server.origin, ...options })
      expect(results[0]?.result, value).to.equal('skipped')
      expect(results[0]?.seen).to.match(/without a link of ours, rel=describedby/)
    }
    await server.close()
  })

  it('over HTTP/2 two lines of one field are two, too', async () => {
    const seen: unknown[] = []
    const server = createServer((request, response) => {
      seen.push(request.headers['idempotency-key'])
      response.writeHead(201).end()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const options = { door: 'idempotency-key', http2: true, only: ['IK-2.1-2/two-lines'] } as const
    await runConformance({ url: `http://127.0.0.1:${port}/`, ...options })
    server.close()
    expect(seen.at(-1)).to.match(/^"[\w-]{36}", "[\w-]{36}-2"$/)
  })

  it('a race in which an action answers otherwise to each is told', async () => {
    let count = 0
    const server = await startPlain({
      restarted: () => {},
      answer: async ({ method }) => {
        count += 1
        return told(201, { count }, method === 'POST' ? { Location: `/actions/${count}` } : {})
      },
    })
    const options = { door: 'action-id', only: ['ACT-01/race'], rounds: 1 } as const
    const { results } = await runConformance({ url: `${server.origin}/actions`, ...options })
    await server.close()
    expect(results[0]).to.include({ result: 'fail' })
  })
})
