/**
 * What HTTP itself says about sending a request again.
 *
 * @see RFC 9110 9.2.2
 */
import { expect } from 'chai'
import { LINK, lost, refusedConnection, scene } from './scripted.js'

const PLAIN = 'https://shop.example/plain'

describe('requests that are not known to be safe to repeat', () => {
  it('[H-RETRY-1] a POST that nobody vouched for is sent once, whatever happens', async () => {
    for (const step of [lost(), refusedConnection(), { status: 503 }, { status: 429 }]) {
      const one = scene({ post: [step] })
      const work = one.client.fetch(PLAIN, { method: 'POST', body: 'tea' })
      await one.finish(work.catch(() => null))
      expect(one.posts).to.have.length(1)
    }
  })

  it('[H-RETRY-1] with retryUnsent it is sent again only where it never left', async () => {
    const unsent = scene({ post: [refusedConnection(), { status: 201 }] }, { retryUnsent: true })
    const work = unsent.client.fetch(PLAIN, { method: 'POST', body: 'tea' })
    expect((await unsent.finish(work)).status).to.equal(201)
    const cut = scene({ post: [lost(), { status: 201 }] }, { retryUnsent: true })
    const failed = cut.client.fetch(PLAIN, { method: 'POST', body: 'tea' })
    expect(await cut.finish(failed).catch(() => 'rejected')).to.equal('rejected')
    expect(cut.posts).to.have.length(1)
  })

  it('[H-RETRY-2] a try that failed is followed by a pause, and the tries end', async () => {
    const one = scene({ post: [lost()] })
    await one.finish(one.client.post(LINK))
    const gaps = one.posts.slice(1).map(({ atMs }, index) => atMs - (one.posts[index]?.atMs ?? 0))
    expect(gaps.every(gap => gap >= 150)).to.equal(true)
    expect(one.posts).to.have.length(5)
  })
})
