/**
 * A refusal as a program and as a person read it.
 */
import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { retryAfter } from '../../lib/answers/answer.js'
import { PAGE_POLICY, problemDocument, problemPage } from '../../lib/answers/problem.js'
import { DOOR_REFUSALS, LINK_REFUSALS } from '../../lib/answers/refusals.js'

const MISMATCH = DOOR_REFUSALS.mismatch
const BODY_NOT_KEPT = LINK_REFUSALS['body-not-kept']

describe('a refusal, rendered', () => {
  it('a document has what it must have, and only the members there are', () => {
    const { title, detail } = MISMATCH
    const bare = problemDocument(MISMATCH, 400, null, 'urn:x:', '/a')
    const expected = { type: 'urn:x:problem:mismatch', title, status: 400, detail, instance: '/a' }
    expect(JSON.parse(bare)).to.deep.equal(expected)
    const members = { result: '/r', payloadMatches: false, link: null, extra: { override: 'o' } }
    const told = JSON.parse(problemDocument(MISMATCH, 422, members, 'urn:x:', '/a'))
    expect(told).to.include({ result: '/r', payloadMatches: false, override: 'o', status: 422 })
    expect(told).not.to.have.any.keys('link', 'createForm')
  })

  it('a page leads to the result and to a fresh form, and asks again where that is of use', () => {
    const members = { result: '/r?a&b', createForm: '/new' }
    const page = problemPage(BODY_NOT_KEPT, members, 1_500)
    expect(page).to.include('href="/r?a&amp;b"').and.include('href="/new"')
    expect(page).to.include('http-equiv="refresh" content="2"')
    expect(problemPage(BODY_NOT_KEPT, null, null)).not.to.match(/refresh|<a /)
  })

  it('a stored address that is a script is no link, and words are no markup', () => {
    const hostile = { kind: 'used', type: 'x', status: 400, title: '<b>', detail: '"&' } as const
    const page = problemPage(hostile, { result: 'javascript:alert(1)' }, null)
    expect(page).not.to.match(/javascript:|<b>/)
    expect(page).to.include('&lt;b&gt;')
  })

  it('the policy of a page lets in its own style and nothing else', () => {
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(problemPage(MISMATCH, null, null)) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(PAGE_POLICY).to.include(`default-src 'none'; style-src 'sha256-${hash}'`)
  })

  it('Retry-After is in whole seconds, never 0', () => {
    expect([0, 1, 1_000, 1_001].map(retryAfter)).to.deep.equal(['1', '1', '1', '2'])
  })
})
