/**
 * Wrong servers that let a second POST run beside the first one once somebody has come or gone:
 * `poe check` passed them, since nobody looked meanwhile, and nobody gave up.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createFront } from 'node:net'
import { expect } from 'chai'
import { CHECKS, runConformance } from 'post-once-exactly/conformance'
import { INDEPENDENT } from './adapters.js'
import { startIndependent } from './servers/independent.js'
import { resultOf } from './wrong-runs.js'

describe('poe check of what comes and goes while a POST runs', () => {
  for (const [name, id] of [
    ['looked-unlocked', 'POE-2-15/others'],
    ['refused-unlocked', 'POE-2-15/others'],
    ['waiter-left-unlocked', 'POE-2-15/others'],
    ['left-unlocked', 'POE-2-22/given-up'],
  ] as const) {
    it(`[FALSE-4251] ${name} is caught by ${id}`, async () => {
      const check = CHECKS.find(one => one.id === id)
      expect(check && (await resultOf(check, name, true))).to.equal('fail')
    })
  }

  it('[FALSE-4663] a front that brings the second answer first accuses nobody', async () => {
    const server = await startIndependent({ waitMs: 5_000 })
    const { port: there } = new URL(server.origin)
    const front = createFront(socket => {
      const inner = connect(Number(there), '127.0.0.1')
      let lateMs = 0
      socket.on('data', data => {
        if (data.includes('slow=')) lateMs = 40
        inner.write(data)
      })
      inner.on('data', data => void setTimeout(() => socket.write(data), lateMs))
      inner.on('end', () => void setTimeout(() => socket.end(), lateMs))
      for (const one of [socket, inner]) one.on('error', () => {})
    })
    front.listen(0, '127.0.0.1')
    await once(front, 'listening')
    const { port } = front.address() as AddressInfo
    const url = server.page.replace(there, String(port))
    const only = ['POE-2-15/running']
    const { results } = await runConformance({ url, adapter: INDEPENDENT, only, ageMs: 0 })
    front.close()
    await server.close()
    expect(results[0]).to.include({ result: 'pass' })
  })

  it('[FALSE-4665] again-by-host is caught by POE-2-1/host', async () => {
    const check = CHECKS.find(({ id }) => id === 'POE-2-1/host')
    expect(check && (await resultOf(check, 'again-by-host', true))).to.equal('fail')
    expect(check && (await resultOf(check, 'lock-by-session', true))).to.equal('pass')
  })

  const COOKIELESS = 'POE-2-2/race-cookieless'

  it(`[FALSE-4607] lock-by-session is caught by ${COOKIELESS}`, async () => {
    const check = CHECKS.find(({ id }) => id === COOKIELESS)
    expect(check && (await resultOf(check, 'lock-by-session', true))).to.equal('fail')
    expect(check && (await resultOf(check, 'runs-without-poe', true))).to.equal('pass')
  })

  for (const status of [302, 303, 401, 403]) {
    it(`[FALSE-4607] a link of its session accuses nobody: ${status} without`, async () => {
      const done = new Set<string>()
      const server = createServer(({ method, url = '', headers }, response) => {
        const isPage = url === '/shop'
        const link = isPage ? `/once/${crypto.randomUUID()}` : url
        const [session = link] = headers.cookie?.split(';') ?? []
        if (isPage) response.setHeader('Set-Cookie', `session=${crypto.randomUUID()}; Path=/`)
        const isOurs = isPage || url === '/count' || headers.cookie !== undefined
        const isNew = method === 'POST' && isOurs && !done.has(url)
        if (isNew) done.add(url)
        const other = method === 'POST' ? 405 : 200
        response.writeHead(isNew ? 303 : isOurs ? other : status, { Location: `/of/${session}` })
        response.end(JSON.stringify({ link, orders: done.size }))
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const url = `http://127.0.0.1:${port}/shop`
      const adapter = { effects: { url: '/count', pointer: '/orders' } }
      const { results } = await runConformance({ url, adapter, rounds: 2, only: [COOKIELESS] })
      server.close()
      expect(results[0]).to.include({ id: COOKIELESS, result: 'skipped' })
    })
  }
})
