/** Which requests a key door takes for the same, rule by rule; and that none of them is a 5xx. */
import { createHash } from 'node:crypto'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Middleware } from 'koa'
import type { IdempotencyKeyOptions } from 'post-once-exactly/koa'
import { type Answer, ask } from '../../support/ask.js'
import { isReplay, type KeySite, keySite } from './key-site.js'

type Rule = IdempotencyKeyOptions['fingerprint']

/** A request to `/pay`. */
interface Sent {
  readonly body: string | Uint8Array
  readonly type?: string
  readonly query?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'
const AB = '{"a":1,"b":2}'
const GZIP = { 'Content-Encoding': 'gzip' }
const POINTERS = ['/a', '/c/0'] as const
/** `semantic` replays what `raw` calls another request. */
const BY_MEANING = { raw: 422, semantic: 201 } as const
const NEVER = { raw: 422, semantic: 422 } as const
const ALWAYS = { raw: 201, semantic: 201 } as const

function multipart(boundary: string, value = '1', file = 'f.txt'): Sent {
  const part = (name: string, content: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}\r\n\r\n${content}\r\n`
  const body = `${part('a"', value)}${part(`b"; filename="${file}"`, 'x')}--${boundary}--\r\n`
  return { body, type: `multipart/form-data; boundary=${boundary}` }
}

/** A form in which one byte of a value, of a file's name or of a file is no UTF-8. */
function latinPart(byte: number, where: '1' | 'b' | 'x' = '1'): Sent {
  const { body, type = '' } = multipart('one', '@1', '@b')
  const marked = String(body).replace('\r\n\r\nx', '\r\n\r\n@x')
  const bytes = Buffer.from(marked.replace(`@${where}`, '\u0001').replaceAll('@', ''))
  bytes[bytes.indexOf(1)] = byte
  return { body: bytes, type }
}

function send(site: KeySite, sent: Sent): Promise<Answer> {
  const { body, type = JSON_TYPE, query = '', method = 'POST', headers } = sent
  const fields = { 'Idempotency-Key': '"k"', 'Content-Type': type, ...headers }
  return ask(site, method, `/pay${query}`, { body, headers: fields })
}

describe('fingerprints of requests under one key', () => {
  const open: KeySite[] = []
  const withRule = async (rule: Rule, more: Parameters<typeof keySite>[0] = {}) => {
    const door = rule === undefined ? {} : { fingerprint: rule }
    const site = await keySite({ parse: false, ...more, door: { ...door, ...more.door } })
    open.push(site)
    return site
  }
  afterEach(() => Promise.all(open.splice(0).map(each => each.close())))

  /** The status of the second; a replay must be marked, and must not be a second effect. */
  const second = async (rule: Rule, one: Sent, other: Sent): Promise<number> => {
    const site = await withRule(rule)
    expect((await send(site, one)).status, 'the first').to.equal(201)
    const answer = await send(site, other)
    expect(isReplay(answer)).to.equal(answer.status === 201)
    expect(site.seen).to.have.lengthOf(1)
    return answer.status
  }

  const pairs: readonly (readonly [string, Sent, Sent, Readonly<Record<string, number>>])[] = [
    ['(a) members in another order', { body: AB }, { body: '{"b":2,"a":1}' }, BY_MEANING],
    ['(b) pretty-printed', { body: AB }, { body: '{\n "a": 1,\n "b": 2\n}' }, BY_MEANING],
    ['(c) another boundary', multipart('one'), multipart('two'), BY_MEANING],
    ['(c) another part', multipart('one'), multipart('one', '2'), NEVER],
    ['(c) another file name', multipart('one'), multipart('one', '1', 'g.txt'), NEVER],
    ['(d) another type', { body: AB }, { body: AB, type: 'text/plain' }, NEVER],
    ['(d) another charset', { body: AB }, { body: AB, type: `${JSON_TYPE};x=1` }, BY_MEANING],
    ['(e) another query', { body: AB, query: '?x=1' }, { body: AB, query: '?x=2' }, NEVER],
    ['(e) a query more', { body: AB }, { body: AB, query: '?x=2' }, NEVER],
    ['(f) gzip', { body: AB }, { body: gzipSync(AB), headers: GZIP }, BY_MEANING],
    [
      '(f) brotli against deflate',
      { body: brotliCompressSync(AB), headers: { 'Content-Encoding': 'BR' } },
      { body: deflateSync(AB), headers: { 'Content-Encoding': 'deflate' } },
      BY_MEANING,
    ],
    [
      '(f) identity',
      { body: AB },
      { body: AB, headers: { 'Content-Encoding': 'identity' } },
      BY_MEANING,
    ],
    ['the same once more', { body: AB }, { body: AB }, ALWAYS],
    ['a value changed', { body: AB }, { body: '{"a":1,"b":3}' }, NEVER],
    ['1.0 for 1', { body: '{"a":1}' }, { body: '{"a":1.0}' }, BY_MEANING],
    ['"1" for 1', { body: '{"a":1}' }, { body: '{"a":"1"}' }, NEVER],
    [
      'a member twice: the last one counts',
      { body: '{"a":1,"a":2}' },
      { body: '{"a":2}' },
      BY_MEANING,
    ],
    ['a member twice, the other one', { body: '{"a":1,"a":2}' }, { body: '{"a":1}' }, NEVER],
    ['null for absent', { body: '{}' }, { body: '{"a":null}' }, NEVER],
    ['a number too large, and null', { body: '[1e400]' }, { body: '[null]' }, NEVER],
    [
      '+json',
      { body: AB, type: 'application/a+json' },
      { body: `${AB} `, type: 'application/a+json' },
      BY_MEANING,
    ],
    [
      'a form in another order',
      { body: 'a=1&b=2', type: FORM_TYPE },
      { body: 'b=2&a=1', type: FORM_TYPE },
      BY_MEANING,
    ],
    [
      'one name in another order',
      { body: 'a=1&a=2', type: FORM_TYPE },
      { body: 'a=2&a=1', type: FORM_TYPE },
      NEVER,
    ],
    [
      'Latin-1 in a form',
      { body: 'a=%E9', type: FORM_TYPE },
      { body: 'a=%E8', type: FORM_TYPE },
      NEVER,
    ],
    [
      'text with white space',
      { body: 'a b', type: 'text/plain' },
      { body: 'a  b', type: 'text/plain' },
      NEVER,
    ],
    ['broken JSON', { body: '{"a":1' }, { body: '{"a": 1' }, NEVER],
    ['broken JSON once more', { body: '{"a":1' }, { body: '{"a":1' }, ALWAYS],
    ['Latin-1 in a part', latinPart(0xe9), latinPart(0xe8), NEVER],
    ['Latin-1 in the name of a file', latinPart(0xe9, 'b'), latinPart(0xe8, 'b'), NEVER],
    ['bytes in a file', latinPart(0xe9, 'x'), latinPart(0xe8, 'x'), NEVER],
    ['no content', { body: '' }, { body: '{}' }, NEVER],
    ['no content once more', { body: '' }, { body: '' }, ALWAYS],
  ]
  for (const [what, one, other, wanted] of pairs) {
    for (const rule of ['raw', 'semantic'] as const) {
      it(`[BIND-07, IK-2.4-1] ${rule}: ${what}: ${wanted[rule]}`, async () => {
        expect(await second(rule, one, other)).to.equal(wanted[rule])
        expect(await second(rule, other, one)).to.equal(wanted[rule])
      })
    }
  }

  it('[IK-2.4-1] raw is the rule where none is named', async () => {
    expect(await second(undefined, { body: AB }, { body: ` ${AB}` })).to.equal(422)
  })

  it('[IK-2.4-1] another method is another operation, not another request', async () => {
    const site = await withRule('raw')
    expect((await send(site, { body: AB })).status).to.equal(201)
    expect(isReplay(await send(site, { body: AB, method: 'PUT' }))).to.equal(false)
    expect(site.seen).to.have.lengthOf(2)
  })
})

describe('fingerprints by Content-Digest', () => {
  const digest = (name: string, body: string | Uint8Array) =>
    `${name}=:${createHash(name.replace('-', '')).update(body).digest('base64')}:`
  const headers = (value: string) => ({ 'Content-Digest': value })
  let site: KeySite
  beforeEach(async () => {
    site = await keySite({ parse: false, door: { fingerprint: 'content-digest' } })
  })
  afterEach(() => site.close())

  it('[BIND-07] the right one is taken, by either algorithm, and the content counts', async () => {
    const by = (name: string) => send(site, { body: AB, headers: headers(digest(name, AB)) })
    expect((await by('sha-256')).status).to.equal(201)
    expect(isReplay(await by('sha-512'))).to.equal(true)
    const other = await send(site, { body: 'x', headers: headers(digest('sha-256', 'x')) })
    expect(other.status).to.equal(422)
    expect(site.seen).to.have.lengthOf(1)
  })

  it('[BIND-07] it is the digest of what is on the wire, coded or not', async () => {
    const body = gzipSync(AB)
    const plain = { ...GZIP, ...headers(digest('sha-256', AB)) }
    expect((await send(site, { body, headers: plain })).status).to.equal(400)
    const coded = { ...GZIP, ...headers(digest('sha-256', body)) }
    expect((await send(site, { body, headers: coded })).status).to.equal(201)
    // Behind a parser those bytes are gone, and nothing is taken.
    const behind = await keySite({ door: { fingerprint: 'content-digest' } })
    expect((await send(behind, { body, headers: coded })).status).to.equal(500)
    const as = { body: AB, headers: headers(digest('sha-256', AB)) }
    expect((await send(behind, as)).status).to.equal(201)
    await behind.close()
  })

  for (const [what, value, type] of [
    ['missing', '', 'digest-missing'],
    ['of an unknown algorithm', digest('md5', AB).replace('md5', 'x-md5'), 'digest-missing'],
    ['of one that is broken', digest('md5', AB), 'digest-missing'],
    ['unreadable', 'sha-256=!', 'digest-missing'],
    ['wrong', digest('sha-256', 'other'), 'digest-wrong'],
    ['too short', 'sha-256=:AAAA:', 'digest-wrong'],
    [
      'right and, by the stronger one, wrong',
      `${digest('sha-256', AB)}, sha-512=:AA==:`,
      'digest-wrong',
    ],
  ] as const) {
    it(`[BIND-07] one that is ${what} is 400, and runs nothing`, async () => {
      const fields = value === '' ? {} : headers(value)
      const answer = await send(site, { body: AB, headers: fields })
      expect(answer.status).to.equal(400)
      expect(answer.json()).to.include({ type: `urn:post-once-exactly:problem:${type}` })
      expect(site.seen).to.deep.equal([])
      const right = { body: AB, headers: headers(digest('sha-256', AB)) }
      expect((await send(site, right)).status).to.equal(201)
    })
  }

  it('[BIND-07] where only a parsed value is left, nothing is taken', async () => {
    const parsed = await keySite({
      parse: false,
      front: [leaveOnlyValue],
      door: { fingerprint: 'content-digest' },
    })
    const right = { body: AB, headers: headers(digest('sha-256', AB)) }
    const wrong = { body: AB, headers: headers(digest('sha-256', 'x')) }
    for (const sent of [wrong, right, { body: AB }]) {
      expect((await send(parsed, sent)).status).to.equal(500)
    }
    expect(parsed.seen).to.deep.equal([])
    expect(String(parsed.errors[0])).to.match(/TypeError: .*Content-Digest/)
    await parsed.close()
  })
})

describe('fingerprints by JSON Pointers and by functions', () => {
  const statuses = async (rule: Rule, front: readonly Middleware[], ...sent: readonly Sent[]) => {
    const site = await keySite({ parse: false, front, door: { fingerprint: rule } })
    try {
      const found: number[] = []
      for (const each of sent) found.push((await send(site, each)).status)
      expect(site.seen).to.have.lengthOf(1)
      return found
    } finally {
      await site.close()
    }
  }

  for (const [how, front] of [
    ['as bytes', []],
    ['as a value that a parser in front has left', [leaveOnlyValue]],
  ] as const) {
    it(`[BIND-07] only the members named count, content ${how}`, async () => {
      const first = { body: '{"a":1,"c":[1,2],"sent":"10:00"}' }
      const later = { body: '{"c":[1,3],"sent":"10:01","a":1.0}' }
      const found = await statuses(POINTERS, front, first, later, { body: '{"a":2,"c":[1]}' })
      expect(found).to.deep.equal([201, 201, 422])
    })

    it(`[BIND-07] a member that is absent is not one that is null, content ${how}`, async () => {
      const sent = ['{"c":[1]}', '{"a":null,"c":[1]}', '{"c":[1],"d":1}'].map(body => ({ body }))
      expect(await statuses(POINTERS, front, ...sent)).to.deep.equal([201, 422, 201])
    })
  }

  it('[BIND-07] what is no JSON counts as a whole', async () => {
    const text = (body: string) => ({ body, type: 'text/plain' })
    expect(await statuses(POINTERS, [], text('a'), text('b'))).to.deep.equal([201, 422])
    expect(await statuses(POINTERS, [], { body: '{' }, { body: '{ ' })).to.deep.equal([201, 422])
  })

  it('[BIND-07] of a function only the text counts, besides method, path and query', async () => {
    const rule: Rule = ctx => ctx.get('X-Order')
    const order = (name: string, more: Partial<Sent> = {}) => ({
      body: AB,
      headers: { 'X-Order': name },
      ...more,
    })
    const found = await statuses(
      rule,
      [],
      order('1'),
      order('1', { body: 'other', type: 'text/plain' }),
      order('2'),
      order('1', { query: '?x' }),
    )
    expect(found).to.deep.equal([201, 201, 422, 422])
  })

  it('a function that throws is answered as the application says, and runs nothing', async () => {
    const rule: Rule = ctx => ctx.throw(400, 'no order')
    const site = await keySite({ parse: false, door: { fingerprint: rule } })
    expect((await send(site, { body: AB })).status).to.equal(400)
    expect(site.seen).to.deep.equal([])
    await site.close()
  })
})

describe('contents made to break fingerprints', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const invalid = (byte: number) =>
    Uint8Array.of(0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, byte, 0x22, 0x7d)
  const hostile: readonly (readonly [string, Sent, Sent])[] = [
    ['100,000 brackets', { body: deep }, { body: `[${deep}]` }],
    ['invalid UTF-8', { body: invalid(0xe9) }, { body: invalid(0xe8) }],
    ['a byte order mark', { body: `\ufeff${AB}` }, { body: AB }],
    ['an unknown coding', { body: AB, headers: { 'Content-Encoding': 'zip' } }, { body: AB }],
    [
      'two codings',
      { body: gzipSync(AB), headers: { 'Content-Encoding': 'gzip, br' } },
      { body: AB },
    ],
    ['gzip that is none', { body: AB, headers: GZIP }, { body: `${AB} `, headers: GZIP }],
    ['gzip cut short', { body: gzipSync(AB).subarray(0, 20), headers: GZIP }, { body: AB }],
    ['a bomb', { body: gzipSync(Buffer.alloc(3_000_000, '1')), headers: GZIP }, { body: AB }],
    [
      'multipart without a boundary',
      { ...multipart('x'), type: 'multipart/form-data' },
      { body: AB },
    ],
    ['multipart cut short', { ...multipart('x'), body: '--x\r\n' }, multipart('x')],
    ['a type that is none', { body: AB, type: ';;,' }, { body: AB }],
    ['`__proto__`', { body: '{"__proto__":{"a":1}}' }, { body: '{}' }],
  ]
  for (const [what, sent, other] of hostile) {
    for (const rule of ['raw', 'semantic', POINTERS] as const) {
      const same = rule === POINTERS && what === '`__proto__`'
      it(`[BIND-07] ${what}, by ${String(rule)}: itself again, and nothing else`, async () => {
        const site = await keySite({ parse: false, door: { fingerprint: rule } })
        expect((await send(site, sent)).status).to.equal(201)
        expect(isReplay(await send(site, sent))).to.equal(true)
        expect((await send(site, other)).status).to.equal(same ? 201 : 422)
        expect(site.seen).to.have.lengthOf(1)
        expect(site.errors).to.deep.equal([])
        await site.close()
      })
    }
  }

  it('[BIND-07] 100,000 brackets of which only the value is left are no 5xx', async () => {
    for (const rule of ['raw', 'semantic', ['']] as const) {
      const site = await keySite({
        parse: false,
        front: [leaveOnlyValue],
        door: { fingerprint: rule },
      })
      const answer = await send(site, { body: deep })
      expect(answer.status, String(rule)).to.equal(400)
      expect(answer.json()).to.include({ status: 400 })
      expect(site.seen).to.deep.equal([])
      await site.close()
    }
  })

  it('[BIND-07] a new boundary is the same parts where only their values are left', async () => {
    for (const [rule, status] of Object.entries(BY_MEANING)) {
      const site = await keySite({
        parse: false,
        front: [leaveOnlyValue],
        door: { fingerprint: rule as 'raw' | 'semantic' },
      })
      const parts = (boundary: string) => ({
        body: AB,
        type: `multipart/form-data; boundary=${boundary}`,
      })
      expect((await send(site, parts('one'))).status).to.equal(201)
      expect((await send(site, parts('two'))).status, rule).to.equal(status)
      await site.close()
    }
  })
})

/** A parser that keeps nothing of the content but what it has made of it. */
async function leaveOnlyValue(
  ctx: Parameters<Middleware>[0],
  next: Parameters<Middleware>[1],
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of ctx.req) chunks.push(chunk as Buffer)
  Object.assign(ctx.request, { body: JSON.parse(Buffer.concat(chunks).toString()) as unknown })
  await next()
}
