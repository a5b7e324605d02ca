/** Right servers that compress each answer, which a request that names no codings lets them. */
import { once as emitted } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { runConformance } from 'post-once-exactly/conformance'
import { kioskServer } from './servers/right/kiosk.js'

describe('poe check of a server that compresses everything', () => {
  it('[FALSE-4255] reads its pages, its count of effects and its results', async () => {
    const server = kioskServer({ coded: true }).listen(0, '127.0.0.1')
    await emitted(server, 'listening')
    const { verdict, results } = await runConformance({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/kiosk`,
      adapter: {
        valid: { form: { what: 'tea {n}' } },
        effects: { url: '/count', pointer: '/tickets' },
      },
      only: ['POE-2-2/first', 'POE-2-7/get', 'POE-2-7/own', 'POE-3-9/content'],
      ageMs: 0,
    })
    server.closeAllConnections()
    server.close()
    const told = results.filter(({ result }) => !['pass', 'skipped'].includes(result))
    expect(told.map(({ id, seen }) => `${id}: ${seen}`)).to.deep.equal([])
    expect(verdict).to.equal('conformant')
  })
})
