/**
 * Servers that cannot be judged: the run ends, costs about one time-out, and says that it could not
 * tell.
 */
import { type AddressInfo, createServer } from 'node:net'
import { expect } from 'chai'
import { type ConformanceReport, runConformance } from 'post-once-exactly/conformance'
import { INDEPENDENT } from './adapters.js'
import { startIndependent } from './servers/independent.js'
import { SILENT, type SilentName, startSilent } from './servers/silent.js'

describe('poe check of servers that cannot be judged', () => {
  for (const [name, says] of Object.entries(SILENT)) {
    it(`one that ${says}`, async () => {
      const server = await startSilent(name as SilentName, { pauseMs: 50 })
      const url = `${server.origin}/page`
      try {
        const report = await runConformance({ url, timeoutMs: 500 })
        expect(report).to.include({ verdict: 'undetermined', exitCode: 2 })
        const judged = kinds(report).filter(kind => kind !== 'pass')
        expect(judged).to.deep.equal(['blocked', 'setup-failed', 'skipped'])
        const [first] = report.results
        expect(first?.seen).to.match(/^Rehearsal: /)
      } finally {
        await server.close()
      }
    })
  }

  it('a silent one is asked once or twice, not for every check', async () => {
    let asked = 0
    const server = createServer(socket => {
      asked += 1
      socket.on('error', () => {})
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await runConformance({ url: `http://127.0.0.1:${port}/`, timeoutMs: 200 })
    server.close()
    expect(asked).to.be.within(1, 2)
  })

  it('nobody there: could not tell', async () => {
    const { port, close } = await portOfNobody()
    await close()
    const report = await runConformance({ url: `http://127.0.0.1:${port}/`, timeoutMs: 500 })
    expect(report.exitCode).to.equal(2)
    expect(report.results[0]?.seen).to.match(/no connection was accepted \(ECONNREFUSED\)/)
  })

  it('one that goes away in the middle is not called wrong, and not asked for ever', async () => {
    const server = await startIndependent()
    let count = 0
    const report = await runConformance({
      url: server.page,
      adapter: INDEPENDENT,
      rounds: 2,
      timeoutMs: 1_000,
      onResult: () => {
        count += 1
        if (count === 5) void server.close()
      },
    })
    expect(report).to.include({ verdict: 'undetermined', exitCode: 2 })
    const unasked = report.results.filter(({ result }) => result === 'blocked')
    expect(unasked.length).to.be.greaterThan(60)
    expect(unasked[0]?.seen).to.equal('the server does not answer any more')
  })

  it('a whole run is bounded, too', async () => {
    const server = await startIndependent()
    try {
      const options = { adapter: INDEPENDENT, rounds: 1, totalMs: 300 }
      const { results } = await runConformance({ url: server.page, ...options })
      const blocked = results.filter(({ result }) => result === 'blocked')
      expect(blocked.at(-1)?.seen).to.equal('the run was to take 300 ms at most')
    } finally {
      await server.close()
    }
  })
})

function kinds({ results }: ConformanceReport): string[] {
  return [...new Set(results.map(({ result }) => result))].sort()
}

async function portOfNobody(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { port, close: () => new Promise(resolve => server.close(() => resolve())) }
}
