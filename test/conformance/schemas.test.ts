/**
 * The schemas of the notes against the types: the compiler holds that the tables below have all
 * members of the types and no others, and the tests that the schemas have those of the tables.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Check, ConformanceReport, ResultKind } from 'post-once-exactly/conformance'
import type {
  AwaitStep,
  BalanceStep,
  BodyKind,
  ConditionForm,
  EffectsStep,
  Expectation,
  KeyForm,
  LeaveStep,
  ManyLinksStep,
  MintStep,
  Need,
  PauseStep,
  Provocation,
  RaceStep,
  RequestSpec,
  RestartStep,
  RowStep,
  SendStep,
  Spelling,
  Step,
  UsedLinksStep,
} from '../../lib/conformance/catalogue.js'
import type {
  Grade,
  ServerCheckResult,
  ToldExchange,
  Verdict,
} from '../../lib/conformance/report.js'

/** Every member of a type, and whether it has to be there. */
type Members<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? 'may' : 'must'
}
type All<T extends PropertyKey> = Readonly<Record<T, true>>
type NameIn<T> = T extends unknown ? keyof T : never
/** What a check may consist of, by the member that names the step. */
interface Steps {
  readonly mint: MintStep
  readonly send: SendStep
  readonly await: AwaitStep
  readonly race: RaceStep
  readonly used: UsedLinksStep
  readonly leave: LeaveStep
  readonly row: RowStep
  readonly balance: BalanceStep
  readonly effects: EffectsStep
  readonly links: ManyLinksStep
  readonly restart: RestartStep
  readonly pause: PauseStep
}
/** The compiler's word for "these are all steps that there are". */
type AllSteps = Step extends Steps[keyof Steps] ? keyof Steps : never

interface Schema {
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly definitions?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly enum?: readonly unknown[]
}

const REPORT: Members<ConformanceReport> = {
  target: 'must',
  door: 'must',
  version: 'must',
  profile: 'must',
  startedAt: 'must',
  durationMs: 'must',
  rounds: 'must',
  results: 'must',
  grades: 'must',
  verdict: 'must',
  exitCode: 'must',
}
const RESULT: Members<ServerCheckResult> = {
  id: 'must',
  requirement: 'must',
  level: 'must',
  section: 'must',
  profile: 'must',
  title: 'must',
  result: 'must',
  expected: 'may',
  seen: 'may',
  why: 'may',
  exchange: 'may',
  durationMs: 'may',
  exchanges: 'may',
  exchangesLeftOut: 'may',
}
const EXCHANGE: Members<ToldExchange> = {
  endedAtMs: 'must',
  isDecisive: 'must',
  text: 'must',
  curl: 'must',
}
const GRADE: Members<Grade> = { verdict: 'must', counts: 'must' }
const KINDS: All<ResultKind> = {
  pass: true,
  fail: true,
  warn: true,
  info: true,
  'setup-failed': true,
  'harness-failed': true,
  blocked: true,
  skipped: true,
}
const VERDICTS: All<Verdict> = { conformant: true, 'not-conformant': true, undetermined: true }

