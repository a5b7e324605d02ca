/**
 * What proves that a request never left, and logins that are asked for.
 */
import { expect } from 'chai'
import { classify } from 'post-once-exactly/client'
import { LINK, scene } from './scripted.js'

function failure(about: object): Error {
  return new TypeError('fetch failed', { cause: Object.assign(new Error('x'), about) })
}

describe('what proves that nothing was sent', () => {
  const table: readonly (readonly [name: string, error: unknown, isProven: boolean])[] = [
    ['a refused connection', failure({ code: 'ECONNREFUSED', syscall: 'connect' }), true],
    ['a name that is not known', failure({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), true],
    ['no connection in time', failure({ code: 'UND_ERR_CONNECT_TIMEOUT' }), true],
    ['a certificate of nobody', failure({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), true],
    ['a certificate that is over', failure({ code: 'CERT_HAS_EXPIRED' }), true],
    ['a refused stream', failure({ message: 'NGHTTP2_REFUSED_STREAM' }), true],
    ['a session that is going away', failure({ code: 'ERR_HTTP2_GOAWAY_SESSION' }), true],
    [
      'every address refused',
      failure({ errors: [failure({ syscall: 'connect' }), failure({ code: 'ECONNREFUSED' })] }),
      true,
    ],
    [
      'one address of two cut later',
      failure({ errors: [failure({ syscall: 'connect' }), failure({ code: 'ECONNRESET' })] }),
      false,
    ],
    ['an unreachable network, while reading', failure({ code: 'ENETUNREACH' }), false],
    ['a connection cut', failure({ code: 'ECONNRESET', syscall: 'read' }), false],
    ['a closed pipe', failure({ code: 'EPIPE', syscall: 'write' }), false],
    ['a reset stream', failure({ message: 'NGHTTP2_CANCEL' }), false],
    ['a socket that ended', failure({ code: 'UND_ERR_SOCKET' }), false],
    ['a browser that does not say', new TypeError('Failed to fetch'), false],
    ['text', 'broken', false],
    ['nothing', undefined, false],
    ['a circle', circle(), false],
  ]
  for (const [name, error, isProven] of table) {
    it(`[PX-05] ${name}: ${isProven}`, () => {
      expect(classify(error).mayHaveArrived).to.equal(!isProven)
    })
  }
})

describe('a login that is asked for', () => {
  it('[POE-5-6] goes with every request after it', async () => {
    const authenticate = () => ({ authorization: 'Bearer b' })
    const one = scene({ post: [{ status: 407 }, { status: 201 }] }, { authenticate })
    await one.finish(one.client.post(LINK, 'tea'))
    await one.finish(one.client.links('https://shop.example/').catch(() => []))
    const said = one.seen.map(({ headers }) => headers.get('authorization'))
    expect(said).to.deep.equal([null, 'Bearer b', 'Bearer b'])
  })

  it('may be declined: then the answer is a refusal', async () => {
    const one = scene({ post: [{ status: 401 }] }, { authenticate: () => null })
    expect(await one.finish(one.client.post(LINK))).to.include({ outcome: 'refused', status: 401 })
    expect(one.posts).to.have.length(1)
  })

  it('is for client.fetch too', async () => {
    const authenticate = async () => ({ authorization: 'Bearer b' })
    const one = scene({ post: [{ status: 401 }, { status: 200 }] }, { authenticate })
    const init = { method: 'POST', body: 'tea', headers: { 'x-a': '1' } }
    const response = await one.finish(one.client.fetch('https://shop.example/x', init))
    expect(response.status).to.equal(200)
    const said = one.posts.map(({ headers, body }) => [headers.get('authorization'), body])
    expect(said).to.deep.equal([
      [null, 'tea'],
      ['Bearer b', 'tea'],
    ])
    expect(one.posts[1]?.headers.get('x-a')).to.equal('1')
  })
})

function circle(): Error {
  const error = new Error('round')
  error.cause = error
  return error
}
