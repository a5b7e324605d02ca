/**
 * Habits of right servers that were once called wrong, each with the checks that did so.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { runConformance } from 'post-once-exactly/conformance'
import { accusationsIn, judgedStall, PLAIN_HABITS } from './right-stalls.js'
import type { Habits } from './servers/right/stall.js'

type Row = readonly [title: string, habits: Partial<Habits>, only: readonly string[]]

const DYNAMIC: Partial<Habits> = { isDynamic: true, body: 'html' }

const ONCE_ACCUSED: readonly Row[] = [
  [
    '[FALSE-4480] a POST is taken back as a whole where its client has left',
    { gone: 'rolled back' },
    ['POE-2-22/client-gone', 'POE-2-22/undone'],
  ],
  [
    '[FALSE-4481] the last character of a token has bits that nobody decodes',
    { token: 'signed' },
    ['POE-2-18', 'POE-2-23/last-bit', 'POE-2-23/last-bit-first'],
  ],
  [
    '[FALSE-4482] links have 64 random bits in base64url',
    { token: '64 bits' },
    ['POE-8-5/unguessable'],
  ],
  [
    '[FALSE-4483] the result is at another origin',
    { result: 'elsewhere', body: 'json' },
    ['POE-2-7'],
  ],
  [
    '[FALSE-4484] pages have a token in them, another one each time',
    { ...DYNAMIC, success: 303 },
    ['POE-2-7/own'],
  ],
  [
    '[FALSE-4484] a page has a tag of its content, another one each time',
    { ...DYNAMIC, unspent: 'form', validator: 'auto' },
    ['H-HEAD-1'],
  ],
  ['[FALSE-4485] the link is in a script of the page', { page: 'script' }, ['POE-3-9']],
  [
    '[FALSE-4485] the link is in the words of the page',
    { page: 'words', token: 'query' },
    ['POE-3-9'],
  ],
  ['[FALSE-4485] the link is in a sentence of escaped JSON', { page: 'escaped' }, ['POE-3-9']],
  ['[FALSE-4486] Vary: * is said', { pageCache: 'Vary: *' }, ['H-CACHE-1/page']],
  ['[FALSE-4486] Vary: * is said where POE decides', { hailedBy: '*' }, ['POE-4-6']],
  ['[FALSE-4486] no-cache is said', { pageCache: 'no-cache' }, ['H-CACHE-1/page']],
  [
    '[FALSE-4486] caches have to ask each time',
    { pageCache: 'public, max-age=0, must-revalidate' },
    ['H-CACHE-1/page'],
  ],
  [
    '[FALSE-4487] Expires is the Date of a clock that is ahead',
    { freshness: 'Expires: now', clockMs: 3_600_000 },
    ['H-POST-1'],
  ],
  [
    '[FALSE-4487] max-age=0 is said, and an Expires that does not count',
    { freshness: 'max-age=0' },
    ['H-POST-1'],
  ],
  [
    '[FALSE-4487] the answer to the POST is fresh, under another address',
    { freshness: 'private, max-age=60', contentLocation: 'order', result: 'redirect' },
    ['POE-2-8'],
  ],
  [
    '[FALSE-4488] GET leads to the page before, and to the result after',
    { unspent: '303', success: 303 },
    ['POE-2-16/differs', 'POE-2-16/other'],
  ],
  [
    '[FALSE-4489] what is done meanwhile is answered by a redirect',
    { meanwhile: 'late', success: 303 },
    ['POE-2-15'],
  ],
  [
    '[FALSE-4489] what is done meanwhile is answered 202',
    { meanwhile: 'late', success: 202 },
    ['POE-2-15'],
  ],
  [
    '[FALSE-4490] links are told only to those who say POE',
    { hailedBy: 'POE', page: 'words' },
    ['POE-1-3/race'],
  ],
]

describe('poe check of habits that were called wrong', () => {
  it('[FALSE-4492] a server that takes any token is caught, however long its paths', async () => {
    const used = new Set<string>()
    const server = createServer(({ method, url = '' }, response) => {
      const isLink = url.startsWith('/orders-of-the-garden-shop/')
      const isNew = method === 'POST' && isLink && !used.has(url)
      if (isNew) used.add(url)
      const link = `/orders-of-the-garden-shop/${randomBytes(8).toString('hex')}`
      const status = isLink ? 405 : url === '/shop' ? 200 : 404
      response.writeHead(isNew ? 201 : status, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify({ link }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/shop`
    const { results } = await runConformance({ url, only: ['POE-2-18/changed'] })
    server.close()
    expect(results[0]).to.include({ id: 'POE-2-18/changed', result: 'fail' })
  })

  for (const [title, habits, only] of ONCE_ACCUSED) {
    it(title, async () => {
      const report = await judgedStall({ ...PLAIN_HABITS, ...habits }, { only })
      expect(accusationsIn(report)).to.deep.equal([])
      expect(report.verdict).not.to.equal('not-conformant')
    })
  }
})
