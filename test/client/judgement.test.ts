/**
 * What one answer says about a POST: the table of `classify`, and the same through a whole client.
 */
import { expect } from 'chai'
import { type AnyRules, classify, type Past } from 'post-once-exactly/client'
import { LINK, lost, refusedConnection, SPENT, type Step, scene } from './scripted.js'

const FIRST: Past = {}
const RETRY: Past = { mayHaveArrived: true }
const BUSY: Past = { wasBusy: true }

function response(status: number, headers: Record<string, string> = {}): Response {
  const hasBody = ![101, 204, 205, 304].includes(status)
  return new Response(hasBody ? '' : null, { status, headers })
}

describe('classify', () => {
  const wait = { 'retry-after': '1' }
  const OFFERED = { allow: 'POST, OPTIONS' }
  const table: readonly (readonly [
    title: string,
    answer: unknown,
    past: Past,
    verdict: string,
    mayHaveArrived: boolean,
    rules?: AnyRules,
  ])[] = [
    ['[POE-5-2] 201', response(201), FIRST, 'accepted', true],
    ['[POE-5-2] 204 on a retry', response(204), RETRY, 'accepted', true],
    ['[FALSE-1121] 200 with a result’s link', response(200, SPENT), FIRST, 'ask', true],
    ['[POE-5-2] 200, and it is spent', response(200, { allow: 'GET' }), FIRST, 'accepted', true],
    ['[FALSE-1121] 200 without Allow', response(200), FIRST, 'ask', true],
    ['[FALSE-1121] 206', response(206), FIRST, 'ask', true],
    ['[FALSE-1121] 200, still offered', response(200, OFFERED), FIRST, 'ask', true],
    ['[FALSE-1121] 201, still offered', response(201, OFFERED), FIRST, 'ask', true],
    ['[FALSE-1121] 200 of a link at work', response(200, { allow: 'OPTIONS' }), FIRST, 'ask', true],
    ['[FALSE-1122] 303 without Allow', response(303, { location: '/o/1' }), FIRST, 'ask', true],
    ['[POE-5-3] 303, and it is spent', response(303, { allow: 'GET' }), FIRST, 'accepted', true],
    ['success, by an adapter', response(200), FIRST, 'accepted', true, { isSuccess: () => true }],
    ['key: 200', response(200), FIRST, 'accepted', true, { door: 'idempotency-key' }],
    ['key: 303', response(303), FIRST, 'accepted', true, { door: 'idempotency-key' }],
    ['[POE-5-3] 301 proves nothing', response(301), FIRST, 'ask', true],
    ['[POE-5-3] 302 proves nothing', response(302), FIRST, 'ask', true],
    ['307', response(307), FIRST, 'follow', false],
    ['308 keeps what was known', response(308), RETRY, 'follow', true],
    ['304', response(304), FIRST, 'ask', true],
    ['400', response(400), FIRST, 'refused', false],
    ['401', response(401), FIRST, 'refused', false],
    ['[POE-5-6] 403 on a retry', response(403), RETRY, 'ask', true],
    ['422', response(422), FIRST, 'refused', false],
    ['[POE-5-6] 422 on a retry', response(422), RETRY, 'ask', true],
    ['404', response(404), FIRST, 'gone', false],
    ['[POE-5-6] 404 on a retry', response(404), RETRY, 'unknown', true],
    ['410', response(410), FIRST, 'gone', false],
    ['[POE-5-6] 410 on a retry', response(410), RETRY, 'unknown', true],
    ['[POE-5-6] 410 after a busy link', response(410), BUSY, 'unknown', true],
    ['405 needs proof', response(405), FIRST, 'prove', false],
    ['405 on a retry needs proof', response(405), RETRY, 'prove', true],
    ['408', response(408), FIRST, 'retry', true],
    ['409 with Retry-After', response(409, wait), FIRST, 'retry', false],
    ['[FALSE-801] 409 without Retry-After', response(409), FIRST, 'ask', false],
    ['[POE-5-6] 425 was not run', response(425), FIRST, 'retry', false],
    ['[POE-5-6] 429 was not run', response(429, wait), FIRST, 'retry', false],
    ['500 tells nothing', response(500), FIRST, 'ask', true],
    ['501 tells nothing', response(501), FIRST, 'ask', true],
    ['502', response(502), FIRST, 'retry', true],
    ['503', response(503, wait), FIRST, 'retry', true],
    ['504', response(504), FIRST, 'retry', true],
    ['[FALSE-4320] 524 of a gateway', response(524), FIRST, 'retry', true],
    ['[POE-2-11] a lost answer', lost(), FIRST, 'retry', true],
    ['a timeout', new DOMException('late', 'TimeoutError'), FIRST, 'retry', true],
    ['no connection', refusedConnection(), FIRST, 'retry', false],
    ['no connection, after a lost answer', refusedConnection(), RETRY, 'retry', true],
    ['thrown text', 'broken', FIRST, 'retry', true],
    ['used, by an adapter', response(400), FIRST, 'refused', false, { usedStatuses: [400] }],
    ['used, on a retry', response(400), RETRY, 'unknown', true, { usedStatuses: [400] }],
    [
      'no success, by an adapter',
      response(200),
      FIRST,
      'refused',
      false,
      { isSuccess: () => false },
    ],
    ['[IK-2.7-5] key: 409', response(409), FIRST, 'retry', false, { door: 'idempotency-key' }],
    ['[IK-2.7-5] key: 422', response(422), RETRY, 'refused', false, { door: 'idempotency-key' }],
    ['key: 403 on a retry', response(403), RETRY, 'unknown', true, { door: 'idempotency-key' }],
    ['key: 405 on a retry', response(405), RETRY, 'unknown', true, { door: 'idempotency-key' }],
    ['[IK-2.7-7] key: 500', response(500), FIRST, 'retry', true, { door: 'idempotency-key' }],
    ['key: 302', response(302), FIRST, 'unknown', true, { door: 'idempotency-key' }],
  ]
  for (const [title, answer, past, verdict, mayHaveArrived, rules] of table) {
    it(`${title}: ${verdict}`, () => {
      const judged = classify(answer, past, rules)
      expect(judged.action === 'stop' ? judged.outcome : judged.action).to.equal(verdict)
      expect(judged.mayHaveArrived).to.equal(mayHaveArrived)
    })
  }

  it('marks a link that another POST is under way at', () => {
    expect(classify(response(409, wait)).isBusy).to.equal(true)
    expect(classify(response(429)).isBusy).to.equal(false)
  })

  it('knows a try that may still be on its way', () => {
    expect(classify(lost()).isAdrift).to.equal(true)
    expect(classify(response(504)).isAdrift).to.equal(true)
    expect(classify(response(520)).isAdrift).to.equal(true)
    expect(classify(response(500)).isAdrift).to.equal(false)
  })
})

