/** Conditions: how they are read, whether they hold, and the states that they name. */
import { expect } from 'chai'
import {
  type Conditions,
  failedCondition,
  type GivenConditions,
  type JudgedFields,
  namedStates,
  readConditions,
  type Situation,
  stateOf,
  syntaxOf,
  undecidable,
} from '../../../lib/protocols/conditional-post/conditions.js'

const BOTH: JudgedFields = { validators: true, search: true }
const DATE = 'Wed, 21 Oct 2026 12:00:00 GMT'
const DATE_MS = Date.parse(DATE)
const EMPTY: Situation = { current: null, found: null, search: null }

function read(fields: Readonly<Record<string, string>>, judged: JudgedFields = BOTH): Conditions {
  return readConditions(name => fields[name], judged)
}

function given(
  fields: Readonly<Record<string, string>>,
  judged: JudgedFields = BOTH,
): GivenConditions {
  const conditions = read(fields, judged)
  if (conditions.kind !== 'given') throw new Error(`the conditions are ${conditions.kind}`)
  return conditions
}

describe('conditions that nobody can tell', () => {
  const undated = { etag: '"v1"' }
  const dated = { etag: '"v1"', modifiedMs: DATE_MS }
  for (const [fields, current, told] of [
    [{ 'If-Match': '"v1"' }, undated, null],
    [{ 'If-None-Exist': 'a=1' }, undated, null],
    [{ 'If-Unmodified-Since': DATE }, undated, 'If-Unmodified-Since'],
    [{ 'If-Unmodified-Since': DATE }, dated, null],
    [{ 'If-Unmodified-Since': DATE }, null, null],
  ] as const) {
    it(`${JSON.stringify(fields)} of ${JSON.stringify(current)}: ${told}`, () => {
      expect(undecidable(given(fields), { ...EMPTY, current })).to.equal(told)
    })
  }
})

describe('conditions as they are read', () => {
  it('none, where no field is there, or only those that are none on such a request', () => {
    expect(read({})).to.deep.equal({ kind: 'none' })
    const unsafe = { 'If-Modified-Since': DATE, 'If-Range': '"a"' }
    expect(read(unsafe)).to.deep.equal({ kind: 'none' })
  })

  it('[FALSE-2501] a field that nobody judges is told, and not skipped', () => {
    for (const field of ['If-Match', 'If-None-Match', 'If-Unmodified-Since', 'If']) {
      const found = read(
        { [field]: DATE, 'If-None-Exist': 'a' },
        { validators: false, search: true },
      )
      expect(found).to.deep.equal({ kind: 'unjudged', field })
    }
    const search = read({ 'If-None-Exist': '' }, { validators: true, search: false })
    expect(search).to.deep.equal({ kind: 'unjudged', field: 'If-None-Exist' })
  })

  it('[FALSE-2502] an empty search is malformed', () => {
    for (const value of ['?', '', ' ? ']) {
      const found = read({ 'If-None-Exist': value })
      expect(found, value).to.deep.equal({ kind: 'malformed', field: 'If-None-Exist' })
    }
  })

  it('what cannot be read is malformed, by its name', () => {
    expect(read({ 'If-Match': 'a' })).to.deep.equal({ kind: 'malformed', field: 'If-Match' })
    const long = { 'If-None-Exist': 'x'.repeat(2_049) }
    expect(read(long)).to.deep.equal({ kind: 'malformed', field: 'If-None-Exist' })
    expect(read({ 'If-None-Exist': 'x'.repeat(2_048) }).kind).to.equal('given')
  })

  it('a search is taken with and without its question mark, and is one condition', () => {
    const one = given({ 'If-None-Exist': 'a=1&b=2' })
    expect(one.search).to.equal('a=1&b=2')
    expect(given({ 'If-None-Exist': ' ?a=1&b=2 ' })).to.deep.equal(one)
  })

  it('two that demand the same have one text; a stricter one has another', () => {
    const { text } = given({ 'If-Match': '"a","b"' })
    expect(given({ 'If-Match': '"a" ,, "b"' }).text).to.equal(text)
    for (const other of ['"a"', '"a", W/"b"', '*']) {
      expect(given({ 'If-Match': other }).text).to.not.equal(text)
    }
    expect(given({ 'If-Match': '"a","b"', 'If-None-Exist': 'x' }).text).to.not.equal(text)
  })
})

describe('conditions as they hold', () => {
  const table: readonly (readonly [Record<string, string>, Situation, string | null])[] = [
    [{ 'If-Match': '"a"' }, { ...EMPTY, current: { etag: '"a"' } }, null],
    [{ 'If-Match': '"a"' }, { ...EMPTY, current: { etag: '"b"' } }, 'If-Match'],
    [{ 'If-Match': '"a"' }, { ...EMPTY, current: {} }, 'If-Match'],
    [{ 'If-Match': '"a"' }, EMPTY, 'If-Match'],
    [{ 'If-Unmodified-Since': DATE }, { ...EMPTY, current: { modifiedMs: DATE_MS + 999 } }, null],
    [
      { 'If-Unmodified-Since': DATE },
      { ...EMPTY, current: { modifiedMs: DATE_MS + 1_000 } },
      'If-Unmodified-Since',
    ],
    [{ 'If-None-Match': '*' }, EMPTY, null],
    [{ 'If-None-Match': '*' }, { ...EMPTY, current: { etag: '"a"' } }, 'If-None-Match'],
    [{ 'If-None-Exist': 'x' }, { ...EMPTY, search: 'x', found: [] }, null],
    [{ 'If-None-Exist': 'x' }, { ...EMPTY, search: 'x', found: ['/1'] }, 'If-None-Exist'],
    [
      { 'If-Match': '"a"', 'If-None-Exist': 'x' },
      { current: { etag: '"b"' }, search: 'x', found: ['/1'] },
      'If-Match',
    ],
    [
      { 'If-Match': '"a"', 'If-None-Exist': 'x' },
      { current: { etag: '"a"' }, search: 'x', found: ['/1'] },
      'If-None-Exist',
    ],
  ]
  for (const [fields, situation, failed] of table) {
    it(`${JSON.stringify(fields)} at ${JSON.stringify(situation)}: ${failed ?? 'all hold'}`, () => {
      expect(failedCondition(given(fields), situation)).to.equal(failed)
    })
  }
})

