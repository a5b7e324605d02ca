/**
 * What was found, as an answer: words, retry time and `Allow` for each state, in each dialect.
 */
import { expect } from 'chai'
import { ACTION_ALLOW, linkAllow } from '../../lib/answers/allow.js'
import type { Answer } from '../../lib/answers/answer.js'
import { type Dialect, dialectOf, PLAIN, refusalIn } from '../../lib/answers/dialects.js'
import {
  problemOf,
  type RefusedFinding,
  RUNNING_NOW,
  refusalOf,
  retryTimeOf,
  STORE_DOWN_NOW,
  UNDECIDED_NOW,
} from '../../lib/answers/findings.js'
import { DOOR_REFUSALS, filled, LINK_REFUSALS } from '../../lib/answers/refusals.js'
import type { Outcome } from '../../lib/engine/outcome.js'
import { KEY_PROFILES } from '../../lib/protocols/idempotency-key/index.js'

const UNDONE_NOW: RefusedFinding = { kind: 'store-down', retryAfterMs: 1_000, undone: true }
const TOO_LONG: RefusedFinding = { kind: 'transaction-timeout', retryAfterMs: 1_000 }
const OUTCOME: Outcome = { status: 201, fields: [], body: { kind: 'none' } }

function spent(payloadMatches: boolean | null): RefusedFinding {
  return { kind: 'spent', outcome: OUTCOME, payloadMatches, mark: 'm' }
}

const OTHER: RefusedFinding = { kind: 'other-content', state: 'spent', recorded: 'f' }
const FULL: RefusedFinding = { kind: 'store-full', retryAfterMs: 2_000 }

type Row = readonly [
  finding: RefusedFinding,
  status: number,
  type: string,
  retryAfterMs: number | null,
  allow: string | null,
]

const TABLE: readonly Row[] = [
  [{ kind: 'unspent' }, 405, 'unspent', null, 'POST, OPTIONS'],
  [{ kind: 'running', retryAfterMs: 7 }, 409, 'running', 7, 'OPTIONS'],
  [RUNNING_NOW, 409, 'running', 1_000, 'OPTIONS'],
  [UNDECIDED_NOW, 409, 'undecided', 30_000, 'OPTIONS'],
  [spent(true), 405, 'used', null, 'GET, HEAD, OPTIONS'],
  [spent(false), 405, 'used', null, 'GET, HEAD, OPTIONS'],
  [spent(null), 405, 'used', null, 'GET, HEAD, OPTIONS'],
  [{ kind: 'expired' }, 410, 'expired', null, 'OPTIONS'],
  [{ kind: 'forgotten' }, 410, 'forgotten', null, 'OPTIONS'],
  [STORE_DOWN_NOW, 503, 'store-down', 1_000, null],
  [UNDONE_NOW, 503, 'store-down', 1_000, null],
  [TOO_LONG, 503, 'transaction-timeout', 1_000, null],
  [FULL, 503, 'store-full', 2_000, null],
  [OTHER, 422, 'mismatch', null, null],
  [{ kind: 'foreign' }, 404, 'unverifiable', null, null],
  [{ kind: 'unverifiable' }, 404, 'unverifiable', null, null],
]

describe('findings as answers', () => {
  for (const [finding, status, type, retryAfterMs, allow] of TABLE) {
    it(`${JSON.stringify(finding).slice(0, 60)} is ${status} ${type}`, () => {
      const problem = problemOf(finding, 'POST')
      expect([problem.status, problem.type]).to.deep.equal([status, type])
      expect(retryTimeOf(finding)).to.equal(retryAfterMs)
      expect(linkAllow(finding.kind, false)).to.equal(allow)
    })
  }

  it('Allow offers GET before the use only where there is a page, and POST never after it', () => {
    expect(linkAllow('unspent', true)).to.equal('GET, HEAD, POST, OPTIONS')
    expect(linkAllow('unspent', false)).not.to.include('GET')
    expect(linkAllow('spent', true)).not.to.include('POST')
    expect(ACTION_ALLOW.doneForGood).not.to.include('DELETE')
    expect(ACTION_ALLOW.cancelled).not.to.include('PUT')
  })

  it('the words for a page speak of sending only where something was sent', () => {
    expect(problemOf(spent(true), 'POST').title).to.equal('This was already sent')
    expect(problemOf(spent(true), 'PUT').title).to.equal('This address was already used')
  })

  it('what is known of the content, and whether a transaction was undone, is told', () => {
    const details = [true, false, null].map(each => problemOf(spent(each), 'POST').detail)
    expect(new Set(details).size).to.equal(3)
    const { detail } = problemOf(UNDONE_NOW, 'POST')
    expect(detail).to.include('undone')
    expect(problemOf(STORE_DOWN_NOW, 'POST').detail).not.to.include('undone')
  })
})

