/** The client of this package passes every check; as a process and a page: own-client.long. */
import { expect } from 'chai'
import { type ClientFunction, checkClient } from 'post-once-exactly/conformance'
import { poeHere } from '../../cli/fake-terminal.js'
import { unlike } from './unlike.js'

const ENDINGS = { 0: 'accepted', 1: 'refused', 3: 'unknown' } as const

describe('poe check-client of poe post', () => {
  it('passes everything', async () => {
    const client: ClientFunction = async ({ url, signal }) => {
      const order = ['post', url, '--json', '{"sku":"tea","qty":1}']
      const { code } = await poeHere(order, { interruption: () => signal })
      return ENDINGS[code as keyof typeof ENDINGS] ?? 'failed'
    }
    const report = await checkClient({ client, jobs: 6 })
    expect(unlike(report)).to.deep.equal([])
    expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
  })
})
