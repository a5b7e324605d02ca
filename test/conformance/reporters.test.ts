/**
 * Reports in every form, with what a hostile server may have answered in them.
 */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { expect } from 'chai'
import { type DefaultTreeAdapterTypes, parse } from 'parse5'
import {
  type ConformanceReport,
  printableReport,
  REPORT_FORMATS,
  type ResultKind,
  type ServerCheckResult,
  writeReport,
} from 'post-once-exactly/conformance'
import { gradeOf } from '../../lib/conformance/report.js'

const HOSTILE =
  '\u009b31m\u202e "><script>alert(1)</script> & \u0000\u001b[31m ]]> \ud800 # SKIP\n--- ...'
const KINDS: readonly ResultKind[] = [
  'pass',
  'fail',
  'warn',
  'info',
  'setup-failed',
  'harness-failed',
  'blocked',
  'skipped',
]

function reportOf(kinds: readonly ResultKind[]): ConformanceReport {
  const results = kinds.map((result, index): ServerCheckResult => {
    const wire = { endedAtMs: 3, isDecisive: true, text: HOSTILE, curl: HOSTILE }
    const told =
      result === 'pass'
        ? {}
        : { expected: HOSTILE, seen: HOSTILE, exchange: HOSTILE, exchanges: [wire, wire] }
    return {
      id: `POE-2-1/check-${index}`,
      requirement: 'POE-2-1',
      level: 'MUST NOT',
      section: 'POE draft 2',
      profile: 'core',
      title: `is ${result}`,
      durationMs: 1_500,
      why: HOSTILE,
      result,
      ...told,
    }
  })
  const core = gradeOf(results, false)
  return {
    target: `http://127.0.0.1/${HOSTILE}`,
    door: 'poe',
    version: '1.0.0',
    profile: 'core',
    startedAt: '2026-11-25T00:00:00.000Z',
    durationMs: 1_234,
    rounds: 20,
    results,
    grades: { core },
    verdict: core.verdict,
    exitCode: 1,
  }
}

const PRINTABLE = printableReport(reportOf(KINDS))

