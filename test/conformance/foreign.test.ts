/**
 * A server of other habits is judged by an adapter file alone: no field, a link as a member of
 * JSON, Basic authentication, a check of Origin, 400 for a repeat, `Allow: POST` on GET.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { readAdapter, runConformance } from 'post-once-exactly/conformance'
import { type ForeignServer, startForeign } from './servers/foreign.js'

describe('poe check of a foreign server, with an adapter file', () => {
  let server: ForeignServer
  before(async () => {
    server = await startForeign()
  })
  after(() => server.close())

  it('core passes; full and safe fail where its habits differ', async () => {
    const file = new URL('./foreign-adapter.json', import.meta.url)
    const adapter = readAdapter(readFileSync(file, 'utf8'))
    const { results, grades, verdict } = await runConformance({
      url: server.page,
      adapter,
      rounds: 5,
      ageMs: 0,
    })
    const unlike = results.filter(({ result }) => !['pass', 'skipped'].includes(result))
    const by = (profile: string) =>
      unlike
        .filter(one => one.profile === profile)
        .map(({ id, result }) => (result === 'fail' ? id : `${result} ${id}`))
        .sort()
    expect(by('core')).to.deep.equal([])
    expect(by('full')).to.deep.equal([
      'POE-2-4/reuse',
      'POE-2-7/get',
      'blocked POE-2-4/redirect',
      'blocked POE-2-7/after-reuse',
      'blocked POE-2-7/later',
      'blocked POE-2-7/own',
      'blocked POE-2-7/range',
      'blocked POE-2-7/restart',
    ])
    expect(by('safe')).to.deep.equal([
      'H-CACHE-2/before',
      'POE-2-15/running',
      'POE-2-16/differs',
      'blocked H-LOC-2/created',
      'blocked POE-2-15/fails',
      'blocked POE-2-15/others',
      'blocked POE-2-15/waiting',
      'blocked POE-2-16/other',
      'blocked POE-2-21/other-body',
      'blocked POE-2-22/given-up',
      'warn H-100-1/spent',
      'warn H-405-2/spent',
      'warn H-410-1/expired',
      'warn H-CACHE-3/running',
      'warn H-CACHE-3/unknown',
      'warn H-PROB-1/reuse',
      'warn POE-6-2/reuse',
    ])
    expect(grades.core?.verdict).to.equal('conformant')
    expect(grades.full?.verdict).to.equal('not-conformant')
    expect(verdict).to.equal('not-conformant')
  })
})
