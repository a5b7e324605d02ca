/**
 * The useless servers are useless in the way that they say, and go away without a trace.
 */
import { expect } from 'chai'
import { type RawEnding, rawRequest } from 'post-once-exactly/testing'
import { SILENT, type SilentName, startSilent } from './silent.js'

/** How a request ends, and what came until then. */
const SEEN: Readonly<Record<SilentName, readonly [RawEnding, RegExp]>> = {
  silent: ['timeout', /^$/],
  drip: ['timeout', /^HTTP[\s\S]{0,30}$/],
  'head-only': ['timeout', /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/],
  'endless-head': ['timeout', /^HTTP\/1\.1 200 OK\r\n(?:X-More: yes\r\n){2,}$/],
  garbage: ['malformed', /not HTTP/],
  closes: ['closed', /^$/],
  resets: ['reset', /^$/],
  'status-500': ['complete', /^HTTP\/1\.1 500 /],
  'status-404': ['complete', /^HTTP\/1\.1 404 /],
  redirects: ['complete', /^HTTP\/1\.1 302 [\s\S]*Location: \/8\r\n/],
  endless: ['timeout', /^HTTP\/1\.1 200 OK\r\n[\s\S]*z[\s\S]{100000}/],
  'silent-at-links': ['complete', /POE-Links: "\/once\/\w+"\r\n/],
}

describe('the useless servers', () => {
  for (const [name, [ended, received]] of Object.entries(SEEN)) {
    it(`${name}: ${SILENT[name as SilentName]}`, async () => {
      const server = await startSilent(name as SilentName, { pauseMs: 10 })
      const port = Number(new URL(server.origin).port)
      const result = await rawRequest({ port, path: '/7', timeoutMs: 150 })
      expect(result.received.toString('latin1')).to.match(received)
      expect(result.ended).to.equal(ended)
      await server.close()
      expect((await rawRequest({ port, timeoutMs: 150 })).ended).to.equal('refused')
    })
  }

  it('silent-at-links: says nothing at a link, whatever the method', async () => {
    const server = await startSilent('silent-at-links')
    const port = Number(new URL(server.origin).port)
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const { ended } = await rawRequest({ port, method, path: '/once/x', timeoutMs: 60 })
      expect(ended, method).to.equal('timeout')
    }
    await server.close()
  })
})