/** What a whole client says of a conversation. */
interface Row {
  readonly title: string
  readonly post: readonly Step[]
  readonly get?: readonly Step[]
  readonly control?: Step
  readonly outcome: string
  readonly posts: number
  readonly reason?: string
}

const RESULT: Step = { status: 200, headers: { allow: SPENT.allow }, body: 'order 7' }
const FORM: Step = { status: 200, body: 'a form' }
const UNSPENT: Step = { status: 405, headers: { allow: 'POST, OPTIONS' } }
const USED: Step = { status: 405, headers: SPENT }
const BARE_USED: Step = { status: 405, headers: { allow: 'GET' } }
const MATCHES = problem({ payloadMatches: true })
const DIFFERS = problem({ payloadMatches: false, link: '/orders/once/fresh' })

function problem(members: Record<string, unknown>): Step {
  const headers = { ...SPENT, 'content-type': 'application/problem+json' }
  return { status: 405, headers, body: JSON.stringify(members) }
}

const ROWS: readonly Row[] = [
  {
    title: '[FALSE-4320] a gateway’s own word, while the server is at work and says nothing of it',
    post: [{ status: 524 }],
    get: [UNSPENT],
    outcome: 'unknown',
    posts: 5,
    reason: 'gave-up',
  },
  {
    title: '[POE-5-1] 405 with proof, after a lost answer',
    post: [lost(), USED],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[POE-5-1] 405 of a bare server, after a lost answer',
    post: [lost(), BARE_USED],
    get: [{ status: 200, body: 'order 7' }],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[POE-5-5] 405 of a bare server whose GET redirects',
    post: [lost(), BARE_USED],
    get: [
      { status: 303, headers: { location: '/orders/7' } },
      { status: 200, body: 'order 7' },
    ],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[FALSE-721] [POE-5-4] 405 with proof to the very first try: nobody says whose it was',
    post: [USED],
    get: [RESULT],
    outcome: 'unknown',
    posts: 1,
    reason: 'unproven',
  },
  {
    title: '[POE-5-4] 405 to the very first try, with the same content',
    post: [MATCHES],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 1,
  },
  {
    title: '405 with other content, also after a lost answer',
    post: [lost(), DIFFERS],
    get: [RESULT],
    outcome: 'used-before',
    posts: 2,
  },
  {
    title: '[POE-2-24] [POE-5-4] 405 without proof to the first try',
    post: [{ status: 405, headers: { allow: 'GET, POST' } }],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[POE-5-5] 405 with POST in Allow, after a lost answer',
    post: [lost(), { status: 405, headers: { allow: 'GET, POST' } }],
    get: [RESULT],
    outcome: 'unknown',
    posts: 2,
    reason: 'unproven',
  },
  {
    title: '[FALSE-802] 405 without Allow, after a lost answer: the link says that it is spent',
    post: [lost(), { status: 405 }],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[POE-5-5] 405 without POST in Allow, but GET gives nothing',
    post: [lost(), BARE_USED],
    get: [{ status: 404 }],
    outcome: 'unknown',
    posts: 2,
    reason: 'unproven',
  },
  {
    title: '[POE-5-5] 405 whose GET still allows POST',
    post: [lost(), BARE_USED],
    get: [{ status: 200, headers: { allow: 'GET, POST' } }],
    outcome: 'unknown',
    posts: 2,
    reason: 'unproven',
  },
  {
    title: '[POE-5-5] a result link of another anchor is no proof',
    post: [
      lost(),
      { status: 405, headers: { allow: 'POST', link: SPENT.link.replace('t0ken', 'other') } },
    ],
    get: [RESULT],
    outcome: 'unknown',
    posts: 2,
    reason: 'unproven',
  },
  {
    title: '[POE-5-7] 405 with our link, and the result cannot be had',
    post: [lost(), USED],
    get: [{ status: 500 }],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '405 of a link that is done and whose answer is not kept',
    post: [lost(), BARE_USED],
    get: [
      {
        status: 410,
        headers: { 'content-type': 'application/problem+json' },
        body: '{"type":"urn:post-once-exactly:problem:body-not-kept"}',
      },
    ],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '405 after a busy link, with no word about the content',
    post: [{ status: 409, headers: { 'retry-after': '1' } }, USED],
    get: [RESULT],
    outcome: 'unknown',
    posts: 2,
    reason: 'unproven',
  },
  {
    title: '405 after a busy link, with the same content',
    post: [{ status: 409, headers: { 'retry-after': '1' } }, MATCHES],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[CL-13] 303',
    post: [{ status: 303, headers: { location: '/orders/7', allow: SPENT.allow } }],
    get: [{ status: 200, body: 'order 7' }],
    outcome: 'accepted',
    posts: 1,
  },
  {
    title: '[CL-13] 302 to a login page, and the link is unspent',
    post: [{ status: 302, headers: { location: '/login' } }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '[CL-13] 302 to a login page, also from the link',
    post: [{ status: 302, headers: { location: '/login' } }],
    get: [
      { status: 302, headers: { location: '/login' } },
      { status: 200, body: 'log in' },
    ],
    control: { status: 302, headers: { location: '/login' } },
    outcome: 'unknown',
    posts: 1,
    reason: 'unproven',
  },
  {
    title: '[POE-5-3] 302, and the link says that it is spent',
    post: [{ status: 302, headers: { location: '/orders/7' } }],
    get: [
      { status: 303, headers: { location: '/orders/7', allow: SPENT.allow } },
      { status: 200, body: 'order 7' },
    ],
    outcome: 'accepted-earlier',
    posts: 1,
  },
  {
    title: '[CL-13] 301',
    post: [{ status: 301, headers: { location: '/elsewhere' } }],
    get: [FORM],
    control: FORM,
    outcome: 'unknown',
    posts: 1,
    reason: 'unproven',
  },
  {
    title: '500, and the link is unspent',
    post: [{ status: 500 }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 1,
  },
  {
    title: '500, and the link is undecided for ever',
    post: [{ status: 500 }, { status: 409, headers: { 'retry-after': '30' } }],
    get: [{ status: 409, headers: { 'retry-after': '30' } }],
    outcome: 'unknown',
    posts: 5,
    reason: 'gave-up',
  },
  {
    title: '500 while an earlier try may still arrive',
    post: [lost(), { status: 500 }],
    get: [UNSPENT],
    outcome: 'unknown',
    posts: 2,
    reason: 'unproven',
  },
  {
    title: '[POE-5-6] 422 to a retry, and the link is unspent',
    post: [lost(), { status: 422 }],
    get: [UNSPENT],
    outcome: 'refused',
    posts: 2,
  },
  {
    title: '403 to a retry whose first try may have been accepted',
    post: [lost(), { status: 403 }],
    get: [{ status: 403 }],
    outcome: 'unknown',
    posts: 2,
    reason: 'unproven',
  },
  {
    title: '403 to a retry, and the link says that it is spent',
    post: [lost(), { status: 403 }],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 2,
  },
  {
    title: '[POE-5-6] 404 after no connection',
    post: [refusedConnection(), { status: 404 }],
    outcome: 'gone',
    posts: 2,
  },
  {
    title: '[POE-5-6] 410 after a lost answer',
    post: [lost(), { status: 410 }],
    outcome: 'unknown',
    posts: 2,
    reason: 'forgotten',
  },
  {
    title: '[POE-5-6] 503 with Retry-After is waited for',
    post: [{ status: 503, headers: { 'retry-after': '2' } }, { status: 201 }],
    outcome: 'accepted',
    posts: 2,
  },
  {
    title: 'lost answers only, and the link says that it is spent',
    post: [lost()],
    get: [RESULT],
    outcome: 'accepted-earlier',
    posts: 5,
  },
  {
    title: 'lost answers only, and the link says that it is unspent',
    post: [lost()],
    get: [UNSPENT],
    outcome: 'unknown',
    posts: 5,
    reason: 'gave-up',
  },
  {
    title: 'no connection at all',
    post: [refusedConnection()],
    outcome: 'refused',
    posts: 5,
    reason: 'not-sent',
  },
]

describe('what the client says', () => {
  for (const { title, outcome, posts, reason, ...table } of ROWS) {
    it(`${title}: ${outcome}`, async () => {
      const one = scene(table)
      const told = await one.finish(one.client.post(LINK, 'content'))
      expect(told).to.include({ outcome, attempts: posts })
      expect(one.posts).to.have.length(posts)
      if (reason !== undefined) expect(told).to.have.property('reason', reason)
      expect(told.link).to.equal(LINK)
    })
  }
})

describe('what the browser client says, which reads no Link', () => {
  const opaque: Step = { status: 0, type: 'opaqueredirect' }

  it('a result link alone is no proof', async () => {
    const nothing = { post: [lost(), { status: 405, headers: { link: SPENT.link } }], get: [FORM] }
    const { client, finish } = scene(nothing, {}, 'browser')
    expect(await finish(client.post(LINK))).to.include({ outcome: 'unknown', reason: 'unproven' })
  })

  it('Allow and GET are', async () => {
    const { client, finish } = scene({ post: [lost(), USED], get: [RESULT] }, {}, 'browser')
    const told = await finish(client.post(LINK))
    expect(told).to.include({ outcome: 'accepted-earlier' })
    expect(await told.text()).to.equal('order 7')
  })

  it('an opaque redirect is asked about by a second POST, which is safe', async () => {
    const { client, finish } = scene({ post: [opaque, USED], get: [RESULT] }, {}, 'browser')
    expect(await finish(client.post(LINK))).to.include({ outcome: 'accepted-earlier' })
  })

  it('[FALSE-4623] an opaque redirect to the last try: one POST more tells, at once', async () => {
    const waits: number[] = []
    const onRetry = ({ triesLeft }: { triesLeft: number }) => void waits.push(triesLeft)
    const table = { post: [lost(), lost(), opaque, USED], get: [opaque, opaque, RESULT] }
    const one = scene(table, { tries: 3, onRetry }, 'browser')
    const told = await one.finish(one.client.post(LINK))
    expect(told).to.include({ outcome: 'accepted-earlier', attempts: 4 })
    expect(one.posts.at(-1)?.atMs).to.equal(one.posts.at(-2)?.atMs)
    expect(waits).to.deep.equal([2, 1, 0])
  })

  it('where one try is all that is wanted, an opaque redirect is unknown', async () => {
    const one = scene({ post: [opaque, USED], get: [opaque] }, { tries: 1 }, 'browser')
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'unknown', attempts: 1 })
  })

  it('an opaque redirect that repeats itself, as to a login page, is unknown', async () => {
    const one = scene({ post: [opaque], get: [opaque], control: opaque }, {}, 'browser')
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'unknown' })
    expect(one.posts).to.have.length(2)
  })
})

