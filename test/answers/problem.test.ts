/**
 * A refusal as a program and as a person read it.
 */
import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { retryAfter } from '../../lib/answers/answer.js'
import { PAGE_POLICY, problemDocument, problemPage } from '../../lib/answers/problem.js'
import { DOOR_REFUSALS } from '../../lib/answers/refusals.js'

const MISMATCH = DOOR_REFUSALS.mismatch
const PLAIN = { language: 'en', title: 'No', detail: 'Not now.', result: null, ways: [] } as const

describe('a refusal, rendered', () => {
  it('a document has what it must have, and only the members there are', () => {
    const { title, detail } = MISMATCH
    const bare = problemDocument(MISMATCH, 400, null, '/a')
    const expected = {
      type: 'urn:post-once-exactly:problem:mismatch',
      title,
      status: 400,
      detail,
      instance: '/a',
    }
    expect(JSON.parse(bare)).to.deep.equal(expected)
    const members = { result: '/r', payloadMatches: false, link: null, extra: { override: 'o' } }
    const told = JSON.parse(problemDocument(MISMATCH, 422, members, '/a'))
    expect(told).to.include({ result: '/r', payloadMatches: false, override: 'o', status: 422 })
    expect(told).not.to.have.any.keys('link', 'createForm')
  })

  it('a page has its language, its words and its ways, and does nothing by itself', () => {
    const ways = [
      ['/r?a&b', 'See'],
      [null, 'never'],
      ['/new', 'Start'],
    ] as const
    const page = problemPage({ ...PLAIN, language: 'de', result: '/r?a&b', ways })
    expect(page).to.match(/^<!doctype html>\n<html lang="de">/)
    expect(page).to.include('<a href="/r?a&amp;b">See</a>').and.include('<a href="/new">Start</a>')
    expect(page).to.include('<link rel="related" href="/r?a&amp;b">')
    expect(page).not.to.match(/refresh|never|<script/)
    expect(problemPage(PLAIN)).not.to.match(/<a |<ul|rel="related"/)
  })

  it('a stored address that is a script is no link, and words are no markup', () => {
    const target = 'javascript:alert(1)'
    const hostile = { language: '"><b>', title: '<b>', detail: '"&', result: target }
    const page = problemPage({ ...hostile, ways: [[target, 'See']] })
    expect(page).not.to.match(/javascript:|<b>/)
    expect(page).to.include('&lt;b&gt;')
  })

  it('the policy of a page lets in its own style and nothing else', () => {
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(problemPage(PLAIN)) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(PAGE_POLICY).to.include(`default-src 'none'; style-src 'sha256-${hash}'`)
  })

  it('[H-RA-1] Retry-After is in whole seconds, never 0', () => {
    expect([0, 1, 1_000, 1_001].map(retryAfter)).to.deep.equal(['1', '1', '1', '2'])
  })
})