describe('the states that a step leads out of', () => {
  const stateAt = (situation: Situation) => stateOf(given({ 'If-Match': '*' }), situation)

  it('are named by tag, else by date, else by absence', () => {
    expect(stateAt(EMPTY)).to.equal('absent')
    expect(stateAt({ ...EMPTY, current: { etag: '"a"', modifiedMs: 7 } })).to.equal('tag "a"')
    expect(stateAt({ ...EMPTY, current: { etag: 'W/"a"' } })).to.equal('tag "a"')
    const dated = { ...EMPTY, current: { etag: null, modifiedMs: DATE_MS + 999 } }
    expect(stateAt(dated)).to.equal(`changed ${DATE_MS / 1_000}`)
    expect(stateAt({ ...EMPTY, current: { modifiedMs: 0 } })).to.equal('changed 0')
  })

  it('a search is part of them', () => {
    expect(stateAt({ ...EMPTY, search: 'x', found: [] })).to.equal('search x')
    const both = { current: { etag: '"a"' }, search: 'x', found: [] }
    expect(stateAt(both)).to.equal('search x\ntag "a"')
  })

  it('[FALSE-4444] a search alone is one, whatever is there', () => {
    const alone = given({ 'If-None-Exist': 'x' })
    for (const current of [null, { etag: '"a"' }, { etag: '"b"' }, {}]) {
      expect(stateOf(alone, { current, search: 'x', found: [] })).to.equal('search x')
    }
  })

  it('what has neither tag nor date is refused, and so is a tag without quotes', () => {
    for (const current of [{}, { modifiedMs: null }, { modifiedMs: Number.NaN }]) {
      expect(() => stateAt({ ...EMPTY, current })).to.throw(TypeError, 'an etag or modifiedMs')
    }
    for (const etag of ['a', '', '"a", "b"']) {
      expect(() => stateAt({ ...EMPTY, current: { etag } })).to.throw(TypeError, 'no entity tag')
    }
  })

  it('conditions name the states in which they hold', () => {
    const named = (fields: Record<string, string>) => namedStates(given(fields))
    expect(named({ 'If-Match': '"a", W/"b"' })).to.deep.equal(['tag "a"', 'tag "b"'])
    expect(named({ 'If-Match': '*' })).to.deep.equal([])
    expect(named({ 'If-None-Match': '*' })).to.deep.equal(['absent'])
    expect(named({ 'If-None-Match': '"a"' })).to.deep.equal([])
    expect(named({ 'If-Unmodified-Since': DATE })).to.deep.equal([`changed ${DATE_MS / 1_000}`])
    expect(named({ 'If-None-Exist': 'x' })).to.deep.equal(['search x'])
    expect(named({ 'If-None-Exist': 'x', 'If-Match': '"a"' })).to.deep.equal(['search x\ntag "a"'])
    expect(named({ 'If-None-Exist': 'x', 'If-None-Match': '*' })).to.deep.equal(['search x'])
  })

  it('of many tags the first eight are looked up', () => {
    const tags = Array.from({ length: 20 }, (_, index) => `"${index}"`)
    expect(namedStates(given({ 'If-Match': tags.join() }))).to.have.lengthOf(8)
  })

  it('each state that a condition names is one in which it holds', () => {
    for (const [fields, situation] of [
      [{ 'If-Match': '"a"' }, { ...EMPTY, current: { etag: '"a"' } }],
      [{ 'If-None-Match': '*' }, EMPTY],
      [{ 'If-None-Exist': 'x' }, { ...EMPTY, search: 'x', found: [] }],
      [{ 'If-Unmodified-Since': DATE }, { ...EMPTY, current: { modifiedMs: DATE_MS } }],
      [
        { 'If-None-Exist': 'x', 'If-None-Match': '*' },
        { ...EMPTY, search: 'x', found: [] },
      ],
    ] as const) {
      const conditions = given(fields)
      expect(failedCondition(conditions, situation)).to.equal(null)
      expect(namedStates(conditions)).to.include(stateOf(conditions, situation))
    }
  })
})

describe('what a field takes, in words', () => {
  it('is told for each that can be malformed', () => {
    expect(syntaxOf('If-Match')).to.match(/entity tags/)
    expect(syntaxOf('If-Unmodified-Since')).to.match(/date/)
    expect(syntaxOf('If-None-Exist')).to.match(/search/)
  })
})
