/** What was given for the judged server reaches no other, and a link that leads there is told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { runConformance, type ServerAdapter } from 'post-once-exactly/conformance'

const FIELDS = { Authorization: 'Bearer s3cret', 'X-Desk': '7' }
const ADAPTER: ServerAdapter = { fields: FIELDS, secondUser: { 'X-Desk': '8' } }

async function listening(
  answer: (asked: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly origin: string; readonly close: () => void }> {
  const server = createServer((asked, response) => {
    asked.resume()
    answer(asked, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

describe('poe check and other origins', () => {
  const seen: IncomingMessage['headers'][] = []
  let other: Awaited<ReturnType<typeof listening>>
  let page: Awaited<ReturnType<typeof listening>>
  let how: (response: ServerResponse) => void = () => {}

  before(async () => {
    other = await listening(({ headers }, response) => {
      seen.push(headers)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"orders":0}')
    })
    page = await listening((_asked, response) => how(response))
  })
  beforeEach(() => void seen.splice(0))
  after(() => {
    other.close()
    page.close()
  })

  async function judged(adapter: ServerAdapter) {
    const url = new URL('/basket', page.origin)
    const { exitCode, results } = await runConformance({
      url,
      adapter,
      rounds: 2,
      ageMs: 0,
      timeoutMs: 2_000,
    })
    const failed = results.filter(({ result }) => result === 'fail').map(({ id }) => id)
    return { exitCode, failed, rehearsal: results[0] }
  }

  it('[FALSE-1904] an announced link of another origin fails, and is not asked', async () => {
    how = response => void response.setHeader('POE-Links', `"${other.origin}/once/1"`).end('x')
    const { exitCode, failed, rehearsal } = await judged(ADAPTER)
    expect(seen).to.deep.equal([])
    expect(failed).to.include('POE-3-10/origin')
    expect(rehearsal?.seen).to.include(`another origin, ${other.origin}`)
    expect(exitCode).to.equal(1)
  })

  for (const [what, exitCode, answer] of [
    ['in JSON', 1, (r: ServerResponse) => void r.end(`{"link":"${other.origin}/once/1"}`)],
    ['by 201', 1, (r: ServerResponse) => void r.writeHead(201, { location: other.origin }).end()],
    ['by 302', 2, (r: ServerResponse) => void r.writeHead(302, { location: other.origin }).end()],
  ] as const) {
    it(`[FALSE-1904] a link ${what} that leads elsewhere: nothing is sent there`, async () => {
      how = answer
      expect((await judged({ ...ADAPTER, link: 'auto' })).exitCode).to.equal(exitCode)
      expect(seen).to.deep.equal([])
    })
  }

  it('[FALSE-1905] effects are counted elsewhere without what was given', async () => {
    how = response => void response.setHeader('POE-Links', '"/once/1"').writeHead(201).end('x')
    await judged({ ...ADAPTER, effects: { url: `${other.origin}/ledger`, pointer: '/orders' } })
    expect(seen.length).to.be.above(0)
    for (const headers of seen) {
      expect(headers).to.not.have.any.keys('authorization', 'x-desk')
    }
  })
})
