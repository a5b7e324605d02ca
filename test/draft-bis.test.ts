/**
 * The successor text: every normative sentence has ids of the register that the conformance suite
 * asks for, nothing that is demanded is left out, and its references hold.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { CLIENT_REQUIREMENTS, REQUIREMENTS } from 'post-once-exactly/conformance'

const KEY_WORD = /\b(?:MUST|SHALL|SHOULD|REQUIRED|RECOMMENDED|MAY|OPTIONAL)\b/
const DEMANDED = /MUST|SHOULD|^should$/
const ID = /\[((?:POE|H|IK)-[\w.-]+)\]/g
/** Demanded rows of the register that are about this library and not about the protocol. */
const NOT_PROTOCOL: readonly string[] = []

const read = (name: string) =>
  readFileSync(new URL(`../spec-notes/${name}`, import.meta.url), 'utf8')
const DRAFT = read('draft-poe-bis.md')
const REGISTER = new Map(
  [...read('requirements.md').matchAll(/^\| ((?:POE|H|IK)-\S+) \| ([^|]+) \|/gm)].map(
    ([, id = '', level = '']) => [id, level.trim()] as const,
  ),
)

describe('the successor draft', () => {
  it('every normative sentence ends with ids of the register', () => {
    expect(withoutIds(DRAFT)).to.deep.equal([])
    expect(normative(DRAFT).length).to.be.greaterThan(25)
    expect(withoutIds('A server MUST do it.\n\nAnd more.')).to.deep.equal(['A server MUST do it.'])
    expect(unknownIds('It MUST. [POE-9-9]')).to.deep.equal(['POE-9-9'])
    expect(unknownIds(DRAFT)).to.deep.equal([])
  })

  it('the suite asks for every one of them, or the appendix says why it cannot', () => {
    const dark = [...appendix(DRAFT).matchAll(/^\| ((?:POE|H)-\S+) \|/gm)].map(([, id]) => id)
    expect(unasked(DRAFT)).to.deep.equal(dark)
    expect(unasked('It MUST. [IK-2.7-1]')).to.deep.equal(['IK-2.7-1'])
  })

  it('every demanded row of the register that is about POE is in it', () => {
    expect(missingRows(DRAFT)).to.deep.equal(NOT_PROTOCOL)
    expect(missingRows(DRAFT.replaceAll('[POE-2-9]', ''))).to.deep.equal(['POE-2-9'])
  })

  it('sections and references that it names are there, and none is idle', () => {
    expect(danglingSections(DRAFT)).to.deep.equal([])
    expect(danglingSections('See Section 9.\n\n## 1. One')).to.deep.equal(['9'])
    expect(strayReferences(DRAFT)).to.deep.equal([])
    expect(strayReferences('As [RFC1] says.\n## 16. References\n- [RFC2] Two.')).to.deep.equal([
      'RFC1',
      'RFC2',
    ])
  })

  it('every rule of its grammar is defined or imported', () => {
    expect(undefinedRules(DRAFT)).to.deep.equal([])
    expect(undefinedRules('~~~ abnf\na = 1#b\n~~~')).to.deep.equal(['b'])
  })
})

/** Without code, tables and the boilerplate of section 2.1. */
function prose(text: string): string {
  return text
    .replace(/^### 2\.1\.[\s\S]*?(?=^###)/m, '')
    .replace(/^~~~[\s\S]*?^~~~/gm, '')
    .replace(/^(?: {4}|\|).*$/gm, '')
    .replace(/^#.*$/gm, '')
}

/** Sentences with a key word, each with the ids behind it. */
function normative(text: string): string[] {
  return prose(text)
    .split(/\n\n+/)
    .flatMap(paragraph =>
      paragraph
        .replaceAll(/\s+/g, ' ')
        .trim()
        .split(/(?<=[.!?](?: \[[\w.-]+\])*) (?=[A-Z`*"])/),
    )
    .filter(sentence => KEY_WORD.test(sentence))
}

function withoutIds(text: string): string[] {
  return normative(text).filter(sentence => !/\[(?:POE|H|IK)-[\w.-]+\][,.]?/.test(sentence))
}

function idsIn(text: string): string[] {
  return [...new Set([...text.matchAll(ID)].map(([, id = '']) => id))]
}

function unknownIds(text: string): string[] {
  return idsIn(text).filter(id => !REGISTER.has(id))
}

function unasked(text: string): string[] {
  return idsIn(text).filter(id => !REQUIREMENTS.has(id) && !CLIENT_REQUIREMENTS.has(id))
}

function appendix(text: string): string {
  return text.slice(text.indexOf('## Appendix A'))
}

function missingRows(text: string): string[] {
  const there = new Set(idsIn(text))
  return [...REGISTER]
    .filter(([id, level]) => id.startsWith('POE-') && DEMANDED.test(level) && !there.has(id))
    .map(([id]) => id)
}

function danglingSections(text: string): string[] {
  const headings = new Set([...text.matchAll(/^#+ ([\d.]+)\. /gm)].map(([, number = '']) => number))
  // A section of another document is named after a comma.
  const named = [...prose(text).matchAll(/(?<!\],\s)\bSections?\s+([\d.]*\d)/g)]
  return named.map(([, number = '']) => number).filter(number => !headings.has(number))
}

function strayReferences(text: string): string[] {
  const [body = '', list = ''] = text.split(/^## 16\. References/m)
  const names = (part: string) =>
    new Set([...part.matchAll(/\[([A-Z]+\d*)\](?!\()/g)].map(([, name = '']) => name))
  const cited = names(body)
  const listed = names(list)
  return [
    ...[...cited].filter(name => !listed.has(name)),
    ...[...listed].filter(name => !cited.has(name)),
  ].sort()
}

function undefinedRules(text: string): string[] {
  const blocks = [...text.matchAll(/^~~~ abnf\n([\s\S]*?)^~~~/gm)].map(([, block = '']) => block)
  const all = blocks.join('\n')
  const imported = new Set(['DIGIT'])
  for (const [, names = ''] of all.matchAll(/^; ([\w, -]+) = <.*>$/gm)) {
    for (const name of names.split(',')) imported.add(name.trim())
  }
  const rules = all.replace(/;.*$/gm, '').replace(/"[^"]*"/g, '')
  const defined = new Set(
    [...rules.matchAll(/^([A-Za-z][\w-]*) *=/gm)].map(([, name = '']) => name),
  )
  const used = [...rules.replace(/^[A-Za-z][\w-]* *=/gm, '').matchAll(/[A-Za-z][\w-]*/g)]
  const names = [...new Set(used.map(([name]) => name))]
  return names.filter(name => !defined.has(name) && !imported.has(name))
}
