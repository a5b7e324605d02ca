/**
 * The registers and the tests tell the same story, and the checker that says so can be trusted.
 */
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { judge, readProject, rowsIn, titlesIn, withProofs } from '../scripts/register.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

describe('the registers of this project', () => {
  const { registers, titles } = readProject(ROOT)

  it('agree with the tests: none is missing, unknown or out of date', () => {
    const { problems } = judge(registers, titles)
    if (problems.length > 0) expect.fail(`${problems.length} problems:\n${problems.join('\n')}`)
  })

  it('have lost no row: ids are append-only', () => {
    const rows = registers.flatMap(rowsIn)
    expect(rows.filter(row => row.id.startsWith('POE-'))).to.have.length.at.least(74)
    expect(rows.filter(row => row.id.startsWith('H-'))).to.have.length.at.least(33)
    expect(rows.filter(row => row.level === null)).to.have.length.at.least(73)
  })
})

describe('scripts/register', () => {
  const requirements = {
    path: 'requirements.md',
    text: [
      '| id | level | what it asks | slice | home test, others |',
      '|---|---|---|---|---|',
      '| POE-2-1 | MUST NOT | no second success | server | test/a.test.ts, test/b.test.ts |',
      '| POE-2-11 | MAY | retry | doors | - |',
      '| POE-2-16 | implied | GET is safe | server | - |',
      '| POE-7-1 | open | registration | none: nothing to run | - |',
      '',
    ].join('\n'),
  }
  const a = { path: 'test/a.test.ts', text: "it('[POE-2-1] refuses', () => {})" }
  const b = { path: 'test/b.test.ts', text: "const table = [{ title: '[POE-2-1] again' }]" }
  const problemsOf = (register: { path: string; text: string }, ...tests: (typeof a)[]) =>
    judge([register], tests.flatMap(titlesIn)).problems

  it('is content when every demanded id has a test and the column is right', () => {
    const { problems, remarks } = judge([requirements], [a, b].flatMap(titlesIn))
    expect(problems).to.deep.equal([])
    expect(remarks.map(remark => remark.split(' ')[0])).to.deep.equal(['POE-2-11', 'POE-2-16'])
  })

  it('catches a planted missing test', () => {
    const problems = problemsOf({
      ...requirements,
      text: requirements.text.replace(/test\/.*/, '- |'),
    })
    expect(problems).to.deep.equal(['POE-2-1 (MUST NOT, requirements.md) has no test'])
  })

  it('demands a test for every failure case of the slice', () => {
    const text =
      '| id | kind | slice | home test, others |\n|---|---|---|---|\n| RACE-01 | x | server | - |\n'
    expect(problemsOf({ path: 'cases.md', text })).to.deep.equal([
      'RACE-01 (failure case, cases.md) has no test',
    ])
  })

  it('catches a planted unknown id, and says where', () => {
    const typo = { path: 'test/c.test.ts', text: "\nit('[POE-9-99] never heard of', () => {})" }
    const problems = problemsOf(requirements, a, b, typo)
    expect(problems).to.have.lengthOf(1)
    expect(problems[0]).to.include('test/c.test.ts:2').and.include('POE-9-99')
  })

  it('catches a bracket that it cannot read', () => {
    const odd = { path: 'test/c.test.ts', text: "it('[POE-2-1 and POE-2-11] both', () => {})" }
    expect(problemsOf(requirements, a, b, odd)[0]).to.include('[ID1, ID2]')
  })

  it('catches a column that is out of date', () => {
    const stale = { ...requirements, text: requirements.text.replace(', test/b.test.ts', '') }
    expect(problemsOf(stale, a, b)).to.deep.equal([
      'requirements.md is out of date: run scripts/register.ts --write',
    ])
    const titles = [a, b].flatMap(titlesIn)
    expect(withProofs(stale, titles)).to.equal(requirements.text)
  })

  it('names the home test first: the quick one most about it, or the chosen one', () => {
    const test = (path: string, text: string) => ({ path, text })
    const titles = [
      test('test/aside.test.ts', "it('[POE-2-11, POE-2-1] told beside another')"),
      test('test/campaigns/a.long.test.ts', "it('[POE-2-1] in a long race')"),
      test('test/home.test.ts', "it('[POE-2-1] what it means')"),
      test('test/support/table.ts', "it('[POE-2-1] in a table')"),
      test('test/two.test.ts', "it('[POE-2-1, POE-2-11] with another')"),
    ].flatMap(titlesIn)
    const columnWith = (before: string): string[] => {
      const text = requirements.text.replace(/test\/.*/, `${before} |`)
      const [, cell = ''] =
        /no second success \| server \| (.*) \|/.exec(
          withProofs({ ...requirements, text }, titles),
        ) ?? []
      return cell.split(', ')
    }
    const paths = [...new Set(titles.map(({ path }) => path))]
    const [home = '', ...others] = columnWith('-')
    expect(home).to.equal('test/home.test.ts')
    expect(others).to.deep.equal(paths.filter(path => path !== home).sort())
    expect(columnWith('test/two.test.ts')[0]).to.equal('test/two.test.ts')
    expect(columnWith('test/gone.test.ts')[0]).to.equal(home)
    expect(columnWith('test/campaigns/a.long.test.ts')[0]).to.equal(home)
  })

  for (const [what, from, to, message] of [
    ['an id twice', 'POE-2-11', 'POE-2-1', 'twice'],
    ['an unknown level', '| MAY |', '| PERHAPS |', "level 'PERHAPS'"],
    ['an unknown slice', '| doors |', '| someday |', "slice 'someday'"],
    ['an absence without a reason', 'none: nothing to run', 'none:', 'without a reason'],
  ] as const) {
    it(`catches ${what}`, () => {
      const problems = problemsOf(
        { ...requirements, text: requirements.text.replace(from, to) },
        a,
        b,
      )
      expect(problems.join('\n')).to.include(message)
    })
  }

  it('reads ids from plain titles, lists, templates and tables, and from nothing else', () => {
    const text = [
      "it('[POE-2-1, POE-A-1] two', () => {})",
      "it('[POE-2-4] [H-405-1] [not an id] two more', () => {})",
      'it(`[IK-2.1-1] $' + '{name}`, () => {})',
      "const rows = [['[RACE-01] in a list', 1], ['POE-2-5', 'no title uses it']]",
      "// it('[POE-2-2] in a comment')",
      "const pattern = '[A-Z]-[0-9]'; const json = '[1]'; expect('x [POE-2-3]')",
    ].join('\n')
    expect(idsIn(text)).to.deep.equal([
      'POE-2-1',
      'POE-A-1',
      'POE-2-4',
      'H-405-1',
      'IK-2.1-1',
      'RACE-01',
    ])
  })

  it('reads ids that a table gives to its titles', () => {
    const table = "const rows = [['POE-3-4', ','], ['POE-3-6, CL-15', 'x'], ['POE-3', 'UTF-8 x']]"
    const inserted = 'it(`[$' + '{id}] reads`, () => {})'
    expect(idsIn(`${table}\n${inserted}`)).to.deep.equal(['POE-3-4', 'POE-3-6', 'CL-15', 'POE-3'])
    expect(idsIn(table)).to.deep.equal([])
    const odd = { path: 'test/c.test.ts', text: `f('SHA-256', 'POE-99-1')\n${inserted}` }
    const problems = problemsOf(requirements, a, b, odd)
    expect(problems).to.have.lengthOf(1)
    expect(problems[0]).to.include('POE-99-1')
  })
})

function idsIn(text: string): string[] {
  return titlesIn({ path: 'test/x.test.ts', text }).flatMap(title => title.ids ?? [])
}
