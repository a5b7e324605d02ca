/** A client's `fetch` in the place of the global one, for what cannot be given another. */
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'

const run = promisify(execFile)

describe('a client whose fetch is the global one', () => {
  it('[FALSE-4628] sends by the one that was there before', async () => {
    const tries: string[] = []
    const server = createServer((request, response) => {
      tries.push(`${request.method} ${request.headers['idempotency-key'] ?? ''}`)
      // The first answer to a key is lost.
      if (request.method === 'POST' && tries.length === 1) request.socket.destroy()
      else response.end()
    }).listen(0)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const path = fileURLToPath(new URL('../../lib/client/index.ts', import.meta.url))
    // A second one takes the place of the first where a module is loaded again.
    const code = `
        const { createClient } = await import(${JSON.stringify(path)})
        const options = { baseMs: 1 }
        globalThis.fetch = createClient(options).fetch
        globalThis.fetch = createClient(options).fetch
        const headers = { 'Idempotency-Key': '"one"' }
        await fetch(${JSON.stringify(url)}, { method: 'POST', headers })
        const other = createClient(options)
        const { outcome } = await other.post(${JSON.stringify(url)}, 'x', { idempotencyKey: 'two' })
        const { status } = await fetch(${JSON.stringify(url)})
        console.log(outcome, status)`
    const args = [...process.execArgv, '--input-type=module', '--eval', code]
    // It would keep its own process from whatever else is to be done there.
    const { stdout } = await run(process.execPath, args, { timeout: 20_000 })
    server.close()
    expect(stdout.trim()).to.equal('accepted 200')
    expect(tries).to.deep.equal(['POST "one"', 'POST "one"', 'POST "two"', 'GET '])
  }).timeout(30_000)
})
