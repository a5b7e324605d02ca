/**
 * The id that goes with each POST to a link.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createClient, type FetchLike, fileJournal } from 'post-once-exactly/client'
import { createClient as createCore } from 'post-once-exactly/client/browser'
import { digestInPage } from '../../lib/client/content-id.js'
import { digestAtOnce } from '../../lib/client/node/digest.js'
import { ourOrigin } from './fronts.js'
import { LINK, lost, SPENT, type Step, scene } from './scripted.js'

const OTHER: Step = {
  status: 405,
  headers: { ...SPENT, 'content-type': 'application/problem+json' },
  body: JSON.stringify({ payloadMatches: false, link: '/orders/once/fresh' }),
}
const RESULT: Step = { status: 200, headers: { allow: SPENT.allow }, body: 'order 7' }

describe('the id of a POST to a link', () => {
  for (const entry of ['node', 'browser'] as const) {
    it(`[FALSE-722] is a Structured Field string, the same on every try: ${entry}`, async () => {
      const one = scene({ post: [lost(), { status: 503 }, { status: 201 }] }, {}, entry)
      await one.finish(one.client.post(LINK, 'tea'))
      const ids = idsOf(one.posts)
      expect(ids).to.have.length(3)
      expect(ids[0]).to.match(/^"[0-9a-f]{32}"$/)
      expect(new Set(ids).size).to.equal(1)
    })
  }

  it('[FALSE-722] is the same in Node and in a page, for text and for bytes', async () => {
    for (const text of ['', 'tea', 'Tee für \u{1f375}', '\ud800 alone']) {
      const bytes = new TextEncoder().encode(text)
      const id = digestAtOnce('link\ntype\n', text)
      expect(id).to.match(/^[0-9a-f]{32}$/)
      expect(digestAtOnce('link\ntype\n', bytes)).to.equal(id)
      expect(await digestInPage('link\ntype\n', text)).to.equal(id)
      expect(await digestInPage('link\ntype\n', bytes)).to.equal(id)
    }
  })

  it('[FALSE-722] goes with content that is made anew for each try', async () => {
    const one = scene({ post: [lost(), { status: 201 }] })
    await one.finish(one.client.post(LINK, () => 'tea'))
    const ids = idsOf(one.posts)
    expect(ids[0]).to.match(/^"[0-9a-f]{32}"$/)
    expect(new Set(ids).size).to.equal(1)
  })

  it('[FALSE-722] is another one for other content, another type and another link', async () => {
    const ids = await Promise.all([
      idOf(LINK, 'tea'),
      idOf(LINK, 'milk'),
      idOf(LINK, new Blob(['tea'], { type: 'application/x-tea' })),
      idOf(`${LINK}2`, 'tea'),
    ])
    expect(new Set(ids).size).to.equal(4)
  })

  it('[FALSE-722] is the same for the same content, whoever sends it again', async () => {
    expect(await idOf(LINK, 'tea')).to.equal(await idOf(LINK, 'tea'))
  })

  it('[FALSE-722] never takes the place of one that the application gave', async () => {
    const given = { 'Idempotency-Key': '"mine"' }
    const one = scene({ post: [{ status: 201 }] })
    await one.finish(one.client.post(LINK, 'tea', { headers: given }))
    await one.finish(one.client.post(LINK, 'tea', { idempotencyKey: 'key' }))
    expect(idsOf(one.posts)).to.deep.equal(['"mine"', '"key"'])
  })

  it('[FALSE-722, FALSE-3701] goes with the GET of its link, and with no other', async () => {
    const one = scene({ post: [lost(), { status: 405 }], get: [RESULT] })
    await one.finish(one.client.post(LINK, 'tea'))
    const asked = one.seen.filter(({ method }) => method === 'GET')
    expect(idsOf(asked)).to.deep.equal([idsOf(one.posts)[0]])
    expect(idsOf(one.controls)).to.deep.equal([null])
  })

  it('[FALSE-723] is in the journal, so that resuming says it again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'poe-id-'))
    const file = join(folder, 'journal')
    try {
      const [first, second] = [await fileJournal(file), await fileJournal(file)]
      const begun = scene({ post: [lost()], get: [{ status: 503 }] }, { journal: first, tries: 1 })
      const content = () => 'tea'
      await begun.finish(begun.client.post(LINK, content))
      await first.close()
      const later = scene({ post: [{ status: 201 }] }, { journal: second })
      expect(await later.finish(later.client.resume())).to.have.length(1)
      await second.close()
      expect(idsOf(later.posts)).to.deep.equal(idsOf(begun.posts))
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('the same form once more, written with another boundary', () => {
  const ENTRIES = { node: createClient, core: createCore }
  const form = (fields: Readonly<Record<string, string>>, file = 'a page') => {
    const made = new FormData()
    for (const [name, value] of Object.entries(fields)) made.set(name, value)
    made.set('file', new Blob([file], { type: 'text/plain' }), 'letter.txt')
    return made
  }

  it('[FALSE-4101] has the same id in whatever client, and another form has another', async () => {
    const letter = form({ to: 'ann' })
    const ids = await Promise.all([
      idOf(LINK, letter),
      idOf(LINK, form({ to: 'ann' })),
      idOf(LINK, form({ to: 'ann' }), createCore),
    ])
    expect(new Set(ids).size).to.equal(1)
    const others = await Promise.all([
      ...ids,
      idOf(LINK, form({ to: 'bob' })),
      idOf(LINK, form({ to: 'ann' }, 'another')),
      idOf(LINK, form({ to: 'ann', cc: '' })),
      idOf(`${LINK}2`, letter),
    ])
    expect(new Set(others).size).to.equal(5)
  })

  it('[FALSE-4101] text that looks like the end of a part is none', async () => {
    const end = '\r\n--\r\nContent-Disposition: form-data; name="b"\r\n\r\n'
    const ids = [{ a: `1${end}2` }, { a: '1', b: '2' }].map(fields => idOf(LINK, form(fields)))
    expect(new Set(await Promise.all(ids)).size).to.equal(2)
  })

  for (const [name, make] of Object.entries(ENTRIES)) {
    it(`[FALSE-4101] is the POST that was sent before, to another process: ${name}`, async () => {
      const origin = await ourOrigin('200')
      try {
        const link = origin.origin + (await origin.link())
        const losing: FetchLike = async (input, init) => {
          await fetch(input, init)
          throw lost()
        }
        const post = (send: FetchLike) => {
          return make({ fetch: send, tries: 1 }).post(link, form({ to: 'ann' }))
        }
        expect(await post(losing)).to.include({ outcome: 'unknown', isFinal: false })
        expect(await post(fetch)).to.include({ outcome: 'accepted-earlier' })
        expect(origin.effects(new URL(link).pathname)).to.have.lengthOf(1)
      } finally {
        await origin.close()
      }
    })
  }

  it('[FALSE-4101] is no other content to the same client, nor by its fetch', async () => {
    for (const fields of [{ to: 'ann' }, { to: 'bob' }] as const) {
      const one = scene({ post: [lost(), { status: 201 }], get: [{ status: 503 }] }, { tries: 1 })
      await one.finish(one.client.post(LINK, form({ to: 'ann' })))
      const again = one.finish(one.client.post(LINK, form(fields)).catch(error => error.code))
      if (fields.to === 'bob') expect(await again).to.equal('ERR_POE_LINK_BUSY')
      else expect(await again).to.include({ outcome: 'accepted' })
    }
    // With a key, servers compare bytes.
    const keyed = scene({ post: [lost(), { status: 201 }] }, { tries: 1 })
    for (const body of [form({ to: 'ann' }), form({ to: 'ann' })]) {
      const headers = { 'Idempotency-Key': '"a"' }
      const sent = keyed.client.fetch(LINK, { method: 'POST', headers, body })
      await keyed.finish(sent.catch(() => {}))
    }
    const [first, second] = keyed.posts.map(post => [post.headers.get('content-type'), post.body])
    expect(second).to.deep.equal(first)
    const links = { status: 200, headers: { 'poe-links': `"${LINK}"` } }
    const one = scene({ post: [{ status: 201 }], get: [links] })
    await one.finish(one.client.links(LINK))
    const init = { method: 'POST', body: form({ to: 'ann' }) }
    await one.finish(one.client.fetch(LINK, init))
    expect(idsOf(one.posts)).to.deep.equal([await idOf(LINK, form({ to: 'ann' }))])
  })
})

describe('used-before', () => {
  it('[FALSE-721] is said where the server says that it was another POST', async () => {
    const one = scene({ post: [OTHER], get: [RESULT] })
    const told = await one.finish(one.client.post(LINK, 'tea'))
    expect(told).to.include({ outcome: 'used-before', payloadMatches: false })
  })

  it('[FALSE-721] is not said otherwise: unknown, final, with the way to the result', async () => {
    const one = scene({ post: [{ status: 405, headers: SPENT }], get: [RESULT] })
    const told = await one.finish(one.client.post(LINK, 'tea'))
    expect(told).to.include({ outcome: 'unknown', isFinal: true })
    expect(told.location).to.equal('https://shop.example/orders/7')
  })

  it('[FALSE-721] is not said of content that is made anew, and may be other bytes', async () => {
    const one = scene({ post: [lost(), OTHER], get: [RESULT] })
    const told = await one.finish(one.client.post(LINK, () => 'tea'))
    expect(told).to.include({ outcome: 'unknown', isFinal: true })
  })

  it('[FALSE-803] a link that came with a refusal is not used by the client itself', async () => {
    const headers = { ...SPENT, 'poe-links': '"/orders/once/fresh"' }
    for (const status of [405, 409, 410, 422, 500]) {
      const one = scene({ post: [{ ...OTHER, status, headers }], get: [RESULT] })
      await one.finish(one.client.post(LINK, 'tea'))
      await one.finish(one.client.fetch(LINK, { method: 'POST', body: 'tea' }).catch(() => null))
      expect(one.posts.map(({ url }) => url)).to.not.include(`${new URL('fresh', LINK)}`)
    }
  })
})

function idsOf(seen: readonly { readonly headers: Headers }[]): (string | null)[] {
  return seen.map(({ headers }) => headers.get('idempotency-key'))
}

/** The id of one POST by a client of its own. */
async function idOf(
  link: string,
  body: string | Blob | FormData,
  make: typeof createClient | typeof createCore = createClient,
): Promise<string | null> {
  const ids: (string | null)[] = []
  const fetch = async (input: string | URL | Request, init: RequestInit = {}) => {
    ids.push(new Request(input, init).headers.get('idempotency-key'))
    return new Response(null, { status: 201 })
  }
  await make({ fetch }).post(link, body)
  return ids[0] ?? null
}
