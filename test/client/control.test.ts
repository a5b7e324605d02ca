/**
 * What a GET proves: only what an address that was never issued is not told, too; and what becomes
 * of answers that do not tell enough.
 */
import { expect } from 'chai'
import type { ClientError, ClientOptions } from 'post-once-exactly/client'
import { siblingOf } from '../../lib/client/inquiry.js'
import { LINK, lost, SPENT, type Step, scene } from './scripted.js'

/** What a whole client says of a conversation. */
interface Row {
  readonly title: string
  readonly post: readonly Step[]
  readonly get?: readonly Step[]
  /** What an address that was never issued is answered; 404 by default. */
  readonly control?: Step
  readonly outcome: string
  readonly posts: number
  readonly isFinal?: boolean
}

const RESULT: Step = { status: 200, headers: { allow: SPENT.allow }, body: 'order 7' }
const UNSPENT: Step = { status: 405, headers: { allow: 'POST, OPTIONS' } }
const BUSY: Step = { status: 409, headers: { 'retry-after': '1' } }
const BARE_USED: Step = { status: 405, headers: { allow: 'GET' } }
const SOME_PAGE: Step = { status: 200, body: 'a page' }
const MOVED: Step = { status: 303, headers: { location: '/orders/7' } }
const MATCHES = problem({ payloadMatches: true })
const DIFFERS = problem({ payloadMatches: false })

const MASKED = { status: 405, headers: { 'content-type': 'application/problem+json' } }

function problem(members: Record<string, unknown>): Step {
  const headers = { ...SPENT, 'content-type': 'application/problem+json' }
  return { status: 405, headers, body: JSON.stringify(members) }
}

const NAMED: Step = {
  ...MASKED,
  body: JSON.stringify({ type: 'urn:post-once-exactly:problem:used', payloadMatches: false }),
}

const ANOTHERS: Step = {
  ...RESULT,
  headers: { ...RESULT.headers, link: '</a>; rel="urn:post-once-exactly:rel:other-content"' },
}

