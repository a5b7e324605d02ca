/**
 * What becomes of a POST's entry in a journal: it is there before the first byte, and it goes when
 * the word is final.
 */
import { expect } from 'chai'
import { ClientError, type Journal, type JournalEntry, PostAborted } from 'post-once-exactly/client'
import { LINK, lost, refusedConnection, type Step, scene } from './scripted.js'

describe('a POST with a journal', () => {
  const table: readonly (readonly [name: string, post: readonly Step[], end: 'done' | 'leave'])[] =
    [
      ['accepted', [{ status: 201 }], 'done'],
      ['refused', [{ status: 422 }], 'done'],
      ['never sent: what is told as final is not sent later', [refusedConnection()], 'done'],
      ['gone', [{ status: 404 }], 'done'],
      ['unknown for good', [lost(), { status: 410 }], 'done'],
      ['unknown for now', [lost()], 'leave'],
    ]
  for (const [name, post, end] of table) {
    it(`[CL-17] ${name}: ${end}`, async () => {
      const events: string[] = []
      const one = scene({ post }, { journal: telling(events, () => one.seen.length) })
      const onOutcome = () => void events.push('told')
      await one.finish(one.client.post(LINK, 'tea', { onOutcome }))
      expect(events).to.deep.equal(['begin, 0 sent', 'told', end])
    })
  }

  it('what a hook throws says nothing of the POST: its entry stays', async () => {
    for (const hook of ['onRetry', 'onOutcome'] as const) {
      const events: string[] = []
      const one = scene({ post: [lost()] }, { journal: telling(events, () => 0) })
      const throwing = () => {
        throw new ClientError('ERR_POE_NO_LINK_FOUND', 'another one')
      }
      const work = one.client.post(LINK, 'tea', { [hook]: throwing })
      expect(await one.finish(work).catch(() => 'thrown')).to.equal('thrown')
      expect(events, hook).to.deep.equal(['begin, 0 sent', 'leave'])
    }
  })

  it('[FALSE-3218] nor does what a hook’s own POST threw: its entry stays', async () => {
    const lostHere = { isUnknown: false, link: LINK, attempts: 0 }
    const own = [
      new ClientError('ERR_POE_JOURNAL', 'the disk is full'),
      new PostAborted(new Error('over'), lostHere),
    ]
    for (const error of own) {
      const events: string[] = []
      const one = scene({ post: [lost()] }, { journal: telling(events, () => 0) })
      const onRetry = () => Promise.reject(error)
      const work = one.client.post(LINK, 'tea', { onRetry })
      expect(await one.finish(work).catch((thrown: unknown) => thrown)).to.equal(error)
      expect(events, error.code).to.deep.equal(['begin, 0 sent', 'leave'])
    }
  })

  it('an outcome that cannot be noted stays, to be told again', async () => {
    const events: string[] = []
    const one = scene({ post: [{ status: 201 }] }, { journal: telling(events, () => 0) })
    const onOutcome = () => {
      throw new Error('no paper')
    }
    const error = await one.client.post(LINK, 'tea', { onOutcome }).catch((e: unknown) => e)
    expect(error).to.have.property('message', 'no paper')
    expect(events).to.deep.equal(['begin, 0 sent', 'leave'])
  })

  it('[CL-17] what cannot be journalled is not sent', async () => {
    const journal = telling([], () => 0)
    journal.begin = () => Promise.reject(new Error('the disk is full'))
    const one = scene({ post: [{ status: 201 }] }, { journal })
    const error = await one.client.post(LINK, 'tea').catch((e: unknown) => e)
    expect(error).to.have.property('message', 'the disk is full')
    expect(one.seen).to.have.length(0)
  })

  it('no login is kept, and content and type are', async () => {
    const kept: JournalEntry[] = []
    const journal = telling([], () => 0, kept)
    const one = scene({ post: [{ status: 201 }] }, { journal })
    const headers = { authorization: 'Bearer b', cookie: 'c=1', 'x-a': '1' }
    await one.client.post(LINK, { sku: 'tea' }, { headers })
    const { 'idempotency-key': id, ...fields } = Object.fromEntries(kept[0]?.headers ?? [])
    expect(fields).to.deep.equal({ 'content-type': 'application/json', 'x-a': '1' })
    expect(id).to.equal(one.posts[0]?.headers.get('idempotency-key'))
    expect(Buffer.from(kept[0]?.body ?? []).toString()).to.equal('{"sku":"tea"}')
  })
})

describe('a POST that was resumed', () => {
  const forbidden: Step = { status: 403 }
  const used: Step = { status: 405, headers: { allow: 'GET' } }
  const gone: Step = { status: 404 }

  it('[FALSE-4311] and is unknown still is so where the same is sent again', async () => {
    for (const last of [forbidden, used, gone]) {
      const one = scene({ post: [lost(), last] }, { journal: holding('tea'), tries: 1 })
      const [resumed] = await one.finish(one.client.resume())
      expect(resumed?.outcome).to.include({ outcome: 'unknown', isFinal: false })
      const again = await one.finish(one.client.post(LINK, 'tea'))
      expect(again, String(last)).to.include({ outcome: 'unknown' })
      const other = await one.client.post(LINK, 'gum').catch((error: ClientError) => error)
      expect(other).to.include({ code: 'ERR_POE_LINK_BUSY' })
    }
  })

  it('[FALSE-4311] and is known no longer keeps other content away', async () => {
    const post = [lost(), { status: 201 }, used]
    const one = scene({ post }, { journal: holding('tea'), tries: 1 })
    expect(await one.finish(one.client.post(LINK, 'tea'))).to.include({ outcome: 'unknown' })
    const [resumed] = await one.finish(one.client.resume())
    expect(resumed?.outcome).to.include({ outcome: 'accepted' })
    expect(await one.finish(one.client.post(LINK, 'gum'))).to.include({ status: 405 })
  })

  it('[FALSE-4311] and goes on is the same send as that of a second call', async () => {
    const one = scene({ post: [lost(), { status: 201 }] }, { journal: holding('tea') })
    const resuming = one.client.resume()
    await one.clock.untilSleeping(1)
    expect(await one.finish(one.client.post(LINK, 'tea'))).to.include({ outcome: 'accepted' })
    await one.finish(resuming)
    expect(one.posts).to.have.length(2)
  })
})

/** A journal in which an earlier process has left a POST. */
function holding(content: string): Journal {
  const type = ['content-type', 'text/plain;charset=UTF-8'] as const
  const entry: JournalEntry = {
    ...{ id: '1', link: LINK, isRepeatable: true, idempotencyKey: null, headers: [type] },
    ...{ body: new TextEncoder().encode(content), createdAtMs: 0, expiresAtMs: null },
  }
  const hold = { entry, pin: async () => {}, done: async () => {}, leave: async () => {} }
  const more = { list: async () => [entry], take: async () => hold }
  return { ...telling([], () => 0), ...more }
}

/** A journal that says what it is asked to do, and how much was sent by then. */
function telling(events: string[], sent: () => number, kept: JournalEntry[] = []): Journal {
  return {
    begin: async entry => {
      events.push(`begin, ${sent()} sent`)
      kept.push(entry)
      return {
        entry,
        pin: async () => {},
        done: async () => void events.push('done'),
        leave: async () => void events.push('leave'),
      }
    },
    list: async () => [],
    take: async () => null,
    close: async () => {},
  }
}
