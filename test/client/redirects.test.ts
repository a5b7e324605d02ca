/**
 * Redirects of a POST: what is followed with content, what with GET, and what not at all.
 *
 * @see RFC 9110 15.4
 */
import { expect } from 'chai'
import type { Journal, JournalEntry } from 'post-once-exactly/client'
import { JournalFolder } from './journal/journal-process.js'
import { LINK, lost, SPENT, type Step, scene } from './scripted.js'

const TARGET = 'https://shop.example/orders/once/pinned'

function moved(location: string, links?: string): Step {
  const headers = { location, ...(links === undefined ? {} : { 'poe-links': `"${links}"` }) }
  return { status: 307, headers }
}

describe('redirects of a POST', () => {
  it('[CL-13] 303 is a success, its target the result, and nothing is posted again', async () => {
    const one = scene({
      post: [{ status: 303, headers: { location: '/orders/7', allow: SPENT.allow } }],
      get: [{ status: 200, body: 'order 7' }],
    })
    const outcome = await one.finish(one.client.post(LINK, 'x'))
    expect(outcome).to.include({
      outcome: 'accepted',
      status: 303,
      location: 'https://shop.example/orders/7',
    })
    expect(await outcome.text()).to.equal('order 7')
    expect(one.seen.map(({ method, url }) => [method, url])).to.deep.equal([
      ['POST', LINK],
      ['GET', 'https://shop.example/orders/7'],
    ])
  })

  it('303 to another origin is a success that is not followed: our fields stay here', async () => {
    const headers = { location: 'https://other.example/', allow: SPENT.allow }
    const one = scene({ post: [{ status: 303, headers }] })
    const outcome = await one.finish(one.client.post(LINK, 'x'))
    expect(outcome).to.include({ outcome: 'accepted', location: 'https://other.example/' })
    expect(one.seen).to.have.length(1)
  })

  it('[CL-13] [H-303-2] 307 on the same origin is followed with content and fields', async () => {
    const one = scene({ post: [moved(TARGET, TARGET), { status: 201 }] })
    const headers = { 'x-a': '1' }
    const outcome = await one.finish(one.client.post(LINK, 'tea', { headers }))
    expect(outcome).to.include({ outcome: 'accepted', link: TARGET, attempts: 1 })
    expect(one.posts.map(({ url, body }) => [url, body])).to.deep.equal([
      [LINK, 'tea'],
      [TARGET, 'tea'],
    ])
    expect(one.posts[1]?.headers.get('poe')).to.equal('1')
    expect(one.posts[1]?.headers.get('x-a')).to.equal('1')
  })

  it('[POE-2-10] after a 307 every further try goes to its target', async () => {
    const used = { status: 405, headers: { allow: 'GET' } }
    // Nothing else names the place of the result.
    const get = [{ status: 200, headers: { location: '/orders/7' }, body: 'order 7' }]
    const one = scene({ post: [moved(TARGET, TARGET), lost(), used], get })
    const outcome = await one.finish(one.client.post(LINK, 'tea'))
    const location = 'https://shop.example/orders/7'
    expect(outcome).to.include({ outcome: 'accepted-earlier', link: TARGET, location })
    expect(one.posts.map(({ url }) => url)).to.deep.equal([LINK, TARGET, TARGET])
  })

  it('[CL-13, H-RETRY-1] a target that is not known to be a link is posted to once', async () => {
    const one = scene({ post: [moved('/plain'), lost()] })
    const outcome = await one.finish(one.client.post(LINK, 'tea'))
    expect(outcome).to.include({ outcome: 'unknown', reason: 'not-repeatable', isFinal: true })
    expect(one.posts).to.have.length(2)
  })

  it('[CL-13] with a key, every further try goes to the target with the same key', async () => {
    const one = scene({ post: [moved('/plain'), lost(), { status: 201 }] })
    const options = { idempotencyKey: 'k' }
    const outcome = await one.finish(one.client.post('https://shop.example/pay', 'x', options))
    expect(outcome).to.include({ outcome: 'accepted', attempts: 2 })
    const keys = one.posts.map(({ headers }) => headers.get('idempotency-key'))
    expect(keys).to.deep.equal(['"k"', '"k"', '"k"'])
  })

  it('[CL-13] 308 to another origin stops: no content, no key goes there', async () => {
    const headers = { location: 'https://other.example/orders' }
    const one = scene({ post: [{ status: 308, headers }] })
    const outcome = await one.finish(one.client.post(LINK, 'tea', { idempotencyKey: 'k' }))
    expect(outcome).to.include({ outcome: 'refused', reason: 'redirected', status: 308 })
    expect(outcome.location).to.equal('https://other.example/orders')
    expect(one.seen).to.have.length(1)
  })

  it('[CL-13] the same after a lost answer is unknown', async () => {
    const headers = { location: 'https://other.example/orders' }
    const one = scene({ post: [lost(), { status: 307, headers }] })
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'unknown' })
  })

  it('[POE-5-6] a redirect after a lost answer takes no doubt away', async () => {
    const one = scene({ post: [lost(), moved('/maintenance'), { status: 404 }] })
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'unknown' })
    expect(one.posts.filter(({ url }) => url !== LINK)).to.deep.equal([])
  })

  it('[FALSE-3204] a page that says 405 to POST proves nothing of an earlier try', async () => {
    const page = { status: 405, headers: { allow: 'GET, HEAD' } }
    const one = scene({
      post: [{ status: 502 }, moved('/login'), page],
      get: [{ status: 404 }, { status: 200, body: 'Please log in' }],
    })
    expect(await one.finish(one.client.post(LINK, 'tea'))).to.include({ outcome: 'unknown' })
    expect(one.posts.map(({ url }) => url)).to.deep.equal([LINK, LINK])
  })

  it('[FALSE-3220] what was lost before a redirect is no word of the link behind it', async () => {
    const used = { status: 405, headers: { allow: 'GET' } }
    const get = [{ status: 200, body: 'order of another tab' }]
    const one = scene({ post: [{ status: 502 }, moved(TARGET, TARGET), used], get })
    const outcome = await one.finish(one.client.post(LINK, 'tea'))
    expect(outcome).to.include({ outcome: 'unknown', isFinal: true, link: TARGET })
    const other = scene({ post: [lost(), moved(TARGET, TARGET), { status: 404 }] })
    expect(await other.finish(other.client.post(LINK))).to.include({ outcome: 'unknown' })
  })

  it('[FALSE-3204] a redirect after a lost answer leaves the word to the link', async () => {
    const one = scene({
      post: [lost(), moved('/maintenance')],
      get: [{ status: 200, headers: SPENT, body: 'order 7' }],
    })
    const outcome = await one.finish(one.client.post(LINK, 'tea'))
    expect(outcome).to.include({ outcome: 'accepted-earlier', attempts: 2 })
    expect(await outcome.text()).to.equal('order 7')
  })

  it('[FALSE-3205] what was led to no link is not sent there again on resuming', async () => {
    const folder = new JournalFolder()
    try {
      const stop = new AbortController()
      const first = scene({ post: [moved('/plain'), 'silence'] }, { journal: await folder.open() })
      const sent = first.client.post(LINK, 'tea', { signal: stop.signal })
      const thrown = sent.catch((error: unknown) => error)
      while (first.posts.length < 2) await new Promise(setImmediate)
      stop.abort()
      expect(await thrown).to.include({ code: 'ERR_POE_ABORTED', outcome: 'unknown' })
      const journal = await folder.open()
      const second = scene({ post: [{ status: 201 }] }, { journal })
      const [resumed] = await second.client.resume()
      expect(resumed?.outcome).to.include({ outcome: 'unknown', reason: 'not-repeatable' })
      expect(second.seen).to.deep.equal([])
      expect(await journal.list()).to.deep.equal([])
    } finally {
      await folder.remove()
    }
  })

  it('[FALSE-3205] nor by the same call, made again', async () => {
    const stop = new AbortController()
    const one = scene({ post: [moved('/plain'), 'silence', moved('/plain'), { status: 201 }] })
    const sent = one.client.post(LINK, 'tea', { signal: stop.signal })
    const thrown = sent.catch((error: unknown) => error)
    while (one.posts.length < 2) await new Promise(setImmediate)
    stop.abort()
    await thrown
    expect(await one.finish(one.client.post(LINK, 'tea'))).to.include({ outcome: 'unknown' })
    expect(one.posts.filter(({ url }) => url !== LINK)).to.have.length(1)
  })

  it('what cannot be journalled after a lost answer is unknown, and stays', async () => {
    const events: string[] = []
    const journal = telling(events, new Error('the disk is full'))
    const one = scene({ post: [lost(), moved(TARGET, TARGET)] }, { journal })
    const error = await one.finish(one.client.post(LINK, 'tea')).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'ERR_POE_ABORTED', outcome: 'unknown' })
    expect(events).to.deep.equal([`begin ${LINK} tea`, 'leave'])
  })

  it('another origin is followed where it is allowed', async () => {
    const target = 'https://other.example/once/x'
    const origins = ['https://other.example']
    const one = scene({ post: [moved(target, target), { status: 201 }] }, { origins })
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'accepted' })
    expect(one.posts[1]?.url).to.equal(target)
  })

  it('circles end', async () => {
    const one = scene({ post: [moved(LINK, LINK)] })
    const outcome = await one.finish(one.client.post(LINK))
    expect(outcome).to.include({ outcome: 'refused', reason: 'redirected' })
    expect(one.posts).to.have.length(6)
  })

  it('a journal knows the target before anything is sent there', async () => {
    const events: string[] = []
    const journal = telling(events)
    const one = scene({ post: [moved(TARGET, TARGET), { status: 201 }] }, { journal })
    const post = one.client.post(LINK, 'tea')
    await one.finish(post)
    expect(events).to.deep.equal([`begin ${LINK} tea`, `pin ${TARGET} true`, 'done'])
  })

  it('what cannot be journalled is not sent there', async () => {
    const journal = telling([], new Error('the disk is full'))
    const one = scene({ post: [moved(TARGET, TARGET), { status: 201 }] }, { journal })
    const error = await one.finish(one.client.post(LINK, 'tea')).catch((thrown: unknown) => thrown)
    expect(error).to.have.property('message', 'the disk is full')
    expect(one.posts).to.have.length(1)
  })

  it('302 that the link explains is told with its proof', async () => {
    const one = scene({
      post: [{ status: 302, headers: { location: '/orders/7' } }],
      get: [
        { status: 303, headers: { location: '/orders/7', allow: SPENT.allow } },
        { status: 200, body: 'order 7' },
      ],
    })
    const outcome = await one.finish(one.client.post(LINK))
    expect(outcome).to.include({ outcome: 'accepted-earlier', status: 302 })
    expect(await outcome.text()).to.equal('order 7')
  })
})

/** A journal that keeps nothing and says what it is asked to keep. */
function telling(events: string[], pinError: Error | null = null): Journal {
  return {
    begin: async (entry: JournalEntry) => {
      events.push(`begin ${entry.link} ${Buffer.from(entry.body).toString()}`)
      return {
        entry,
        pin: async (link, isRepeatable) => {
          if (pinError !== null) throw pinError
          events.push(`pin ${link} ${isRepeatable}`)
        },
        done: async () => void events.push('done'),
        leave: async () => void events.push('leave'),
      }
    },
    list: async () => [],
    take: async () => null,
    close: async () => {},
  }
}