const ROWS: readonly Row[] = [
  {
    title: '[FALSE-4321] 405 to the first try, and a used link gives no result (404)',
    post: [BARE_USED],
    get: [{ status: 404 }],
    outcome: 'unknown',
    posts: 1,
    isFinal: true,
  },
  {
    title: '[FALSE-4321] 405 to the first try, and a used link gives no result (405)',
    post: [BARE_USED],
    get: [{ status: 405, headers: { allow: '' } }],
    outcome: 'unknown',
    posts: 1,
    isFinal: true,
  },
  {
    title: '[FALSE-4321] 405 to the first try, which does not say what is allowed',
    post: [{ status: 405 }],
    get: [{ status: 404 }],
    outcome: 'refused',
    posts: 1,
  },
  {
    title:
      '[FALSE-4374] a POST was under way, perhaps a copy of ours: that it is unused says little',
    post: [BUSY, { status: 303 }],
    get: [UNSPENT],
    outcome: 'unknown',
    posts: 2,
  },
  {
    title: "[FALSE-3701] every try is lost, and the link gives another POST's result",
    post: [lost(), { status: 502 }, lost(), { status: 502 }, lost()],
    get: [ANOTHERS],
    outcome: 'unknown',
    posts: 5,
  },
  {
    title: "[FALSE-3701] 405 without its words to a retry, and the result is another POST's",
    post: [lost(), BARE_USED],
    get: [ANOTHERS],
    outcome: 'used-before',
    posts: 2,
  },
  {
    title: "[FALSE-3701] an error to a retry, and the result is another POST's",
    post: [lost(), { status: 400 }, DIFFERS],
    get: [ANOTHERS],
    outcome: 'used-before',
    posts: 3,
  },
  {
    title: '[FALSE-801] 409 without Retry-After while a POST is under way is waited for',
    post: [{ status: 409 }, { status: 201 }],
    get: [BUSY],
    outcome: 'accepted',
    posts: 2,
  },
  {
    title: '[FALSE-801] 409 of the application, and the link is unspent',
    post: [{ status: 409, headers: { allow: 'POST, OPTIONS' } }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[FALSE-4400] 409 that does not offer POST: a copy of ours may be under way',
    post: [{ status: 409 }],
    get: [UNSPENT],
    outcome: 'unknown',
    posts: 1,
  },
  {
    title: '[FALSE-801] 409, and the link was spent by this content',
    post: [{ status: 409 }, MATCHES],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[FALSE-801] 409, and the link was spent by other content',
    post: [{ status: 409 }, DIFFERS],
    get: [RESULT],
    outcome: 'used-before',
    posts: 2,
  },
  {
    title: '[FALSE-801] 409 to a retry, and the link is spent',
    post: [lost(), { status: 409 }],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[FALSE-801] 409, and the link says nothing',
    post: [{ status: 409 }],
    get: [{ status: 503 }],
    outcome: 'unknown',
    posts: 1,
    isFinal: false,
  },
  {
    title: '[POE-5-6] 405 while the link is busy, then gone: what was at work may have been ours',
    post: [{ status: 405 }, { status: 410 }],
    get: [BUSY, { status: 410 }],
    outcome: 'unknown',
    posts: 2,
  },
  {
    title: '[FALSE-802] 405 that names the used link and nothing else, and the link is spent',
    post: [NAMED],
    get: [SOME_PAGE],
    outcome: 'used-before',
    posts: 1,
  },
  {
    title: '[FALSE-802] 405 without Allow to the first try, and the link is unspent',
    post: [{ status: 405 }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[FALSE-802] 405 without Allow to the first try, and the link is spent',
    post: [{ status: 405 }],
    get: [RESULT],
    outcome: 'unknown',
    posts: 1,
    isFinal: true,
  },
  {
    title: '[FALSE-802] 405 without Allow, and a POST is under way',
    post: [{ status: 405 }, { status: 201 }],
    get: [BUSY],
    outcome: 'accepted',
    posts: 2,
  },
  {
    title: '[FALSE-802] 405 without Allow, and the link cannot be asked',
    post: [{ status: 405 }],
    get: [{ status: 503 }],
    outcome: 'unknown',
    posts: 1,
    isFinal: false,
  },
  {
    title: '[FALSE-802] 405 that is ours, with Allow and Link taken off',
    post: [{ ...MASKED, body: '{"type":"urn:post-once-exactly:problem:used"}' }],
    get: [{ status: 403 }],
    outcome: 'unknown',
    posts: 1,
    isFinal: false,
  },
  {
    title: '[FALSE-1001] a static front after a lost answer',
    post: [lost(), BARE_USED],
    get: [SOME_PAGE],
    control: SOME_PAGE,
    outcome: 'unknown',
    posts: 2,
    isFinal: false,
  },
  {
    title: '[FALSE-1001] a static front whose pages have an Allow of their own',
    post: [lost(), BARE_USED],
    get: [RESULT],
    control: RESULT,
    outcome: 'unknown',
    posts: 2,
  },
  {
    title: '[FALSE-1001] a static front to the first try',
    post: [BARE_USED],
    get: [SOME_PAGE],
    control: SOME_PAGE,
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[FALSE-1001] a front that leads everything to one page',
    post: [lost(), BARE_USED],
    get: [MOVED],
    control: MOVED,
    outcome: 'unknown',
    posts: 2,
  },
  {
    title: '[FALSE-1001] a control that cannot be had proves nothing',
    post: [lost(), BARE_USED],
    get: [SOME_PAGE],
    control: { status: 503 },
    outcome: 'unknown',
    posts: 2,
    isFinal: false,
  },
  {
    title: '[FALSE-1001] a bare server that knows its links',
    post: [lost(), BARE_USED],
    get: [SOME_PAGE],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[FALSE-1002] what says of every address that it is unspent proves nothing',
    post: [{ status: 500 }],
    get: [UNSPENT],
    control: UNSPENT,
    outcome: 'unknown',
    posts: 1,
    isFinal: false,
  },
  {
    title: '[FALSE-1121] 200, and the link is unspent',
    post: [{ status: 200, body: '{"ok":false}' }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[FALSE-1121] 200, and the link gives the same',
    post: [{ status: 200, body: 'order 7' }],
    get: [RESULT],
    outcome: 'accepted',
    posts: 1,
  },
  {
    title: '[FALSE-1121] 200, and the link gives something else: its 405 tells',
    post: [{ status: 200, body: 'thank you' }, BARE_USED],
    get: [RESULT],
    outcome: 'accepted',
    posts: 2,
  },
  {
    title: '[FALSE-1121] 200 in place of the 405 to other content',
    post: [{ status: 200, body: '{"ok":false}' }],
    get: [RESULT],
    outcome: 'unknown',
    posts: 2,
    isFinal: true,
  },
  {
    title: '[FALSE-1121] a page everywhere',
    post: [SOME_PAGE],
    get: [SOME_PAGE],
    control: SOME_PAGE,
    outcome: 'unknown',
    posts: 1,
    isFinal: false,
  },
  {
    title: '[FALSE-1121] 201 that still offers POST, and the link is unspent',
    post: [{ status: 201, headers: { allow: 'POST, OPTIONS' } }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[FALSE-1121] 200 to a retry, and the link is spent',
    post: [lost(), { status: 200, body: '{"ok":false}' }],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[FALSE-1122] 303 to a login page, and the link is unspent',
    post: [{ status: 303, headers: { location: '/login' } }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[FALSE-1122] 303, and the link leads to the same place',
    post: [MOVED],
    get: [{ status: 303, headers: { location: '/orders/7', allow: SPENT.allow } }, SOME_PAGE],
    outcome: 'accepted',
    posts: 1,
  },
  {
    title: '[FALSE-1122] 303 without Allow, and the 405 tells',
    post: [MOVED, BARE_USED],
    get: [SOME_PAGE],
    outcome: 'accepted',
    posts: 2,
  },
]

describe('what a GET proves', () => {
  for (const { title, outcome, posts, isFinal, ...table } of ROWS) {
    for (const entry of ['node', 'browser'] as const) {
      it(`${title}: ${outcome} (${entry})`, async () => {
        const one = scene(table, {}, entry)
        const told = await one.finish(one.client.post(LINK, 'content'))
        expect(told).to.include({ outcome, attempts: posts })
        expect(one.posts).to.have.length(posts)
        if (isFinal !== undefined) expect(told).to.include({ isFinal })
      })
    }
  }

  it('[FALSE-4318] a page of a front is no success of client.fetch, either', async () => {
    const post = async (options: ClientOptions) => {
      const one = scene({ post: [SOME_PAGE], get: [UNSPENT] }, options)
      one.client.known.add(new URL(LINK), null)
      const work = one.client.fetch(LINK, { method: 'POST', body: 'tea' })
      return await one.finish(work.catch((error: ClientError) => error))
    }
    const thrown = await post({})
    expect(thrown).to.have.property('code', 'ERR_POE_NOT_TAKEN')
    expect(thrown).to.have.nested.property('cause.outcome', 'refused')
    const known = await post({ adapter: { isSuccess: () => false } })
    expect(known, 'who says that a 200 may be a refusal reads it').to.have.property('status', 200)
  })

  it('[FALSE-1001] our result link needs no control', async () => {
    const one = scene({ post: [lost(), { status: 405, headers: SPENT }], get: [SOME_PAGE] })
    const told = await one.finish(one.client.post(LINK, 'content'))
    expect(told).to.include({ outcome: 'accepted-earlier' })
    expect(one.controls).to.have.length(0)
  })

  it('[FALSE-1001] the control is an address beside the link, and no other', () => {
    const link = 'https://shop.example/a/1FaYhUadN1kd1uor7AaIhIRn5iTk_5xDvgdh3CRnd6LVsI9J'
    const sibling = siblingOf(new URL(link)).href
    expect(sibling).to.have.length(link.length)
    expect(sibling.slice(0, -16)).to.equal(link.slice(0, -16))
    const shapes: readonly (readonly [link: string, sibling: RegExp])[] = [
      [link, /^https:\/\/shop\.example\/a\/1FaY\w+$/],
      ['https://shop.example/accounts/bob/orders/12345', /\/bob\/orders\/12345[0-9a-f]{32}$/],
      ['https://shop.example/once/abc/', /\/once\/abc[0-9a-f]{32}\/$/],
      ['https://shop.example/', /^https:\/\/shop\.example\/[0-9a-f]{32}\/?$/],
      ['https://shop.example/once?t=abc', /\/once\?t=abc[0-9a-f]{32}$/],
      [
        'https://shop.example/x/c0ffee00-c0ff-4e00-8e00-c0ffee00c0ff',
        /\/x\/c0ffee00-c0ff-4e00-8[0-9a-f]{3}-[0-9a-f]{12}$/,
      ],
    ]
    for (const [from, to] of shapes) {
      expect(siblingOf(new URL(from)).href)
        .to.match(to)
        .and.not.equal(from)
      expect(siblingOf(new URL(from)).href).to.not.equal(siblingOf(new URL(from)).href)
    }
  })
})
