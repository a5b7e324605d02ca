/**
 * The table of error codes and its documentation say the same, in both directions.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { ERROR_CODES, PoeError, type PoeErrorCode } from '../lib/errors.js'

const DOCUMENT = new URL('../docs/errors.md', import.meta.url)

describe('error codes', () => {
  const documented = tableOf(readFileSync(DOCUMENT, 'utf8'))

  it('are documented, all of them, in the same words', () => {
    for (const [code, meaning] of Object.entries(ERROR_CODES)) {
      expect(documented.get(code), `docs/errors.md on ${code}`).to.equal(meaning)
    }
  })

  it('are all that is documented', () => {
    expect([...documented.keys()].filter(code => !(code in ERROR_CODES))).to.deep.equal([])
  })

  it('are named alike and end their sentences', () => {
    for (const [code, meaning] of Object.entries(ERROR_CODES)) {
      expect(code).to.match(/^ERR_POE(?:_[A-Z]+)+$/)
      expect(meaning).to.match(/^[A-Za-z].*\.$/)
    }
  })

  it('are noticed when the table and the document drift apart', () => {
    const drifted = tableOf('| `ERR_POE_NEW` | New. |\n| `ERR_POE_STORE_DOWN` | Other words. |\n')
    expect([...drifted.keys()]).to.deep.equal(['ERR_POE_NEW', 'ERR_POE_STORE_DOWN'])
    expect(drifted.get('ERR_POE_STORE_DOWN')).to.not.equal(ERROR_CODES.ERR_POE_STORE_DOWN)
  })

  it('refuse a table that names a code twice', () => {
    expect(() => tableOf('| `ERR_POE_A` | A. |\n| `ERR_POE_A` | B. |\n')).to.throw('twice')
  })
})

describe('PoeError', () => {
  const code: PoeErrorCode = 'ERR_POE_STORE_DOWN'

  it('carries its code, and the table speaks where the caller does not', () => {
    const error = new PoeError(code)
    expect(error).to.be.an.instanceOf(Error)
    expect(error).to.include({ name: 'PoeError', code, message: ERROR_CODES[code] })
  })

  it('keeps a message and a cause of its own', () => {
    const cause = new Error('socket closed')
    expect(new PoeError(code, 'Redis is away', { cause })).to.include({
      message: 'Redis is away',
      cause,
    })
  })
})

function tableOf(markdown: string): Map<string, string> {
  const table = new Map<string, string>()
  for (const [, code = '', meaning = ''] of markdown.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)) {
    if (table.has(code)) throw new Error(`${code} is documented twice`)
    table.set(code, meaning)
  }
  return table
}