const STRIPE = dialectOf(KEY_PROFILES.stripe)
const REPEATABLE = dialectOf(KEY_PROFILES['repeatable-requests'])

function findingIn(dialect: Dialect, finding: RefusedFinding): Answer {
  return refusalIn(dialect, refusalOf(finding, 'POST'), null)
}

describe('dialects', () => {
  const rows: readonly (readonly [name: string, Dialect, mismatch: number, string[], string[]])[] =
    [
      ['none', PLAIN, 422, [], []],
      ['draft-07', dialectOf(KEY_PROFILES['draft-07']), 422, [], []],
      ['stripe', STRIPE, 400, ['Stripe-Should-Retry: false'], ['Stripe-Should-Retry: true']],
      ['repeatable-requests', REPEATABLE, 400, ['Repeatability-Result: rejected'], []],
    ]
  for (const [name, dialect, mismatch, forGood, again] of rows) {
    it(`${name}: a mismatch, a refusal for good, and one to be tried again`, () => {
      const other = findingIn(dialect, OTHER)
      expect(other.status).to.equal(mismatch)
      const fields = ['Cache-Control: no-store']
      expect(fieldsOf(other)).to.deep.equal([...fields, ...forGood])
      const running = findingIn(dialect, RUNNING_NOW)
      expect(fieldsOf(running)).to.deep.equal([...fields, ...again])
      expect(running.retryAfterMs).to.equal(1_000)
    })
  }

  it('a refusal leads to the rules, after what it points at itself', () => {
    const refusal = findingIn(PLAIN, OTHER)
    const { links } = refusalIn(PLAIN, { ...refusal, links: ['</r>; rel="x"'] }, '/rules')
    expect(links).to.deep.equal(['</r>; rel="x"', '</rules>; rel="describedby"'])
  })

  it('an answer that is repeated is marked, for each as its clients read it', () => {
    const told = (dialect: Dialect) => dialect.repeated.map(field => field.join(': '))
    expect(told(PLAIN)).to.deep.equal(['Idempotent-Replayed: true'])
    expect(told(STRIPE)).to.deep.equal(['Idempotent-Replayed: true', 'Stripe-Should-Retry: false'])
    expect(told(REPEATABLE)).to.deep.equal(['Repeatability-Result: accepted'])
    expect(REPEATABLE.accepted).to.deep.equal([['Repeatability-Result', 'accepted']])
  })

  it('only the clients of stripe get an error member', () => {
    const { members } = findingIn(STRIPE, OTHER)
    expect(members?.extra).to.have.nested.property('error.code', 'mismatch')
    expect(members?.extra).to.have.nested.property('error.type', 'idempotency_error')
    const down = findingIn(STRIPE, STORE_DOWN_NOW)
    expect(down.members?.extra).to.have.nested.property('error.type', 'api_error')
    expect(findingIn(REPEATABLE, OTHER).members).to.equal(null)
  })
})

describe('the words of refusals', () => {
  const problems = [...Object.values(LINK_REFUSALS), ...Object.values(DOOR_REFUSALS)]

  it('stand once: no two refusals say the same', () => {
    const details = problems.map(({ title, detail }) => `${title}: ${detail}`)
    const repeated = details.filter((each, at) => details.indexOf(each) !== at)
    // The store that is full and the one that is down are told alike.
    expect(repeated.every(each => each.startsWith('Not possible'))).to.equal(true)
    expect(repeated).to.have.length(2)
  })

  it('name what they are about', () => {
    const told = filled('precondition-unjudged', 'If-Match', '{}')
    expect(told.detail).to.match(/^Whether If-Match holds .* here: \{\}\.$/)
    expect(told.type).to.equal('precondition-unjudged')
  })

  it('are whole: a type, a title without a full stop, a sentence, a status of a failure', () => {
    for (const { type, title, detail, status } of problems) {
      expect(type).to.match(/^[a-z]+(-[a-z]+)*$/)
      expect(title).to.match(/^[A-Z].*[^.]$/)
      expect(detail).to.match(/^(?:[A-Z{].*\.|\{\})$/)
      expect(status).to.be.within(400, 503)
    }
  })
})

function fieldsOf({ fields }: Answer): string[] {
  return fields.map(([name, value]) => `${name}: ${value}`)
}
