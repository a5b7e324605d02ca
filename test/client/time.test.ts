/**
 * Tries, waits, budgets, hooks and aborts, on a clock that stands still.
 */
import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import {
  ClientError,
  createClient,
  delayFor,
  type Journal,
  type JournalEntry,
  PostAborted,
  type PostOutcome,
  type RetryNotice,
} from 'post-once-exactly/client'
import { fakeClock } from 'post-once-exactly/testing'
import { until } from '../support/meeting.js'
import { LINK, lost, refusedConnection, SPENT, scene } from './scripted.js'

const NOW = Date.parse('Wed, 21 Oct 2026 12:00:00 GMT')

function answer(retryAfter: string, date?: string): Response {
  const headers: Record<string, string> = { 'retry-after': retryAfter }
  if (date !== undefined) headers.date = date
  return new Response('', { status: 503, headers })
}

describe('delayFor', () => {
  const options = { now: () => NOW, random: () => 0.5 }
  const floor = 150
  const table: readonly (readonly [value: string, expected: number])[] = [
    ['Wed, 21 Oct 2026 12:00:05 GMT', 5_000],
    ['Wednesday, 21-Oct-26 12:00:05 GMT', 5_000],
    ['Wed Oct 21 12:00:05 2026', 5_000],
    ['Wed, 21 Oct 2026 11:59:00 GMT', 225],
    ['Soon', 225],
    ['', 225],
    ['-5', 225],
    ['1.5', 225],
    ['Infinity', 225],
    ['0', 225],
    ['120', 120_000],
    ['  7 ', 7_000],
    ['99999999999999999999', Number.MAX_SAFE_INTEGER],
  ]
  for (const [value, expected] of table) {
    it(`[CL-07] Retry-After: ${JSON.stringify(value)} gives ${expected} ms`, () => {
      expect(delayFor(1, answer(value), options)).to.equal(expected)
      expect(expected).to.be.at.least(floor)
    })
  }

  it('[CL-07] takes a date relative to the answer’s own, whatever our clock says', () => {
    const late = { ...options, now: () => NOW + 3_600_000 }
    const response = answer('Wed, 21 Oct 2026 12:00:05 GMT', 'Wed, 21 Oct 2026 12:00:01 GMT')
    expect(delayFor(1, response, late)).to.equal(4_000)
  })

  it('[POE-8-2] doubles from step to step, with jitter that never reaches below half', () => {
    const least = [1, 2, 3, 4].map(n => delayFor(n, null, { ...options, random: () => 0 }))
    const most = [1, 2, 3, 4].map(n => delayFor(n, null, { ...options, random: () => 0.999999 }))
    expect(least).to.deep.equal([150, 300, 600, 1_200])
    expect(most.map(Math.round)).to.deep.equal([300, 600, 1_200, 2_400])
    expect(delayFor(60, null, { ...options, random: () => 0 })).to.equal(15_000)
  })

  it('counts tries from 1', () => {
    for (const attempt of [0, -1, 1.5, Number.NaN]) {
      expect(() => delayFor(attempt)).to.throw(RangeError, 'from 1')
    }
  })
})