describe('reports', () => {
  it('json is the report', () => {
    const back = JSON.parse(writeReport('json', PRINTABLE)) as ConformanceReport
    expect(back).to.deep.equal(JSON.parse(JSON.stringify(reportOf(KINDS))))
  })

  it('html: everything is escaped, nothing runs and nothing is loaded', () => {
    const elements = elementsOf(writeReport('html', PRINTABLE))
    const names = new Set(elements.map(({ tagName }) => tagName))
    for (const name of ['script', 'link', 'img', 'iframe', 'form', 'base']) {
      expect(names.has(name), name).to.equal(false)
    }
    const attributes = elements.flatMap(({ attrs }) => attrs.map(({ name }) => name))
    expect(attributes.filter(name => name.startsWith('on') || name === 'src')).to.deep.equal([])
    const shown = elements.filter(({ tagName }) => tagName === 'details')
    expect(shown).to.have.length(6)
    const hrefs = elements.flatMap(({ attrs }) => attrs.filter(({ name }) => name === 'href'))
    expect(new Set(hrefs.map(({ value }) => value))).to.deep.equal(new Set(['#POE-2-1']))
  })

  it('html: a fault is told in full above, and once', () => {
    const html = writeReport('html', PRINTABLE)
    expect(html.indexOf('To look at')).to.be.within(0, html.indexOf('All requirements'))
    expect(html.match(/What went over the wire/g)).to.have.length(5)
  })

  it('junit: well-formed, and each result is what build servers take it for', () => {
    const xml = writeReport('junit', PRINTABLE)
    expect(xml).to.not.match(/[^\P{Cc}\n]/u)
    const tags = tagsOf(xml)
    const count = (name: string) => tags.filter(tag => tag === name).length
    expect(count('testcase')).to.equal(8)
    expect([count('failure'), count('error'), count('skipped'), count('system-out')]).to.deep.equal(
      [1, 3, 1, 2],
    )
    expect(xml).to.include('tests="8" failures="1" errors="3" skipped="1"')
  })

  it('tap: one point a check, and no directive of a stranger', () => {
    const lines = writeReport('tap', PRINTABLE).split('\n')
    expect(lines[0]).to.equal('TAP version 14')
    expect(lines[2]).to.equal('1..8')
    const points = lines.filter(line => /^(?:not )?ok \d+ - /.test(line))
    expect(points.map(line => line.split(' - ')[0])).to.deep.equal([
      'ok 1',
      'not ok 2',
      'ok 3',
      'ok 4',
      'not ok 5',
      'not ok 6',
      'not ok 7',
      'ok 8',
    ])
    const directives = points.filter(line => /(?<!\\)#/.test(line))
    expect(directives).to.have.length(1)
    expect(directives[0]).to.match(/^ok 8 - .* # SKIP /)
    const strings = lines.filter(line => line.startsWith('  seen: '))
    for (const line of strings) expect(JSON.parse(line.slice(8))).to.equal(HOSTILE)
  })

  it('text: no colours unless asked for, and what was not asked by its reason', () => {
    const told = writeReport('text', printableReport(reportOf(['pass', 'fail'])))
    expect(told).to.match(/1 of 2 +POE-2-1/)
    expect(told).to.match(/failed: POE-2-1\/check-1/)
    expect(told).to.match(/NOT CONFORMANT \(exit 1\)\n$/)
    const coloured = writeReport('text', PRINTABLE, true)
    expect(coloured).to.include('\u001b[31m')
    const skipped = writeReport('text', PRINTABLE).split('Not judged:')[1]
    expect(skipped).to.include('POE-2-1/check-7')
    const unreached = reportOf(['setup-failed', 'blocked', 'skipped'])
    const short = writeReport('text', printableReport(unreached))
    expect(short).to.include('Not reached:').and.not.include('Not judged:')
  })

  it('text: no server writes to the terminal', () => {
    for (const format of REPORT_FORMATS) {
      const told = writeReport(format, PRINTABLE)
      expect(told.includes('\u001b[31m'), format).to.equal(false)
      expect(/[\u009b\u202e]/.test(told), format).to.equal(false)
    }
  })

  it('what failed is shown with all that led to it, the one that was judged marked', () => {
    const exchange = (number: number, isDecisive: boolean) => ({
      endedAtMs: number * 10,
      isDecisive,
      text: `POST /o/${number} HTTP/1.1`,
      curl: `curl -X POST http://127.0.0.1/o/${number}`,
    })
    const report = reportOf(['fail'])
    const [result] = report.results
    if (result === undefined) throw new Error('no result')
    const exchanges = [exchange(1, false), exchange(2, true), exchange(3, false)]
    const shown = printableReport({
      ...report,
      results: [{ ...result, exchanges, exchangesLeftOut: 7 }],
    })
    const text = writeReport('text', shown)
    expect(text).to.include('| POST /o/1').and.include('> POST /o/2').and.include('| POST /o/3')
    expect(text).to.include('2. after 20 ms: this is the one').and.include('and 7 more')
    expect(text).to.include('more      poe explain POE-2-1/check-0')
    for (const format of ['text', 'junit', 'html', 'json'] as const) {
      const told = writeReport(format, shown)
      expect(told.indexOf('/o/1'), format).to.be.within(0, told.indexOf('/o/2'))
      expect(told, format).to.include('curl -X POST http://127.0.0.1/o/3')
    }
  })

  it('durations are told to machines', () => {
    const xml = writeReport('junit', PRINTABLE)
    expect(xml.match(/<testcase [^>]* time="1\.500"/g)).to.have.length(8)
    expect(xml).to.include('time="12.000"')
    expect(writeReport('json', PRINTABLE)).to.include('"durationMs": 1500')
  })

  it('json is as spec-notes/report.schema.json says, and what is not is refused', () => {
    const schema = new URL('../../spec-notes/report.schema.json', import.meta.url)
    const validate = new Ajv({ allErrors: true }).compile(
      JSON.parse(readFileSync(schema, 'utf8')) as object,
    )
    const report = JSON.parse(writeReport('json', PRINTABLE)) as ConformanceReport
    validate(report)
    expect(validate.errors).to.equal(null)
    for (const more of [{ verdict: 'good' }, { results: [{ id: 'X' }] }, { unknown: 1 }]) {
      expect(validate({ ...report, ...more }), JSON.stringify(more)).to.equal(false)
    }
  })

  it('a run of which everything was blocked says so once', () => {
    const kinds: ResultKind[] = [
      'setup-failed',
      ...Array.from({ length: 40 }, () => 'blocked' as const),
    ]
    const told = writeReport('text', printableReport(reportOf(kinds)))
    const xml = writeReport('junit', printableReport(reportOf(kinds)))
    expect(xml).to.include('tests="41" failures="0" errors="2" skipped="39"')
    expect(told.split('\n').filter(line => line.includes('40 checks'))).to.have.length(1)
    expect(told).to.match(/COULD NOT TELL/)
  })
})

function elementsOf(html: string): DefaultTreeAdapterTypes.Element[] {
  const found: DefaultTreeAdapterTypes.Element[] = []
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ('tagName' in node) found.push(node)
    if ('childNodes' in node) for (const child of node.childNodes) visit(child)
  }
  visit(parse(html))
  return found
}

/** Reads XML strictly, as far as our own goes: tags that pair up, attributes in quotes, no more. */
function tagsOf(xml: string): string[] {
  const names: string[] = []
  const open: string[] = []
  let rest = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
  const text = /^(?:[^<&]|&(?:amp|lt|gt|quot|#39);)+/
  const tag = /^<(\/?)([a-z-]+)((?: [a-z]+="(?:[^<&"]|&(?:amp|lt|gt|quot|#39);)*")*)(\/?)>/
  while (rest !== '') {
    const found = tag.exec(rest)
    const whole = found?.[0] ?? text.exec(rest)?.[0]
    if (whole === undefined) throw new Error(`not XML: ${rest.slice(0, 80)}`)
    rest = rest.slice(whole.length)
    if (found === null) continue
    const [, closing = '', name = '', , alone = ''] = found
    if (closing === '/') expect(open.pop()).to.equal(name)
    else {
      names.push(name)
      if (alone === '') open.push(name)
    }
  }
  expect(open).to.deep.equal([])
  return names
}