const CHECK: Members<Check> = {
  id: 'must',
  requirement: 'must',
  title: 'must',
  why: 'must',
  warns: 'may',
  needs: 'may',
  blockedBy: 'may',
  alone: 'may',
  steps: 'must',
}
const REQUEST: Members<RequestSpec> = {
  method: 'may',
  to: 'must',
  body: 'may',
  fields: 'may',
  user: 'may',
  poe: 'may',
  cookies: 'may',
  key: 'may',
  condition: 'may',
  provoke: 'may',
  slowly: 'may',
  chunked: 'may',
  unasked: 'may',
  version: 'may',
  trailing: 'may',
  follows: 'may',
  revalidates: 'may',
}
const STEPS: { readonly [N in AllSteps]: Members<Steps[N]> } = {
  mint: { mint: 'must', user: 'may', poe: 'may', shortLived: 'may', like: 'may' },
  send: {
    send: 'must',
    as: 'may',
    times: 'may',
    inBackground: 'may',
    patiently: 'may',
    mayBeCut: 'may',
    setup: 'may',
    only: 'may',
    expect: 'may',
  },
  await: { await: 'must', setup: 'may', only: 'may', expect: 'may' },
  race: {
    race: 'must',
    failedBy: 'may',
    copies: 'must',
    inTurn: 'may',
    mostSuccesses: 'may',
    same: 'may',
    others: 'must',
  },
  used: { used: 'must', only: 'may', expect: 'must' },
  leave: { leave: 'must', before: 'must' },
  row: { row: 'must', pipelined: 'may', mostSuccesses: 'must' },
  balance: { balance: 'must' },
  effects: { effects: 'must', where: 'may' },
  links: { links: 'must', are: 'must', byTwo: 'may' },
  restart: { restart: 'must' },
  pause: { pause: 'must' },
}
const EXPECTATIONS: All<Exclude<NameIn<Expectation>, 'when' | 'of' | 'demand'>> = {
  status: true,
  has: true,
  lacks: true,
  allowHas: true,
  allowLacks: true,
  allowNames: true,
  lists: true,
  typeIs: true,
  notStored: true,
  notFresh: true,
  notShared: true,
  retryAfter: true,
  contentOf: true,
  statusOf: true,
  resultOf: true,
  partOf: true,
  locationOf: true,
  targetOf: true,
  headOf: true,
  unlike: true,
  differsFrom: true,
  empty: true,
  notEmpty: true,
  namesLink: true,
  poeLinks: true,
  ownLink: true,
  linksInContent: true,
  resultLink: true,
  linksTo: true,
  noInterim: true,
  after: true,
  cacheableByRule: true,
  anyOf: true,
}
const NEEDS: All<Need> = {
  effects: true,
  invalid: true,
  otherType: true,
  secondUser: true,
  credentials: true,
  slow: true,
  slowFailure: true,
  failure: true,
  restart: true,
  shortLived: true,
  page: true,
  http1: true,
  http11: true,
  sibling: true,
  different: true,
  quoted: true,
  required: true,
}
const BODIES: All<BodyKind> = {
  charset: true,
  plain: true,
  parts: true,
  valid: true,
  otherValid: true,
  different: true,
  otherType: true,
  invalid: true,
  broken: true,
  unknownType: true,
  huge: true,
  none: true,
}
const PROVOCATIONS: All<Provocation> = { slow: true, slowFailure: true, failure: true }
const KEYS: All<KeyForm> = {
  own: true,
  bare: true,
  parameters: true,
  none: true,
  unbalanced: true,
  number: true,
  bytes: true,
  list: true,
  'two-lines': true,
  trailing: true,
  empty: true,
  blank: true,
  long: true,
  word: true,
  capitals: true,
  'long-a': true,
  'long-b': true,
}
const CONDITIONS: All<ConditionForm> = {
  current: true,
  any: true,
  listed: true,
  weak: true,
  unquoted: true,
  stranger: true,
  longer: true,
  shorter: true,
  absent: true,
  unlike: true,
  none: true,
}
const SPELLINGS: All<Spelling> = {
  encoded: true,
  query: true,
  slash: true,
  slashes: true,
  dots: true,
  absolute: true,
  malformed: true,
  empty: true,
  hex: true,
  'encoded-slash': true,
  case: true,
  'last-bit': true,
  suffix: true,
  extension: true,
  segment: true,
  parameter: true,
  sibling: true,
}

describe('the schemas of the notes and the types', () => {
  const report = schemaOf('report')
  const catalogue = schemaOf('catalogue')
  const { check, request, step, expectation } = catalogue.definitions ?? {}

  it('have the same members, and the same of them have to be there', () => {
    for (const [schema, members] of [
      [report, REPORT],
      [report.definitions?.result, RESULT],
      [report.definitions?.exchange, EXCHANGE],
      [report.definitions?.grade, GRADE],
      [check, CHECK],
      [request, REQUEST],
    ] as const) {
      expect(membersIn(schema)).to.deep.equal(members)
      expect(schema?.additionalProperties).to.equal(false)
    }
  })

  it('have the same steps', () => {
    const steps = (step?.oneOf ?? []).map(one => [one.required?.[0] ?? '', membersIn(one)] as const)
    expect(Object.fromEntries(steps)).to.deep.equal(STEPS)
  })

  it('have the same demands', () => {
    const [, plain] = expectation?.oneOf ?? []
    expect(Object.keys(plain?.properties ?? {}).sort()).to.deep.equal(names(EXPECTATIONS))
  })

  it('have the same words', () => {
    const grade = report.definitions?.grade?.properties
    const { to, body, key, condition, provoke } = request?.properties ?? {}
    const words: readonly (readonly [Schema | undefined, object])[] = [
      [report.definitions?.result?.properties?.result, KINDS],
      [report.properties?.verdict, VERDICTS],
      [grade?.verdict, VERDICTS],
      [check?.properties?.needs?.items, NEEDS],
      [to?.oneOf?.[0]?.properties?.spelling, SPELLINGS],
      [body, BODIES],
      [key, KEYS],
      [condition, CONDITIONS],
      [provoke, PROVOCATIONS],
    ]
    for (const [schema, all] of words) {
      expect([...(schema?.enum ?? [])].sort()).to.deep.equal(names(all))
    }
    expect(Object.keys(grade?.counts?.properties ?? {}).sort()).to.deep.equal(names(KINDS))
  })

  it('a member that only one of them has is found', () => {
    const [first] = step?.oneOf ?? []
    expect(membersIn({ ...first, required: [] })).to.not.deep.equal(STEPS.mint)
    expect(membersIn({ properties: { mint: {} }, required: ['mint'] })).to.not.deep.equal(
      STEPS.mint,
    )
  })
})

function membersIn(schema: Schema | undefined): Readonly<Record<string, 'must' | 'may'>> {
  const all = Object.keys(schema?.properties ?? {})
  return Object.fromEntries(
    all.map(name => [name, schema?.required?.includes(name) === true ? 'must' : 'may']),
  )
}

function names(all: object): string[] {
  return Object.keys(all).sort()
}

function schemaOf(name: string): Schema {
  const url = new URL(`../../spec-notes/${name}.schema.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as Schema
}