describe('tries and time', () => {
  it('[POE-2-12] [POE-8-3] are bounded by default, and what ends them is told', async () => {
    const { client, finish, posts, clock, ...rest } = await outcomeOf(scene({ post: [lost()] }))
    expect(rest.outcome).to.include({ outcome: 'unknown', reason: 'gave-up', attempts: 5 })
    expect(posts.length).to.equal(5)
    expect(clock.now() - NOW).to.be.below(120_000)
  })

  it('[POE-8-1] [POE-8-2] [CL-11] pauses grow from try to try', async () => {
    const { posts } = await outcomeOf(scene({ post: [{ status: 503 }] }))
    const gaps = posts.slice(1).map((post, index) => post.atMs - (posts[index]?.atMs ?? 0))
    expect(gaps).to.deep.equal([225, 450, 900, 1_800])
  })

  it('[CL-11] a server that never answers ends within the total time', async () => {
    const one = scene({ post: ['silence'] }, { timeoutMs: 30_000, totalMs: 50_000 })
    const { outcome, clock } = await outcomeOf(one)
    expect(outcome).to.include({ outcome: 'unknown', reason: 'gave-up' })
    expect(clock.now() - NOW).to.be.at.most(80_000)
  })

  it('[POE-2-13] onRetry is told before each further try, and waited for', async () => {
    const notices: RetryNotice[] = []
    const atMs: number[] = []
    const one = scene({ post: [lost(), { status: 503 }, { status: 201 }] })
    const onRetry = async (notice: RetryNotice) => {
      await Promise.resolve()
      notices.push(notice)
      atMs.push(one.posts.length)
    }
    await one.finish(one.client.post(LINK, 'x', { onRetry }))
    expect(notices.map(({ attempt, triesLeft }) => [attempt, triesLeft])).to.deep.equal([
      [1, 4],
      [2, 3],
    ])
    expect(atMs).to.deep.equal([1, 2])
    expect(notices[0]).to.include({ link: LINK, delayMs: 225, response: null })
    expect(notices[0]?.cause).to.be.instanceOf(TypeError)
    expect(notices[1]?.response?.status).to.equal(503)
  })

  it('[POE-2-14] onGiveUp is always told, and the word is unknown', async () => {
    const told: string[] = []
    const one = scene({ post: [lost()] }, { onGiveUp: ({ outcome }) => void told.push(outcome) })
    const outcome = await one.finish(one.client.post(LINK))
    expect(outcome.outcome).to.equal('unknown')
    expect(told).to.deep.equal(['unknown'])
  })

  it('[POE-2-14] onGiveUp is told of what was never sent, and not of a refusal', async () => {
    const told: string[] = []
    const onGiveUp = (given: PostOutcome) => void told.push(given.outcome)
    const unsent = scene({ post: [refusedConnection()] }, { onGiveUp })
    await unsent.finish(unsent.client.post(LINK))
    const refused = scene({ post: [{ status: 422 }] }, { onGiveUp })
    await refused.finish(refused.client.post(LINK))
    expect(told).to.deep.equal(['refused'])
  })

  it('a fetch that throws at once leaves no timer behind', async () => {
    const clock = fakeClock()
    const fetch = () => {
      throw new TypeError('no such thing')
    }
    const client = createClient({ fetch, clock, tries: 1, totalMs: 1 })
    expect(await client.post(LINK, 'x')).to.include({ outcome: 'unknown' })
    expect(clock.sleeping).to.equal(0)
  })

  it('what a hook throws ends the POST', async () => {
    const one = scene({ post: [lost()] })
    const boom = new Error('enough')
    const onRetry = () => {
      throw boom
    }
    expect(await thrownBy(one.finish(one.client.post(LINK, 'x', { onRetry })))).to.equal(boom)
    expect(one.posts).to.have.length(1)
  })

  it('[CL-07] a Retry-After beyond the limit ends it; no try comes too early', async () => {
    const post = [{ status: 503, headers: { 'retry-after': '120' } }]
    const { outcome, posts } = await outcomeOf(scene({ post }, { totalMs: 60_000 }))
    expect(outcome).to.include({ outcome: 'unknown', reason: 'gave-up' })
    expect(posts).to.have.length(1)
  })

  it('a Retry-After beyond the limit after a 429 is a refusal: nothing was run', async () => {
    const post = [{ status: 429, headers: { 'retry-after': '600' } }]
    const { outcome } = await outcomeOf(scene({ post }))
    expect(outcome).to.include({ outcome: 'refused', status: 429 })
  })

  it('[CL-11] callers with the same content share one send', async () => {
    const one = scene({ post: [lost(), { status: 201 }] })
    const sends = Array.from({ length: 20 }, () => one.client.post(LINK, 'same'))
    const outcomes = await one.finish(Promise.all(sends))
    expect(new Set(outcomes.map(({ outcome }) => outcome))).to.deep.equal(new Set(['accepted']))
    expect(one.posts).to.have.length(2)
  })

  for (const [status, outcome] of [
    [201, 'accepted'],
    [422, 'refused'],
    [405, 'used-before'],
  ] as const) {
    it(`[FALSE-4395] each of them has its answer to read: ${outcome}`, async () => {
      const body = '{"payloadMatches":false,"type":"urn:post-once-exactly:problem:used"}'
      const result = { status: 200, headers: { allow: 'GET' }, body: 'order 7' }
      const headers = { ...SPENT, 'content-type': 'application/problem+json' }
      const one = scene({ post: [{ status, headers, body }], get: [result] })
      const read = async () => {
        const told = await one.client.post(LINK, 'same')
        const answer = told.outcome === 'used-before' ? told.refusal : told.response
        return `${told.outcome} ${await answer?.text()}`
      }
      const told = await one.finish(Promise.all([read(), read(), read()]))
      expect(told).to.deep.equal(Array(3).fill(`${outcome} ${body}`))
      expect(one.posts).to.have.length(1)
    })
  }

  for (const readers of [
    ['response', 'json'],
    ['json', 'response'],
    ['response', 'bytes', 'text', 'response'],
  ] as const) {
    it(`[FALSE-4396] a refusal is read by each in its own way: ${readers.join(', ')}`, async () => {
      const one = scene({ post: [{ status: 422, body: '{"title":"No"}' }] })
      const read = async (how: (typeof readers)[number]) => {
        const { response, ...told } = await one.client.post(LINK, 'same')
        if (how === 'response') return await response?.json()
        if (how === 'json') return await told.json()
        const text = how === 'text' ? await told.text() : Buffer.from(await told.bytes())
        return JSON.parse(`${text}`)
      }
      const told = await one.finish(Promise.all(readers.map(read)))
      expect(told).to.deep.equal(readers.map(() => ({ title: 'No' })))
      expect(one.posts).to.have.length(1)
    })
  }

  it('[POE-5-6] nothing is posted past a link’s life, but the link is asked', async () => {
    const spent = { status: 200, headers: { allow: 'GET' }, body: 'order 7' }
    const one = scene({ post: [lost()], get: [spent] }, { baseMs: 1_000 })
    const work = one.client.post(LINK, 'x', { expiresAtMs: NOW + 2_000 })
    expect(await one.finish(work)).to.include({ outcome: 'accepted-earlier' })
    expect(one.posts.every(({ atMs }) => atMs < NOW + 2_000)).to.equal(true)
  })

  for (const [title, get, outcome, reason] of [
    ['spent', { status: 200, headers: { allow: 'GET' } }, 'accepted-earlier', undefined],
    ['not known any more', { status: 410 }, 'unknown', 'forgotten'],
    ['not to be asked', { status: 503 }, 'unknown', 'gave-up'],
  ] as const) {
    it(`[POE-5-6] nor is it where an earlier call was in doubt: the link is ${title}`, async () => {
      const one = scene({ post: [lost()], get: [...Array(3).fill({ status: 503 }), get] })
      const options = { expiresAtMs: NOW + 2_000, tries: 1 }
      const first = await one.finish(one.client.post(LINK, 'x', options))
      expect(first).to.include({ outcome: 'unknown', reason: 'gave-up' })
      await one.clock.advance(2_000)
      const second = await one.finish(one.client.post(LINK, 'x', options))
      expect(second).to.include({ outcome, attempts: 0, ...(reason && { reason }) })
      expect(one.posts).to.have.length(1)
    })
  }

  it('[POE-8-1] a page of links is asked for again after a pause, which grows', async () => {
    const page = { status: 200, headers: { 'poe-links': '"/once/1"' } }
    const one = scene({ post: [], get: [{ status: 503 }, { status: 502 }, page] })
    expect(await one.finish(one.client.links('https://shop.example/page'))).to.have.length(1)
    expect(one.seen.map(({ atMs }) => atMs - NOW)).to.deep.equal([0, 225, 675])
  })

  it('a link that has ended before anything was sent is gone', async () => {
    const one = scene({ post: [{ status: 201 }] })
    const outcome = await one.finish(one.client.post(LINK, 'x', { expiresAtMs: NOW }))
    expect(outcome).to.include({ outcome: 'gone', attempts: 0, response: null })
    expect(one.posts).to.have.length(0)
  })
})

