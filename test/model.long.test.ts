/**
 * The model of the claim protocol (`spec-notes/model`): spin finds no fault in it, and finds one as
 * soon as any of its rules is taken away.
 */
import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { describeWith } from './support/servers/programs.js'

const SCRIPT = fileURLToPath(new URL('../scripts/check-model.mjs', import.meta.url))

/** When the searches hang. */
const SEARCHES_MS = 900_000

/** One line of the table that the script ends with. */
interface Row {
  readonly expected: string
  readonly found: string
  readonly states: number
}

describeWith(['spin', 'gcc'], 'the model of the claim protocol', () => {
  const listed = execFileSync(process.execPath, [SCRIPT, '--list'], { encoding: 'utf8' })
  const names = listed.trim().split('\n')
  let output = ''
  let rows = new Map<string, Row>()

  before('runs the searches', async function () {
    this.timeout(SEARCHES_MS)
    const run = await checkModel([])
    output = run.output
    rows = tableIn(output)
    expect(run.code, output).to.be.oneOf([0, 1])
  })

  const found = (name: string): string => {
    const row = rows.get(name)
    if (row === undefined) return expect.fail(`${name} is not in the table:\n${output}`)
    expect(row.states, name).to.be.at.least(1_000)
    return row.found
  }

  for (const name of names) {
    it(`${name}: as expected`, () => {
      expect(found(name), storyOf(name, output)).to.equal(rows.get(name)?.expected)
    })
  }

  it('[POE-A-1] effect and mark are one in a transaction, and only there', () => {
    expect(found('transactional-2')).to.equal('holds')
    expect(found('completion-outside')).to.equal('two effects')
    expect(found('complete-any-owner')).to.equal('two effects')
  })

  it('[POE-A-2] a forgotten link never runs, as long as a lost memory gets another epoch', () => {
    expect(found('external-2')).to.equal('holds')
    for (const name of ['epoch-not-compared', 'epoch-compared-early', 'epoch-kept']) {
      expect(found(name)).to.equal('two effects')
    }
  })

  it('every kind of fault is found by some variant, so that no property is empty', () => {
    const kinds = new Set([...rows.values()].map(row => row.found))
    expect(kinds).to.include.all.keys('two effects', 'false yes', 'false no', 'stuck', 'reached')
  })

  it('tells the story of what it finds', () => {
    const story = storyOf('epoch-kept', output)
    expect(story).to.include('its memory is lost, its epoch is the old one')
    expect(story).to.include("B's effect happens (effect number 2)")
  })
})

describeWith(['spin', 'gcc'], 'scripts/check-model', () => {
  it('exits with 1 when a rule that is taken away was expected to do no harm', async () => {
    const { code, output } = await checkModel(
      '--only spent-first --expect spent-first=holds'.split(' '),
    )
    expect(code).to.equal(1)
    expect(output).to.include('--> false yes, but expected: holds')
    expect(output).to.include('1 not as expected')
  })

  it('exits with 1 when a sound model was expected to fail', async () => {
    const { code, output } = await checkModel(
      '--only no-claim-by-transactional --expect no-claim-by-transactional=stuck'.split(' '),
    )
    expect(code).to.equal(1)
    expect(output).to.include('--> holds, but expected: stuck')
  })

  it('exits with 2 and one line when spin is missing', async () => {
    const { code, output } = await checkModel([], { PATH: '' })
    expect(code).to.equal(2)
    expect(output.trim()).to.match(/^spin is needed .*not found\.$/)
  })

  it('exits with 2 and one line for a variant that there is not', async () => {
    const { code, output } = await checkModel(['--only', 'nonsense'])
    expect(code).to.equal(2)
    expect(output.trim()).to.equal('no such variant: nonsense; try --list')
  })
})

function checkModel(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  return new Promise(resolve => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 2 ** 24, timeout: SEARCHES_MS }
    const child = execFile(process.execPath, [SCRIPT, ...args], options, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr })
    })
  })
}

function tableIn(output: string): Map<string, Row> {
  const lines = output.split('=== result\n')[1]?.split('\n').slice(1) ?? []
  return new Map(
    lines.flatMap(line => {
      const [name = '', expected = '', found = '', states = '', ...more] = line.split(/ {2,}/)
      return more.length > 0 ? [[name, { expected, found, states: Number(states) }] as const] : []
    }),
  )
}

function storyOf(name: string, output: string): string {
  return output.split('\n=== ').find(part => part.startsWith(`${name} (`)) ?? ''
}
