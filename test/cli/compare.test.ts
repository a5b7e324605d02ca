/**
 * `poe check --compare`, `--report badge` and `poe explain`, in this process.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type JudgedServer, startIndependent } from '../conformance/servers/independent.js'
import { startWrong } from '../conformance/servers/wrong.js'
import { poeHere } from './fake-terminal.js'

const OPTIONS = [
  '--age',
  '0',
  ...['--header', 'X-User: ann', '--valid', '{"sku":"tea-{n}","qty":1}', '--rounds', '1'],
  ...['--only', 'POE-2-4,POE-2-5,POE-3-3'],
]

describe('poe check --compare', () => {
  let right: JudgedServer
  let folder: string
  const file = (name: string) => join(folder, name)
  const judge = async (page: string, name: string) => {
    const output = ['--report', 'json', '--output', file(name)]
    return await poeHere(['check', page, ...OPTIONS, ...output])
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'poe-compare-'))
    right = await startIndependent()
    const wrong = await startWrong('reuse-400')
    await judge(right.page, 'right.json')
    await judge(wrong.page, 'wrong.json')
    await wrong.close()
  })
  after(async () => {
    await right.close()
    await rm(folder, { recursive: true })
  })

  it('puts reports side by side, and marks what differs', async () => {
    const files = [file('right.json'), file('wrong.json')]
    const { code, out } = await poeHere(['check', '--compare', ...files])
    expect(code).to.equal(1)
    expect(out).to.match(
      /^A {2}http.*: conformant in what was judged\nB {2}http.*: not conformant\n/,
    )
    expect(out).to.match(/^\* POE-2-4\/reuse +passed +failed +a POST to a spent/m)
    expect(out).to.match(/^ {2}POE-3-3\/\S+ +passed +passed/m)
    expect(out).to.match(/\d+ of \d+ checks differ \(\*\)\n$/)
  })

  it('judges servers for it, as html', async () => {
    const output = ['--report', 'html', '--output', file('both.html')]
    const names = [right.page, file('wrong.json')]
    const { code, out } = await poeHere(['check', '--compare', ...names, ...OPTIONS, ...output])
    expect(code).to.equal(1)
    expect(out).to.include('* POE-2-4/reuse')
    const html = await readFile(file('both.html'), 'utf8')
    expect(html).to.include('<tr class="differs"><th scope="row"><code>POE-2-4/reuse</code>')
    expect(html).to.not.include('<script')
  })

  it('escapes what a report says', async () => {
    const hostile = '<script>\u001b[31m'
    const result = { id: hostile, title: hostile, result: 'pass' }
    const report = { target: hostile, verdict: 'conformant', results: [result] }
    await writeFile(file('hostile.json'), JSON.stringify(report))
    for (const format of ['text', 'html', 'json']) {
      const names = [file('hostile.json'), file('hostile.json')]
      const { code, out } = await poeHere(['check', '--compare', ...names, '--report', format])
      expect(code, format).to.equal(0)
      expect(out, format).to.not.include('\u001b')
      if (format === 'html') expect(out).to.not.include('<script')
    }
  })

  for (const [what, content, said] of [
    ['no JSON', 'x', 'is no report'],
    ['another verdict', '{"target":"a","verdict":"good","results":[]}', 'is no report'],
    [
      'another result',
      '{"target":"a","verdict":"conformant","results":[{"id":1}]}',
      'is no report',
    ],
  ] as const) {
    it(`refuses ${what}: exit 2`, async () => {
      await writeFile(file('odd.json'), content)
      const names = [file('right.json'), file('odd.json')]
      const { code, err } = await poeHere(['check', '--compare', ...names])
      expect(code).to.equal(2)
      expect(err).to.include(said)
    })
  }

  it('wants two, and a form that it can write', async () => {
    expect((await poeHere(['check', '--compare', file('right.json')])).err).to.include(
      'two or more',
    )
    const two = [file('right.json'), file('right.json')]
    const { code, err } = await poeHere(['check', '--compare', ...two, '--report', 'tap'])
    expect(code).to.equal(2)
    expect(err).to.include('--compare writes text, json, html')
  })

  it('--report badge is a picture of the verdict', async () => {
    const output = ['--report', 'badge', '--output', file('badge.svg')]
    const { code } = await poeHere(['check', right.page, ...OPTIONS, ...output])
    expect(code).to.equal(0)
    const svg = await readFile(file('badge.svg'), 'utf8')
    expect(svg).to.match(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /)
    expect(svg).to.include('>poe check</text>').and.include('>safe: conformant</text>')
  })
})

describe('poe explain', () => {
  it('tells of a rule, and of a check', async () => {
    const { code, out } = await poeHere(['explain', 'POE-2-4', 'poe-2-1/restart'])
    expect(code).to.equal(0)
    for (const part of ['Why it matters:', 'How it is broken:', 'How to mend it:']) {
      expect(out.split(part)).to.have.lengthOf(3)
    }
    expect(out).to.include('POE-2-4: A POST to a spent resource is answered 405.')
    expect(out).to.include('POE-2-1/restart: a POST after a restart')
    expect(out).to.include('docs/checks.md#poe-2-4')
  })

  it('lists all rules', async () => {
    const { code, out } = await poeHere(['explain'])
    expect(code).to.equal(0)
    for (const id of ['POE-2-1', 'POE-5-1', 'IK-2.7-2', 'ACT-01', 'COND-01']) {
      expect(out).to.match(new RegExp(`^${id} `, 'm'))
    }
  })

  for (const given of ['POE-99-1', 'POE-2-1/nonsense', '--all']) {
    it(`refuses ${given}: exit 2`, async () => {
      const { code, err } = await poeHere(['explain', given])
      expect(code).to.equal(2)
      expect(err).to.include('There is no')
    })
  }
})
