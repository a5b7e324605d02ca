/**
 * Content that a function makes for each try: it is whole or the try is none, and what goes wrong
 * in making it is not taken for what the server or the network did.
 */
import { expect } from 'chai'
import { createClient as createCore } from 'post-once-exactly/client/browser'
import { LINK, lost, refusedConnection, scene } from './scripted.js'

describe('content that is made for each try', () => {
  it('[FALSE-3213] what cannot be had leaves nothing in doubt', async () => {
    const failing = () => {
      throw new Error('no such file')
    }
    const content = scene({ post: [{ status: 201 }] })
    const told = await content.finish(content.client.post(LINK, failing))
    expect(told).to.include({ outcome: 'refused', reason: 'not-sent', attempts: 5 })
    const fields = scene({ post: [{ status: 201 }] }, { headers: failing })
    expect(await fields.finish(fields.client.post(LINK, 'tea'))).to.include({ reason: 'not-sent' })
    expect([...content.seen, ...fields.seen]).to.deep.equal([])
  })

  it('[FALSE-3213] after a try that may have arrived it takes no doubt away', async () => {
    let calls = 0
    const make = () => {
      calls += 1
      if (calls > 1) throw refusedConnection()
      return 'tea'
    }
    const one = scene({ post: [lost()] })
    expect(await one.finish(one.client.post(LINK, make))).to.include({ outcome: 'unknown' })
  })

  it('[FALSE-3213] what never comes ends with the try, and is not sent afterwards', async () => {
    let come = (_content: string) => {}
    const make = () => {
      return new Promise<string>(resolve => {
        come = resolve
      })
    }
    const one = scene({ post: [{ status: 201 }] }, { tries: 1, timeoutMs: 1_000 })
    const told = await one.finish(one.client.post(LINK, make))
    expect(told).to.include({ outcome: 'refused', reason: 'not-sent' })
    come('tea')
    await new Promise(setImmediate)
    expect(one.posts).to.deep.equal([])
  })

  it('[FALSE-3213] an abort before the first byte says that nothing was sent', async () => {
    const stop = new AbortController()
    const { signal } = stop
    const one = scene({ post: [{ status: 201 }] })
    const early = one.client.post(LINK, 'tea', { signal, onStart: () => stop.abort() })
    const fetch = async () => new Response(null, { status: 201 })
    const core = () => createCore({ fetch }).post(LINK, 'tea', { signal })
    for (const post of [() => early, core]) {
      const error = await post().catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'ERR_POE_ABORTED', outcome: 'not-sent' })
    }
    expect(one.seen).to.deep.equal([])
  })
})