describe('what comes with an outcome', () => {
  it('[POE-5-7] the result that was lost, and where it is', async () => {
    const { client, finish } = scene({ post: [lost(), USED], get: [RESULT] })
    const told = await finish(client.post(LINK))
    expect(told).to.include({ status: 405, location: 'https://shop.example/orders/7' })
    expect(await told.text()).to.equal('order 7')
  })

  it('a fresh link, where the content was other', async () => {
    const { client, finish } = scene({ post: [DIFFERS], get: [RESULT] })
    const told = await finish(client.post(LINK))
    expect(told).to.deep.include({
      outcome: 'used-before',
      payloadMatches: false,
      freshLink: 'https://shop.example/orders/once/fresh',
    })
  })

  it('a result whose content breaks off is fetched again', async () => {
    const broken = new ReadableStream({
      pull: controller => controller.error(new TypeError('terminated')),
    })
    const client = scene(
      { post: [], get: [RESULT] },
      {
        fetch: async (_input, init) =>
          init?.method === 'POST'
            ? new Response(broken, { status: 201 })
            : new Response('order 7', { headers: { allow: SPENT.allow } }),
      },
    )
    const told = await client.client.post(LINK)
    expect(told.outcome).to.equal('accepted')
    expect(await told.text()).to.equal('order 7')
  })
})