describe('an abort', () => {
  it('[CL-09] in a wait ends it at once, says what is known, and sends nothing more', async () => {
    const controller = new AbortController()
    const one = scene({ post: [lost()] })
    const work = one.client.post(LINK, 'x', { signal: controller.signal })
    const error = thrownBy(work)
    await one.clock.untilSleeping(1)
    controller.abort(new Error('the user left'))
    const thrown = await error
    expect(thrown).to.be.instanceOf(PostAborted)
    expect(thrown).to.include({ name: 'AbortError', outcome: 'unknown', link: LINK, attempts: 1 })
    expect((thrown as PostAborted).cause).to.have.property('message', 'the user left')
    expect(one.clock.sleeping).to.equal(0)
    expect(one.posts).to.have.length(1)
  })

  it('before anything was sent says so', async () => {
    const one = scene({ post: [{ status: 201 }] })
    const work = one.client.post(LINK, 'x', { signal: AbortSignal.abort() })
    expect(await thrownBy(work)).to.include({ outcome: 'not-sent', attempts: 0 })
    expect(one.seen).to.have.length(0)
  })

  it('in mid-flight is unknown', async () => {
    const controller = new AbortController()
    const one = scene({ post: ['silence'] })
    const error = thrownBy(one.client.post(LINK, 'x', { signal: controller.signal }))
    await one.clock.untilSleeping(1)
    controller.abort()
    expect(await error).to.include({ outcome: 'unknown', attempts: 1 })
  })

  it('[FALSE-4625] and a call that sends nothing leave open what was sent before', async () => {
    const full = new ClientError('ERR_POE_JOURNAL', 'no room')
    for (const isAbort of [true, false]) {
      const controller = new AbortController()
      const hold = { done: async () => {}, leave: async () => {}, pin: async () => {} }
      let begun = 0
      const begin = async (entry: JournalEntry) => {
        begun += 1
        if (begun === 2 && !isAbort) throw full
        return { ...hold, entry }
      }
      const journal: Journal = {
        begin,
        list: async () => [],
        take: async () => null,
        close: async () => {},
      }
      const one = scene({ post: ['silence', { status: 410 }] }, { journal })
      const first = thrownBy(one.client.post(LINK, 'x', { signal: controller.signal }))
      await until(() => one.posts.length === 1, 'it is sent')
      controller.abort()
      expect(await first).to.include({ outcome: 'unknown' })
      const more = isAbort ? { signal: controller.signal } : {}
      const second = await thrownBy(one.client.post(LINK, 'x', more))
      if (isAbort) expect(second).to.include({ outcome: 'unknown', attempts: 0 })
      else expect(second).to.equal(full)
      expect(await one.finish(one.client.post(LINK, 'x'))).to.include({ outcome: 'unknown' })
      expect(one.posts).to.have.length(2)
    }
  })

  for (const entry of ['node', 'browser'] as const) {
    it(`[FALSE-4314] while a link is asked is unknown (${entry})`, async () => {
      const answers = [{ status: 405, headers: { allow: 'GET' } }, { status: 409 }]
      for (const answer of answers) {
        const controller = new AbortController()
        const one = scene({ post: [answer], get: ['silence'] }, { timeoutMs: 9_000 }, entry)
        const error = thrownBy(one.client.post(LINK, 'x', { signal: controller.signal }))
        await until(() => one.seen.length === 2, 'the link is asked')
        controller.abort()
        expect(await error, String(answer.status)).to.include({ outcome: 'unknown', attempts: 1 })
      }
    })
  }

  it('[FALSE-4315] or a hook that throws makes no success of somebody else’s', async () => {
    const busy = { status: 409, headers: { 'retry-after': '1' } }
    const used = { status: 405, headers: { allow: 'GET' } }
    const result = { status: 200, body: 'order 7' }
    for (const isAbort of [true, false]) {
      const controller = new AbortController()
      const one = scene({ post: [busy, used], get: [result] })
      const onRetry = () => {
        if (!isAbort) throw new Error('no paper')
        controller.abort()
      }
      const { signal } = controller
      const thrown = thrownBy(one.finish(one.client.post(LINK, 'x', { signal, onRetry })))
      expect(await thrown).to.be.instanceOf(Error)
      const again = await one.finish(one.client.post(LINK, 'x'))
      expect(again, String(isAbort)).to.include({ outcome: 'unknown', isFinal: true })
    }
  })

  it('[CL-09] leaves no listener on the caller’s signal, after many sends', async () => {
    const { signal } = new AbortController()
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    for (let send = 0; send < 200; send += 1) {
      const one = scene({ post: [lost(), lost(), { status: 201 }] })
      await one.finish(one.client.post(LINK, 'x', { signal }))
      expect(one.posts).to.have.length(3)
    }
    expect(getEventListeners(signal, 'abort')).to.have.length(0)
    await new Promise(resolve => setImmediate(resolve))
    process.off('warning', listen)
    expect(warnings.map(({ name }) => name)).to.not.include('MaxListenersExceededWarning')
  })

  it('[CL-09, FALSE-4577] nor does client.fetch, with a key or without', async () => {
    const { signal } = new AbortController()
    const client = createClient({ fetch: async () => new Response('y', { status: 201 }) })
    const plain: RequestInit = { method: 'POST', body: 'x', signal }
    const keyed: RequestInit = { ...plain, headers: { 'Idempotency-Key': '"k"' } }
    for (const init of [{ signal }, plain, keyed]) {
      expect(await (await client.fetch('https://shop.example/pay', init)).text()).to.equal('y')
      expect(getEventListeners(signal, 'abort')).to.have.length(0)
    }
  })

  it('[FALSE-4577] client.fetch ends with its signal, and with that of its Request', async () => {
    const stop = new Error('stop')
    const url = 'https://shop.example/pay'
    const init = { method: 'POST', body: 'x', headers: { 'Idempotency-Key': '"k"' } }
    type Call = (signal: AbortSignal) => readonly [string | Request, RequestInit]
    const calls: readonly Call[] = [
      signal => [url, { ...init, signal }],
      signal => [new Request(url, { ...init, signal }), {}],
      signal => [new Request(url, init), { signal }],
      signal => [new Request(url, { ...init, signal }), { signal: null }],
    ]
    for (const call of calls) {
      const controller = new AbortController()
      const given = call(controller.signal)
      const onRetry = () => controller.abort(stop)
      const one = scene({ post: [lost(), { status: 201 }] }, { onRetry })
      const told = await one.finish(one.client.fetch(...given).catch((error: unknown) => error))
      if (given[1].signal === null) expect(told).to.include({ status: 201 })
      else expect(told).to.have.property('cause', stop)
    }
    const wrong = { signal: new AbortController() as unknown as AbortSignal }
    for (const more of [{}, init]) {
      const refused = createClient().fetch(url, { ...more, ...wrong })
      expect(await refused.catch((error: unknown) => error)).to.be.instanceOf(TypeError)
    }
  })

  it('of a second caller ends only its own waiting', async () => {
    const controller = new AbortController()
    const one = scene({ post: [lost(), { status: 201 }] })
    const first = one.client.post(LINK, 'same')
    await one.clock.untilSleeping(1)
    const second = thrownBy(one.client.post(LINK, 'same', { signal: controller.signal }))
    await new Promise(resolve => setImmediate(resolve))
    controller.abort()
    expect(await second).to.include({ outcome: 'unknown' })
    expect(await one.finish(first)).to.include({ outcome: 'accepted' })
  })

  it('[FALSE-4113] each of two callers has its own hook told, and waited for', async () => {
    const one = scene({ post: [{ status: 201 }] })
    const told: string[] = []
    const order = (name: string) => {
      const onOutcome = async ({ outcome }: PostOutcome) => {
        await Promise.resolve()
        told.push(`${name}: ${outcome}`)
      }
      return one.client.post(LINK, 'same', { onOutcome })
    }
    await one.finish(Promise.all([order('first'), order('second')]))
    expect(told).to.deep.equal(['first: accepted', 'second: accepted'])
    expect(one.posts).to.have.length(1)
  })

  it('[FALSE-3217] of a first caller, and what its hook throws, ends only its POST', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const calledOff = () => {
      throw new Error('no paper')
    }
    for (const first of [{ signal }, { onOutcome: calledOff }]) {
      const one = scene({ post: ['silence', { status: 201 }] }, { timeoutMs: 1_000, tries: 3 })
      const thrown = thrownBy(one.client.post(LINK, 'same', first))
      const others = Promise.all([1, 2].map(() => one.client.post(LINK, 'same')))
      await one.clock.untilSleeping(1)
      if (first.signal !== undefined) controller.abort()
      const told = await one.finish(others)
      expect(told.map(({ outcome }) => outcome)).to.deep.equal(['accepted', 'accepted'])
      expect(await thrown).to.be.instanceOf(Error)
    }
  })
})

/** Sends one POST and lets time pass until it has ended. */
async function outcomeOf(one: ReturnType<typeof scene>) {
  const outcome = await one.finish(one.client.post(LINK, 'content'))
  return { ...one, posts: one.posts, outcome }
}

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail('nothing was thrown'),
    (error: unknown) => error,
  )
}
