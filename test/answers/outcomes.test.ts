/**
 * A recorded outcome as an answer: shown to a GET at its link, or repeated at a door.
 */
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Answer, Problem } from '../../lib/answers/answer.js'
import { repeatedOutcome, resultOf, shownOutcome } from '../../lib/answers/outcomes.js'
import type { CodingChoice } from '../../lib/answers/stored-coding.js'
import type { Outcome, OutcomeBody, RecordedField } from '../../lib/engine/outcome.js'

const KEPT: OutcomeBody = { kind: 'kept', bytes: Buffer.from('{}') }
const NO_BODY: OutcomeBody = { kind: 'none' }
const PENDING: OutcomeBody = { kind: 'pending', untilMs: 1 }
const LOST: OutcomeBody = { kind: 'not-kept' }
const JSON_TYPE: RecordedField = ['content-type', 'application/json']
const LOCATION: RecordedField = ['location', '/orders/7']
const ANY: CodingChoice = { headers: {}, acceptsEncodings: () => false }
const MARK = ['Idempotent-Replayed', 'true'] as const

type Row = readonly [
  status: number,
  fields: readonly RecordedField[],
  body: OutcomeBody,
  shown: string,
  repeated: string,
]

const TABLE: readonly Row[] = [
  [201, [JSON_TYPE], KEPT, '200 content-type {}', '201 content-type {}'],
  [201, [JSON_TYPE, LOCATION], KEPT, '200 content-type {} ->', '201 content-type location {}'],
  [201, [LOCATION], NO_BODY, '303 Location', '201 location'],
  [201, [JSON_TYPE], NO_BODY, '200', '201 content-type'],
  [204, [], NO_BODY, '204', '204'],
  [205, [], NO_BODY, '205', '205'],
  [303, [LOCATION], NO_BODY, '303 Location', '303 location'],
  [302, [LOCATION], KEPT, '303 Location', '302 location {}'],
  [200, [LOCATION], PENDING, '303 Location', '303 Location'],
  [200, [LOCATION], LOST, '303 Location', '303 Location'],
  [200, [], PENDING, '503 body-pending 1000', '503 body-pending 1000'],
  [200, [], LOST, '410 body-not-kept', '409 body-not-kept'],
]

/** What a rule of the application's calls a success, and ways that lead to the link itself. */
const ODD: readonly Row[] = [
  [409, [JSON_TYPE], KEPT, '200 content-type {}', '409 content-type {}'],
  [409, [LOCATION], KEPT, '200 {} ->', '409 location {}'],
  [302, [], NO_BODY, '200', '302'],
  [303, [['location', '/self']], NO_BODY, '200', '303 location'],
  [201, [['location', '']], NO_BODY, '200', '201 location'],
  [201, [['location', 'self?done']], NO_BODY, '200', '201 location'],
  [201, [['location', 'https://shop.example/self#a']], NO_BODY, '200', '201 location'],
  [201, [['location', '12:30']], NO_BODY, '200', '201 location'],
  [201, [['location', '/self']], LOST, '410 body-not-kept', '303 Location'],
]

describe('outcomes as answers', () => {
  for (const [status, fields, body, shown, repeated] of TABLE) {
    const outcome: Outcome = { status, fields, body }
    const what = `${status} with ${body.kind} body and ${fields.map(([name]) => name)}`
    it(`${what}: shown as ${shown}`, () => {
      expect(told(shownOutcome(outcome, ANY, '/self'))).to.equal(shown)
    })
    it(`${what}: repeated as ${repeated}`, () => {
      const answer = repeatedOutcome(outcome, ANY, [MARK])
      expect(told(answer)).to.equal(repeated)
      const isMarked = 'fields' in answer && answer.fields.includes(MARK)
      expect(isMarked, 'a repetition is marked, a refusal is not').to.equal('fields' in answer)
    })
  }

  for (const [status, fields, body, shown, repeated] of ODD) {
    const outcome: Outcome = { status, fields, body }
    const what = `${status}, ${body.kind} body, ${fields.map(field => field.join(' ')).join()}`
    it(`[FALSE-4006] ${what}: shown as ${shown}`, () => {
      expect(told(shownOutcome(outcome, ANY, '/self'))).to.equal(shown)
      expect(told(repeatedOutcome(outcome, ANY, [MARK]))).to.equal(repeated)
    })
  }

  it('a coding that the client does not take is taken off, with what names the coded bytes', () => {
    const fields: RecordedField[] = [
      ['content-encoding', 'gzip'],
      ['etag', '"1"'],
      ['vary', 'Accept-Encoding'],
    ]
    const body: OutcomeBody = { kind: 'kept', bytes: gzipSync('plain') }
    const outcome: Outcome = { status: 201, fields, body }
    const answer = shownOutcome(outcome, ANY, '/self')
    expect(String(answer.body)).to.equal('plain')
    expect(answer.fields.map(([name]) => name)).to.deep.equal(['vary', 'Vary'])
    const taker: CodingChoice = {
      headers: { 'accept-encoding': 'gzip' },
      acceptsEncodings: coding => coding,
    }
    const coded = shownOutcome(outcome, taker, '/self')
    expect(coded.fields.map(([name]) => name)).to.deep.equal(['content-encoding', 'etag', 'vary'])
  })

  it('a coding that nobody here knows is 406 for a client that does not take it', () => {
    const fields: RecordedField[] = [['content-encoding', 'secret']]
    const outcome: Outcome = { status: 201, fields, body: KEPT }
    const refuser = { ...ANY, headers: { 'accept-encoding': 'gzip' } }
    expect(told(shownOutcome(outcome, refuser, '/self'))).to.equal('406 coding-refused')
    expect(told(repeatedOutcome(outcome, refuser, []))).to.equal('406 coding-refused')
  })

  it('[FALSE-4447] a refusal that is kept without its content is none the less one', () => {
    const coded: RecordedField[] = [['content-encoding', 'secret']]
    const refuser = { ...ANY, headers: { 'accept-encoding': 'gzip' } }
    for (const [status, fields, body] of [
      [402, [], LOST],
      [402, [], PENDING],
      [409, [LOCATION], LOST],
      [500, [LOCATION], PENDING],
      [302, [], LOST],
      [422, coded, KEPT],
    ] as const) {
      const answer = repeatedOutcome({ status, fields, body }, refuser, [MARK])
      expect(told(answer)).to.equal(`${status} body-not-kept`)
    }
  })

  it('the result is Location, else the link itself, also where that is no URI-reference', () => {
    const at = (location: string) =>
      resultOf({ status: 201, fields: [['location', location]], body: NO_BODY }, '/self')
    expect(at('/orders/7#two words')).to.equal('/orders/7#two%20words')
    expect(resultOf({ status: 201, fields: [], body: NO_BODY }, '/self')).to.equal('/self')
  })
})

/** Status, fields besides those that every such answer has, and body, in one line. */
function told(answer: Answer | Problem): string {
  if ('detail' in answer) return [answer.status, answer.type, answer.retryAfterMs].join(' ').trim()
  const { status, fields, links, body, retryAfterMs } = answer
  if (body !== null && typeof body === 'object' && 'detail' in body) {
    return [status, body.type, retryAfterMs].join(' ').trim()
  }
  const besides = [MARK[0], 'Cache-Control']
  const names = fields.map(([name]) => name).filter(name => !besides.includes(name))
  const content = body === null ? [] : [String(body)]
  return [status, ...names, ...content, ...links.map(() => '->')].join(' ')
}
